"""ReplyTo and FaultTo with addresses of others: 202 on the connection, the answer there, and nowhere it must not go."""

import socket
import uuid
from collections.abc import Callable, Iterator

import httpx
import pytest
from lxml import etree

from tests.acceptance.commands import Gate
from tests.acceptance.conftest import CONFIG
from tests.acceptance.consumers import Consumer
from tests.server import Fault, Server, Wire, running
from wsrf_activity.model import ns
from wsrf_activity.soap import contract

GET = "<wsrfrp:GetResourcePropertyDocument/>"
UNKNOWN = "<wsrfrp:GetResourceProperty>act:Nothing</wsrfrp:GetResourceProperty>"
ID = "<x:Id xmlns:x='urn:x' xmlns:y='urn:y' a='b'>y:some<x:Deep/></x:Id>"
PARAMETERS = f"<w:ReferenceParameters>{ID}</w:ReferenceParameters>"
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


@pytest.fixture(scope="module")
def consumer() -> Iterator[Consumer]:
    """Somebody who takes answers."""
    with Consumer().listening() as listening:
        yield listening


@pytest.fixture
def path() -> str:
    """A path of the test's own."""
    return f"/{uuid.uuid4()}"


class Sender:
    """Sends a body with addressing headers, on whatever connection, and returns the answer as it comes."""

    def __init__(self, wire: Wire, activity_id: str | None, namespace: str = ns.WSA) -> None:
        self.wire = wire
        self.url = wire.address(activity_id)
        self.namespace = namespace

    def message(self, body: str, headers: str) -> bytes:
        """Return a message with the Action of its body, and a MessageID that is the Action."""
        data = self.wire.envelope(body, " ")
        tag = etree.fromstring(data)[-1][0].tag
        action = contract.operations()[tag].input_action
        own = f"<w:Action>{action}</w:Action><w:MessageID>{action}</w:MessageID>{headers}"
        return data.replace(b"<s:Header> ", f'<s:Header xmlns:w="{self.namespace}">{own}'.encode())

    def post(self, body: str, headers: str) -> httpx.Response:
        """POST it."""
        media_type = "text/xml" if self.wire.version == ns.S11 else "application/soap+xml"
        return self.wire.http.post(self.url, content=self.message(body, headers), headers={"content-type": media_type})

    def accepted(self, body: str, headers: str) -> None:
        """POST it and see that the connection is told nothing."""
        response = self.post(body, headers)
        assert (response.status_code, response.content) == (202, b""), response.text


def to(name: str, address: str, more: str = "") -> str:
    return f"<w:{name}><w:Address>\n {address} </w:Address>{more}</w:{name}>"


def test_a_reply(wire: Wire, activity_id: str, consumer: Consumer, path: str) -> None:
    """With everything that makes it one, in the request's version of SOAP."""
    where = consumer.address(path + "?q=1", "localhost")
    sender = Sender(wire, activity_id)
    sender.accepted(GET, to("ReplyTo", where, PARAMETERS))
    got = consumer.next(path + "?q=1")
    operation = contract.operations()[f"{{{ns.RP}}}GetResourcePropertyDocument"]
    assert etree.QName(got.envelope).namespace == wire.version
    assert got.body.findtext(f".//{{{ns.ACT}}}ActivityId") == activity_id
    assert got.header(f"{{{ns.WSA}}}To") == where
    assert got.header(f"{{{ns.WSA}}}Action") == operation.output_action
    assert got.header(f"{{{ns.WSA}}}RelatesTo") == operation.input_action
    assert (got.header(f"{{{ns.WSA}}}MessageID") or "").startswith("urn:uuid:")
    parameter = got.envelope[0].find("{urn:x}Id")
    assert parameter is not None
    assert sorted(parameter.items()) == [("a", "b"), (f"{{{ns.WSA}}}IsReferenceParameter", "true")]
    assert (parameter.text, parameter.nsmap["y"], len(parameter)) == ("y:some", "urn:y", 1)
    if wire.version == ns.S11:
        assert got.headers["content-type"] == "text/xml; charset=UTF-8"
        assert got.headers["soapaction"] == f'"{operation.output_action}"'
    else:
        assert got.headers["content-type"] == f'application/soap+xml; charset=UTF-8; action="{operation.output_action}"'
        assert "soapaction" not in got.headers
    assert got.headers["host"] == where.partition("//")[2].partition("/")[0]
    assert "authorization" not in got.headers


