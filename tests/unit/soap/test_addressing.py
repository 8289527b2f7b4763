"""WS-Addressing headers: read, judged and answered, in both of their versions."""

import pytest
from lxml import etree

from wsrf_activity.model import ns
from wsrf_activity.model.addresses import Resource
from wsrf_activity.model.errors import NoSuchActivity
from wsrf_activity.soap import actions, addressing, contract
from wsrf_activity.soap.addressing import Headers
from wsrf_activity.soap.faults import SoapProblem

ACTION = "<w:Action>urn:action</w:Action>"


def read(content: str, namespace: str = ns.WSA) -> Headers:
    names = f'xmlns:w="{namespace}" xmlns:w04="{ns.WSA04}" xmlns:ref="{ns.REF}" xmlns:o="urn:o"'
    return addressing.read(etree.fromstring(f"<h {names}>{content}</h>"))


def subcodes(headers: Headers) -> list[str]:
    assert headers.problem is not None
    return [etree.QName(name).localname for name in headers.problem.fault.subcodes]


def test_no_headers_are_fine() -> None:
    """And headers of others are not ours."""
    assert read("<o:Action/>") == Headers()


def test_white_space_around_uris_is_collapsed() -> None:
    """Common in the wild, and xs:anyURI has it so."""
    headers = read("<w:Action>\n urn:action\t</w:Action><w:MessageID> urn:a\n</w:MessageID>")
    assert (headers.action, headers.message_id, headers.problem) == ("urn:action", "urn:a", None)


@pytest.mark.parametrize("name", ["To", "From", "ReplyTo", "FaultTo", "Action", "MessageID"])
def test_a_header_twice_is_a_fault(name: str) -> None:
    """With what else is known kept, so that the fault can be addressed (SOAP Binding, section 6.4.1)."""
    twice = f"<w:{name}><w:Address>{ns.WSA_ANONYMOUS}</w:Address></w:{name}>" * 2
    headers = read(f"<w:MessageID>urn:m</w:MessageID>{ACTION}{twice}")
    assert subcodes(headers) == ["InvalidAddressingHeader", "InvalidCardinality"]
    assert headers.message_id == "urn:m"
    assert detail(headers) == [f"ProblemHeaderQName: wsa:{name}"]
    assert subcodes(read(f"{ACTION}{twice}", ns.WSA04)) == ["InvalidMessageInformationHeader"]


@pytest.mark.parametrize("content", ["<w:To>urn:x</w:To>", "<w:Action/>", "<w:Action> </w:Action>", "<w:Strange/>"])
def test_an_action_is_required(content: str) -> None:
    """As soon as there is any header of addressing."""
    assert subcodes(read(content)) == ["MessageAddressingHeaderRequired"]
    assert subcodes(read(content, ns.WSA04)) == ["MessageInformationHeaderRequired"]


def test_two_versions_in_one_message_are_a_fault() -> None:
    """Whichever came first decides how it is written."""
    headers = read(f"{ACTION}<w04:Action>urn:action</w04:Action>")
    assert subcodes(headers) == ["InvalidAddressingHeader"]


def detail(headers: Headers) -> list[str]:
    assert headers.problem is not None
    found = headers.problem.fault.header_detail
    assert [contract.violations(element) for element in found] == [[] for _ in found]
    return [f"{etree.QName(element).localname}: {element.text}" for element in found]


M = "<w:MessageID>urn:m</w:MessageID>"
ELSEWHERE = "<w:Address>http://consumer.example.org/</w:Address>"


@pytest.mark.parametrize("name", ["ReplyTo", "FaultTo"])
@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        (f"<w:Address> {ns.WSA_ANONYMOUS}\n</w:Address>", None),
        (f"<w:Address>{ns.WSA04_ANONYMOUS}</w:Address>", None),
        (f"<w:Address>{ns.WSA}/role/anonymous</w:Address>", None),
        (f"<w:Address>{ns.WSA_NONE}</w:Address>", None),
        (ELSEWHERE, "MessageAddressingHeaderRequired"),
        ("<w:Address/>", "MissingAddressInEPR"),
        ("", "MissingAddressInEPR"),
    ],
)
def test_where_replies_may_go(name: str, endpoint: str, expected: str | None) -> None:
    """Back, nowhere, or elsewhere if there is something to relate them to."""
    headers = read(f"{ACTION}<w:{name}>{endpoint}</w:{name}>")
    assert (None if headers.problem is None else subcodes(headers)[-1]) == expected
    if expected is not None:
        missing = "MessageID" if expected == "MessageAddressingHeaderRequired" else name
        assert detail(headers) == [f"ProblemHeaderQName: wsa:{missing}"]
    where = headers.endpoint(name == "FaultTo")
    assert where.elsewhere is (endpoint == ELSEWHERE)
    assert where.nowhere is (ns.WSA_NONE in endpoint)
    assert read(f"{ACTION}{M}<w:{name}>{ELSEWHERE}</w:{name}>").problem is None


