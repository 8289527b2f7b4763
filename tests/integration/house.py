"""A manager with all that it needs, an engine that runs nothing, and a clock that stands until it is moved."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from wsrf_activity.engines.base import Engine, Job, Listener, Outcome, Report, Run
from wsrf_activity.engines.memory import MemoryEngine
from wsrf_activity.manager import Condition, Limits, Manager, Publishing, Rules, StartRequest
from wsrf_activity.model.activity import DEFAULT_ENGINE, Activity
from wsrf_activity.model.errors import Refused
from wsrf_activity.model.identity import Principal
from wsrf_activity.model.lifetime import LifetimePolicy
from wsrf_activity.model.phases import Phase
from wsrf_activity.model.services import Service
from wsrf_activity.soap.properties import topic_space
from wsrf_activity.store import Database, open_database
from wsrf_activity.testing.strategies import NOON

ADA = Principal("ada", may_run_commands=True)
BOB = Principal("bob", may_run_commands=True)
PATIENCE = timedelta(seconds=60)  #: on a machine that is busy; nothing here waits that long when all is well
USUAL = Limits(parallel=2, wait=PATIENCE)


class HeldEngine(MemoryEngine):
    """An engine whose starts can be held, before or after the work has begun, and can break."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        super().__init__(now)
        self.before = asyncio.Event()
        self.after = asyncio.Event()
        self.before.set()
        self.after.set()
        self.asked: list[tuple[str, int]] = []  #: each start, in order
        self.breaks: list[Exception] = []  #: what the next calls raise
        self.most = 0  #: that ran at a time

    async def start(self, job: Job, listener: Listener) -> Run:
        self.asked.append((job.activity_id, job.attempt))
        await self.before.wait()
        if self.breaks:
            raise self.breaks.pop(0)
        run = await super().start(job, listener)
        self.most = max(self.most, sum(not each.over.done() for each in self.runs.values()))
        await self.after.wait()
        return run

    async def attach(self, job: Job, listener: Listener) -> Run | Outcome:
        if self.breaks:
            raise self.breaks.pop(0)
        return await super().attach(job, listener)


@dataclass
class House:
    """One data folder and database, and the server that is up on them at the moment."""

    url: str
    data: Path
    now: datetime = NOON
    services: dict[str, Service] = field(default_factory=dict)
    limits: Limits = USUAL
    lifetime: LifetimePolicy = field(default_factory=LifetimePolicy)

    def __post_init__(self) -> None:
        self.engine = HeldEngine(self.clock)
        self.others: dict[str, Engine] = {}  #: beside the usual engine, by name
        self.up: list[tuple[Manager, Database]] = []

    def clock(self) -> datetime:
        return self.now

    @property
    def manager(self) -> Manager:
        return self.up[-1][0]

    @property
    def database(self) -> Database:
        return self.up[-1][1]

    async def check_consumer(self, address: str) -> None:
        """Let everybody be told but one."""
        if "refused" in address:
            raise Refused(f"nobody is called at {address}")

    async def open(self) -> Manager:
        """Start a server."""
        database = open_database(self.url)
        manager = Manager(
            database,
            {DEFAULT_ENGINE: self.engine, **self.others},
            self.data,
            Rules(services=self.services, limits=self.limits, lifetime=self.lifetime),
            clock=self.clock,
            publishing=Publishing(topic_space(), self.check_consumer),
        )
        self.up.append((manager, database))
        await manager.start()
        return manager

    async def close(self) -> None:
        """Stop the server that is up. To what is stored this is no better than a crash: nothing is written."""
        while self.up:
            manager, database = self.up.pop()
            await manager.stop()
            await database.close()

    async def restart(self) -> Manager:
        await self.close()
        return await self.open()

    async def create(self, who: Principal = ADA, **said: Any) -> str:
        return (await self.manager.create(who, StartRequest(**{"command": "true", **said}))).id

    async def get(self, activity_id: str, who: Principal = ADA) -> Activity:
        return await self.manager.get(who, activity_id)

    async def wait(self, activity_id: str, *phases: Phase, who: Principal = ADA) -> Activity:
        """Wait for a phase, or the end."""
        condition = Condition(frozenset(phases)) if phases else Condition()
        activity, timed_out = await self.manager.wait(who, activity_id, condition, None)
        assert not timed_out
        return activity

    async def allow(self, parallel: int) -> None:
        """Let so many run at a time; a look at the queue that had begun with another number in mind is over."""
        self.manager._runner._slots.parallel = parallel
        async with self.manager._runner._claiming:
            pass

    async def begun(self, activity_id: str, attempt: int = 1) -> None:
        """Wait until the engine runs an attempt, and the record says so."""
        await until(lambda: (activity_id, attempt) in self.engine.runs)
        await until(lambda: self.held(activity_id))

    async def noted(self, activity_id: str) -> None:
        """Wait until the record says how the engine calls its work: the last change until the work says something."""

        async def says() -> bool:
            return (await self.get(activity_id)).engine_job is not None

        await until(says)

    async def stand(self, activity_id: str, count: int = 1) -> None:
        """Return when so many wait for an activity and each of them has read it: they await what changes."""

        def all_stand() -> bool:
            there = self.manager._waiters._waiting.get(activity_id, ())
            return sum(bool(waiter.future._callbacks) for waiter in there) == count

        await until(all_stand)

    async def asked(self, count: int) -> None:
        """Wait until the engine was asked for so many starts."""
        await until(lambda: len(self.engine.asked) >= count)

    def held(self, activity_id: str) -> bool:
        attempt = self.manager._runner._attempts.get(activity_id)
        return attempt is not None and attempt.run is not None

    async def running(self, **said: Any) -> str:
        activity_id = await self.create(**said)
        await self.begun(activity_id)
        return activity_id


async def until(holds: Callable[[], bool | Awaitable[bool]]) -> None:
    """Return when it holds; what makes it so needs turns of the loop and of threads, but no clock."""
    for turn in itertools.count():
        found = holds()
        if found if isinstance(found, bool) else await found:
            return
        assert turn < 30_000
        await asyncio.sleep(0.002 if turn > 20 else 0)


def report(code: int = 0, **said: Any) -> Report:
    given: dict[str, Any] = {"exit_code": code, "reason": "exited", "started": NOON, "ended": NOON}
    return Report(**{**given, **said})


async def blocks(*data: bytes) -> AsyncIterator[bytes]:
    """Yield what is uploaded, in parts."""
    for block in data:
        yield block
