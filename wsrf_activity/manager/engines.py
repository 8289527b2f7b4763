"""Which engine has an activity's work, and what becomes of work whose engine is not configured any more."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from wsrf_activity.engines.base import CannotStart, Engine, Job, Listener, Lost, Outcome, Run
from wsrf_activity.model.activity import Activity
from wsrf_activity.model.services import Service


class Engines:
    """The engines of this server, by name. All servers on one database have the same."""

    def __init__(self, engines: Mapping[str, Engine], services: Mapping[str, Service]) -> None:
        """Take what is configured."""
        self._engines = engines
        self._services = services

    async def open(self) -> None:
        """Make all of them ready."""
        for engine in self._engines.values():
            await engine.open()

    async def close(self) -> None:
        """Let go of all that runs; raises what one of them raises, when all others are closed too."""
        closed = await asyncio.gather(*(engine.close() for engine in self._engines.values()), return_exceptions=True)
        for error in closed:
            if isinstance(error, BaseException):
                raise error

    def of(self, activity: Activity) -> Engine:
        """Return what runs an activity's work, or ran it."""
        return self._engines.get(activity.engine) or Absent(activity.engine, tuple(self._engines.values()))

    def placed(self, activity: Activity) -> Activity:
        """Return an activity whose work is to begin with the engine that it begins on.

        That is the one it was accepted for; where that is gone, the one that its service has by now.
        """
        service = self._services.get(activity.service)
        if activity.engine in self._engines or service is None or service.engine not in self._engines:
            return activity
        return replace(activity, engine=service.engine)


class Absent:
    """In the place of an engine that is not configured any more. Nothing begins here.

    What had begun may be within the reach of another engine: of one that has a new name, or of the same kind. All are
    asked, since ``attach`` starts nothing; where none knows of it, it is lost.
    """

    def __init__(self, name: str, others: Sequence[Engine]) -> None:
        """Stand in for the engine ``name``."""
        self._name = name
        self._others = others

    async def open(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""

    def within_reach(self, job: Job) -> bool:
        """Return False: a server that has the engine goes first."""
        return False

    async def start(self, job: Job, listener: Listener) -> Run:
        """Raise CannotStart."""
        raise CannotStart(f"The engine {self._name!r} is not configured any more.")

    async def attach(self, job: Job, listener: Listener) -> Run | Outcome:
        """Return what another engine knows of the work; else that it is lost, since it may well have begun."""
        lost = Lost(True, f"The engine {self._name!r}, which had the work, is not configured any more.")
        for engine in self._others:
            found = await engine.attach(job, listener)
            if not isinstance(found, Lost):
                return found
            if found.begun:
                lost = found
        return lost
