"""Subscriptions, the log that they read, and pull points, on both databases; nobody delivers anything yet."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, insert, select, text

from tests.integration.house import ADA, BOB, House, until
from tests.integration.statements import connection, statements
from wsrf_activity.manager import Limits
from wsrf_activity.manager.eventlog import replay
from wsrf_activity.manager.telling import Telling
from wsrf_activity.model import changes, ns
from wsrf_activity.model.errors import (
    InitialTerminationTimeRejected,
    NoSuchActivity,
    NoSuchPullPoint,
    NoSuchSubscription,
    RenewalRejected,
    SubscribeRefused,
    TooBusy,
    TopicNotSupported,
    UnsupportedPolicy,
)
from wsrf_activity.model.events import Change, Event
from wsrf_activity.model.identity import Principal
from wsrf_activity.model.lifetime import Never
from wsrf_activity.model.subscriptions import Consumer, Delivery, Expression, Kind, Policy, Pulled, SubscribeRequest
from wsrf_activity.store import codec, tables
from wsrf_activity.store.subscriptions import Subscriptions
from wsrf_activity.testing.strategies import END, NOON

HOUR = timedelta(hours=1)
CONSUMER = Consumer("http://127.0.0.1:9/told", "<wsa:EndpointReference/>", "1.2", ns.WSA)


def asked(**said: Any) -> SubscribeRequest:
    return SubscribeRequest(**{"consumer": CONSUMER, **said})


@pytest.fixture
async def house(database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    house = House(database_url, tmp_path / "data", limits=Limits(parallel=1, subscriptions=3, pull_points=2))
    await house.open()
    yield house
    await house.close()


async def read(telling: Telling, subscription_id: str) -> list[Change]:
    """Return all that a subscription is owed, and note that it has been told."""
    [subscription] = await telling.subscriptions([subscription_id])
    reader = telling.reader(subscription)
    told: list[Change] = []
    while changes_ := await reader.next(2):
        told += changes_
    if subscription.activity_id is None and told:
        await until(lambda: _settled(telling, subscription.owner, told[-1].logged.id))
    await telling.delivered(subscription_id, reader.position, len(told))
    return told


def topics(told: list[Change]) -> list[str]:
    return [change.logged.event.topic for change in told if change.logged.event.topic]


class TestSubscribe:
    async def test_what_follows_is_owed_and_not_what_was(self, house: House) -> None:
        activity_id = await house.running()
        await until(lambda: _noted(house, activity_id))
        made = await house.manager.subscriptions.subscribe(ADA, asked(), activity_id)
        assert await read(house.manager.telling, made.id) == []
        house.engine.finish(activity_id)
        await house.wait(activity_id)
        told = await read(house.manager.telling, made.id)
        assert topics(told)[-1] == "StatusChanged/Completed"
        assert [change.logged.sequence for change in told] == list(
            range(told[0].logged.sequence, told[-1].logged.sequence + 1)
        )
        assert told[-1].old is not None
        assert told[-1].new is not None
        assert (told[-1].old.phase, told[-1].new.phase) == ("Executing", "Completed")

    async def test_from_the_beginning(self, house: House) -> None:
        activity_id = await house.running()
        await until(lambda: _noted(house, activity_id))
        policy = Policy(from_sequence=1)
        made = await house.manager.subscriptions.subscribe(ADA, asked(policy=policy), activity_id)
        told = await read(house.manager.telling, made.id)
        assert [change.logged.sequence for change in told] == list(range(1, len(told) + 1))
        assert topics(told)[:2] == ["StatusChanged/Queued", "StatusChanged/Executing"]
        later = await house.manager.subscriptions.subscribe(ADA, asked(policy=Policy(from_sequence=2)), activity_id)
        assert await read(house.manager.telling, later.id) == told[1:]

    async def test_what_cannot_be(self, house: House) -> None:
        subscriptions = house.manager.subscriptions
        activity_id = await house.create()
        with pytest.raises(NoSuchActivity):
            await subscriptions.subscribe(BOB, asked(), activity_id)
        with pytest.raises(SubscribeRefused, match="nobody is called"):
            await subscriptions.subscribe(ADA, asked(consumer=replace(CONSUMER, address="http://refused/")), None)
        with pytest.raises(SubscribeRefused, match="no such pull point"):
            await subscriptions.subscribe(ADA, asked(pull_point="none"), None)
        with pytest.raises(UnsupportedPolicy):
            await subscriptions.subscribe(ADA, asked(policy=Policy(from_sequence=1)), None)
        with pytest.raises(InitialTerminationTimeRejected):
            await subscriptions.subscribe(ADA, asked(lifetime=NOON), None)
        wrong = Expression(Kind.TOPIC, ns.TOPIC_SIMPLE, "act:Nothing", {"act": ns.ACT})
        with pytest.raises(TopicNotSupported):
            await subscriptions.subscribe(ADA, asked(filter=(wrong,)), None)
        made = [await subscriptions.subscribe(ADA, asked(), None) for _ in range(3)]
        with pytest.raises(SubscribeRefused, match="at most 3"):
            await subscriptions.subscribe(ADA, asked(), None)
        await subscriptions.unsubscribe(ADA, made[0].id)
        await subscriptions.subscribe(ADA, asked(), None)


class TestManagement:
    async def test_a_subscription_is_its_owners(self, house: House) -> None:
        subscriptions = house.manager.subscriptions
        filter_ = (Expression(Kind.MESSAGE_CONTENT, ns.XPATH10, "act:Phase", {"act": ns.ACT}),)
        policy = Policy(raw=True, at_most_every=HOUR, secret="s", credentials=("ada", "p"))
        made = await subscriptions.subscribe(ADA, asked(filter=filter_, policy=policy, lifetime=HOUR), None)
        assert made.terminates == NOON + HOUR
        await house.restart()
        subscriptions = house.manager.subscriptions
        assert await subscriptions.get(ADA, made.id) == made
        for action in (subscriptions.get, subscriptions.pause, subscriptions.resume, subscriptions.unsubscribe):
            with pytest.raises(NoSuchSubscription):
                await action(BOB, made.id)
        renewed, now = await subscriptions.renew(ADA, made.id, 2 * HOUR)
        assert (renewed.terminates, now) == (NOON + 2 * HOUR, NOON)
        with pytest.raises(RenewalRejected):
            await subscriptions.renew(ADA, made.id, Never())
        assert (await subscriptions.pause(ADA, made.id)).paused
        assert not (await subscriptions.resume(ADA, made.id)).paused
        assert (await subscriptions.set_termination(ADA, made.id, HOUR))[0].terminates == NOON + HOUR
        house.now += HOUR
        with pytest.raises(NoSuchSubscription):
            await subscriptions.get(ADA, made.id)
        await house.manager.remover.reap(house.now)
        assert await house.manager.telling.subscriptions() == []

    async def test_what_was_given_up_begins_anew(self, house: House) -> None:
        made = await house.manager.subscriptions.subscribe(ADA, asked(), None)
        dead = replace(made, delivery=Delivery.DEAD_LETTER, failures=9, failing_since=NOON, last_error="it is away")
        await house.manager.telling.failed(dead)
        assert await house.manager.subscriptions.get(ADA, made.id) == dead
        resumed = await house.manager.subscriptions.resume(ADA, made.id)
        assert resumed == replace(made, last_error="it is away")


class TestTheLog:
    async def test_positions_outlive_a_restart(self, house: House) -> None:
        made = await house.manager.subscriptions.subscribe(ADA, asked(), None)
        first = await house.create()
        told = await read(house.manager.telling, made.id)
        assert {change.logged.event.activity_id for change in told} == {first}
        await house.restart()
        [kept] = await house.manager.telling.subscriptions()
        assert kept.delivered == len(told)
        again = [c for c in await read(house.manager.telling, made.id) if c in told]
        assert again == []

    async def test_an_end_is_told_once_and_then_all_is_forgotten(self, house: House) -> None:
        activity_id, other = await house.running(), await house.create()
        one = await house.manager.subscriptions.subscribe(ADA, asked(), activity_id)
        all_ = await house.manager.subscriptions.subscribe(ADA, asked(), None)
        for each in (activity_id, other):
            await house.manager.destroy(ADA, each)
        [*_, last] = await read(house.manager.telling, one.id)
        assert (last.logged.event.topic, last.new) == ("Terminated", None)
        assert last.logged.event.payload is not None
        told = await read(house.manager.telling, all_.id)
        assert topics(told).count("Terminated") == 2
        assert await _rows(house) != []
        await house.manager.telling.finished(one.id)
        await until(lambda: _forgotten(house))

    async def test_nobody_is_owed_what_nobody_asked_for(self, house: House) -> None:
        await house.manager.subscriptions.subscribe(BOB, asked(), None)
        activity_id = await house.create()
        await house.manager.destroy(ADA, activity_id)
        assert await _rows(house) == []

    async def test_unsubscribing_forgets_too(self, house: House) -> None:
        activity_id = await house.create()
        made = await house.manager.subscriptions.subscribe(ADA, asked(), activity_id)
        await house.manager.destroy(ADA, activity_id)
        assert await _rows(house) != []
        await house.manager.subscriptions.unsubscribe(ADA, made.id)
        assert await _rows(house) == []

    @pytest.mark.parametrize("first", ["the late one has", "the early one has"])
    async def test_a_lower_id_may_be_committed_later(self, house: House, database_url: str, first: str) -> None:
        """As it happens on PostgreSQL, whoever has the lower number of a transaction. Neither is it missed, nor does
        the position go beyond it.
        """
        if database_url.startswith("sqlite"):
            pytest.skip("SQLite has one writer")
        made = await house.manager.subscriptions.subscribe(ADA, asked(), None)
        slow = await house.running()
        await until(lambda: _noted(house, slow))
        quick = await house.create()  # it waits for its slot, so that nothing more happens
        await read(house.manager.telling, made.id)
        [subscription] = await house.manager.telling.subscriptions([made.id])
        reader = house.manager.telling.reader(subscription)
        while await reader.next(9):
            pass
        await house.manager.telling._write()  # else that would be a transaction that ends in between
        engine = create_engine(database_url)
        with engine.connect() as late, engine.connect() as early:
            if first == "the early one has":
                early.execute(text("SELECT pg_current_xact_id()"))
            for connection, activity_id in ((late, slow), (early, quick)):
                event = Event("ProgressReported", activity_id, "ada", 9, NOON, None, {})
                connection.execute(insert(tables.event), {**codec.event_row(event), "sequence": 99})
            early.commit()
            house.manager.telling.news(quick, "ada")
            assert [c.logged.event.activity_id for c in await reader.next(9)] == [quick]
            before = reader.position
            await asyncio.sleep(0)
            await house.manager.telling._settle()
            assert reader.position == before
            late.commit()
        engine.dispose()
        # Nobody has said that there is something: looking at how far the log is settled finds it.
        await until(lambda: _settled(house.manager.telling, "ada", before + 1))
        assert [c.logged.event.activity_id for c in await reader.next(9)] == [slow]
        assert await reader.next(9) == ()
        assert reader.position > before

    async def test_what_is_written_while_one_subscribes_comes_before_the_answer(
        self, house: House, database_url: str
    ) -> None:
        """Its id may be lower than where the subscription begins: it would never be told."""
        if database_url.startswith("sqlite"):
            pytest.skip("SQLite has one writer")
        activity_id = await house.running()
        await until(lambda: _noted(house, activity_id))
        engine = create_engine(database_url)
        with engine.connect() as late:
            event = Event("ProgressReported", activity_id, "ada", 9, NOON, None, {})
            late.execute(insert(tables.event), {**codec.event_row(event), "sequence": 99})
            answered = asyncio.create_task(house.manager.subscriptions.subscribe(ADA, asked(), None))
            await until(lambda: _subscribed(house))
            for _ in range(5):
                assert await _subscribed(house)
                assert not answered.done()
            late.commit()
            await answered
        engine.dispose()

    async def test_what_is_committed_here_is_not_read_again(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """And is what the log has: whoever reads it later finds the same."""
        activity_id = await house.running()
        await until(lambda: _noted(house, activity_id))
        made = await house.manager.subscriptions.subscribe(ADA, asked(), activity_id)
        assert await read(house.manager.telling, made.id) == []
        with monkeypatch.context() as patched:
            patched.delattr(Subscriptions, "of_activity")
            house.engine.finish(activity_id)
            await house.wait(activity_id)
            told = await read(house.manager.telling, made.id)
        assert topics(told)[-1] == "StatusChanged/Completed"
        logged = [change async for part in replay(house.database, activity_id) for change in part]
        assert logged[-len(told) :] == told

    async def test_what_others_have_done_before_is_read(self, house: House) -> None:
        """They are heard of late, or never."""
        activity_id = await house.running()
        await until(lambda: _noted(house, activity_id))
        made = await house.manager.subscriptions.subscribe(ADA, asked(), activity_id)
        known = await read(house.manager.telling, made.id)
        event = Event("", activity_id, "ada", 9, NOON, None, {"name": "other"})
        await house.database.change(lambda records: statements(records).log([event]))
        house.engine.finish(activity_id)
        await house.wait(activity_id)
        told = [*known, *await read(house.manager.telling, made.id)]
        assert topics(told)[-1] == "StatusChanged/Completed"
        assert told[0].logged.event.changed == {"name": "other"}
        assert [change.old.name for change in told[1:] if change.old] == ["other"] * len(told[1:])
        assert [change.logged.sequence for change in told] == list(
            range(told[0].logged.sequence, told[0].logged.sequence + len(told))
        )

    async def test_a_row_that_nobody_has_told_of_is_not_passed_over(self, house: House) -> None:
        """It is there from the commit on; that it is there may be heard later, by another server above all."""
        activity_id = await house.running()
        await until(lambda: _noted(house, activity_id))
        one = await house.manager.subscriptions.subscribe(ADA, asked(policy=Policy(from_sequence=1)), activity_id)
        all_ = await house.manager.subscriptions.subscribe(ADA, asked(), None)
        known = await read(house.manager.telling, one.id)
        event = Event("", activity_id, "ada", 9, NOON, None, {})
        await house.database.change(lambda records: statements(records).log([event]))
        told = await read(house.manager.telling, all_.id)
        assert [change.logged.sequence for change in told] == [len(known) + 1]

    async def test_a_long_log_is_read_in_parts_and_once(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("wsrf_activity.manager.eventlog._PAGE", 7)
        monkeypatch.setattr("wsrf_activity.manager.eventlog._KEPT", 3)
        all_ = await house.manager.subscriptions.subscribe(ADA, asked(), None)
        activity_id = await house.running()
        await until(lambda: _noted(house, activity_id))
        one = await house.manager.subscriptions.subscribe(ADA, asked(policy=Policy(from_sequence=1)), activity_id)
        for number in range(60):
            await house.manager.ledger.change(activity_id, partial(changes.warn, message=str(number)))
        rows: list[int] = []
        of_activity = Subscriptions.of_activity

        def counted(self: Subscriptions, activity_id: str, after: int, limit: int) -> Any:
            found = of_activity(self, activity_id, after, limit)
            rows.append(len(found))
            return found

        monkeypatch.setattr(Subscriptions, "of_activity", counted)
        told = await read(house.manager.telling, all_.id)
        assert [change.logged.sequence for change in told] == list(range(1, len(told) + 1))
        assert [len(change.new.errors) for change in told if change.new][-60:] == list(range(1, 61))
        assert await read(house.manager.telling, one.id) == told
        assert max(rows) <= 7
        assert sum(rows) < 12 * len(told)  # a page for each two of each reader, and the tail; not a log for each

    async def test_a_reader_who_has_much_to_read(self, house: House) -> None:
        made = await house.manager.subscriptions.subscribe(ADA, asked(), None)
        activity_id = await house.running()
        for number in range(30):
            await house.manager.ledger.change(activity_id, partial(changes.warn, message=str(number)))
        told = await read(house.manager.telling, made.id)
        said = [c.logged.event.payload.description for c in told if c.logged.event.topic == "ErrorReported"]  # type: ignore[union-attr]  # of an error
        assert said == [str(number) for number in range(30)]
        assert sorted(c.logged.id for c in told) == [c.logged.id for c in told]
        assert told[-1].new is not None
        assert len(told[-1].new.errors) == 30


class TestPullPoints:
    async def test_what_is_fetched_at_once_is_bounded(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("wsrf_activity.manager.subscribing._AT_ONCE_BYTES", 9)
        subscriptions = house.manager.subscriptions
        point = await subscriptions.create_pull_point(ADA)
        await subscriptions.put(ADA, point.id, [b"<a/>", b"<b/>", b"<c/>", b"<much-more/>", b"<d/>"])
        fetched = [[m.content for m in await subscriptions.pulled(ADA, point.id)] for _ in range(5)]
        assert fetched == [[b"<a/>", b"<b/>"], [b"<c/>"], [b"<much-more/>"], [b"<d/>"], []]

    async def test_what_comes_at_the_last_moment_is_returned(self, house: House) -> None:
        subscriptions = house.manager.subscriptions
        point = await subscriptions.create_pull_point(ADA)
        fetch = subscriptions._fetch

        async def filled_meanwhile(pull_point_id: str, most: int, drop: bool) -> Sequence[Pulled]:
            subscriptions._fetch = fetch  # type: ignore[method-assign]  # from now on
            found = await fetch(pull_point_id, most, drop)
            await subscriptions.put(ADA, point.id, [b"<a/>"])
            return found

        subscriptions._fetch = filled_meanwhile  # type: ignore[method-assign]  # what happens in between
        fetched = [each.content for _ in range(2) for each in await subscriptions.pulled(ADA, point.id)]
        assert fetched == [b"<a/>"]

    async def test_who_hangs_up_has_made_room_all_the_same(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        subscriptions, change = house.manager.subscriptions, house.database.change
        point = await subscriptions.create_pull_point(ADA)
        made = await subscriptions.subscribe(ADA, asked(pull_point=point.id), None)
        await subscriptions.put(ADA, point.id, [b"<a/>"])
        changed: list[str] = []
        subscriptions.changed = changed.append
        committed, heard = asyncio.Event(), asyncio.Event()

        async def slowly(transaction: Any) -> Any:
            done = await change(transaction)
            if isinstance(done, tuple):  # what was fetched, and who waits for room
                committed.set()
                await heard.wait()
            return done

        monkeypatch.setattr(house.database, "change", slowly)
        fetching = asyncio.create_task(subscriptions.pulled(ADA, point.id))
        await committed.wait()
        fetching.cancel()
        await asyncio.wait([fetching])
        heard.set()
        await until(lambda: changed == [made.id])

    async def test_none_is_filled_that_is_destroyed_meanwhile(self, house: House) -> None:
        subscriptions = house.manager.subscriptions
        point = await subscriptions.create_pull_point(ADA)
        check = subscriptions._check_consumer

        async def destroyed(caller: Principal, request: SubscribeRequest) -> None:
            await check(caller, request)
            await subscriptions.destroy_pull_point(ADA, point.id)

        subscriptions._check_consumer = destroyed  # type: ignore[method-assign]  # what happens in between
        with pytest.raises(SubscribeRefused, match="destroyed"):
            await subscriptions.subscribe(ADA, asked(pull_point=point.id), None)

    async def test_who_delivers_hears_of_those_that_have_expired(self, house: House) -> None:
        subscriptions = house.manager.subscriptions
        point = await subscriptions.create_pull_point(ADA)
        one = await subscriptions.subscribe(ADA, asked(lifetime=HOUR), None)
        other = await subscriptions.subscribe(ADA, asked(pull_point=point.id), None)
        gone: list[str] = []
        house.manager.ledger.subscription_gone = gone.append
        house.now += timedelta(days=15)
        await house.manager.remover.reap(house.now)
        assert set(gone) == {one.id, other.id}

    async def test_messages_come_in_order_and_once(self, house: House) -> None:
        subscriptions = house.manager.subscriptions
        point = await subscriptions.create_pull_point(ADA)
        await subscriptions.put(ADA, point.id, [b"<a/>", b"<b/>", b"<c/>"])
        assert await subscriptions.pulled(ADA, point.id, 0) == []
        assert [each.content for each in await subscriptions.pulled(ADA, point.id, 2)] == [b"<a/>", b"<b/>"]
        assert [each.content for each in await subscriptions.pulled(ADA, point.id)] == [b"<c/>"]
        assert await subscriptions.pulled(ADA, point.id) == []
        with pytest.raises(NoSuchPullPoint):
            await subscriptions.pulled(BOB, point.id)

    async def test_with_an_acknowledgement_a_lost_answer_loses_nothing(self, house: House) -> None:
        subscriptions = house.manager.subscriptions
        point = await subscriptions.create_pull_point(ADA)
        await subscriptions.put(ADA, point.id, [b"<a/>", b"<b/>"])
        lost = await subscriptions.pulled(ADA, point.id, 1, acknowledged=0)
        assert await subscriptions.pulled(ADA, point.id, 1, acknowledged=0) == lost
        assert [e.content for e in await subscriptions.pulled(ADA, point.id, acknowledged=lost[0].number)] == [b"<b/>"]

    async def test_who_waits_is_answered_at_once(self, house: House) -> None:
        subscriptions = house.manager.subscriptions
        point = await subscriptions.create_pull_point(ADA)
        waiting = asyncio.create_task(subscriptions.pulled(ADA, point.id, timeout=HOUR))
        await until(lambda: point.id in subscriptions._fetching)
        await subscriptions.put(ADA, point.id, [b"<a/>"])
        assert [each.content for each in await waiting] == [b"<a/>"]
        stopping = asyncio.create_task(subscriptions.pulled(ADA, point.id, timeout=HOUR))
        await until(lambda: point.id in subscriptions._fetching)
        house.manager.release_waits()
        assert await stopping == []

    async def test_a_full_one_says_so_and_loses_nothing(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("wsrf_activity.manager.subscribing.PULLED", 2)
        monkeypatch.setattr("wsrf_activity.manager.telling.PULLED", 2)
        subscriptions = house.manager.subscriptions
        point = await subscriptions.create_pull_point(ADA)
        made = await subscriptions.subscribe(ADA, asked(pull_point=point.id), None)
        assert await house.manager.telling.put(made, [b"<a/>", b"<b/>"], 7)
        assert not await house.manager.telling.put(made, [b"<c/>"], 9)
        with pytest.raises(TooBusy, match="full"):
            await subscriptions.put(ADA, point.id, [b"<c/>"])
        [kept] = await house.manager.telling.subscriptions([made.id])
        assert (kept.position, kept.delivered) == (7, 2)
        changed: list[str] = []
        subscriptions.changed = changed.append
        assert len(await subscriptions.pulled(ADA, point.id)) == 2
        assert changed == [made.id]
        assert await house.manager.telling.put(made, [b"<c/>"], 9)

    async def test_they_end_with_all_that_fills_them(self, house: House) -> None:
        subscriptions = house.manager.subscriptions
        points = [await subscriptions.create_pull_point(ADA) for _ in range(2)]
        with pytest.raises(TooBusy, match="at most 2"):
            await subscriptions.create_pull_point(ADA)
        made = [await subscriptions.subscribe(ADA, asked(pull_point=each.id), None) for each in points]
        await subscriptions.put(ADA, points[0].id, [b"<a/>"])
        await subscriptions.destroy_pull_point(ADA, points[0].id)
        with pytest.raises(NoSuchSubscription):
            await subscriptions.get(ADA, made[0].id)
        house.now += timedelta(days=15)
        with pytest.raises(NoSuchPullPoint):
            await subscriptions.pulled(ADA, points[1].id)
        await house.manager.remover.reap(house.now)
        assert await house.manager.telling.subscriptions() == []


async def _settled(telling: Telling, owner: str, row: int) -> bool:
    """Whether nothing can appear in the log any more up to a row: others on the PostgreSQL may be at it."""
    await telling._settle()
    return telling._owners[owner].settled >= row


async def _noted(house: House, activity_id: str) -> bool:
    return (await house.get(activity_id)).engine_job is not None


async def _subscribed(house: House) -> bool:
    return bool(await house.manager.telling.subscriptions())


async def _rows(house: House) -> list[str]:
    """Return whose events are there, and whose activities are not."""

    def transaction(records: Any) -> list[str]:
        known = select(tables.activity.c.id)
        query = select(tables.event.c.activity_id).where(tables.event.c.activity_id.not_in(known)).distinct()
        return list(connection(records).execute(query).scalars())

    return await house.database.read(transaction)


async def _forgotten(house: House) -> bool:
    return await _rows(house) == []


def test_the_end_of_an_activity_is_kept_as_it_was() -> None:
    event = Event("Terminated", "a" * 26, "ada", 2, NOON, END)
    row = {**codec.event_row(event), "id": 1, "sequence": 5}
    assert codec.read_event(row).event == event
