"""A store's contract, fourth part: the event log, subscriptions as cursors into it, and pull points."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from wsrf_activity.model import changes
from wsrf_activity.model.activity import Activity, new_id
from wsrf_activity.model.subscriptions import Consumer, Delivery, PullPoint, Subscription
from wsrf_activity.store import Database, Records
from wsrf_activity.testing.stores.subject import Subject, add, new, save, topics
from wsrf_activity.testing.strategies import END, NOON

LATER = NOON + timedelta(days=1)


def subscription(**said: Any) -> Subscription:
    """Return a subscription of Ada's."""
    usual: dict[str, Any] = {
        "id": new_id(),
        "owner": "ada",
        "activity_id": None,
        "consumer": Consumer("http://127.0.0.1/", "<e/>", "1.2", "urn:a"),
        "created": NOON,
        "terminates": None,
    }
    return Subscription(**{**usual, **said})


async def subscribed(database: Database, **said: Any) -> Subscription:
    """Add a subscription."""
    added = subscription(**said)
    await database.change(lambda records: records.subscriptions.add(added))
    return added


def pull_point(terminates: datetime | None) -> PullPoint:
    """Return a pull point of Ada's."""
    return PullPoint(id="p", owner="ada", created=NOON, terminates=terminates)


class Logging(Subject):
    """Each change is logged, in the order of its activity."""

    async def test_a_log_is_read_on_from_any_place(self, database: Database) -> None:
        start, another = changes.begin(new(), NOON), new()
        await add(database, start, another, new(owner="bob"))
        old = start
        for number in range(5):
            then = changes.warn(old, NOON, str(number))
            assert await save(database, old, then)
            old = then
        whole = await database.read(lambda records: records.subscriptions.of_activity(start.id, 0, 100))
        assert [each.sequence for each in whole] == [1, 2, 3, 4, 5, 6]
        assert sorted(each.id for each in whole) == [each.id for each in whole]
        assert [each.event.payload.description for each in whole[1:]] == list("01234")  # type: ignore[union-attr]
        part = await database.read(lambda records: records.subscriptions.of_activity(start.id, 2, 3))
        assert list(part) == list(whole[2:5])
        of_ada = await database.read(lambda records: records.subscriptions.of_owner("ada", whole[0].id, 100))
        assert {each[1] for each in of_ada} == {start.id, another.id}
        assert [number for number, of in of_ada if of == start.id] == [each.id for each in whole[1:]]

    async def test_where_the_log_ends_and_is_settled(self, database: Database) -> None:
        assert await database.read(lambda records: records.subscriptions.last(None)) == 0
        first = new()
        await add(database, first)

        def places(records: Records) -> tuple[int, int, int]:
            known = records.subscriptions
            return known.last(first.id), known.before(first.id, 1), known.before(first.id, 2)

        last, before_first, before_second = await database.read(places)
        assert before_first == 0 < last == before_second
        horizon = await database.read(lambda records: records.subscriptions.horizon())
        assert (horizon.last, list(horizon.writers)) == (last, [])
        assert await database.read(lambda records: list(records.subscriptions.writers())) == []