def test_what_goes_where() -> None:
    """Replies by ReplyTo; faults by FaultTo, and where there is none by ReplyTo."""
    none = f"<w:ReplyTo><w:Address>{ns.WSA_NONE}</w:Address></w:ReplyTo>"
    anonymous = f"<w:FaultTo><w:Address>{ns.WSA_ANONYMOUS}</w:Address></w:FaultTo>"
    for content, reply_nowhere, fault_nowhere in (
        (ACTION, False, False),
        (ACTION + none, True, True),
        (ACTION + none + anonymous, True, False),
        (ACTION + anonymous, False, False),
    ):
        headers = read(content)
        assert (headers.endpoint(False).nowhere, headers.endpoint(True).nowhere) == (reply_nowhere, fault_nowhere)
        assert not headers.endpoint(False).elsewhere


def parameters(content: str, namespace: str) -> list[etree._Element]:
    headers = read(f"{ACTION}{M}<w:ReplyTo>{ELSEWHERE}{content}</w:ReplyTo>", namespace)
    assert headers.problem is None
    return [etree.fromstring(parameter) for parameter in headers.endpoint(True).parameters]


def test_reference_parameters_are_kept_as_they_are() -> None:
    """With all the prefixes that their content may use, and marked as what they are."""
    content = "<o:Id a='1'>o:name</o:Id> <Plain><o:Deep>  </o:Deep></Plain>"
    one, two = parameters(f"<w:ReferenceParameters>{content}</w:ReferenceParameters>", ns.WSA)
    assert (one.tag, one.text, one.nsmap["o"], one.get("a")) == ("{urn:o}Id", "o:name", "urn:o", "1")
    assert one.tail is None
    assert two[0].text == "  "
    assert [element.get(f"{{{ns.WSA}}}IsReferenceParameter") for element in (one, two)] == ["true", "true"]


def test_reference_properties_are_kept_too() -> None:
    """2004/08 has both kinds, and no mark for either."""
    content = (
        "<w:ReferenceProperties><o:A/></w:ReferenceProperties><w:ReferenceParameters><o:B/></w:ReferenceParameters>"
    )
    assert {element.tag: len(element.attrib) for element in parameters(content, ns.WSA04)} == {
        "{urn:o}A": 0,
        "{urn:o}B": 0,
    }
    assert [element.tag for element in parameters(content, ns.WSA)] == ["{urn:o}B"]


@pytest.mark.parametrize(
    "parameter", ["<w:Action>urn:x</w:Action>", "<w04:To/>", f"<o:A>{'x' * 70_000}</o:A>", "<o:A>&gt;</o:A>" * 7000]
)
def test_reference_parameters_that_no_message_can_have(parameter: str) -> None:
    """Headers of addressing itself, or more than anybody needs."""
    content = f"{ELSEWHERE}<w:ReferenceParameters>{parameter}</w:ReferenceParameters>"
    headers = read(f"{ACTION}{M}<w:FaultTo>{content}</w:FaultTo>")
    assert subcodes(headers) == ["InvalidAddressingHeader", "InvalidEPR"]
    assert detail(headers) == ["ProblemHeaderQName: wsa:FaultTo"]


@pytest.mark.parametrize(
    ("in_url", "content", "expected"),
    [
        ("abc", "", "abc"),
        (None, "<ref:Activity> abc </ref:Activity>", "abc"),
        (None, f"{ACTION}<w:To>http://proxy/x/activity/abc</w:To>", "abc"),
        ("abc", f"{ACTION}<w:To> http://h/activity/abc/ </w:To><ref:Activity>abc</ref:Activity>", "abc"),
        ("abc", f"{ACTION}<w:To>None</w:To>", "abc"),
        (None, f"{ACTION}<w:To>http://[::1</w:To>", None),
        (None, "", None),
    ],
)
def test_one_place_names_the_activity(in_url: str | None, content: str, expected: str | None) -> None:
    """The address, the reference parameter, or wsa:To."""
    assert read(content).resource_id(Resource.ACTIVITY, in_url) == expected


