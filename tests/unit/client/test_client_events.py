"""Events as the client reads them from what the server writes, and the consumer that takes them, without a network."""

import hmac
from datetime import timedelta
from functools import partial
from typing import Any, Literal

import pytest
from lxml import etree

from tests.wire_validation import check_envelope
from wsrf_activity.client import events, written
from wsrf_activity.client.events import (
    ErrorReported,
    Event,
    ProgressReported,
    PropertyChanged,
    ResultAdded,
    StatusChanged,
    Terminated,
)
from wsrf_activity.client.following import _Followed
from wsrf_activity.client.inbox import Inbox
from wsrf_activity.client.listening import At
from wsrf_activity.client.references import Reference
from wsrf_activity.client.written import Subscribing
from wsrf_activity.model import changes, filters, ns
from wsrf_activity.model.activity import ActivityError, Progress, Result, Severity
from wsrf_activity.model.addresses import Addresses
from wsrf_activity.model.events import TERMINATED, Change, Logged, between, states
from wsrf_activity.model.events import Event as Row
from wsrf_activity.model.filters import Filter
from wsrf_activity.model.lifetime import Never
from wsrf_activity.model.phases import ErrorStatus, Phase, Status
from wsrf_activity.model.subscriptions import Consumer, Policy, Subscription
from wsrf_activity.notify.base import Message
from wsrf_activity.soap.notifications import Notifications
from wsrf_activity.soap.properties import topic_space
from wsrf_activity.soap.subscribing import read_policy
from wsrf_activity.testing.strategies import END, NOON, activity

WRITER = Notifications(Addresses("http://h:1"))
SECRET = "between us"
ERROR = ActivityError(time=NOON, severity=Severity.FATAL, description="broke", code="Exit")
RESULT = Result(name="result", media_type="text/plain", size=2, sha256="0f" * 32, path="r", inline=b"ok")


def a_life() -> list[Message]:
    """Return all that is told of an activity that reports, fails with a result, and is removed."""
    lives = [activity(terminates=NOON + timedelta(days=1))]
    lives.append(changes.begin(lives[-1], NOON))
    lives.append(changes.report_progress(lives[-1], Progress(12.5, "<half>")))
    lives.append(changes.end(lives[-1], Phase.FAILED, NOON, errors=(ERROR,), results=(RESULT,), exit_code=3))
    rows = [row for old, new in zip([None, *lives], lives, strict=False) for row in between(old, new, NOON)]
    logged = [Logged(100 + number, number, row) for number, row in enumerate(rows, 1)]
    gone = Row(TERMINATED, lives[0].id, "ada", 9, NOON, END)
    told = [*states(None, logged), Change(Logged(900, len(rows) + 1, gone), lives[-1], None)]
    return [message for change in told for message in WRITER.messages(change)]


def subscription(soap: Literal["1.1", "1.2"] = "1.1", policy: Policy | None = None) -> Subscription:
    reference = f'<c:R xmlns:c="{ns.WSNT}"><a:Address xmlns:a="{ns.WSA}">http://c/</a:Address></c:R>'
    return Subscription(
        id="s" * 26,
        owner="ada",
        activity_id=None,
        consumer=Consumer("http://c/", reference, soap, ns.WSA),
        policy=policy or Policy(),
        created=NOON,
        terminates=None,
    )


def inbox(most: int = 100, secret: str | None = None) -> Inbox:
    return Inbox(most, secret, clock=NOON.timestamp)


def taken(box: Inbox) -> list[Event]:
    found = []
    while (event := box.take()) is not None:
        found.append(event)
    return found


@pytest.mark.parametrize("soap", ["1.1", "1.2"])
def test_what_the_server_tells_is_what_the_client_reads(soap: Literal["1.1", "1.2"]) -> None:
    messages, box = a_life(), inbox()
    assert box.receive(WRITER.notify(subscription(soap), messages).content, None).status == 202
    told = taken(box)
    assert [(event.id, event.sequence) for event in told] == [(m.event_id, m.sequence) for m in messages]
    assert {event.activity_id for event in told} == {messages[0].activity_id}
    own = [event for event in told if not isinstance(event, PropertyChanged)]
    assert [(type(event), event.topic) for event in own] == [
        (StatusChanged, "act:StatusChanged/Queued"),
        (StatusChanged, "act:StatusChanged/Executing"),
        (ProgressReported, "act:ProgressReported"),
        (ErrorReported, "act:ErrorReported"),
        (ResultAdded, "act:ResultAdded"),
        (StatusChanged, "act:StatusChanged/Failed"),
        (Terminated, "act:Terminated"),
    ]
    assert [event.ended for event in own] == [False] * 5 + [True] * 2
    assert {event.time for event in own} == {NOON, END.time}


