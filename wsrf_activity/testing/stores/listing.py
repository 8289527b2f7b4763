"""A store's contract, second part: pages of what an owner has, and who is next in the queue."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from wsrf_activity.model import changes
from wsrf_activity.model.activity import Activity
from wsrf_activity.model.listing import Filter
from wsrf_activity.model.phases import ENDED, Phase
from wsrf_activity.store import Database
from wsrf_activity.testing.stores.subject import Subject, add, new, save
from wsrf_activity.testing.strategies import NOON

LATER = NOON + timedelta(days=1)


async def pages(database: Database, wanted: Filter) -> list[Activity]:
    """Return what is listed of Ada's, page by page."""
    found: list[Activity] = []
    while True:
        page = await database.read(lambda records, wanted=wanted: records.list("ada", wanted, NOON))  # type: ignore[misc]
        assert len(page.activities) <= wanted.limit
        found += page.activities
        if page.next is None:
            return found
        wanted = replace(wanted, after=page.next)


def _stored() -> list[Activity]:
    """Return activities that differ in all that can be asked for."""
    phases, services, groups = list(Phase), ("a", "b"), ((), ("g",), ("g", "h"))
    return [
        new(
            owner=("ada", "bob")[i % 2],
            phase=phases[i % 6],
            service=services[i // 2 % 2],
            groups=groups[i % 3],
            run_id=(None, "r")[i // 3 % 2],
            created=NOON + timedelta(seconds=i // 3),
            terminates=(None, LATER, NOON)[i % 5 % 3],
        )
        for i in range(120)
    ]


class Listing(Subject):
    """Pages of what an owner has."""

    async def test_every_filter(self, database: Database) -> None:
        stored = _stored()
        await add(database, *stored)
        visible = [each for each in stored if each.owner == "ada" and not each.expired(NOON)]
        since = stored[60].created
        filters: list[tuple[Filter, Callable[[Activity], bool]]] = [
            (Filter(), lambda each: True),
            (Filter(phases=(Phase.QUEUED,)), lambda each: each.phase is Phase.QUEUED),
            (Filter(phases=tuple(ENDED)), lambda each: each.phase.ended),
            (Filter(group="g"), lambda each: "g" in each.groups),
            (Filter(group="h", service="a"), lambda each: "h" in each.groups and each.service == "a"),
            (Filter(run_id="r"), lambda each: each.run_id == "r"),
            (Filter(service="a", phases=(Phase.FAILED,) * 2), lambda e: e.service == "a" and e.phase is Phase.FAILED),
            (Filter(service="b"), lambda each: each.service == "b"),
            (Filter(created_after=since), lambda each: each.created > since),
            (Filter(group="g", created_after=NOON), lambda each: "g" in each.groups and each.created > NOON),
        ]
        for wanted, matches in filters:
            expected = sorted((e for e in visible if matches(e)), key=lambda e: (e.created, e.id), reverse=True)
            for limit in (1000, len(expected), 7):
                assert await pages(database, replace(wanted, limit=max(1, limit))) == expected

    async def test_what_is_created_meanwhile_disturbs_no_page(self, database: Database) -> None:
        stored = [new(created=NOON + timedelta(seconds=i // 4)) for i in range(40)]
        await add(database, *stored)
        wanted, found = Filter(limit=6), list[Activity]()
        while True:
            page = await database.read(lambda records, wanted=wanted: records.list("ada", wanted, NOON))  # type: ignore[misc]
            found += page.activities
            if page.next is None:
                break
            wanted = replace(wanted, after=page.next)
            await add(database, *(new(created=NOON + timedelta(hours=1)) for _ in range(5)))
        assert found == sorted(stored, key=lambda each: (each.created, each.id), reverse=True)

    async def test_groups_follow_the_activity(self, database: Database) -> None:
        old = new(groups=("a", "b"))
        await add(database, old)
        changed = changes.modified(old, replace(old, groups=("b", "c")))
        assert await save(database, old, changed)
        for group, listed in (("a", []), ("b", [changed]), ("c", [changed])):
            assert await pages(database, Filter(group=group)) == listed


class Queueing(Subject):
    """Who is next."""

    async def test_oldest_first_without_the_expired(self, database: Database) -> None:
        stored = [new(owner="bob", created=NOON + timedelta(seconds=i)) for i in range(5)]
        await add(database, *stored[::-1], new(owner="ada", terminates=NOON), new(phase=Phase.COMPLETED, owner="eve"))
        assert list(await database.read(lambda records: records.owners_queued())) == ["ada", "bob"]
        assert list(await database.change(lambda records: records.next_queued("bob", 3, NOON))) == stored[:3]
        assert list(await database.change(lambda records: records.next_queued("ada", 3, NOON))) == []

    async def test_recovery_finds_what_runs(self, database: Database) -> None:
        running = changes.begin(new(), NOON)
        await add(database, running, new())
        assert list(await database.read(lambda records: records.in_phase(Phase.EXECUTING))) == [running]
