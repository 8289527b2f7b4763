"""The client is told what happens, through real servers: each event once and in order, whatever breaks in between."""

import asyncio
import gc
import hmac
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import islice

import httpx
import pytest

from tests.acceptance.clients import Watch, watched, watched_async
from tests.acceptance.commands import Gate
from tests.acceptance.conftest import CONFIG
from tests.server import TIMEOUT, Server, running
from wsrf_activity.client import (
    Activity,
    Consumer,
    ErrorReported,
    Event,
    InvalidMessageContentExpression,
    PropertyChanged,
    RenewalRejected,
    ResourceUnknown,
    Service,
    StatusChanged,
    SubscribeRefused,
    Terminated,
    TopicNotSupported,
    UnsupportedPolicy,
    aio,
    connect,
)
from wsrf_activity.model.phases import Phase
from wsrf_activity.model.subscriptions import Delivery

REPORT = "echo progress 10 begun >> $ACTIVITY_REPORT; echo warn careful >> $ACTIVITY_REPORT"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that is killed now and then."""
    with running(Server(tmp_path_factory.mktemp("data") / "server", None, CONFIG)) as started:
        yield started


@pytest.fixture
def watch() -> Watch:
    """What goes over the wire in a test."""
    return Watch()


@pytest.fixture
def service(server: Server, watch: Watch) -> Iterator[Service]:
    """The client, watched."""
    with watched(server, watch) as connected:
        yield connected


@pytest.fixture
async def awaited(server: Server) -> AsyncIterator[aio.Service]:
    """The client for asyncio, watched."""
    async with watched_async(server, Watch()) as connected:
        yield connected


def asked(watch: Watch) -> list[str]:
    """Return the operations that were sent."""
    return [str(envelope[-1][0].tag).rpartition("}")[2] for envelope in watch.envelopes]


def sequences(events: list[Event]) -> list[int | None]:
    return [event.sequence for event in events]


def ended(service: Service) -> Activity:
    activity = service.run("true")
    activity.wait(TIMEOUT)
    return activity


# Fetched from a pull point.


def test_all_that_happens_from_beginning_to_end(service: Service, watch: Watch) -> None:
    activity = service.run(f"{REPORT}; exit 3", name="told")
    events = list(activity.events())
    assert sequences(events) == sorted({event.sequence or 0 for event in events})
    phases = [event.phase for event in events if isinstance(event, StatusChanged)]
    assert phases == [Phase.QUEUED, Phase.EXECUTING, Phase.FAILED]
    assert [e.error.code for e in events if isinstance(e, ErrorReported)][-1] == "ExitCode"
    assert events[-1].ended
    assert {event.activity_id for event in events} == {activity.id}
    everything = list(activity.events(topics=None))
    assert [event for event in everything if not isinstance(event, PropertyChanged)] == events
    assert sequences(everything) == sorted(event.sequence or 0 for event in everything)
    assert {event.sequence for event in everything} == set(range(1, (everything[-1].sequence or 0) + 1))
    assert "wsrfrl:TerminationTime" in {event.topic for event in everything}
    assert asked(watch).count("CreatePullPoint") == asked(watch).count("DestroyPullPoint") == 2


def test_where_it_begins_and_what_passes(service: Service, gates: Callable[[], Gate]) -> None:
    gate = gates()
    activity = service.run(f"{gate.held}; true")
    activity.wait(TIMEOUT, until="Executing")
    later = activity.events(from_sequence=None)
    progress = activity.events(topics="ProgressReported", content="act:Percent > 50", from_sequence=2)
    gate.open()
    assert [event.sequence for event in later][-1] == list(activity.events())[-1].sequence
    assert [event.topic for event in progress] == ["act:StatusChanged/Completed"]
    last = list(activity.events())[-1].sequence
    assert last is not None
    assert sequences(list(activity.events(from_sequence=last))) == [last]
    assert list(activity.events(from_sequence=last + 1)) == []
    assert list(activity.events(from_sequence=None)) == []


def test_it_goes_on_until_the_record_is_gone(service: Service) -> None:
    activity = ended(service)
    with activity.events(follow=True) as events:
        until_end = [next(events) for _ in range(3)]
        activity.destroy()
        rest = list(events)
    assert isinstance(until_end[0], StatusChanged)
    assert isinstance(rest[-1], Terminated)
    with pytest.raises(ResourceUnknown):
        activity.events()


def test_several_and_all_activities(service: Service, gates: Callable[[], Gate]) -> None:
    gate = gates()
    with service.events(topics="StatusChanged") as everything:
        held = service.run(f"{gate.held}; true")
        other = ended(service)
        both = service.events(held, other, topics="StatusChanged")
        gate.open()
        told = list(both)
        seen: list[Event] = []
        while sum(event.ended for event in seen) < 2:
            seen.append(next(everything))
    assert {event.activity_id for event in told} == {held.id, other.id}
    assert sum(event.ended for event in told) == 2
    for activity in (held, other):
        of_it = [event.id for event in told if event.activity_id == activity.id]
        assert [event.id for event in seen if event.activity_id == activity.id] == of_it
    assert next(everything, None) is None


def test_who_leaves_the_loop_leaves_nothing_behind(service: Service, watch: Watch, gates: Callable[[], Gate]) -> None:
    activity = service.run(f"{gates().held}; true")
    for event in activity.events():
        assert event.sequence == 1
        break
    gc.collect()
    assert asked(watch)[-1] == "DestroyPullPoint"
    activity.destroy()


def test_events_outlive_the_server(server: Server, service: Service, gates: Callable[[], Gate]) -> None:
    """Killed while they are waited for, and again after some were fetched: none twice, none missing."""
    gate = gates()
    activity = service.run(f"{REPORT}; {gate.held}; true")
    with ThreadPoolExecutor(1) as pool:
        events = activity.events(topics=None)
        first = [next(events) for _ in range(3)]
        rest = pool.submit(list, events)
        for _ in range(2):
            server.kill()
            server.start()
        gate.open()
        told = [*first, *rest.result(TIMEOUT)]
    again = list(activity.events(topics=None))
    assert [event.id for event in told] == [event.id for event in again]
    assert told[-1].topic == again[-1].topic


class _Lossy(httpx.HTTPTransport):
    """Loses the answer to every second request that is a POST, when the server has done what was asked."""

    posts = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        self.posts += request.method == "POST"
        if request.method == "POST" and self.posts % 2:
            response.close()
            raise httpx.ReadError("lost", request=request)
        return response


def test_lost_answers_lose_no_event(server: Server, service: Service) -> None:
    activity = service.run(f"{REPORT}; true")
    activity.wait(TIMEOUT)
    with connect(data=server.data, http=httpx.Client(transport=_Lossy())) as lossy:
        told = list(lossy.activity(str(activity)).events(topics=None))
    assert [event.id for event in told] == [event.id for event in activity.events(topics=None)]


def test_what_cannot_be_asked_for(service: Service) -> None:
    activity = ended(service)
    with pytest.raises(TopicNotSupported, match="StatusChanged"):
        activity.events(topics="act:Nothing")
    with pytest.raises(InvalidMessageContentExpression):
        activity.events(content="act:Phase = ")
    with pytest.raises(SubscribeRefused):
        activity.subscribe("ftp://127.0.0.1/told")
    with pytest.raises(UnsupportedPolicy) as refused, Consumer() as consumer:
        service.subscribe(consumer, from_sequence=1)
    assert refused.value.policies == ("FromSequence",)


# Sent to a consumer.


@pytest.mark.parametrize("raw", [False, True])
def test_a_consumer_is_told(service: Service, raw: bool) -> None:
    """After it has confirmed, with signed messages, from all subscriptions."""
    activity = ended(service)
    with Consumer(secret="between us") as consumer:
        subscription = activity.subscribe(consumer, from_sequence=1, verify=True, raw=raw)
        expected = list(activity.events(topics=None))
        told = list(islice(consumer.events(TIMEOUT), len(expected)))
        assert [event.id for event in told] == [event.id for event in expected]
        assert [event.topic for event in told] == [event.topic for event in expected]
        assert subscription.properties.confirmed
        subscription.unsubscribe()
        assert consumer.next(0.0) is None
    assert list(consumer.events()) == []


def test_a_consumer_that_is_slow_gets_all(service: Service) -> None:
    """Its queue is full most of the time, so that most messages have to be sent again."""
    activity = ended(service)
    with Consumer(most=3) as consumer:
        activity.subscribe(consumer, from_sequence=1, raw=True, topics="StatusChanged|ResultAdded")
        expected = list(activity.events(topics="StatusChanged|ResultAdded"))
        told = list(islice(consumer.events(TIMEOUT), len(expected)))
    assert [event.id for event in told] == [event.id for event in expected]


def test_a_subscription_lives_its_life(service: Service, gates: Callable[[], Gate]) -> None:
    gate = gates()
    activity = service.run(f"{gate.held}; true")
    with Consumer() as consumer:
        made = activity.subscribe(consumer, topics="StatusChanged/Completed", lifetime=timedelta(hours=1))
        subscription = service.subscription(str(made))
        assert (subscription.id, subscription.address) == (made.id, made.address)
        began = subscription.properties
        assert (began.activity_id, began.consumer.address) == (activity.id, consumer.address)
        assert (began.delivery, began.paused, began.failures) == (Delivery.ACTIVE, False, 0)
        assert began.terminates == made.terminates
        subscription.pause()
        assert subscription.properties.paused
        gate.open()
        activity.wait(TIMEOUT)
        assert consumer.next(0.2) is None
        subscription.resume()
        event = consumer.next(TIMEOUT)
        assert isinstance(event, StatusChanged)
        assert event.phase is Phase.COMPLETED
        renewed = subscription.renew(datetime.now(UTC) + timedelta(hours=3))
        assert renewed is not None
        assert began.terminates is not None
        assert renewed > began.terminates + timedelta(hours=1)
        with pytest.raises(RenewalRejected) as rejected:
            subscription.renew(timedelta(days=10_000))
        assert rejected.value.maximum is not None
        subscription.unsubscribe()
    with pytest.raises(ResourceUnknown):
        subscription.unsubscribe()
    with pytest.raises(ResourceUnknown):
        subscription.pause()


def test_what_else_comes_to_a_consumer() -> None:
    """It answers whoever calls; only what is signed, and sent to its path, is taken."""
    body = b"<x/>"
    with Consumer(secret="s") as consumer, httpx.Client(trust_env=False) as http:
        now = int(time.time())
        sign = hmac.new(b"s", f"{now}.".encode() + body, "sha256").hexdigest()
        signed = {"X-WSRF-Activity-Signature": f"t={now},sha256={sign}"}
        assert http.get(consumer.address).status_code == 405
        elsewhere = http.post(f"{consumer.address}x", content=body, headers=signed)
        assert elsewhere.status_code == 404
        assert elsewhere.headers["connection"] == "close"  # what it does not read would be taken for the next request
        assert http.post(consumer.address, content=body).status_code == 403
        assert http.post(consumer.address, content=body, headers=signed).status_code == 400
        chunks = iter([body[:2], body[2:]])
        assert http.post(consumer.address, content=chunks, headers=signed).status_code == 400
        large = http.post(consumer.address, content=bytes(17 << 20))
        assert large.status_code == 413
        with pytest.raises(OSError, match="in use"), Consumer(consumer.address):
            pass
    with pytest.raises(httpx.ConnectError):
        httpx.post(consumer.address, trust_env=False)


# The same with asyncio.


async def test_events_are_awaited(awaited: aio.Service) -> None:
    activity = await awaited.run(f"{REPORT}; true")
    events = [event async for event in activity.events()]
    assert events[-1].ended
    async with activity.events(topics="StatusChanged") as some:
        async for event in some:
            assert event.sequence == 1
            break
        assert [event.topic async for event in some] == ["act:StatusChanged/Executing", "act:StatusChanged/Completed"]
    async with aio.Consumer(secret="s") as consumer:
        subscription = await activity.subscribe(consumer, from_sequence=1, topics="StatusChanged", verify=True)
        told = [event async for event in consumer.events(2.0)]
        assert [event.topic for event in told] == [e.topic for e in events if isinstance(e, StatusChanged)]
        assert (await subscription.properties).delivered in (0, 3)
        assert await awaited.subscription(str(subscription)).renew(timedelta(hours=1)) is not None
    assert [event async for event in consumer.events()] == []


async def test_many_follow_many(awaited: aio.Service) -> None:
    async with awaited.events(topics="StatusChanged") as everything:
        activities = [await awaited.run("true") for _ in range(5)]

        async def last(activity: aio.Activity) -> Event:
            return [event async for event in activity.events()][-1]

        ends = await asyncio.gather(*map(last, activities))
        over: set[str | None] = set()
        while len(over) < len(activities):
            event = await everything.next()
            assert event is not None
            over |= {event.activity_id} if event.ended else set()
    assert {event.activity_id for event in ends} == over


async def test_a_loop_that_is_left_is_cleaned_up(server: Server) -> None:
    watch = Watch()
    async with watched_async(server, watch) as service:
        activity = await service.run("true")
        async for _ in activity.events():
            break
        gc.collect()
        for _ in range(500):
            if asked(watch)[-1] == "DestroyPullPoint":
                break
            await asyncio.sleep(0.01)
        assert asked(watch)[-1] == "DestroyPullPoint"
