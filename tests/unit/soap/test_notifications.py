"""Notifications: valid whatever they tell, in the consumer's version, written once for all."""

import itertools
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Literal, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from tests.wire_validation import check_envelope
from wsrf_activity.model import changes, ns, topics
from wsrf_activity.model.activity import Activity, ActivityError, Progress, Result, Severity
from wsrf_activity.model.addresses import Addresses
from wsrf_activity.model.errors import NoCurrentMessage
from wsrf_activity.model.events import TERMINATED, Change, Event, Logged, between, states
from wsrf_activity.model.phases import Phase
from wsrf_activity.model.subscriptions import Consumer, Subscription
from wsrf_activity.model.topics import UNPUBLISHED
from wsrf_activity.notify.base import Envelope, Message
from wsrf_activity.soap import contract
from wsrf_activity.soap.event_messages import SOURCES
from wsrf_activity.soap.event_messages import _values as written_values
from wsrf_activity.soap.notifications import Notifications
from wsrf_activity.soap.properties import CONSTANT, PROPERTIES, View, topic_space
from wsrf_activity.testing.strategies import END, NOON, activities, activity

ADDRESSES = Addresses("http://h:1/a&b")
NAMES = {"act": ns.ACT, "wsnt": ns.WSNT, "wsa": ns.WSA, "w04": ns.WSA04, "rp": ns.RP, "rl": ns.RL, "o": "urn:o"}
REFERENCE = f"""<wsnt:ConsumerReference xmlns:wsnt="{ns.WSNT}" xmlns:wsa="{ns.WSA}" xmlns:q="urn:q">
  <wsa:Address>http://c/?a=1&amp;b=2</wsa:Address>
  <wsa:ReferenceParameters><o:Id xmlns:o="urn:o">q:name</o:Id></wsa:ReferenceParameters></wsnt:ConsumerReference>"""


@pytest.fixture
def notifications() -> Notifications:
    return Notifications(ADDRESSES)


def subscription(soap: Literal["1.1", "1.2"] = "1.2", addressing: str = ns.WSA) -> Subscription:

    consumer = Consumer("http://c/?a=1&b=2", REFERENCE, soap, addressing)
    return Subscription(id="s" * 26, owner="ada", activity_id=None, consumer=consumer, created=NOON, terminates=None)


def history(*versions: Activity) -> list[Change]:
    events = list(between(None, versions[0], NOON))
    for old, new in itertools.pairwise(versions):
        events += between(old, new, NOON)
    return list(states(None, [Logged(100 + number, number, event) for number, event in enumerate(events, 1)]))


def a_life() -> list[Change]:
    """Return the changes of an activity that reports, warns and ends with a result, and is removed."""
    queued = activity(terminates=NOON + timedelta(days=1))
    running = changes.begin(queued, NOON)
    told = changes.report_progress(running, Progress(12.5, "<half>"))
    warned = changes.warn(told, NOON, "careful")
    result = Result(name="result", media_type="text/plain", size=2, sha256="0f" * 32, path="r", inline=b"ok")
    error = ActivityError(time=NOON, severity=Severity.FATAL, description="broke", code="Exit")
    ended = changes.end(warned, Phase.FAILED, NOON, errors=(error,), results=(result,), exit_code=3)
    life = history(queued, running, told, warned, ended)
    gone = Event(TERMINATED, queued.id, "ada", ended.version + 1, NOON, END)
    return [*life, Change(Logged(900, len(life) + 1, gone), ended, None)]


def told(notifications: Notifications, life: list[Change]) -> list[Message]:
    return [message for change in life for message in notifications.messages(change)]


def parsed(envelope: Envelope) -> etree._Element:
    assert check_envelope(envelope.content) == []
    return etree.fromstring(envelope.content)


def test_a_life_is_told_in_order(notifications: Notifications) -> None:
    messages = told(notifications, a_life())
    own = [topics.format_topic(message.topic) for message in messages if "." not in message.event_id]
    assert own == [
        "act:StatusChanged/Queued",
        "act:StatusChanged/Executing",
        "act:ProgressReported",
        "act:ErrorReported",
        "act:ErrorReported",
        "act:ResultAdded",
        "act:StatusChanged/Failed",
        "act:Terminated",
    ]
    of_end = {topics.format_topic(m.topic) for m in messages if m.event_id.startswith("107.")}
    assert {"act:Status", "act:Phase", "act:Error", "act:ExitCode", "act:Result", "wsrfrl:TerminationTime"} <= of_end
    assert all(message.topic in topic_space().topics for message in messages)
    assert len({message.event_id for message in messages}) == len(messages)
    assert [m.sequence for m in messages] == sorted(m.sequence for m in messages)


