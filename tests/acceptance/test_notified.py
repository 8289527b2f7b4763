"""What consumers and pull points get of a life that goes its way: everything, once, in order, in their version."""

from collections.abc import Iterator

import pytest
from lxml import etree

from tests.acceptance.consumers import Consumer, Received
from tests.acceptance.test_subscriptions import FILTER, POLICY, pull_point
from tests.server import Fault, Wire
from wsrf_activity.model import ns

STATUS = "act:StatusChanged"


@pytest.fixture(scope="module")
def consumer() -> Iterator[Consumer]:
    with Consumer().listening() as listening:
        yield listening


def subscribed(wire: Wire, address: str, rest: str = FILTER, *, parameters: str = "", activity_id: str = "") -> str:
    """Subscribe and return the subscription's address."""
    given = f"<wsa:ReferenceParameters>{parameters}</wsa:ReferenceParameters>" if parameters else ""
    reference = f"<wsnt:ConsumerReference><wsa:Address>{address}</wsa:Address>{given}</wsnt:ConsumerReference>"
    reply = wire.call(f"<wsnt:Subscribe>{reference}{rest}</wsnt:Subscribe>", activity_id or None)
    return reply[0].findtext(f"{{{ns.WSA}}}Address") or ""


def unsubscribe(wire: Wire, address: str) -> None:
    wire.call("<wsnt:Unsubscribe/>", url=address)


def told(messages: etree._Element) -> list[tuple[str, int]]:
    """Return the topics in a wsnt:Notify or a GetMessagesResponse, with the sequence numbers of their events."""
    found = messages.iterfind(f"{{{ns.WSNT}}}NotificationMessage/{{{ns.WSNT}}}Topic")
    return [(topic.text or "", int(topic.get(f"{{{ns.ACT}}}sequence", "0"))) for topic in found]


def until_the_end(consumer: Consumer, path: str) -> tuple[list[tuple[str, int]], Received]:
    """Return all that comes to a path until the activity has ended, and the last message."""
    topics: list[tuple[str, int]] = []
    while True:
        came = consumer.next(path)
        topics += told(came.body)
        if any(topic == f"{STATUS}/Completed" for topic, _ in topics):
            return topics, came


def test_a_consumer_hears_of_a_life(wire: Wire, consumer: Consumer) -> None:
    """In the version of who subscribed, with its reference parameters and the prefixes that their text uses."""
    path = f"/life/{wire.version[-8:]}"
    own = '<o:Id xmlns:o="urn:o" xmlns:q="urn:q">q:mine</o:Id>'
    address = subscribed(wire, consumer.address(path), parameters=own)
    activity_id = wire.create("true")
    topics, last = until_the_end(consumer, path)
    assert [topic for topic, _ in topics] == [f"{STATUS}/{phase}" for phase in ("Queued", "Executing", "Completed")]
    assert last.envelope.tag == f"{{{wire.version}}}Envelope"
    assert last.header(f"{{{ns.WSA}}}To") == consumer.address(path)
    [block] = last.envelope[0].iterfind("{urn:o}Id")
    assert (block.text, block.nsmap["q"]) == ("q:mine", "urn:q")
    producer = last.body.findtext(f".//{{{ns.WSNT}}}ProducerReference/{{{ns.WSA}}}Address")
    assert producer == wire.address(activity_id)
    assert last.body.findtext(f".//{{{ns.WSNT}}}SubscriptionReference/{{{ns.WSA}}}Address") == address
    unsubscribe(wire, address)


def test_a_raw_message_comes_by_itself(wire: Wire, consumer: Consumer) -> None:
    path = f"/raw/{wire.version[-8:]}"
    wanted = f'<wsnt:TopicExpression Dialect="{ns.TOPIC_SIMPLE}">act:ExitCode</wsnt:TopicExpression>'
    rest = f"<wsnt:Filter>{wanted}</wsnt:Filter>{POLICY.format('<wsnt:UseRaw/>')}"
    address = subscribed(wire, consumer.address(path), rest)
    wire.create("exit 3")
    came = consumer.next(path)
    assert came.body.findtext(f"{{{ns.RP}}}NewValues/{{{ns.ACT}}}ExitCode") == "3"
    [event] = came.envelope[0].iterfind(f"{{{ns.ACT}}}Event")
    assert event[0].text == "act:ExitCode"
    unsubscribe(wire, address)


