"""This server's own lease: who it is, whether others may take it to be dead by now, and how it is renewed."""

import asyncio
import os
import time

from wsrf_activity.engines import processes
from wsrf_activity.manager.folders import Folders
from wsrf_activity.manager.machine import Machine
from wsrf_activity.manager.requests import Limits
from wsrf_activity.model.activity import new_id
from wsrf_activity.model.errors import Unavailable
from wsrf_activity.model.servers import Registered, Server
from wsrf_activity.store import Database, Records


class Lease:
    """What a server that shares its database needs before it takes work or reports of any. SQLite needs none."""

    def __init__(self, database: Database, folders: Folders, limits: Limits) -> None:
        """Make a new server known to itself; ``renew`` makes it known to others."""
        self.length = limits.lease
        self.shared = database.shared
        self._machine = Machine.this()
        self.server = _this_server(self._machine, folders.identity() if database.shared else "")
        self._database = database
        self._until = 0.0  #: by this machine's clock, never later than by the database's
        self._renewed = asyncio.Event()

    @property
    def id(self) -> str:
        """This server's name among others."""
        return self.server.id

    @property
    def held(self) -> bool:
        """Whether nobody can have taken this server for dead."""
        return not self.shared or _now() < self._until

    async def renew(self) -> bool:
        """Renew the lease; False where there was none, so that others may have taken what was held here."""
        asked = _now()
        valid = await self._database.change_at_once(lambda records: records.servers.renew(self.server, self.length))
        valid = valid and self.held
        self._until = asked + self.length.total_seconds()
        self._renewed.set()
        return valid

    async def wait(self) -> None:
        """Return when the lease is held."""
        while not self.held:
            self._renewed.clear()
            await self._renewed.wait()

    async def leave(self) -> None:
        """Give the lease back, and with it what is held here."""
        self._until = 0.0
        await self._database.change(lambda records: records.servers.leave(self.id))

    def guard(self, records: Records) -> Records:
        """Return the records for a transaction that relies on files which only a living server is left to keep.

        Raises Unavailable where the lease has run out.
        """
        if not self.runs_in(records):
            raise Unavailable("the server had lost touch with its database; ask again")
        return records

    def runs_in(self, records: Records) -> bool:
        """Whether the lease runs, by the database, until this transaction ends."""
        return not self.shared or records.servers.holds_lease(self.id)

    def outlives(self, other: Registered) -> bool:
        """Whether another server is dead, or so long without a word that it has to be taken for dead."""
        return not other.in_force or self.is_over(other.server)

    def is_over(self, other: Server) -> bool:
        """Whether another server is no more for certain: it has left, or was a process of this machine and is gone."""
        return self._machine.is_over(other)

    def knows_lost(self, other: Server) -> bool:
        """Whether what ran on the other's machine is lost for certain, since this one is the same, started anew."""
        return self._machine.knows_lost(other)


def _this_server(machine: Machine, folder: str) -> Server:
    process = processes.find(os.getpid())
    return Server(
        id=new_id(),
        host=machine.host,
        boot=machine.boot,
        pid=os.getpid(),
        start=0 if process is None else process.start,
        folder=folder,
    )


def _now() -> float:
    """Seconds that go on while the process, or the whole machine, is asleep."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
