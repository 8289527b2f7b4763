"""Real messages of deployed systems, replayed against a real server: each request for an operation of ours gets a valid
answer or the right fault, and every other message the fault that says so.

They lie in the folder ``samples`` beside the official schemas. Replaced in them are the endpoint, to an activity here,
and the topic.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from lxml import etree

from tests.server import Fault, Server, Wire, running
from wsrf_activity.model import ns
from wsrf_activity.soap import contract

QMAN_MANY, QMAN_DESCRIPTOR = "qman-GetMultipleResourceProperties", "qman-GetResourceMetadataDescriptor"
NO_PROPERTY, NO_TOPICS, INVALID = "InvalidResourcePropertyQNameFault", "SubscribeCreationFailedFault", "InvalidBody"

#: What each request for an operation of ours is answered with: an element, or the ErrorCode of a fault without its own.
#: QMan's properties are none of ours; what is invalid is so by the official schemas, too.
OURS: Mapping[str, str] = {
    "arc-wsrpSpec-GetResourcePropertyDocumentRequest": "GetResourcePropertyDocumentResponse",
    "qman-GetResourcePropertyDocument-GetResourcePropertyDocumentRequest-1": "GetResourcePropertyDocumentResponse",
    f"{QMAN_MANY}-GetMultipleResourcePropertiesRequest-1": NO_PROPERTY,
    f"{QMAN_MANY}-GetResourcePropertyRequest-1": NO_PROPERTY,
    "qman-GetQManResourceMembers-GetResourcePropertyRequest-2": NO_PROPERTY,
    f"{QMAN_DESCRIPTOR}-GetResourcePropertyRequest-3": NO_PROPERTY,
    "qman-SetResourcePropertiesRequest-SetResourcePropertiesRequest-1": NO_PROPERTY,
    "qman-SetResourcePropertiesRequest-SetResourcePropertiesRequest-2": NO_PROPERTY,
    f"{QMAN_MANY}-GetMetadata-1": "Metadata",
    f"{QMAN_DESCRIPTOR}-GetMetadata-2": "Metadata",
    "qman-SetResourcePropertiesRequest-GetMetadata-3": "Metadata",
    "qman-PauseAndResumeSubscription-SubscribeRequest-1": NO_TOPICS,
    "smx-subscribe": NO_TOPICS,
    "smx-subscribe-abs-itt": NO_TOPICS,
    "smx-subscribe-nil-itt": NO_TOPICS,
    "smx-subscribe-no-itt": NO_TOPICS,
    "smx-subscribe-no-topic": NO_TOPICS,
    "smx-subscribe-raw": NO_TOPICS,
    "smx-subscribe-empty-itt": INVALID,
    "smx-subscribe-epr": INVALID,
    "smx-subscribe-pp": INVALID,
}

#: What is wrong with others before it matters what they ask for.
ODD: Mapping[str, tuple[str, ...]] = {
    "onvifsrv-Fault": ("InvalidAddressingHeader",),  # a MessageID in quotation marks
    "smx-addressing-request": ("MessageAddressingHeaderRequired",),  # no Action
}


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    with running(Server(tmp_path_factory.mktemp("data") / "server")) as server, server.client() as client:
        yield client


@pytest.fixture(scope="module")
def activity_id(wire: Wire) -> str:
    found = wire.create("true")
    wire.ended(found)
    return found


def request(file: Path, endpoint: str) -> tuple[bytes, str]:
    """Return a sample as a message to an endpoint, and its content type; a payload alone gets an envelope around it."""
    text = file.read_bytes().replace(b"http://www.producer.org", ns.ACT.encode())
    text = text.replace(b"npex:SomeTopic", b"npex:StatusChanged").replace(b"myTopic", b"npex:StatusChanged")
    root = etree.fromstring(text)
    if etree.QName(root).localname != "Envelope":
        envelope = etree.Element(f"{{{ns.S11}}}Envelope")
        etree.SubElement(envelope, f"{{{ns.S11}}}Body").append(root)
        root = envelope
    for to in root.iterfind(f"{{*}}Header/{{{ns.WSA}}}To"):
        to.text = endpoint
    media_type = "text/xml" if etree.QName(root).namespace == ns.S11 else "application/soap+xml"
    return etree.tostring(root), media_type


def answer(wire: Wire, file: Path, activity_id: str) -> tuple[str, Fault | None]:
    """Return what a sample is answered with, which has to be valid, as OURS names it."""
    url = wire.address(activity_id)
    message, media_type = request(file, url)
    response = wire.http.post(url, content=message, headers={"content-type": media_type})
    try:
        return etree.QName(wire.read(response)[-1][0]).localname, None
    except Fault as fault:
        code = fault.envelope.findtext(f".//{{{ns.BF}}}ErrorCode")
        return (code if fault.name == "BaseFault" and code else fault.name), fault


@pytest.mark.parametrize("name", OURS)
def test_a_request_for_an_operation_of_ours(wire: Wire, activity_id: str, official_schemas: Path, name: str) -> None:
    found, fault = answer(wire, official_schemas / "samples" / f"{name}.xml", activity_id)
    assert found == OURS[name]
    assert fault is None or fault.code == "Sender"


def test_every_other_message_is_refused(wire: Wire, activity_id: str, official_schemas: Path) -> None:
    """By its Action where it has one, else by its Body: operations of others, and what are no requests at all."""
    for file in sorted((official_schemas / "samples").glob("*.xml")):
        if file.stem in OURS:
            continue
        body = etree.fromstring(request(file, "urn:x")[0])[-1][0]
        assert body.tag not in contract.served(), f"{file.name} is a request for an operation of ours"
        found, fault = answer(wire, file, activity_id)
        assert fault is not None, file.name
        refused = {found, *fault.subcodes}
        expected = {"ActionNotSupported", "NoOperation", *ODD.get(file.stem, ())}
        assert refused & expected, (file.name, refused)
        assert fault.code == "Sender"