class Seen:
    """An activity that notes which of its fields are looked at."""

    def __init__(self, shown: Activity) -> None:
        self.shown = shown
        self.fields: set[str] = set()

    def __getattr__(self, name: str) -> object:
        computed = getattr(Activity, name, None)
        if isinstance(computed, property):
            assert computed.fget is not None
            return computed.fget(self)
        self.fields.add(name)
        return getattr(self.shown, name)


@given(activities())
def test_properties_are_made_of_what_is_compared(shown: Activity) -> None:
    """Where no source of a property has changed, nobody looks at it."""
    for name, values in PROPERTIES.items():
        seen = Seen(shown)
        list(values(View(cast(Activity, seen), NOON, ADDRESSES)))
        assert name in UNPUBLISHED or seen.fields <= set(SOURCES.get(name, ())), name


@given(activities())
def test_values_are_told_as_the_document_has_them(shown: Activity) -> None:
    view = View(shown, NOON, ADDRESSES)
    for name in SOURCES:
        written = etree.fromstring(b"<values>" + written_values(name, view) + b"</values>")
        assert list(map(canonical, written)) == list(map(canonical, PROPERTIES[name](view))), name


def canonical(element: etree._Element) -> bytes:
    return etree.tostring(element, method="c14n", exclusive=True)


def test_every_property_that_is_published_has_its_sources() -> None:
    assert SOURCES.keys() == PROPERTIES.keys() - UNPUBLISHED - CONSTANT


def test_a_status_change_says_what_was_and_what_is(notifications: Notifications) -> None:
    [last] = [m.payload for m in told(notifications, a_life()) if m.topic[-1] == "Failed"]
    found = {etree.QName(child).localname: child.text for child in last}
    assert (found["OldPhase"], found["Phase"], found["Status"]) == ("Executing", "Failed", "Ended")
    assert found["ErrorStatus"] == "FatalErrors"


def test_a_property_change_has_both_values(notifications: Notifications) -> None:
    """Nil where there is none: the schema has no empty ones."""
    messages = told(notifications, a_life())
    [exit_code] = [m.payload for m in messages if m.topic == (f"{{{ns.ACT}}}ExitCode",)]
    assert exit_code.xpath("rp:OldValues/@*[. = 'true']", namespaces=NAMES)
    assert exit_code.xpath("string(rp:NewValues/act:ExitCode)", namespaces=NAMES) == "3"
    before = changes.report_progress(changes.begin(activity(), NOON), Progress(1.0, None))
    lost = ActivityError(time=NOON, severity=Severity.FATAL, description="lost")
    messages = told(Notifications(ADDRESSES), history(before, changes.run_again(before, NOON, lost))[-1:])
    [progress] = [m.payload for m in messages if m.topic == (f"{{{ns.ACT}}}Progress",)]
    assert progress.xpath("string(rp:OldValues/act:Progress/act:Percent)", namespaces=NAMES) == "1"
    assert progress.xpath("rp:NewValues/@*[. = 'true']", namespaces=NAMES)


@pytest.mark.parametrize("soap", ["1.1", "1.2"])
@pytest.mark.parametrize("addressing", [ns.WSA, ns.WSA04])
def test_a_notify_is_in_the_consumers_versions(
    notifications: Notifications, soap: Literal["1.1", "1.2"], addressing: str
) -> None:
    """All that queued up is in one, and its reference parameters come back as headers with what their text means."""
    messages = told(notifications, a_life())
    sent = notifications.notify(subscription(soap, addressing), messages)
    root = parsed(sent)
    assert root.tag == f"{{{ns.S11 if soap == '1.1' else ns.S12}}}Envelope"
    header = {block.tag: block for block in root[0]}
    assert header[f"{{{addressing}}}To"].text == "http://c/?a=1&b=2"
    action = header[f"{{{addressing}}}Action"].text or ""
    assert action.endswith("/bw-2/NotificationConsumer/Notify")
    assert action in "".join(sent.headers.values())
    parameter = header["{urn:o}Id"]
    assert (parameter.text, parameter.nsmap["q"]) == ("q:name", "urn:q")
    marked = f"{{{ns.WSA}}}IsReferenceParameter" in parameter.attrib
    assert marked is (addressing == ns.WSA)
    assert len(root[1][0]) == len(messages)