def test_the_content_of_events() -> None:
    box = inbox()
    box.receive(WRITER.notify(subscription(), a_life()).content, None)
    found = {event.topic: event for event in taken(box)}
    failed, begun = found["act:StatusChanged/Failed"], found["act:StatusChanged/Queued"]
    assert isinstance(failed, StatusChanged)
    assert isinstance(begun, StatusChanged)
    assert (failed.old_phase, failed.phase, failed.status) == (Phase.EXECUTING, Phase.FAILED, Status.ENDED)
    assert (failed.error_status, begun.old_phase) == (ErrorStatus.FATAL_ERRORS, None)
    progress, error, result = (found[f"act:{name}"] for name in ("ProgressReported", "ErrorReported", "ResultAdded"))
    assert isinstance(progress, ProgressReported)
    assert progress.progress == Progress(12.5, "<half>")
    assert isinstance(error, ErrorReported)
    assert error.error == ERROR
    assert isinstance(result, ResultAdded)
    assert (result.result.name, result.result.size, result.result.inline) == ("result", 2, b"ok")
    code, gone = found["act:ExitCode"], found["act:Terminated"]
    assert isinstance(code, PropertyChanged)
    assert (code.name, code.old, [element.text for element in code.new]) == ("act:ExitCode", (), ["3"])
    assert isinstance(gone, Terminated)
    assert gone.reason == END.reason


def test_raw_messages_and_those_of_others() -> None:
    box, message = inbox(), a_life()[0]
    assert box.receive(WRITER.raw(subscription(), message).content, None).status == 202
    foreign = f'<s:Envelope xmlns:s="{ns.S12}"><s:Body><o:Said xmlns:o="urn:o">so</o:Said></s:Body></s:Envelope>'
    for _ in range(2):
        assert box.receive(foreign.encode(), None).status == 202
    first, *others = taken(box)
    assert isinstance(first, StatusChanged)
    assert (first.id, first.sequence, first.topic) == (message.event_id, 1, "act:StatusChanged/Queued")
    assert [(type(each), each.id, each.topic) for each in others] == [(Event, None, "")] * 2
    assert others[0].payload is not None
    assert others[0].payload.text == "so"


def test_what_is_sent_again_is_taken_once() -> None:
    """And acknowledged each time; also where new events come with old ones."""
    box, messages = inbox(), a_life()
    for batch in (messages[:3], messages[:3], messages[1:5], messages):
        assert box.receive(WRITER.notify(subscription(), batch).content, None).status == 202
    assert [event.id for event in taken(box)] == [message.event_id for message in messages]


def test_what_is_remembered_is_bounded() -> None:
    recent = events.Recent(2)
    made = [Event(topic="", activity_id="a", id=str(number), sequence=number) for number in range(3)]
    assert [recent.is_new(made[number]) for number in (0, 1, 0, 2, 0, 1)] == [True, True, False, True, False, True]


def test_a_full_consumer_has_it_sent_again() -> None:
    box, messages = inbox(most=2), a_life()
    answers = [box.receive(WRITER.notify(subscription(), [each]).content, None).status for each in messages[:3]]
    assert answers == [202, 202, 503]
    assert box.take() is not None
    assert box.receive(WRITER.notify(subscription(), [messages[2]]).content, None).status == 202
    assert [event.id for event in taken(box)] == [message.event_id for message in messages[1:3]]
    box.close()
    assert box.receive(WRITER.notify(subscription(), [messages[3]]).content, None).status == 503


def signed(content: bytes, secret: str = SECRET, made: int = int(NOON.timestamp())) -> str:
    return f"t={made},sha256={hmac.new(secret.encode(), f'{made}.'.encode() + content, 'sha256').hexdigest()}"


def test_a_signature_is_wanted_where_there_is_a_secret() -> None:
    content = WRITER.notify(subscription(), a_life()[:1]).content
    at = int(NOON.timestamp())
    wrong = [
        None,
        "",
        "t=1,sha256=00",
        signed(content, "another"),
        signed(content + b" "),
        signed(content, made=at - 301),
        signed(content, made=at + 301),
        signed(content).replace(f"t={at}", f"t={at + 1}"),
    ]
    assert {inbox(secret=SECRET).receive(content, header).status for header in wrong} == {403}
    assert inbox(secret=SECRET).receive(content, signed(content)).status == 202
    assert inbox(secret=SECRET).receive(content, signed(content, made=at - 299)).status == 202


