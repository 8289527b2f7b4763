"""Garbage, lies and floods over real HTTP: each gets a typed fault at a bounded cost, and the server goes on."""

import base64
from collections.abc import Callable, Iterator

import pytest

from tests.acceptance.conftest import MOST_MEMORY
from tests.acceptance.probing import peak, refused, resident
from tests.server import Fault, Server, Wire
from wsrf_activity.model import ns

MEGABYTE = 1_000_000
SET, SOON = "wsrfrl:SetTerminationTime", "wsrfrl:RequestedLifetimeDuration"
QUERY, EXPRESSION = "wsrfrp:QueryResourceProperties", "wsrfrp:QueryExpression"

LIST = "<act:ListActivities/>"
BOMB = "".join(f'<!ENTITY x{n} "{f"&x{n - 1};" * 10}">' for n in range(1, 10))
LAUGHS = f'<!DOCTYPE a [<!ENTITY x0 "ha">{BOMB}]>'


@pytest.fixture(params=[ns.S11, ns.S12], ids=["soap11", "soap12"])
def wire(alone: Server, request: pytest.FixtureRequest) -> Iterator[Wire]:
    """A client in either version, that leaves a server which answers."""
    with alone.client(request.param) as client:
        yield client
        client.call(LIST)


@pytest.fixture(scope="module")
def activity_id(alone: Server) -> str:
    """An activity that has ended."""
    with alone.client() as client:
        found = client.create("true")
        client.ended(found)
        return found


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"\0" * 100,
        b"{}",
        b"<html><body><p>Hello</body></html>",
        b"<!doctype html><html></html>",
        b"<a/>",
        b"<Envelope/>",
        b"POST / HTTP/1.1\r\n\r\n",
        b"%PDF-1.4",
        b"\x1f\x8b" + b"x" * 100,
        b"--b\r\nContent-Type: text/xml\r\n\r\n<a/>\r\n--b--",
    ],
)
def test_what_is_no_soap(wire: Wire, data: bytes) -> None:
    """A typed fault, in the version of the content type."""
    fault = refused(wire, data)
    if fault.code != "VersionMismatch":
        assert fault.name == "BaseFault"
        assert fault.status == (400 if wire.version == ns.S12 else 500)


def test_a_message_cut_anywhere(wire: Wire) -> None:
    """At each tenth byte."""
    whole = wire.envelope(
        "<act:CreateActivity><act:Command>false</act:Command></act:CreateActivity>", "<wsa:To>x</wsa:To>"
    )
    for end in range(1, len(whole), 10):
        refused(wire, whole[:end])


def test_other_versions_of_soap(wire: Wire) -> None:
    """VersionMismatch, in a version that everybody reads, with those that are spoken."""
    fault = refused(
        wire, wire.envelope(LIST).replace(wire.version.encode(), b"http://www.w3.org/2001/12/soap-envelope")
    )
    assert (fault.code, fault.status) == ("VersionMismatch", 500)
    assert fault.envelope.find(f".//{{{ns.S12}}}SupportedEnvelope") is not None


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("<s:Body>", "<s:Body/><s:Body>"),
        lambda text: text.replace("</s:Body>", "</s:Body><s:Body><wsrfrl:Destroy/></s:Body>"),
        lambda text: text.replace("</s:Body>", "<wsrfrl:Destroy/></s:Body>"),
        lambda text: text.replace(LIST, ""),
        lambda text: text.replace(LIST, "text"),
        lambda text: text.replace(LIST, LIST + "text"),
        lambda text: text.replace(LIST, "<x/>"),
        lambda text: text.replace(LIST, "<act:ListActivitiesResponse/>"),
        lambda text: text.replace(LIST, "<wsnt:Notify/>"),
        lambda text: text.replace(LIST, "<s:Fault/>"),
        lambda text: text.replace(LIST, "<s:Envelope><s:Body/></s:Envelope>"),
        lambda text: text.replace("<s:Body>", "<s:Header/><s:Header/><s:Body>"),
        lambda text: text.replace("</s:Body>", "</s:Body><s:Header/>"),
        lambda text: LAUGHS + text.replace(LIST, "<act:ListActivities>&x9;</act:ListActivities>"),
        lambda text: f'<!DOCTYPE a [<!ENTITY x0 "ha">{BOMB}<!ATTLIST a b CDATA "&x9;">]>' + text,
        lambda text: "<!-- --><?p?><!DOCTYPE a SYSTEM 'file:///etc/passwd'>" + text,
        lambda text: "<!DOCTYPE a [<!ENTITY % p SYSTEM 'http://127.0.0.1:9/'>%p;]>" + text,
        lambda text: text.replace(LIST, "<act:ListActivities>&undefined;</act:ListActivities>"),
        lambda text: text.replace(LIST, "<act:ListActivities>\x01</act:ListActivities>"),
        lambda text: text.replace(LIST, "<undeclared:ListActivities/>"),
    ],
)
def test_messages_put_together_wrongly(wire: Wire, change: Callable[[str], str]) -> None:
    """What a validating reader refuses and a careless one mistakes."""
    refused(wire, change(wire.envelope(LIST).decode()).encode())


