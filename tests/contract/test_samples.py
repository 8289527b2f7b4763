"""Real messages of deployed systems, replayed against a real server: each request for an operation of ours gets a valid
answer or the right fault, and every other message the fault that says so.

They lie in the folder ``samples`` beside the official schemas. Replaced in them are the endpoint, to an activity, a
subscription or a pull point here, the topic, and the consumer.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from lxml import etree

from tests.server import Fault, Server, Wire, running
from wsrf_activity.model import ns
from wsrf_activity.model.addresses import Resource
from wsrf_activity.soap import contract

QMAN_MANY, QMAN_DESCRIPTOR = "qman-GetMultipleResourceProperties", "qman-GetResourceMetadataDescriptor"
NO_PROPERTY, SUBSCRIBED, INVALID = "InvalidResourcePropertyQNameFault", "SubscribeResponse", "InvalidBody"
CONSUMER = "http://127.0.0.1:9/consumer"  # nobody is there, which is found out when there is something to tell

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
    "qman-PauseAndResumeSubscription-SubscribeRequest-1": SUBSCRIBED,
    "smx-subscribe": SUBSCRIBED,
    "smx-subscribe-abs-itt": "UnacceptableInitialTerminationTimeFault",  # long past
    "smx-subscribe-nil-itt": SUBSCRIBED,
    "smx-subscribe-no-itt": SUBSCRIBED,
    "smx-subscribe-no-topic": SUBSCRIBED,
    "smx-subscribe-raw": SUBSCRIBED,
    "smx-subscribe-empty-itt": INVALID,
    "smx-subscribe-epr": INVALID,
    "smx-subscribe-pp": INVALID,
}

#: The same for requests to subscriptions, and to pull points; nothing is said to one that is one-way.
TO_SUBSCRIPTIONS: Mapping[str, str] = {
    "qman-PauseAndResumeSubscription-PauseSubscriptionRequest-1": "PauseSubscriptionResponse",
    "qman-PauseAndResumeSubscription-ResumeSubscriptionRequest-1": "ResumeSubscriptionResponse",
    "onvifcore-UnsubscribeRequest": "UnsubscribeResponse",
    "smx-WSN-Unsubsribe-Input": INVALID,
}
TO_PULL_POINTS: Mapping[str, str] = {"smx-pullpoint": "CreatePullPointResponse", "onvifsrv-Notify": ""}

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
    text = re.sub(
        rb"\s*http://(www\.consumer\.org/\w+|romagazzarini:8080/qman/services/consumer)[\w/]*\s*",
        CONSUMER.encode(),
        text,
    )
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


def answer(wire: Wire, file: Path, url: str) -> tuple[str, Fault | None]:
    """Return what a sample is answered with, which has to be valid, as OURS names it."""
    message, media_type = request(file, url)
    response = wire.http.post(url, content=message, headers={"content-type": media_type})
    if response.status_code == 202 and not response.content:
        return "", None
    try:
        return etree.QName(wire.read(response)[-1][0]).localname, None
    except Fault as fault:
        code = fault.envelope.findtext(f".//{{{ns.BF}}}ErrorCode")
        return (code if fault.name == "BaseFault" and code else fault.name), fault


@pytest.mark.parametrize("name", OURS)
def test_a_request_for_an_operation_of_ours(wire: Wire, activity_id: str, official_schemas: Path, name: str) -> None:
    found, fault = answer(wire, official_schemas / "samples" / f"{name}.xml", wire.address(activity_id))
    assert found == OURS[name]
    assert fault is None or fault.code == "Sender"


def made(wire: Wire, body: str, url: str) -> str:
    """Return the address of what a request has made."""
    reply = wire.call(body, url=url)
    return reply[0].findtext(f"{{{ns.WSA}}}Address") or ""


@pytest.mark.parametrize("name", TO_SUBSCRIPTIONS)
def test_a_request_to_a_subscription(wire: Wire, activity_id: str, official_schemas: Path, name: str) -> None:
    consumer = f"<wsnt:ConsumerReference><wsa:Address>{CONSUMER}</wsa:Address></wsnt:ConsumerReference>"
    url = made(wire, f"<wsnt:Subscribe>{consumer}</wsnt:Subscribe>", wire.address(activity_id))
    assert answer(wire, official_schemas / "samples" / f"{name}.xml", url)[0] == TO_SUBSCRIPTIONS[name]


@pytest.mark.parametrize("name", TO_PULL_POINTS)
def test_a_request_to_a_pull_point(wire: Wire, official_schemas: Path, name: str) -> None:
    url = made(wire, "<wsnt:CreatePullPoint/>", f"{wire.base}/pullpoint")
    assert answer(wire, official_schemas / "samples" / f"{name}.xml", url)[0] == TO_PULL_POINTS[name]


def test_every_other_message_is_refused(wire: Wire, activity_id: str, official_schemas: Path) -> None:
    """By its Action where it has one, else by its Body: operations of others, and what are no requests at all."""
    for file in sorted((official_schemas / "samples").glob("*.xml")):
        if file.stem in OURS:
            continue
        body = etree.fromstring(request(file, "urn:x")[0])[-1][0]
        assert body.tag not in contract.served(), f"{file.name} is a request for an operation of ours"
        for resource, known in ((Resource.SUBSCRIPTION, TO_SUBSCRIPTIONS), (Resource.PULL_POINT, TO_PULL_POINTS)):
            assert body.tag not in contract.served(resource) or file.stem in known, file.name
        found, fault = answer(wire, file, wire.address(activity_id))
        assert fault is not None, file.name
        refused = {found, *fault.subcodes}
        expected = {"ActionNotSupported", "NoOperation", *ODD.get(file.stem, ())}
        assert refused & expected, (file.name, refused)
        assert fault.code == "Sender"
