"""WS-Addressing headers: read, judged and answered, in both of their versions."""

import pytest
from lxml import etree

from wsrf_activity.model import ns
from wsrf_activity.model.errors import NoSuchActivity
from wsrf_activity.soap import addressing
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


@pytest.mark.parametrize("name", ["ReplyTo", "FaultTo"])
@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        (f"<w:Address> {ns.WSA_ANONYMOUS}\n</w:Address>", None),
        (f"<w:Address>{ns.WSA_NONE}</w:Address>", None),
        ("<w:Address>http://127.0.0.1:1/</w:Address>", "OnlyAnonymousAddressSupported"),
        (f"<w:Address>{ns.WSA04_ANONYMOUS}</w:Address>", "OnlyAnonymousAddressSupported"),
        ("<w:Address/>", "MissingAddressInEPR"),
        ("", "MissingAddressInEPR"),
    ],
)
def test_where_replies_may_go(name: str, endpoint: str, expected: str | None) -> None:
    """Back, or nowhere."""
    headers = read(f"{ACTION}<w:{name}>{endpoint}</w:{name}>")
    assert (None if headers.problem is None else subcodes(headers)[-1]) == expected


def test_what_goes_nowhere() -> None:
    """Replies by ReplyTo; faults by FaultTo, and where there is none by ReplyTo."""
    none = f"<w:Address>{ns.WSA_NONE}</w:Address>"
    anonymous = f"<w:Address>{ns.WSA_ANONYMOUS}</w:Address>"
    headers = read(f"{ACTION}<w:ReplyTo>{none}</w:ReplyTo>")
    assert (headers.answered(fault=False), headers.answered(fault=True)) == (False, False)
    headers = read(f"{ACTION}<w:ReplyTo>{none}</w:ReplyTo><w:FaultTo>{anonymous}</w:FaultTo>")
    assert (headers.answered(fault=False), headers.answered(fault=True)) == (False, True)


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
    assert read(content).activity_id(in_url) == expected


@pytest.mark.parametrize(
    ("in_url", "content"),
    [
        ("abc", "<ref:Activity>abd</ref:Activity>"),
        (None, "<ref:Activity>abc</ref:Activity><ref:Activity>abd</ref:Activity>"),
        ("abc", f"{ACTION}<w:To>http://h/activity/abd</w:To>"),
        ("abc", "<ref:Activity/>"),
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
        read(content).activity_id(in_url)


def test_the_action_must_be_that_of_the_body() -> None:
    """Else one operation could be sent in the name of another."""
    headers = read(ACTION)
    addressing.check_action(headers, None, "urn:action")
    addressing.check_action(headers, "urn:action", "urn:action")
    addressing.check_action(Headers(), "urn:whatever", "urn:action")
    for soap_action, expected in ((None, "urn:other"), (None, None), ("urn:other", "urn:action")):
        with pytest.raises(SoapProblem):
            addressing.check_action(headers, soap_action, expected)


@pytest.mark.parametrize("namespace", [ns.WSA, ns.WSA04])
def test_a_reply_is_related_in_kind(namespace: str) -> None:
    """In the version of the request, whatever characters its MessageID has."""
    strange = "urn:&lt;&quot;&amp;&#x2028;\N{PILE OF POO}"
    headers = read(f"{ACTION}<w:MessageID>{strange}</w:MessageID>", namespace)
    blocks = {block.tag: block.text for block in addressing.reply_headers(headers, "urn:reply")}
    assert blocks[f"{{{namespace}}}Action"] == "urn:reply"
    assert blocks[f"{{{namespace}}}RelatesTo"] == 'urn:<"&\u2028\N{PILE OF POO}'
    assert addressing.reply_headers(read(ACTION, namespace), "urn:reply") == []


@pytest.mark.parametrize("message_id", ["]]&gt;[", "%", "1:2:3", "x" * 1000 + "#a#b"])
def test_a_message_id_that_cannot_be_repeated_is_a_fault(message_id: str) -> None:
    """A reply that relates to it would not be valid."""
    headers = read(f"{ACTION}<w:MessageID>{message_id}</w:MessageID>")
    assert subcodes(headers) == ["InvalidAddressingHeader"]
    assert headers.message_id is None