def test_a_declaration_in_a_text_is_harmless(wire: Wire) -> None:
    """In a CDATA section it is a command line like another."""
    line = "<![CDATA[: '<!DOCTYPE a [<!ENTITY b SYSTEM \"x\">]>']]>"
    wire.call(f"<act:CreateActivity><act:Command>{line}</act:Command></act:CreateActivity>")


@pytest.mark.parametrize(
    "body",
    [
        "<act:CreateActivity/>",
        "<act:CreateActivity><act:Strange/></act:CreateActivity>",
        "<act:CreateActivity><act:Command>a</act:Command><act:Service>b</act:Service></act:CreateActivity>",
        "<act:CreateActivity><act:Service>none</act:Service></act:CreateActivity>",
        "<act:CreateActivity><act:Service>count</act:Service><act:Parameter>x</act:Parameter></act:CreateActivity>",
        "<act:CreateActivity><act:Command>a</act:Command><act:Input>%%%</act:Input></act:CreateActivity>",
        "<act:CreateActivity><act:Command>a</act:Command><act:InputReference>http://[</act:InputReference></act:CreateActivity>",
        "<act:CreateActivity><act:Command>a</act:Command><act:InputReference>file:///etc/passwd</act:InputReference></act:CreateActivity>",
        "<act:CreateActivity><act:Command>a</act:Command><act:ExecutionDuration>nonsense</act:ExecutionDuration></act:CreateActivity>",
        "<act:CreateActivity><act:Command>a</act:Command><act:ExecutionDuration>-P1D</act:ExecutionDuration></act:CreateActivity>",
        "<act:CreateActivity><act:Command>a</act:Command><act:InitialTerminationTime>-P1D</act:InitialTerminationTime></act:CreateActivity>",
        "<act:CreateActivity><act:Command>a</act:Command><act:InitialTerminationTime>2001-02-30T00:00:00Z</act:InitialTerminationTime></act:CreateActivity>",
        "<act:CreateActivity><act:Command>a</act:Command><act:InitialTerminationTime/></act:CreateActivity>",
        f"<act:CreateActivity><act:Command>a</act:Command><act:Name>{'x' * 300}</act:Name></act:CreateActivity>",
        f"<act:CreateActivity><act:Service>{'x' * 100_000}</act:Service></act:CreateActivity>",
        "<act:ListActivities><act:Phase>Happy</act:Phase></act:ListActivities>",
        "<act:ListActivities><act:Limit>0</act:Limit></act:ListActivities>",
        "<act:ListActivities><act:Limit>-1</act:Limit></act:ListActivities>",
        f"<act:ListActivities><act:Limit>{'9' * 5000}</act:Limit></act:ListActivities>",
        "<act:ListActivities><act:Cursor>x</act:Cursor></act:ListActivities>",
        "<act:ListActivities><act:CreatedAfter>99999999-01-01T00:00:00Z</act:CreatedAfter></act:ListActivities>",
        "<act:ListActivities strange='1'/>",
    ],
)
def test_wrong_content_for_the_service(wire: Wire, body: str) -> None:
    """Unknown children, wrong types, what is missing: each told in a typed fault."""
    assert refused(wire, wire.envelope(body)).name.endswith("Fault")


