"""What the WS-I Basic Profiles 1.2 and 2.0 want of messages and of HTTP, as far as no other test has it."""

import codecs
import re
from collections.abc import Iterator
from typing import NamedTuple

import httpx
import pytest
from lxml import etree

from tests.server import Fault, Server, Wire
from wsrf_activity.model import ns
from wsrf_activity.soap import contract

LIST = "<act:ListActivities/>"
GET = "<wsrfrp:GetResourcePropertyDocument/>"
ACTION = contract.operations()[f"{{{ns.RP}}}GetResourcePropertyDocument"].input_action
LIST_ACTION = contract.operations()[f"{{{ns.ACT}}}ListActivities"].input_action
MANDATORY = "<u:Unknown xmlns:u='urn:u' s:mustUnderstand='1'/>"
M = "<wsa:MessageID>urn:uuid:1</wsa:MessageID>"
NOBODY = "a" * 26


@pytest.fixture(params=[ns.S11, ns.S12], ids=["soap11", "soap12"])
def wire(alone: Server, request: pytest.FixtureRequest) -> Iterator[Wire]:
    """A client in either version."""
    with alone.client(request.param) as client:
        yield client


@pytest.fixture(scope="module")
def activity_id(alone: Server) -> str:
    """An activity that has ended, with a result that is no text."""
    with alone.client() as client:
        found = client.create(r"printf '\000\377\001'")
        client.ended(found)
        return found


class Case(NamedTuple):
    """A message, and the faults' codes in SOAP 1.1 and 1.2; None where it is answered."""

    body: str
    headers: str = ""
    codes: tuple[str, str] | None = None
    activity_id: str | None = None


SENDER = ("Client", "Sender")
CASES = {
    "answered": Case(LIST),
    "addressed": Case(LIST, f"{M}<wsa:Action>{LIST_ACTION}</wsa:Action>"),
    "declared": Case(GET, codes=SENDER, activity_id=NOBODY),
    "unknown": Case("<u:unknown xmlns:u='urn:u'/>", codes=SENDER),
    "invalid": Case("<act:CreateActivity/>", codes=SENDER),
    "addressing": Case(LIST, M, codes=("MessageAddressingHeaderRequired", "Sender")),
    "mandatory": Case(LIST, MANDATORY, codes=("MustUnderstand", "MustUnderstand")),
}


def media_type(wire: Wire) -> str:
    return "text/xml" if wire.version == ns.S11 else "application/soap+xml"


