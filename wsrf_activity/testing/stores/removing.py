"""A store's contract, third part: what is gone is gone with everything, once, and what is due is found."""

import asyncio
from datetime import timedelta

from wsrf_activity.model import changes
from wsrf_activity.model.listing import Filter, Upload
from wsrf_activity.model.phases import Phase
from wsrf_activity.store import Database
from wsrf_activity.testing.stores.listing import pages
from wsrf_activity.testing.stores.subject import Subject, add, get, new, save, topics
from wsrf_activity.testing.strategies import END, NOON

LATER = NOON + timedelta(days=1)


class Removing(Subject):
    """Activities go, and leave a note of their files."""

    async def test_everything_goes_and_its_folder_is_remembered(self, database: Database) -> None:
        gone, kept = new(groups=("g",)), new(groups=("g",))
        await add(database, gone, kept)
        folders = {gone.id: f"folders/{gone.id}"}
        assert list(await database.change(lambda records: records.remove(folders, END))) == [gone.id]
        assert list(await database.change(lambda records: records.remove(folders, END))) == []
        assert await get(database, gone.id) is None
        assert await topics(database, gone.id) == []
        assert await pages(database, Filter(group="g")) == [kept]
        assert await topics(database, kept.id) == ["StatusChanged/Queued"]
        assert list(await database.read(lambda records: records.removals("", 10))) == [folders[gone.id]]
        assert list(await database.read(lambda records: records.removals(folders[gone.id], 10))) == []
        await database.change(lambda records: records.removed([folders[gone.id]]))
        assert list(await database.read(lambda records: records.removals("", 10))) == []

    async def test_many_at_once_remove_it_once(self, database: Database, other: Database) -> None:
        gone = new()
        await add(database, gone)
        tries = (
            (database, other)[i % 2].change(lambda records: records.remove({gone.id: "f"}, END)) for i in range(10)
        )
        assert sorted(map(len, await asyncio.gather(*tries))) == [0] * 9 + [1]

    async def test_what_was_extended_meanwhile_stays(self, database: Database) -> None:
        due, extended = new(terminates=NOON), new(terminates=NOON)
        await add(database, due, extended, new(terminates=LATER), new())
        expired = await database.read(lambda records: records.expired(NOON, 10))
        assert {each.id for each in expired} == {due.id, extended.id}
        assert await save(database, extended, changes.set_termination(extended, LATER))
        folders = {due.id: "a", extended.id: "b"}
        assert list(await database.change(lambda records: records.remove(folders, END, expired_by=NOON))) == [due.id]

    async def test_what_is_over_has_ended_and_is_expired(self, database: Database) -> None:
        late, first = (new(phase=Phase.COMPLETED, terminates=NOON - timedelta(hours=hours)) for hours in (1, 2))
        live, kept = new(terminates=NOON), new(phase=Phase.FAILED, terminates=LATER)
        await add(database, late, first, live, kept, new(phase=Phase.ABORTED))
        assert list(await database.read(lambda records: records.over(NOON, 10))) == [first.id, late.id]
        assert list(await database.read(lambda records: records.over(NOON, 1))) == [first.id]

    async def test_what_another_server_executes_is_left_to_it(self, database: Database) -> None:
        mine, theirs = (changes.begin(new(terminates=NOON), NOON, holder) for holder in ("me", "them"))
        await add(database, theirs)
        assert await database.read(lambda records: records.next_deadline("me")) is None
        assert await database.read(lambda records: records.next_deadline()) == NOON
        await add(database, mine)
        assert list(await database.read(lambda records: records.expired(NOON, 10, "me"))) == [mine]
        assert await database.read(lambda records: records.next_deadline("me")) == NOON

    async def test_the_next_deadline_is_the_earliest_of_all(self, database: Database) -> None:
        assert await database.read(lambda records: records.next_deadline()) is None
        await add(database, new(), new(terminates=LATER))
        assert await database.read(lambda records: records.next_deadline()) == LATER
        upload = Upload("u", "ada", 1, "0" * 64, NOON)
        await database.change(lambda records: records.add_upload(upload))
        assert await database.read(lambda records: records.next_deadline()) == NOON
        assert await database.read(lambda records: records.get_upload("u")) == upload
        assert await database.change(lambda records: records.remove_expired_uploads(NOON, "uploads")) == 1
        assert await database.change(lambda records: records.remove_expired_uploads(NOON, "uploads")) == 0
        assert list(await database.read(lambda records: records.removals("", 10))) == ["uploads/u"]
        assert await database.read(lambda records: records.next_deadline()) == LATER