@pytest.mark.parametrize(
    "body",
    [
        "<act:Wait><act:Timeout>nonsense</act:Timeout></act:Wait>",
        "<act:Wait><act:Timeout>P</act:Timeout></act:Wait>",
        "<act:Wait><act:Timeout/></act:Wait>",
        "<act:Wait><act:For>Ever</act:For></act:Wait>",
        "<act:Wait><act:SinceVersion>-1</act:SinceVersion></act:Wait>",
        f"<act:Wait><act:SinceVersion>{'9' * 5000}</act:SinceVersion></act:Wait>",
        "<act:Wait><act:For>Ended</act:For><act:Timeout>PT1S</act:Timeout></act:Wait>",
        "<act:Abort><act:Strange/></act:Abort>",
        "<wsrfrl:Destroy><act:Strange/></wsrfrl:Destroy>",
        "<wsrfrl:SetTerminationTime/>",
        "<wsrfrl:SetTerminationTime><wsrfrl:RequestedLifetimeDuration>nonsense</wsrfrl:RequestedLifetimeDuration></wsrfrl:SetTerminationTime>",
        "<wsrfrl:SetTerminationTime><wsrfrl:RequestedLifetimeDuration>-P1D</wsrfrl:RequestedLifetimeDuration></wsrfrl:SetTerminationTime>",
        f"<{SET}><{SOON}>P{'9' * 20_000}D</{SOON}></{SET}>",
        "<wsrfrl:SetTerminationTime><wsrfrl:RequestedLifetimeDuration>P99999999Y</wsrfrl:RequestedLifetimeDuration></wsrfrl:SetTerminationTime>",
        "<wsrfrl:SetTerminationTime><wsrfrl:RequestedTerminationTime>99999999-01-01T00:00:00Z</wsrfrl:RequestedTerminationTime></wsrfrl:SetTerminationTime>",
        "<wsrfrl:SetTerminationTime><wsrfrl:RequestedTerminationTime>9999-12-31T23:59:59-14:00</wsrfrl:RequestedTerminationTime></wsrfrl:SetTerminationTime>",
        "<wsrfrl:SetTerminationTime><wsrfrl:RequestedTerminationTime>0001-01-01T00:00:00+14:00</wsrfrl:RequestedTerminationTime></wsrfrl:SetTerminationTime>",
        "<wsrfrl:SetTerminationTime><wsrfrl:RequestedTerminationTime>soon</wsrfrl:RequestedTerminationTime></wsrfrl:SetTerminationTime>",
        "<wsrfrp:GetResourcePropertyDocument><act:Strange/></wsrfrp:GetResourcePropertyDocument>",
        "<wsrfrp:GetResourceProperty/>",
        "<wsrfrp:GetResourceProperty>undeclared:Phase</wsrfrp:GetResourceProperty>",
        "<wsrfrp:GetResourceProperty>act:Nothing</wsrfrp:GetResourceProperty>",
        "<wsrfrp:GetResourceProperty>Phase</wsrfrp:GetResourceProperty>",
        "<wsrfrp:GetResourceProperty><act:Phase/></wsrfrp:GetResourceProperty>",
        "<wsrfrp:GetMultipleResourceProperties/>",
        "<wsrfrp:GetMultipleResourceProperties><wsrfrp:ResourceProperty>act:Nothing</wsrfrp:ResourceProperty></wsrfrp:GetMultipleResourceProperties>",
        "<wsrfrp:QueryResourceProperties/>",
        "<wsrfrp:QueryResourceProperties><wsrfrp:QueryExpression>//</wsrfrp:QueryExpression></wsrfrp:QueryResourceProperties>",
        "<wsrfrp:QueryResourceProperties><wsrfrp:QueryExpression>document('/etc/passwd')</wsrfrp:QueryExpression></wsrfrp:QueryResourceProperties>",
        f"<{QUERY}><{EXPRESSION}>//*/following::*/preceding::*[//*[//*]]</{EXPRESSION}></{QUERY}>",
        f"<{QUERY}><{EXPRESSION} Dialect='urn:x'>1</{EXPRESSION}></{QUERY}>",
        "<wsrfrp:UpdateResourceProperties/>",
        "<wsrfrp:SetResourceProperties><wsrfrp:Update/></wsrfrp:SetResourceProperties>",
        "<wsrfrp:SetResourceProperties><wsrfrp:Delete ResourceProperty='undeclared:x'/></wsrfrp:SetResourceProperties>",
        "<wsrfrp:PutResourcePropertyDocument/>",
        "<wsrfrp:SetResourceProperties><wsrfrp:Update><act:Phase/></wsrfrp:Update></wsrfrp:SetResourceProperties>",
    ],
)
def test_wrong_content_for_an_activity(wire: Wire, activity_id: str, body: str) -> None:
    """The same for every operation on one."""
    assert refused(wire, wire.envelope(body), wire.address(activity_id)).name.endswith("Fault")
    assert wire.property(activity_id, "Phase") == "Completed"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"<a>" * 100_000, id="deep"),
        pytest.param(b"<a>" * 5_000_000, id="deeper"),
        pytest.param(b"<r>" + b"<a/>" * 4_000_000 + b"</r>", id="wide"),
        pytest.param(b"<r " + b'a = "x" ' * 1_000_000 + b"/>", id="attributes"),
        pytest.param(b'<r a="' + b"x" * MEGABYTE + b'"/>', id="long attribute"),
        pytest.param(b"<r>" + b"<a:b xmlns:a='urn:a'/>" * 19_000 + b"</r>", id="declarations"),
        pytest.param(b"<act:ListActivities>" + b"<act:Strange/>" * 90_000 + b"</act:ListActivities>", id="wrong ones"),
        pytest.param(b"<" + b"x" * 15 * MEGABYTE + b"/>", id="long name"),
        pytest.param(b"<act:Wait><act:For>" + b"x" * 15 * MEGABYTE + b"</act:For></act:Wait>", id="long value"),
    ],
)
def test_floods_of_markup(wire: Wire, body: bytes) -> None:
    """However many, deep, wide or long."""
    refused(wire, wire.envelope("BODY").replace(b"BODY", body)[: 16 << 20])


