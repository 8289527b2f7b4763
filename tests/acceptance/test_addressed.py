"""Headers as clients send them, right and wrong: addressing in both versions, mustUnderstand, SOAPAction."""

from collections.abc import Iterator

import pytest
from lxml import etree

from tests.server import Fault, Server, Wire
from wsrf_activity.model import ns

RPW, RLW = "http://docs.oasis-open.org/wsrf/rpw-2", "http://docs.oasis-open.org/wsrf/rlw-2"
GET = "<wsrfrp:GetResourcePropertyDocument/>"
ACTION = f"{RPW}/GetResourcePropertyDocument/GetResourcePropertyDocumentRequest"
OTHER = f"{RLW}/ImmediateResourceTermination/DestroyRequest"
M = "<w:MessageID>urn:uuid:1</w:MessageID>"
NONE, ANONYMOUS = f"<w:Address>{ns.WSA_NONE}</w:Address>", f"<w:Address>{ns.WSA_ANONYMOUS}</w:Address>"


@pytest.fixture(params=[ns.S11, ns.S12], ids=["soap11", "soap12"])
def wire(alone: Server, request: pytest.FixtureRequest) -> Iterator[Wire]:
    """A client in either version."""
    with alone.client(request.param) as client:
        yield client


@pytest.fixture(scope="module")
def activity_id(alone: Server) -> str:
    """An activity that has ended."""
    with alone.client() as client:
        found = client.create("true")
        client.ended(found)
        return found


def message(wire: Wire, headers: str, namespace: str = ns.WSA) -> bytes:
    names = f'<s:Header xmlns:w="{namespace}" xmlns:r="{ns.REF}">'
    return wire.envelope(GET, headers).replace(b"<s:Header>", names.encode())


@pytest.mark.parametrize("namespace", [ns.WSA, ns.WSA04])
@pytest.mark.parametrize("space", ["", " ", "\n\t"])
def test_a_reply_in_kind(wire: Wire, activity_id: str, namespace: str, space: str) -> None:
    """In the version of addressing that was spoken; white space around URIs means nothing."""
    to = wire.address(activity_id)
    sent = f"<w:To>{space}{to}{space}</w:To><w:Action>{space}{ACTION}{space}</w:Action>{M}"
    reply = wire.post(message(wire, sent, namespace))
    assert reply.findtext(f".//{{{namespace}}}RelatesTo") == "urn:uuid:1"
    assert reply.findtext(f".//{{{namespace}}}Action") == ACTION.removesuffix("Request") + "Response"


@pytest.mark.parametrize("namespace", [ns.WSA, ns.WSA04])
def test_strange_characters_come_back_unharmed(wire: Wire, activity_id: str, namespace: str) -> None:
    """xs:anyURI has room for a lot."""
    strange = "<urn>&\"'\u2028\ufffd\U0001f4a9--"
    escaped = strange.replace("&", "&amp;").replace("<", "&lt;")
    sent = f"<w:Action>{ACTION}</w:Action><w:MessageID>{escaped}</w:MessageID>"
    reply = wire.post(message(wire, sent, namespace), wire.address(activity_id))
    assert reply.findtext(f".//{{{namespace}}}RelatesTo") == strange


ADDRESSED = f"{M}<w:Action>{ACTION}</w:Action>"


@pytest.mark.parametrize(
    ("headers", "subcode"),
    [
        (M, "MessageAddressingHeaderRequired"),
        ("<w:To>urn:x</w:To>", "MessageAddressingHeaderRequired"),
        (f"{ADDRESSED}<w:Action>{ACTION}</w:Action>", "InvalidCardinality"),
        (ADDRESSED + M, "InvalidCardinality"),
        (f"{ADDRESSED}<w:To>urn:x</w:To><w:To>urn:x</w:To>", "InvalidCardinality"),
        (f"{ADDRESSED}<w:From>{ANONYMOUS}</w:From><w:From>{ANONYMOUS}</w:From>", "InvalidCardinality"),
        (f"{ADDRESSED}<w:ReplyTo>{ANONYMOUS}</w:ReplyTo><w:ReplyTo>{ANONYMOUS}</w:ReplyTo>", "InvalidCardinality"),
        (f"{ADDRESSED}<w:FaultTo>{ANONYMOUS}</w:FaultTo><w:FaultTo>{ANONYMOUS}</w:FaultTo>", "InvalidCardinality"),
        (f"{ADDRESSED}<w:ReplyTo/>", "MissingAddressInEPR"),
        (f"{ADDRESSED}<w:FaultTo><w:Address>file:///etc</w:Address></w:FaultTo>", "InvalidAddress"),
        (f"{ADDRESSED}<o:Action xmlns:o='{ns.WSA04}'>{ACTION}</o:Action>", "InvalidAddressingHeader"),
        (f"<w:MessageID>a]]&gt;[b</w:MessageID><w:Action>{ACTION}</w:Action>", "InvalidAddressingHeader"),
        (f"{M}<w:Action>{OTHER}</w:Action>", "ActionNotSupported"),
        (f"{M}<w:Action>urn:nothing</w:Action>", "ActionNotSupported"),
        (f"{M}<w:Action>&lt;script></w:Action>", "ActionNotSupported"),
    ],
)
def test_addressing_that_is_wrong(wire: Wire, activity_id: str, headers: str, subcode: str) -> None:
    """The fault that the standard names, addressed as far as the request could be understood."""
    with pytest.raises(Fault) as caught:
        wire.post(message(wire, headers), wire.address(activity_id))
    fault = caught.value
    named = [fault.envelope.findtext(".//faultcode") or "", *fault.subcodes]
    assert named[-1 if wire.version == ns.S12 else 0].rpartition(":")[2] == subcode
    assert fault.status == (400 if wire.version == ns.S12 else 500)
    place = f"{{{ns.S12}}}Detail" if wire.version == ns.S12 else f"{{{ns.WSA}}}FaultDetail"
    detail = [etree.QName(element).localname for element in fault.envelope.iterfind(f".//{place}/*")]
    if subcode == "ActionNotSupported":
        assert detail == ["ProblemAction"]
    elif subcode != "InvalidAddressingHeader" or "]]" in headers:
        assert detail == ["ProblemHeaderQName"]
    if M in headers:
        assert fault.envelope.findtext(f".//{{{ns.WSA}}}RelatesTo") == "urn:uuid:1"
        assert fault.action == ns.WSA_FAULT_ACTION


