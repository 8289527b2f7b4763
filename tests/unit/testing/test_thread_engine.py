"""The engine that calls functions in threads keeps the contract of those that run processes."""

import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from wsrf_activity.author import Job as AuthorsJob
from wsrf_activity.author import activity
from wsrf_activity.author.targets import loaded
from wsrf_activity.engines import attempt, failures
from wsrf_activity.engines.base import Engine, Failure, Job
from wsrf_activity.testing import EngineContract, fresh_job
from wsrf_activity.testing.engines import BROKEN
from wsrf_activity.testing.threads import ThreadEngine

_GATE = threading.Event()


@activity
def waits(job: AuthorsJob, fails: bool) -> None:
    if not fails:
        job.warn("careful")
        job.progress(50, "half")
    while not _GATE.wait(0.01):
        pass
    if fails:
        failures.write(str(job.folder / attempt.FAILURE), BROKEN)
        sys.exit(1)


class TestThreadEngine(EngineContract):
    @pytest.fixture(autouse=True)
    def gate(self) -> Iterator[None]:
        _GATE.clear()
        yield
        _GATE.set()

    def make(self, folder: Path) -> Engine:
        engine = ThreadEngine()
        engine.serve(loaded(waits))
        return engine

    async def reopened(self, engine: Engine, folder: Path) -> Engine:
        """It remembers what runs: threads end with their process, and so would a restarted server's."""
        await engine.close()
        await engine.open()
        return engine

    def waiting(self, folder: Path) -> Job:
        return _job(folder, fails=False)

    async def let_end(self, engine: Engine, job: Job) -> None:
        _GATE.set()

    def failing(self, folder: Path) -> Job:
        return _job(folder, fails=True)

    async def let_fail(self, engine: Engine, job: Job, failure: Failure) -> None:
        _GATE.set()

    def impossible(self, engine: Engine, folder: Path) -> Job:
        return fresh_job(folder, "sh", "-c", "true")


def _job(folder: Path, *, fails: bool) -> Job:
    target = str(loaded(waits).target)
    job = fresh_job(folder, sys.executable, "-m", "wsrf_activity.author", "run", target, "waits")
    return replace(
        job, arguments=f"<n:waits xmlns:n='urn:n'><n:fails>{str(fails).lower()}</n:fails></n:waits>".encode()
    )