def test_a_fault(wire: Wire, activity_id: str, consumer: Consumer, path: str) -> None:
    """To FaultTo, and where there is none to ReplyTo; to nobody where FaultTo says so."""
    sender = Sender(wire, activity_id)
    replies, problems = consumer.address(path), consumer.address(path + "/faults")
    sender.accepted(UNKNOWN, to("ReplyTo", replies, PARAMETERS))
    sender.accepted(UNKNOWN, to("ReplyTo", replies) + to("FaultTo", problems, PARAMETERS))
    sender.accepted(UNKNOWN, to("ReplyTo", replies) + f"<w:FaultTo>{NONE}</w:FaultTo>")
    sender.accepted(UNKNOWN, f"<w:ReplyTo>{NONE}</w:ReplyTo>" + to("FaultTo", problems, PARAMETERS))
    for got in (consumer.next(path), consumer.next(path + "/faults"), consumer.next(path + "/faults")):
        assert next(got.body.iter(f"{{{ns.RP}}}InvalidResourcePropertyQNameFault")) is not None
        assert got.header(f"{{{ns.WSA}}}Action") == ns.WSRF_FAULT_ACTION
        assert got.envelope[0].find("{urn:x}Id") is not None
    sender.accepted(GET, to("ReplyTo", replies) + f"<w:FaultTo>{NONE}</w:FaultTo>")
    assert consumer.next(path).body.tag == f"{{{ns.RP}}}GetResourcePropertyDocumentResponse"
    assert not consumer.has_more(path)


def test_one_here_and_one_there(wire: Wire, activity_id: str, consumer: Consumer, path: str) -> None:
    """What goes back on the connection is awaited there."""
    sender = Sender(wire, activity_id)
    faults_there = to("FaultTo", consumer.address(path))
    wire.read(sender.post(GET, faults_there))
    sender.accepted(UNKNOWN, faults_there)
    assert etree.QName(consumer.next(path).body).localname == "Fault"
    replies_there = to("ReplyTo", consumer.address(path)) + f"<w:FaultTo>{ANONYMOUS}</w:FaultTo>"
    with pytest.raises(Fault):
        wire.read(sender.post(UNKNOWN, replies_there))
    sender.accepted(GET, replies_there)
    assert consumer.next(path).body.tag == f"{{{ns.RP}}}GetResourcePropertyDocumentResponse"


def test_faults_found_before_anything_is_done_go_there_too(
    wire: Wire, activity_id: str, consumer: Consumer, path: str
) -> None:
    """As soon as the headers are known to be right."""
    sender = Sender(wire, activity_id)
    sender.accepted("<act:Wait><act:For>Nothing</act:For></act:Wait>", to("ReplyTo", consumer.address(path)))
    assert etree.QName(consumer.next(path).body).localname == "Fault"
    contradicting = sender.message(GET, to("ReplyTo", consumer.address(path))).replace(b"DocumentRequest<", b"Request<")
    response = wire.http.post(sender.url, content=contradicting, headers={"content-type": "text/xml"})
    assert response.status_code == 202
    got = consumer.next(path)
    assert got.header(f"{{{ns.WSA}}}Action") == ns.WSA_FAULT_ACTION
    assert got.envelope.findtext(f".//{{{ns.WSA}}}ProblemAction/{{{ns.WSA}}}Action")


def test_the_older_addressing(wire: Wire, activity_id: str, consumer: Consumer, path: str) -> None:
    """Is answered in kind: its properties and parameters become header blocks as they are."""
    more = f"<w:ReferenceProperties>{ID}</w:ReferenceProperties>"
    more += "<w:ReferenceParameters><z xmlns='urn:z'/></w:ReferenceParameters>"
    reply = contract.operations()[f"{{{ns.RP}}}GetResourcePropertyDocument"].output_action
    for body, action in ((GET, reply), (UNKNOWN, ns.WSRF_FAULT_ACTION)):
        Sender(wire, activity_id, ns.WSA04).accepted(body, to("ReplyTo", consumer.address(path), more))
        got = consumer.next(path)
        assert got.header(f"{{{ns.WSA04}}}To") == consumer.address(path)
        assert (got.header(f"{{{ns.WSA04}}}RelatesTo") or "").endswith("Request")
        assert got.header(f"{{{ns.WSA04}}}Action") == action
        assert [block.items() for block in got.envelope[0].iterchildren("{urn:x}Id", "{urn:z}z")] == [
            [("a", "b")],
            [],
        ]
        assert got.header(f"{{{ns.WSA}}}To") is None