@pytest.mark.parametrize("body", [GET, "<wsrfrp:GetResourceProperty>act:Nothing</wsrfrp:GetResourceProperty>"])
def test_replies_to_nobody(wire: Wire, activity_id: str, body: str) -> None:
    """202 and not a byte, be it an answer or a fault."""
    action = ACTION if body == GET else f"{RPW}/GetResourceProperty/GetResourcePropertyRequest"
    sent = message(wire, f"{M}<w:Action>{action}</w:Action><w:ReplyTo>{NONE}</w:ReplyTo>").replace(
        GET.encode(), body.encode()
    )
    content_type = "text/xml" if wire.version == ns.S11 else "application/soap+xml"
    response = wire.http.post(wire.address(activity_id), content=sent, headers={"content-type": content_type})
    assert (response.status_code, response.content) == (202, b"")


def test_faults_to_somebody(wire: Wire, activity_id: str) -> None:
    """FaultTo comes before ReplyTo."""
    headers = f"{M}<w:Action>{OTHER}</w:Action><w:ReplyTo>{NONE}</w:ReplyTo><w:FaultTo>{ANONYMOUS}</w:FaultTo>"
    with pytest.raises(Fault):
        wire.post(message(wire, headers), wire.address(activity_id))


def test_the_action_of_http_must_agree(wire: Wire, activity_id: str) -> None:
    """SOAPAction, or the parameter of the content type; quoted or not. Without addressing it is a hint for proxies."""
    url = wire.address(activity_id)
    media_type = "text/xml" if wire.version == ns.S11 else "application/soap+xml"

    def send(action: str, headers: str) -> None:
        if wire.version == ns.S11:
            wire.post(message(wire, headers), url, soapaction=action)
        else:
            wire.post(message(wire, headers), url, content_type=f"{media_type}; action={action}; charset=utf-8")

    for action in (f'"{ACTION}"', ACTION, '""', '" "' if wire.version == ns.S11 else '""'):
        send(action, ADDRESSED)
    for action in (f'"{OTHER}"', '"urn:a;b"', "x"):
        send(action, "")
        with pytest.raises(Fault):
            send(action, ADDRESSED)


@pytest.mark.parametrize("flag", ["1", "true", "0", "false"])
def test_what_must_be_understood(wire: Wire, activity_id: str, flag: str) -> None:
    """1 in both versions, true in SOAP 1.2; for us, not for another role."""
    url = wire.address(activity_id)
    unknown = f"<u:Unknown xmlns:u='urn:u' s:mustUnderstand='{flag}'{{}}/>"
    role = "actor" if wire.version == ns.S11 else "role"
    wire.post(message(wire, unknown.format(f" s:{role}='urn:somebody'")), url)
    if flag in ("0", "false") or (flag == "true" and wire.version == ns.S11):
        wire.post(message(wire, unknown.format("")), url)
        return
    for header in (
        unknown.format(""),
        unknown.format("").replace("u:Unknown", "Unknown"),
        "<w:Unheard s:mustUnderstand='1'/>",
    ):
        with pytest.raises(Fault) as caught:
            wire.post(message(wire, f"{ADDRESSED}{header}"), url)
        assert (caught.value.code, caught.value.status) == ("MustUnderstand", 500)
    wire.post(message(wire, ADDRESSED.replace("<w:Action", "<w:Action s:mustUnderstand='1'")), url)
    wire.post(message(wire, f"<r:Activity s:mustUnderstand='1'>{activity_id}</r:Activity>"))


def test_one_activity_named_twice_or_two(wire: Wire, activity_id: str) -> None:
    """In the URL, the reference parameter and wsa:To: all that name one must agree."""
    same = f"<r:Activity> {activity_id} </r:Activity>"
    for headers, url in ((same, None), (same + same, None), (same, wire.address(activity_id))):
        wire.post(message(wire, headers), url)
    other = f"<r:Activity>{'b' * 26}</r:Activity>"
    for headers in (other, same + other, f"{ADDRESSED}<w:To>{wire.address('c' * 26)}</w:To>", "<r:Activity/>"):
        with pytest.raises(Fault) as caught:
            wire.post(message(wire, headers), wire.address(activity_id))
        assert caught.value.name == "ResourceUnknownFault"


@pytest.mark.parametrize("to", ["http://[::1", "http://[", "None", "", "//", "urn:x", "\u2028"])
def test_destinations_that_are_none(wire: Wire, activity_id: str, to: str) -> None:
    """The URL says where the message went; some stacks have no idea."""
    wire.post(message(wire, f"{ADDRESSED}<w:To>{to}</w:To>"), wire.address(activity_id))


def test_an_operation_without_an_activity(wire: Wire) -> None:
    """ResourceUnknownFault, with a sentence that says where to send it."""
    with pytest.raises(Fault, match="address") as caught:
        wire.call(GET)
    assert caught.value.name == "ResourceUnknownFault"