def test_a_notification_message_names_all_that_it_comes_from(notifications: Notifications) -> None:
    [*_, last] = told(notifications, a_life())
    holder = etree.fromstring(notifications.pulled(subscription(), last))
    assert contract.violations(holder) == []
    text = etree.XPath("string(wsnt:SubscriptionReference/wsa:Address)", namespaces=NAMES)
    assert text(holder) == f"http://h:1/a&b/subscription/{'s' * 26}"
    producer = etree.XPath("string(wsnt:ProducerReference/wsa:ReferenceParameters/*)", namespaces=NAMES)
    assert producer(holder) == last.activity_id
    [topic] = holder.iterfind("wsnt:Topic", NAMES)
    assert topics.parse_topic(topic.text or "", {str(k): v for k, v in topic.nsmap.items()}) == last.topic
    assert topic.get(f"{{{ns.ACT}}}eventId") == "900"
    assert topic.get(f"{{{ns.ACT}}}sequence") == str(last.sequence)
    assert holder.find("wsnt:Message/rl:TerminationNotification", NAMES) is not None


def test_a_raw_message_has_its_event_in_a_header(notifications: Notifications) -> None:
    for message in told(notifications, a_life()):
        root = parsed(notifications.raw(subscription(), message))
        assert root[1][0].tag == message.payload.tag
        [event] = root[0].iterfind("act:Event", NAMES)
        assert (event.get("eventId"), event.get("sequence")) == (message.event_id, str(message.sequence))
        assert event[0].text == topics.format_topic(message.topic)
        assert event.findtext("wsnt:ProducerReference/wsa:Address", None, NAMES) == ADDRESSES.activity(
            message.activity_id
        )
        name = etree.QName(message.payload)
        assert (root[0].findtext("wsa:Action", None, NAMES) or "").endswith(f"{name.localname}")


def test_messages_are_made_once_for_all(notifications: Notifications) -> None:
    """And forgotten when others have been asked for since; ids that come again are no trap."""
    change = a_life()[0]
    assert notifications.messages(change) is notifications.messages(change)
    assert notifications.document(change) is notifications.document(change)
    event = replace(change.logged.event, activity_id="another")
    other = replace(change, logged=replace(change.logged, event=event))
    assert notifications.messages(other)[0].activity_id == "another"
    small = Notifications(ADDRESSES, kept=1)
    first = small.messages(change)
    small.messages(other)
    assert small.messages(change) is not first


def test_the_document_is_that_of_the_moment(notifications: Notifications) -> None:
    phases = [notifications.document(change).findtext("act:Phase", None, NAMES) for change in a_life()]
    assert phases == ["Queued", *["Executing"] * 3, *["Failed"] * 4]
    assert all(contract.violations(notifications.document(change)) == [] for change in a_life())


def wanted(text: str) -> topics.TopicExpression:
    return topics.parse(ns.TOPIC_CONCRETE, text, {"act": ns.ACT}, topic_space())


async def test_the_current_message_is_the_last_on_a_topic(notifications: Notifications) -> None:
    async def life() -> AsyncIterator[Sequence[Change]]:
        yield a_life()[:3]
        yield a_life()[3:-1]

    changed = await notifications.current(life(), wanted("act:StatusChanged"))
    assert changed.findtext("act:Phase", None, NAMES) == "Failed"
    assert (await notifications.current(life(), wanted("act:Phase"))).tag.endswith("ValueChangeNotification")
    with pytest.raises(NoCurrentMessage):
        await notifications.current(life(), wanted("act:Terminated"))


def test_a_consumer_confirms_by_the_same_challenge(notifications: Notifications) -> None:
    sent = notifications.verification(subscription("1.1"), "c<1>")
    assert parsed(sent)[1][0].findtext("act:Challenge", None, NAMES) == "c<1>"

    def answer(body: str) -> bytes:
        return f'<e:Envelope xmlns:e="{ns.S11}" xmlns="{ns.ACT}"><e:Body>{body}</e:Body></e:Envelope>'.encode()

    right = "<VerifyConsumerResponse><Challenge>c&lt;1&gt;</Challenge></VerifyConsumerResponse>"
    assert notifications.confirms(answer(right), "c<1>")
    for wrong in (answer(right)[:-3], b"", b"<html/>", answer(""), answer(right * 2), answer(right.replace("1", "2"))):
        assert not notifications.confirms(wrong, "c<1>")


@given(activities(id="a" * 26), activities(id="a" * 26), st.sampled_from(["1.1", "1.2"]))
def test_whatever_changes_is_told_validly(old: Activity, new: Activity, soap: Literal["1.1", "1.2"]) -> None:
    notifications = Notifications(ADDRESSES)
    messages = told(notifications, history(replace(old, version=1), replace(new, version=2)))
    if messages:
        parsed(notifications.notify(subscription(soap), messages))