def sent(wire: Wire, data: bytes, activity_id: str | None = None, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return wire.http.post(wire.address(activity_id), content=data, headers={"content-type": media_type(wire), **named})


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_every_answer_is_plain_xml_over_http(wire: Wire, case: Case) -> None:
    """HTTP/1.1 and its statuses, no cookies; UTF-8 that says so; nothing but elements and text."""
    response = sent(wire, wire.envelope(case.body, case.headers), case.activity_id)
    assert response.http_version == "HTTP/1.1"
    assert "set-cookie" not in response.headers
    assert response.headers["content-type"].lower() == f"{media_type(wire)}; charset=utf-8"
    code = case.codes and case.codes[wire.version == ns.S12]
    assert response.status_code == (200 if code is None else 400 if code == "Sender" else 500)
    assert re.match(rb"<\?xml version=['\"]1\.0['\"] encoding=['\"]utf-8['\"]\?>", response.content, re.IGNORECASE)
    text = response.content.decode("utf-8")
    assert (text.count("<?"), text.count("<!"), text.count("xmlns:xml=")) == (1, 0, 0)
    for node in etree.fromstring(response.content).iter("*"):
        assert not [name for name in node.attrib if etree.QName(name).namespace == wire.version]
        assert not [name for name in node.attrib if str(name).endswith(("encodingStyle", "arrayType"))]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_every_answer_has_one_qualified_child_in_its_body(wire: Wire, case: Case) -> None:
    """And nothing after the Body; either an answer or a fault."""
    envelope = etree.fromstring(sent(wire, wire.envelope(case.body, case.headers), case.activity_id).content)
    assert envelope[-1].tag == f"{{{wire.version}}}Body"
    [child] = envelope[-1]
    assert (child.tag == f"{{{wire.version}}}Fault") is bool(case.codes)
    assert etree.QName(child).namespace


@pytest.mark.parametrize("case", [case for case in CASES.values() if case.codes], ids=lambda case: case.codes[0])
def test_faults_of_soap_1_1_are_in_its_form(alone: Server, case: Case) -> None:
    """Unqualified children, and a code that is SOAP's or that of a standard, without dots."""
    with alone.client(ns.S11) as wire:
        response = sent(wire, wire.envelope(case.body, case.headers), case.activity_id)
        fault = etree.fromstring(response.content)[-1][0]
        assert [child.tag for child in fault] in (["faultcode", "faultstring"], ["faultcode", "faultstring", "detail"])
        prefix, _, name = (fault[0].text or "").partition(":")
        assert name == (case.codes or SENDER)[0]
        assert fault[0].nsmap[prefix] == (ns.WSA if name.startswith("Message") else ns.S11)
        assert "." not in name


def test_what_is_wrong_first_is_said_first(wire: Wire) -> None:
    """The version, then what must be understood, then the content; and nothing is done before."""
    everything = wire.envelope("<act:CreateActivity/>", MANDATORY)
    good = wire.envelope("<act:CreateActivity><act:Command>true</act:Command></act:CreateActivity>", MANDATORY)
    before = len(wire.call(LIST))
    expected = {
        everything.replace(wire.version.encode(), b"urn:soap"): "VersionMismatch",
        everything: "MustUnderstand",
        good: "MustUnderstand",
        wire.envelope("<act:CreateActivity/>"): "Sender",
    }
    for data, code in expected.items():
        with pytest.raises(Fault) as caught:
            wire.post(data)
        assert caught.value.code == code
    assert len(wire.call(LIST)) == before


@pytest.mark.parametrize("elsewhere", [ns.WSA_NONE, "http://127.0.0.1:9/"])
def test_who_was_not_understood_is_told_here(wire: Wire, elsewhere: str) -> None:
    """Wherever replies were to go: the headers that said so have not been understood together."""
    endpoint = f"<wsa:Address>{elsewhere}</wsa:Address>"
    addressed = f"{M}<wsa:Action>{ACTION}</wsa:Action><wsa:ReplyTo>{endpoint}</wsa:ReplyTo>"
    with pytest.raises(Fault) as caught:
        wire.post(wire.envelope(GET, f"{addressed}<wsa:FaultTo>{endpoint}</wsa:FaultTo>{MANDATORY}"))
    assert (caught.value.code, caught.value.action) == ("MustUnderstand", ns.SOAP_FAULT_ACTION)


def test_all_of_addressing_is_understood_together(wire: Wire, activity_id: str) -> None:
    """And the Actions of answer and fault are those of the WSDL."""
    anonymous = f"<wsa:Address>{ns.WSA_ANONYMOUS}</wsa:Address>"
    content = {
        "To": wire.address(activity_id),
        "Action": ACTION,
        "MessageID": "urn:uuid:1",
        "RelatesTo": "urn:uuid:0",
        "From": anonymous,
        "ReplyTo": anonymous,
        "FaultTo": anonymous,
    }
    headers = "".join(f"<wsa:{name} s:mustUnderstand='1'>{text}</wsa:{name}>" for name, text in content.items())
    reply = wire.post(wire.envelope(GET, headers), wire.address(activity_id))
    operation = contract.operations()[f"{{{ns.RP}}}GetResourcePropertyDocument"]
    assert reply.findtext(f".//{{{ns.WSA}}}Action") == operation.output_action
    with pytest.raises(Fault) as caught:
        wire.post(wire.envelope(GET, headers.replace(activity_id, NOBODY)), wire.address(NOBODY))
    assert caught.value.detail is not None
    assert caught.value.action == operation.faults[str(caught.value.detail.tag)]


def test_a_request_without_message_id_is_answered_without_headers(wire: Wire, activity_id: str) -> None:
    """The profiles want a fault; clients that send none know no headers in the reply either."""
    reply = wire.post(wire.envelope(GET, f"<wsa:Action>{ACTION}</wsa:Action>"), wire.address(activity_id))
    assert [child.tag for child in reply] == [f"{{{wire.version}}}Body"]


def test_roles_are_compared_letter_by_letter(wire: Wire) -> None:
    """A URI in other letters is another role, whose headers are not for us."""
    ours = "http://schemas.xmlsoap.org/soap/actor/next" if wire.version == ns.S11 else f"{ns.S12}/role/next"
    role = "actor" if wire.version == ns.S11 else "role"
    for_us = MANDATORY.replace("/>", f" s:{role}='{ours}'/>")
    wire.call(LIST, headers=for_us.replace("/next'", "/NEXT'"))
    with pytest.raises(Fault, match="must be understood"):
        wire.call(LIST, headers=for_us)


def test_soap_1_2_needs_no_soap_action(alone: Server, activity_id: str) -> None:
    """A header of HTTP that SOAP 1.2 does not know is not looked at; its own parameter may be there or not."""
    with alone.client(ns.S12) as wire:
        message = wire.envelope(GET, f"{M}<wsa:Action>{ACTION}</wsa:Action>")
        for headers in ({}, {"soapaction": '"urn:other"'}, {"content_type": f'{media_type(wire)}; action="{ACTION}"'}):
            wire.post(message, wire.address(activity_id), **headers)


def test_marks_and_declarations_do_not_hinder(wire: Wire) -> None:
    """The charset of the content type counts, whatever the declaration says."""
    named = "<act:CreateActivity><act:Command>true</act:Command><act:Name>caf\xe9</act:Name></act:CreateActivity>"
    declared = '<?xml version="1.0" encoding="iso-8859-1"?>' + wire.envelope(named).decode()
    for data, charset in (
        (codecs.BOM_UTF8 + declared.encode(), "utf-8"),
        (declared.encode(), "utf-8"),
        (codecs.BOM_UTF16_LE + declared.encode("utf-16-le"), "utf-16"),
        (codecs.BOM_UTF16_BE + declared.encode("utf-16-be"), "utf-16"),
    ):
        reply = wire.post(data, content_type=f"{media_type(wire)}; charset={charset}")
        found = reply.findtext(f".//{{{ns.REF}}}Activity")
        assert wire.property(found or "", "Name") == "caf\xe9"


def test_only_post_carries_messages_and_nobody_is_sent_elsewhere(wire: Wire) -> None:
    """Not with the methods of the HTTP Extension Framework either; redirections are 307 if any."""
    kind = {"content-type": media_type(wire)}
    for method, statuses in (("PUT", {405}), ("PATCH", {405}), ("M-POST", {400, 405})):
        response = wire.http.request(method, wire.address(None), content=wire.envelope(LIST), headers=kind)
        assert response.status_code in statuses
    for path in ("", "/"):
        response = wire.http.post(wire.address(None) + path, content=wire.envelope(LIST), headers=kind)
        assert not response.is_redirect or response.status_code == 307


def test_packages_say_what_is_in_them(wire: Wire, activity_id: str) -> None:
    """start-info is the type of the root part; one with an action in it, as some send it, is read too."""
    ask = "<wsrfrp:GetResourceProperty>act:Result</wsrfrp:GetResourceProperty>"
    kind = media_type(wire)
    for info in (kind, f'{kind}; action=\\"urn:some\\"'):
        head = f'--b\r\nContent-Type: application/xop+xml; charset=utf-8; type="{info}"\r\nContent-ID: <r@x>\r\n\r\n'
        package = head.encode() + wire.envelope(ask) + b"\r\n--b--\r\n"
        outer = f'multipart/related; type="application/xop+xml"; start="<r@x>"; start-info="{info}"; boundary="b"'
        response = sent(wire, package, activity_id, content_type=outer)
        assert response.status_code == 200, response.text
        [start_info] = re.findall(r'start-info="([^"]*)"', response.headers["content-type"])
        [root] = re.findall(rb'Content-Type: application/xop\+xml;[^\r]* type="([^"]*)"', response.content)
        assert start_info == root.decode() == kind