def test_a_wait_outlives_its_connection(
    wire: Wire, consumer: Consumer, path: str, alone: Server, gates: Callable[[], Gate]
) -> None:
    """202 at once; the answer comes when it holds, whoever has hung up meanwhile."""
    gate = gates()
    activity_id = wire.create(gate.held)
    with alone.client(wire.version) as leaving:
        Sender(leaving, activity_id).accepted("<act:Wait/>", to("ReplyTo", consumer.address(path)))
    assert not consumer.has_more(path)
    gate.open()
    got = consumer.next(path)
    assert got.body.tag == f"{{{ns.ACT}}}WaitResponse"
    assert got.body.findtext(f"{{{ns.ACT}}}Phase") == "Completed"


@pytest.mark.parametrize(
    "address",
    [
        "http://8.8.8.8/",
        "http://[::ffff:169.254.169.254]/latest/meta-data",
        "http://0.0.0.0:80/",
        "http://name.invalid/",
        "http://user:password@127.0.0.1/",
        "http://127.0.0.1:99999/",
        "file:///etc/passwd",
        "mailto:somebody@example.org",
        "test:MyConsumerService",
        "/activity",
    ],
)
@pytest.mark.parametrize("name", ["ReplyTo", "FaultTo"])
def test_where_nothing_is_sent(alone: Server, name: str, address: str) -> None:
    """The request is refused up front, on its connection, and nothing is done."""
    run = str(uuid.uuid4())
    create = f"<act:CreateActivity><act:Command>true</act:Command><act:RunId>{run}</act:RunId></act:CreateActivity>"
    with alone.client(ns.S12) as wire:
        with pytest.raises(Fault) as caught:
            wire.read(Sender(wire, None).post(create, to(name, address)))
        listed = wire.call(f"<act:ListActivities><act:RunId>{run}</act:RunId></act:ListActivities>")
    fault = caught.value
    assert (fault.status, fault.code, fault.action) == (400, "Sender", ns.WSA_FAULT_ACTION)
    assert fault.subcodes == ["InvalidAddressingHeader", "InvalidAddress"]
    assert fault.envelope.findtext(f".//{{{ns.S12}}}Detail/{{{ns.WSA}}}ProblemHeaderQName") == f"wsa:{name}"
    assert len(listed) == 0
    if address.startswith("http://8"):
        assert "callbacks" in str(fault)


def test_a_message_without_an_id_cannot_be_answered_elsewhere(
    wire: Wire, activity_id: str, consumer: Consumer, path: str
) -> None:
    """The detail is where the version of SOAP has its place."""
    message = Sender(wire, activity_id).message(GET, to("ReplyTo", consumer.address(path)))
    start, end = message.index(b"<w:MessageID>"), message.index(b"</w:MessageID>") + len(b"</w:MessageID>")
    with pytest.raises(Fault) as caught:
        wire.post(message[:start] + message[end:], wire.address(activity_id))
    place = f"{{{ns.WSA}}}FaultDetail" if wire.version == ns.S11 else f"{{{ns.S12}}}Detail"
    assert caught.value.envelope.findtext(f".//{place}/{{{ns.WSA}}}ProblemHeaderQName") == "wsa:MessageID"
    assert caught.value.action == (ns.WSA_FAULT_ACTION if wire.version == ns.S11 else None)
    assert "MessageAddressingHeaderRequired" in etree.tostring(caught.value.envelope[-1]).decode()


def test_a_policy_of_the_operators(tmp_path_factory: pytest.TempPathFactory, consumer: Consumer, path: str) -> None:
    """And a server that stops gives up what is under way elsewhere."""
    config = CONFIG + '[callbacks]\ndeny = ["localhost", "https"]\n'
    with running(Server(tmp_path_factory.mktemp("data") / "server", None, config)) as server, server.client() as wire:
        sender = Sender(wire, wire.create("true"))
        with pytest.raises(Fault, match="callbacks"):
            wire.read(sender.post(GET, to("ReplyTo", consumer.address(path, "localhost"))))
        sender.accepted(GET, to("ReplyTo", consumer.address(path)))
        assert consumer.next(path).body.tag == f"{{{ns.RP}}}GetResourcePropertyDocumentResponse"
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            sender.accepted(GET, to("ReplyTo", f"http://127.0.0.1:{nobody.getsockname()[1]}/"))
            assert server.stop() == 0
        assert "Traceback" not in server.log.read_text()
        assert "was not delivered" not in server.log.read_text()
