"""A store's contract, last part, for those that several servers share: leases by the store's own clock, and news."""

import asyncio
from datetime import timedelta

import pytest

from wsrf_activity.model import changes
from wsrf_activity.model.activity import new_id
from wsrf_activity.model.servers import Server
from wsrf_activity.store import Database, Records
from wsrf_activity.testing.stores.subject import Subject, add, new
from wsrf_activity.testing.strategies import NOON

LONG, OVER = timedelta(hours=1), timedelta(hours=-1)
PATIENCE = 30.0  #: seconds that any test waits for what must happen


def server() -> Server:
    """Return a server that nobody knows."""
    return Server(id=new_id(), host="here", boot="b", pid=1, start=1, folder="f")


def needs_shared(database: Database) -> None:
    """Skip the test where there is one server only."""
    if not database.shared:
        pytest.skip("this store has one server")


class Serving(Subject):
    """Servers know of each other, and of each other's work."""

    async def test_a_lease_runs_until_it_is_over(self, database: Database) -> None:
        needs_shared(database)
        one, two = server(), server()
        assert not await database.change_at_once(lambda records: records.servers.renew(one, LONG))
        assert await database.change_at_once(lambda records: records.servers.renew(one, LONG))
        assert await database.change(lambda records: records.servers.holds_lease(one.id))
        await database.change_at_once(lambda records: records.servers.renew(two, OVER))
        assert not await database.change(lambda records: records.servers.holds_lease(two.id))
        [seen] = await database.read(lambda records: records.servers.others(one.id))
        assert seen.server == two
        assert not seen.in_force
        assert not await database.change_at_once(lambda records: records.servers.renew(two, LONG))

    async def test_a_role_goes_with_the_lease(self, database: Database) -> None:
        needs_shared(database)
        one, two = server(), server()

        def both(records: Records) -> None:
            records.servers.renew(one, LONG)
            records.servers.renew(two, LONG)

        await database.change(both)
        assert await database.change(lambda records: records.servers.lead(one.id, "delivery"))
        assert not await database.change(lambda records: records.servers.lead(two.id, "delivery"))
        await database.change(lambda records: records.servers.leave(one.id))
        assert await database.change(lambda records: records.servers.lead(two.id, "delivery"))

    async def test_what_a_server_holds_keeps_it_known(self, database: Database) -> None:
        needs_shared(database)
        one = server()
        await database.change(lambda records: records.servers.renew(one, LONG))
        held, orphan = (changes.begin(new(), NOON, holder) for holder in (one.id, "nobody"))
        await add(database, held, orphan)
        assert dict(await database.read(lambda records: records.servers.held(one.id))) == {held.id: held.fence}
        assert list(await database.read(lambda records: records.servers.lost())) == [orphan.id]
        await database.change(lambda records: records.servers.leave(one.id))
        seized = await database.change(lambda records: records.servers.seize(one.id))
        assert seized is not None
        assert not seized.in_force
        taken = changes.take_over(held, "another")
        await database.change(lambda records: records.save(held, taken, ()))
        await database.change(lambda records: records.servers.forget(one.id))
        assert await database.change(lambda records: records.servers.seize(one.id)) is None

    async def test_others_hear_what_was_changed(self, database: Database, other: Database) -> None:
        needs_shared(database)
        heard: set[str] = set()
        told = asyncio.Event()
        there = new()

        def hear(notices: object) -> None:
            heard.update(notice.activity_id for notice in notices or ())  # type: ignore[attr-defined]
            if there.id in heard:
                told.set()

        await other.listen(hear)
        await add(database, there)
        await asyncio.wait_for(told.wait(), PATIENCE)
