"""A store's contract, fifth part: activities that belong together, and those that are to begin later."""

from dataclasses import replace
from datetime import timedelta

from wsrf_activity.model import changes
from wsrf_activity.model.activity import Activity, Members
from wsrf_activity.model.events import between
from wsrf_activity.model.listing import Filter
from wsrf_activity.model.phases import Phase
from wsrf_activity.store import Database, Records
from wsrf_activity.testing.stores.listing import pages
from wsrf_activity.testing.stores.subject import Subject, add, get, new, save, topics
from wsrf_activity.testing.strategies import NOON

LATER = NOON + timedelta(days=1)


def member(parent: Activity, number: int, phase: Phase = Phase.QUEUED) -> Activity:
    """Return a member of an activity."""
    return new(parent=parent.id, index=number, phase=phase, created=NOON + timedelta(seconds=number))


class Relating(Subject):
    """Members are found from their parents, and dependants from what they need."""

    async def test_many_are_added_and_changed_at_once(self, database: Database) -> None:
        parent = changes.begin(new(members=Members(20), gathering=True), NOON)
        members = [replace(member(parent, number), groups=("g",)) for number in range(20)]

        def make(records: Records) -> None:
            assert records.insert(parent, between(None, parent, NOON))
            records.insert_many(members, [event for each in members for event in between(None, each, NOON)])

        await database.change(make)
        assert await get(database, parent.id) == parent
        assert list(await database.read(lambda records: records.families.members(parent.id))) == members
        place = (members[4].created, members[4].id)
        assert list(await database.read(lambda records: records.families.members(parent.id, place, 3))) == members[5:8]
        assert await pages(database, Filter(group="g", parent=parent.id, limit=7)) == members[::-1]
        assert await topics(database, members[7].id) == ["StatusChanged/Queued"]
        pairs = [(each, changes.abort(each, NOON, "over")) for each in members[:3]]
        events = [event for pair in pairs for event in between(*pair, NOON)]
        assert await database.change(lambda records: records.save_many(pairs, events))
        assert [await get(database, then.id) for _, then in pairs] == [then for _, then in pairs]

    async def test_of_many_one_that_has_changed_fails_all(self, database: Database) -> None:
        stored = [new() for _ in range(3)]
        await add(database, *stored)
        assert await save(database, stored[1], changes.abort(stored[1], NOON, "first"))
        pairs = [(each, changes.abort(each, NOON, "second")) for each in stored]

        def transaction(records: Records) -> None:
            if not records.save_many(pairs, ()):
                raise LookupError

        try:
            await database.change(transaction)
        except LookupError:
            found = [await get(database, each.id) for each in stored]
            assert found[::2] == stored[::2]
        else:
            raise AssertionError("it had changed")

    async def test_families_are_found_from_the_deepest(self, database: Database) -> None:
        top = new()
        children = [member(top, 0), member(top, 1, Phase.COMPLETED)]
        grandchildren = [member(children[0], 0), member(children[0], 1, Phase.ABORTED)]
        await add(database, top, *children, *grandchildren, new())
        live = await database.read(lambda records: records.families.live_below(top.id))
        assert [list(level) for level in live if level] == [[grandchildren[0].id], [children[0].id]]
        below = list(await database.read(lambda records: records.families.below([top.id])))
        assert set(below[:2]) == {each.id for each in grandchildren}
        assert set(below[2:]) == {each.id for each in children}
        locked = await database.change(lambda records: records.families.lock(below))
        assert locked == {each.id: each for each in (*children, *grandchildren)}
        assert list(locked) == sorted(locked)

    async def test_members_stay_as_long_as_their_parent(self, database: Database) -> None:
        top = new()
        plain, soon = member(top, 0), replace(member(top, 1), terminates=NOON, lifetime_set=True)
        deep = replace(member(plain, 0), terminates=LATER + timedelta(days=1), lifetime_set=True)
        await add(database, top, plain, soon, deep)
        await database.change(lambda records: records.families.follow(top.id, LATER))
        expected = [replace(plain, terminates=LATER), soon, replace(deep, terminates=LATER)]
        assert [await get(database, each.id) for each in (plain, soon, deep)] == expected

    async def test_who_needs_what_is_known_until_it_has_completed(self, database: Database) -> None:
        needs = [("b", "a"), ("c", "a"), ("c", "b"), ("d", "c")]
        await database.change(lambda records: records.families.add_needs(needs))

        async def waiting() -> set[str]:
            return set(await database.read(lambda records: records.families.waiting(["a", "b", "c", "d"])))

        assert set(await database.read(lambda records: records.families.dependants(["a", "c"]))) == {
            ("b", "a"),
            ("c", "a"),
            ("d", "c"),
        }
        assert await waiting() == {"b", "c", "d"}
        await database.change(lambda records: records.families.completed(["a"]))
        assert await waiting() == {"c", "d"}
        await database.change(lambda records: records.families.forget_needs(["c", "d"]))
        assert await waiting() == set()

    async def test_what_begins_later_is_not_next(self, database: Database) -> None:
        later, now = new(begins=LATER), new(begins=NOON, created=LATER)
        await add(database, later, now)
        assert list(await database.change(lambda records: records.next_queued("ada", 5, NOON))) == [now]
        assert await database.read(lambda records: records.next_begin(NOON)) == LATER
        assert list(await database.change(lambda records: records.next_queued("ada", 5, LATER))) == [later, now]
        assert await database.read(lambda records: records.next_begin(LATER)) is None