@pytest.mark.parametrize("soap", ["1.1", "1.2"])
def test_a_consumer_confirms(soap: Literal["1.1", "1.2"]) -> None:
    reply = inbox().receive(WRITER.verification(subscription(soap), "c<h").content, None)
    assert (reply.status, check_envelope(reply.content)) == (200, [])
    assert WRITER.confirms(reply.content, "c<h")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nonsense",
        b"<x/>",
        f'<s:Envelope xmlns:s="{ns.S11}"/>'.encode(),
        f'<s:Envelope xmlns:s="{ns.S11}"><s:Body/></s:Envelope>'.encode(),
        f'<!DOCTYPE x []><s:Envelope xmlns:s="{ns.S11}"><s:Body><x/></s:Body></s:Envelope>'.encode(),
        f'<s:Envelope xmlns:s="{ns.S11}"><s:Body><w:Notify xmlns:w="{ns.WSNT}"><w:NotificationMessage/></w:Notify>'
        "</s:Body></s:Envelope>".encode(),
    ],
)
def test_what_is_no_notification_is_refused(content: bytes) -> None:
    assert inbox().receive(content, None).status == 400


ASKED: list[Subscribing] = [
    {},
    {"topics": "StatusChanged"},
    {"topics": ["act:StatusChanged/Failed", "wsrfrl:TerminationTime", "Name"], "content": "act:Phase = 'Failed'"},
    {"topics": "*", "properties": "q:Name", "namespaces": {"q": ns.ACT}, "lifetime": timedelta(hours=1)},
    {"lifetime": Never(), "content": "*"},
    {"lifetime": NOON},
    {"raw": True, "from_sequence": 0, "latest_only": True, "verify": True, "secret": "s", "credentials": ("u", "")},
    {"at_most_every": timedelta(seconds=1.5), "credentials": "token"},
]


@pytest.mark.parametrize("wanted", ASKED, ids=str)
@pytest.mark.parametrize("ends", [False, True])
def test_what_is_asked_for_is_valid_and_understood(wanted: Subscribing, ends: bool) -> None:
    asked = written.subscribe(Reference.to("http://c/"), written.with_ends(wanted) if ends else wanted)
    sent = asked.envelope("http://h:1/activity", [])
    assert check_envelope(sent) == []
    body = etree.fromstring(sent)[-1][0]
    expressions = filters.read(body.find(f"{{{ns.WSNT}}}Filter"))
    Filter.of(expressions, topic_space())
    assert len(expressions) == sum(wanted.get(name) is not None for name in ("topics", "content", "properties"))
    policy = read_policy(body.find(f"{{{ns.WSNT}}}SubscriptionPolicy"), NOON, None)
    assert {name: getattr(policy, name) for name in ("raw", "latest_only", "verify")} == {
        name: wanted.get(name, False) for name in ("raw", "latest_only", "verify")
    }
    assert (policy.from_sequence, policy.at_most_every) == (wanted.get("from_sequence"), wanted.get("at_most_every"))
    credentials = wanted.get("credentials")
    assert policy.credentials == (("", credentials) if isinstance(credentials, str) else credentials)


def test_what_ends_an_activity_passes_every_filter() -> None:
    wanted = written.with_ends({"topics": "ProgressReported", "content": "act:Percent > 50"})
    body = written.subscribe(Reference.to("http://c/"), wanted).body
    chosen = Filter.of(filters.read(etree.fromstring(body).find(f"{{{ns.WSNT}}}Filter")), topic_space())
    nothing = filters.Document(etree.Element("x"))
    passing = []
    for message in a_life():
        payload = partial(filters.Document, message.payload)
        if chosen.passes(message.topic, payload, lambda: nothing):
            passing.append(etree.QName(message.topic[-1]).localname)
    assert passing == ["Failed", "Terminated"]


def test_where_to_begin() -> None:
    """By a sequence number; or by a version, also where what is new was told before what is old."""

    def told(sequence: int, version: int | None) -> Event:
        said: dict[str, Any] = {"topic": "", "activity_id": "a", "id": None, "sequence": sequence}
        if version is None:
            return PropertyChanged(**said, name="act:Name", old=(), new=())
        return ProgressReported(**said, progress=Progress(1.0, None), version=version)

    replayed = [told(1, 1), told(2, 2), told(2, None), told(3, 3), told(3, None), told(4, 4)]
    first = _Followed(first=3)
    assert [first.tells(event) for event in replayed] == [False, False, False, True, True, True]
    after = _Followed(after=2)
    assert after.tells(replayed[-1])
    assert [after.tells(event) for event in replayed] == [False, False, False, True, True, True]
    assert _Followed(after=9).tells(Terminated(topic="", activity_id="a", id=None, sequence=1, reason=None))


def test_where_to_listen() -> None:
    behind = At.of("https://example.org/told", "127.0.0.1:9000")
    assert (behind.host, behind.port, behind.path) == ("127.0.0.1", 9000, "/told")
    assert behind.url(9000) == "https://example.org/told"
    anywhere = At.of("http://[::1]:0", None)
    assert (anywhere.host, anywhere.port) == ("::1", 0)
    assert anywhere.url(5) == f"http://[::1]:5{anywhere.path}"
    assert len(anywhere.path) > 20
    for wrong in ("ftp://h/", "h:1", "http://h/?a", ""):
        with pytest.raises(ValueError, match="no http or https address"):
            At.of(wrong, None)