class Subscribing(Subject):
    """Subscriptions are kept, and what they are owed stays."""

    async def test_a_subscription_is_kept_and_its_position_only_rises(self, database: Database) -> None:
        mine, other = await subscribed(database, terminates=LATER), await subscribed(database, owner="bob")
        assert await database.change(lambda records: records.subscriptions.get(mine.id)) == mine
        found = await database.read(lambda records: records.subscriptions.some())
        assert {each.id for each in found} == {mine.id, other.id}
        assert list(await database.read(lambda records: records.subscriptions.some([other.id]))) == [other]
        assert await database.read(lambda records: records.subscriptions.count("ada")) == 1
        for position, more in ((7, 2), (5, 100), (9, 1)):
            await database.change(partial(_advance, mine.id, position, more))
        changed = replace(mine, delivery=Delivery.RETRYING, failures=3, last_error="no", position=1, delivered=3)
        await database.change(lambda records: records.subscriptions.save(changed))
        kept = await database.change(lambda records: records.subscriptions.get(mine.id))
        assert kept == replace(changed, position=9)
        assert await database.change(lambda records: records.subscriptions.remove_one(mine.id))
        assert not await database.change(lambda records: records.subscriptions.remove_one(mine.id))
        assert await database.change(lambda records: records.subscriptions.get(mine.id)) is None

    async def test_what_is_due_goes_with_its_pull_point(self, database: Database) -> None:
        point = pull_point(NOON)
        await database.change(lambda records: records.subscriptions.add_pull_point(point))
        filling = await subscribed(database, pull_point="p")
        due, kept = await subscribed(database, terminates=NOON), await subscribed(database, terminates=LATER)
        assert await database.read(lambda records: records.next_deadline()) == NOON
        gone = await database.change(lambda records: records.subscriptions.remove_expired(NOON))
        assert set(gone) == {filling.id, due.id}
        assert await database.read(lambda records: records.subscriptions.get_pull_point("p")) is None
        assert list(await database.read(lambda records: records.subscriptions.some())) == [kept]
        assert await database.read(lambda records: records.next_deadline()) == LATER

    async def test_the_end_is_owed_and_forgotten_when_all_have_it(self, database: Database) -> None:
        gone = new()
        await add(database, gone)
        one = await subscribed(database, activity_id=gone.id)
        everything = await subscribed(database)
        await database.change(lambda records: records.remove({gone.id: "f"}, END))
        assert await topics(database, gone.id) == ["StatusChanged/Queued", "Terminated"]
        last = await database.read(lambda records: records.subscriptions.last(gone.id))
        await database.change(lambda records: records.subscriptions.remove_one(one.id))
        assert await topics(database, gone.id) != []
        await database.change(lambda records: records.subscriptions.advance([(everything.id, last, 2)]))

        def forget(records: Records) -> None:
            known = records.subscriptions
            known.forget_departed(known.departed_owners([everything.id]))

        await database.change(forget)
        assert await topics(database, gone.id) == []

    async def test_nobody_is_owed_what_nobody_asked_for(self, database: Database) -> None:
        gone: Activity = new(owner="bob")
        await add(database, gone)
        await subscribed(database)
        await database.change(lambda records: records.remove({gone.id: "f"}, END))
        assert await topics(database, gone.id) == []


class PullPoints(Subject):
    """Messages wait until they are fetched."""

    async def test_messages_come_in_order_within_bounds(self, database: Database) -> None:
        await database.change(lambda records: records.subscriptions.add_pull_point(pull_point(None)))
        filling = await subscribed(database, pull_point="p")

        def put(*contents: bytes) -> Any:
            return database.change(lambda records: records.subscriptions.put("p", contents, 4, 100))

        assert await put(b"x" * 1000)  # one always fits
        assert not await put(b"a")
        assert await database.change(lambda records: records.subscriptions.drop("p", 1 << 40))
        assert await put(b"a" * 30, b"b" * 30, b"c" * 30)
        assert not await put(b"d" * 30)
        assert await put(b"d")
        assert not await put(b"e")
        found = await database.read(lambda records: records.subscriptions.pulled("p", 10, 70))
        assert [each.content[:1] for each in found] == [b"a", b"b"]
        assert len(await database.read(lambda records: records.subscriptions.pulled("p", 3, 1000))) == 3
        assert await database.change(lambda records: records.subscriptions.drop("p", found[0].number))
        assert not await database.change(lambda records: records.subscriptions.drop("p", found[0].number))
        left = await database.read(lambda records: records.subscriptions.pulled("p", 10, 1000))
        assert [each.content[:1] for each in left] == [b"b", b"c", b"d"]
        assert list(await database.read(lambda records: records.subscriptions.fill("p"))) == [filling.id]

    async def test_a_pull_point_is_used_and_goes_with_all_that_fills_it(self, database: Database) -> None:
        point = pull_point(NOON)
        await database.change(lambda records: records.subscriptions.add_pull_point(point))
        assert await database.read(lambda records: records.subscriptions.get_pull_point("p")) == point
        assert await database.read(lambda records: records.subscriptions.count_pull_points("ada")) == 1
        await database.change(lambda records: records.subscriptions.use_pull_point("p", LATER))
        assert await database.read(lambda records: records.next_deadline()) == LATER
        filling, other = await subscribed(database, pull_point="p"), await subscribed(database)
        gone = await database.change(lambda records: records.subscriptions.remove_pull_point("p"))
        assert gone is not None
        assert list(gone) == [filling.id]
        assert await database.change(lambda records: records.subscriptions.remove_pull_point("p")) is None
        assert not await database.change(lambda records: records.subscriptions.put("p", [b"a"], 10, 100))
        assert list(await database.read(lambda records: records.subscriptions.some())) == [other]


def _advance(subscription_id: str, position: int, messages: int, records: Records) -> None:
    records.subscriptions.advance([(subscription_id, position, messages)])