def test_white_space_before_the_root(wire: Wire) -> None:
    """It is legal, and costs what it weighs."""
    wire.post(b" " * 15 * MEGABYTE + wire.envelope(LIST))


def test_many_good_children_are_answered(wire: Wire, activity_id: str) -> None:
    """Or refused in a sentence; either way soon."""
    wire.post(
        wire.envelope("<act:ListActivities>" + "<act:Phase>Queued</act:Phase>" * 60_000 + "</act:ListActivities>")
    )
    wire.post(
        wire.envelope(
            "<act:Wait><act:Timeout>PT0S</act:Timeout>" + "<act:For>Ended</act:For>" * 60_000 + "</act:Wait>"
        ),
        wire.address(activity_id),
    )


def test_a_short_question_has_no_endless_answer(wire: Wire, activity_id: str) -> None:
    """The same property sixty thousand times."""
    name = "<wsrfrp:ResourceProperty>act:Result</wsrfrp:ResourceProperty>"
    body = f"<wsrfrp:GetMultipleResourceProperties>{name * 60_000}</wsrfrp:GetMultipleResourceProperties>"
    assert "at most 100" in str(refused(wire, wire.envelope(body), wire.address(activity_id)))


def test_new_names_for_ever_do_not_stay_in_memory(alone: Server) -> None:
    """The parser keeps each name that it reads for as long as its thread lives."""
    with alone.client() as wire:
        grown = 0
        for number in range(12):
            names = "".join(f"<n{number}.{n}.{'x' * 100}/>" for n in range(40_000))
            refused(wire, wire.envelope(names))
            grown = resident(alone) - grown if number in (2, 11) else grown
    assert grown < 40 * MEGABYTE


@pytest.mark.parametrize("length", [True, False], ids=["content-length", "chunked"])
def test_a_hundred_megabytes_are_not_read(wire: Wire, alone: Server, length: bool) -> None:
    """The sentence says what to do instead, and the memory stays small."""

    def body() -> Iterator[bytes]:
        for _ in range(100):
            yield b"x" * MEGABYTE

    headers = {"content-type": "text/xml", **({"content-length": str(100 * MEGABYTE)} if length else {})}
    response = wire.http.post(wire.address(None), content=body(), headers=headers)
    with pytest.raises(Fault, match="send a large input by PUT"):
        wire.read(response)
    assert peak(alone) < MOST_MEMORY


def test_inputs_as_large_as_an_envelope(wire: Wire) -> None:
    """Twelve million characters of base64 in one text are accepted, twenty are not."""
    inline = base64.b64encode(b"x" * 9 * MEGABYTE).decode()
    body = "<act:CreateActivity><act:Command>wc -c</act:Command><act:Input>{}</act:Input></act:CreateActivity>"
    found = wire.post(wire.envelope(body.format(inline))).findtext(f".//{{{ns.REF}}}Activity")
    assert found
    assert wire.ended(found) == "Completed"
    assert wire.result(found).strip() == b"%d" % (9 * MEGABYTE)
    assert "send a large input by PUT" in str(refused(wire, wire.envelope(body.format(inline + inline))))