@pytest.mark.parametrize(
    ("in_url", "content"),
    [
        ("abc", "<ref:Activity>abd</ref:Activity>"),
        (None, "<ref:Activity>abc</ref:Activity><ref:Activity>abd</ref:Activity>"),
        ("abc", f"{ACTION}<w:To>http://h/activity/abd</w:To>"),
        ("abc", "<ref:Activity/>"),
        ("abc", "<ref:Subscription>abc</ref:Subscription>"),
        (None, f"{ACTION}<w:To>http://h/pullpoint/abc</w:To>"),
        ("a/b", ""),
        ("a\0b", ""),
        ("\N{PILE OF POO}", ""),
        ("x" * 10_000, ""),
        (None, "<ref:Activity>a b</ref:Activity>"),
    ],
)
def test_ids_that_differ_or_are_none_are_unknown(in_url: str | None, content: str) -> None:
    """Nothing that is no id gets as far as a database."""
    with pytest.raises(NoSuchActivity):
        read(content).resource_id(Resource.ACTIVITY, in_url)


def test_the_action_must_be_that_of_the_body() -> None:
    """Else one operation could be sent in the name of another; the fault repeats what was said."""
    headers = read(ACTION)
    addressing.check_action(headers, None, "urn:action")
    addressing.check_action(headers, " urn:action", "urn:action")
    addressing.check_action(Headers(), "urn:whatever", "urn:action")
    for soap_action, expected, subcode, said in (
        (None, "urn:other", "ActionNotSupported", [("Action", "urn:action")]),
        (None, None, "ActionNotSupported", [("Action", "urn:action")]),
        ("urn:other", "urn:action", "ActionMismatch", [("Action", "urn:action"), ("SoapAction", "urn:other")]),
        ("%", "urn:action", "ActionMismatch", [("Action", "urn:action")]),
    ):
        with pytest.raises(SoapProblem) as caught:
            addressing.check_action(headers, soap_action, expected)
        fault = caught.value.fault
        assert etree.QName(fault.subcodes[-1]).localname == subcode
        problem = fault.header_detail[-1]
        assert [(etree.QName(child).localname, child.text) for child in problem] == said
        assert contract.violations(problem) == []


@pytest.mark.parametrize(
    "written",
    [
        "http://docs.oasis-open.org/wsn/bw-2/NotificationProducer/SubscribeRequest",
        " http://docs.oasis-open.org/wsn/brw-2/NotificationBroker/SubscribeRequest\n",
        "http://docs.open-oasis.org/wsn/bw-2/NotificationProducer/SubscribeRequest",
        "http://docs.open-oasis.org/wsn/brw-2/NotificationBroker/SubscribeRequest",
    ],
)
def test_actions_as_others_write_them(written: str) -> None:
    """Brokers', and those of a well-known misspelling."""
    action = contract.operations()[f"{{{ns.WSNT}}}Subscribe"].input_action
    assert actions.same(written, action)
    assert not actions.same(written, action.replace("Subscribe", "GetCurrentMessage"))
    assert actions.same(f"{ns.MEX}/GetMetadata", f"{ns.MEX}/GetMetadata/Request")


@pytest.mark.parametrize("namespace", [ns.WSA, ns.WSA04])
def test_a_reply_is_related_in_kind(namespace: str) -> None:
    """In the version of the request, whatever characters its MessageID has."""
    strange = "urn:&lt;&quot;&amp;&#x2028;\N{PILE OF POO}"
    headers = read(f"{ACTION}<w:MessageID>{strange}</w:MessageID>", namespace)
    written = map(etree.fromstring, addressing.reply_headers(headers, "urn:reply"))
    blocks = {block.tag: block.text for block in written}
    assert blocks[f"{{{namespace}}}Action"] == "urn:reply"
    assert blocks[f"{{{namespace}}}RelatesTo"] == 'urn:<"&\u2028\N{PILE OF POO}'
    assert addressing.reply_headers(read(ACTION, namespace), "urn:reply") == []
    owed = addressing.reply_headers(read(ACTION, namespace), "urn:reply", owed=True)
    assert etree.fromstring(owed[-1]).text == ns.WSA_UNSPECIFIED


@pytest.mark.parametrize("message_id", ["]]&gt;[", "%", "1:2:3", "x" * 1000 + "#a#b"])
def test_a_message_id_that_cannot_be_repeated_is_a_fault(message_id: str) -> None:
    """A reply that relates to it would not be valid."""
    headers = read(f"{ACTION}<w:MessageID>{message_id}</w:MessageID>")
    assert subcodes(headers) == ["InvalidAddressingHeader"]
    assert headers.message_id is None