def test_what_was_before_can_be_had_too(wire: Wire, consumer: Consumer) -> None:
    """From the first event on, all of them, without gaps."""
    path = f"/replay/{wire.version[-8:]}"
    activity_id = wire.create("true")
    wire.ended(activity_id)
    policy = POLICY.format("<act:FromSequence>1</act:FromSequence>")
    address = subscribed(wire, consumer.address(path), policy, activity_id=activity_id)
    topics, _ = until_the_end(consumer, path)
    numbers = list(dict.fromkeys(sequence for _, sequence in topics))
    assert numbers == list(range(1, len(numbers) + 1))
    unsubscribe(wire, address)


def beside(address: str, rest: str = "") -> str:
    """Return a wsnt:Subscribe to be sent with what is started."""
    reference = f"<wsnt:ConsumerReference><wsa:Address>{address}</wsa:Address></wsnt:ConsumerReference>"
    return f"<wsnt:Subscribe>{reference}{rest}</wsnt:Subscribe>"


def test_who_is_to_be_told_can_be_said_with_what_is_started(wire: Wire, consumer: Consumer) -> None:
    """Accepted together: all is told from the first event on, of that activity alone, and once where it is retried."""
    path = f"/beside/{wire.version[-8:]}"
    rest = f"<act:RequestId>told {wire.version[-4:]}</act:RequestId>{beside(consumer.address(path))}"
    started = wire.create("true", rest)
    assert wire.create("true", rest) == started
    topics, last = until_the_end(consumer, path)
    numbers = [sequence for _, sequence in topics]
    assert numbers[0] == 1
    assert len({*topics}) == len(topics)
    producer = last.body.findtext(f".//{{{ns.WSNT}}}ProducerReference/{{{ns.WSA}}}Address")
    assert producer == wire.address(started)
    wire.ended(wire.create("true"))
    wire.destroy(started)
    while "act:Terminated" not in [topic for topic, _ in told(consumer.next(path).body)]:
        continue
    assert not consumer.has_more(path)


def test_an_operation_of_a_service_says_so_in_its_options(wire: Wire, consumer: Consumer) -> None:
    path = f"/options/{wire.version[-8:]}"
    header = f"<act:StartOptions>{beside(consumer.address(path), FILTER)}</act:StartOptions>"
    body = '<count xmlns="urn:wsrf-activity:service:count"><what>l</what></count>'
    wire.call(body, headers=header, url=f"{wire.base}/service/count", valid=False)
    topics, _ = until_the_end(consumer, path)
    assert [topic for topic, _ in topics] == [f"{STATUS}/{phase}" for phase in ("Queued", "Executing", "Completed")]


@pytest.mark.parametrize(
    ("address", "rest", "name"),
    [
        ("mailto:ada@example.org", "", "SubscribeCreationFailedFault"),
        ("http://93.184.216.34/", "", "SubscribeCreationFailedFault"),
        (
            "http://127.0.0.1:1/",
            '<wsnt:Filter><wsnt:MessageContent Dialect="urn:x">1</wsnt:MessageContent></wsnt:Filter>',
            None,
        ),
    ],
)
def test_what_cannot_be_told_is_not_started(wire: Wire, address: str, rest: str, name: str | None) -> None:
    group = "<act:Group>untold</act:Group>"
    with pytest.raises(Fault) as refused:
        wire.create("true", group + "<act:RequestId>untold</act:RequestId>" + beside(address, rest))
    assert refused.value.code == "Sender"
    assert name in (None, refused.value.name)
    assert len(wire.call(f"<act:ListActivities>{group}</act:ListActivities>")) == 0


def test_a_pull_point_collects_what_it_is_subscribed_to(wire: Wire) -> None:
    """A long poll ends with the first message; what is told is what a consumer would be told."""
    address = pull_point(wire)
    subscribed(wire, address)
    wire.create("true")
    topics: list[tuple[str, int]] = []
    last = "0"
    while f"{STATUS}/Completed" not in [topic for topic, _ in topics]:
        content = f"<act:Timeout>PT20S</act:Timeout><act:Acknowledge>{last}</act:Acknowledge>"
        reply = wire.call(f"<wsnt:GetMessages>{content}</wsnt:GetMessages>", url=address)
        assert len(reply) > 1, "a message came"
        topics += told(reply)
        last = reply.findtext(f"{{{ns.ACT}}}Last") or ""
    assert [topic for topic, _ in topics] == [f"{STATUS}/{phase}" for phase in ("Queued", "Executing", "Completed")]
    wire.call("<wsnt:DestroyPullPoint/>", url=address)
