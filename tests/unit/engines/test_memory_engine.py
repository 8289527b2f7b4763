"""The engine that runs nothing keeps the contract of those that do."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from wsrf_activity.engines.base import Engine, Failure, Job, Lost, Report, Warned
from wsrf_activity.engines.memory import MemoryEngine, MemoryRun
from wsrf_activity.model.activity import Progress
from wsrf_activity.testing import EngineContract, fresh_job


@pytest.fixture
async def engine() -> AsyncIterator[MemoryEngine]:
    engine = MemoryEngine()
    await engine.open()
    yield engine
    await engine.close()


class TestMemoryEngine(EngineContract):
    """The contract, on the memory engine."""

    def make(self, folder: Path) -> Engine:
        return MemoryEngine()

    async def reopened(self, engine: Engine, folder: Path) -> Engine:
        """It remembers what ran, as nothing else does."""
        await engine.close()
        await engine.open()
        return engine

    def waiting(self, folder: Path) -> Job:
        return fresh_job(folder, "wait")

    def say(self, engine: Engine, job: Job) -> None:
        assert isinstance(engine, MemoryEngine)
        engine.tell(job.activity_id, Warned("careful"))
        engine.tell(job.activity_id, Progress(50.0, "half"))

    async def let_end(self, engine: Engine, job: Job) -> None:
        assert isinstance(engine, MemoryEngine)
        engine.finish(job.activity_id)

    def failing(self, folder: Path) -> Job:
        return fresh_job(folder, "fail")

    async def let_fail(self, engine: Engine, job: Job, failure: Failure) -> None:
        assert isinstance(engine, MemoryEngine)
        now = datetime.now(UTC)
        report = Report(exit_code=1, reason="exited", started=now, ended=now, failure=failure)
        engine.finish(job.activity_id, report)

    def impossible(self, engine: Engine, folder: Path) -> Job:
        assert isinstance(engine, MemoryEngine)
        engine.refuses = "There is no such program."
        return fresh_job(folder, "nothing")


async def test_a_test_says_how_the_work_ends(engine: MemoryEngine, tmp_path: Path) -> None:
    job = fresh_job(tmp_path, "wait")
    run = await engine.start(job, lambda _: None)
    engine.finish(job.activity_id, Lost(True, "The machine burned down."))
    assert await run.outcome() == Lost(True, "The machine burned down.")


async def test_the_limit_is_remembered(engine: MemoryEngine, tmp_path: Path) -> None:
    run = await engine.start(fresh_job(tmp_path, "wait"), lambda _: None)
    assert isinstance(run, MemoryRun)
    assert run.limit is None
    await run.set_limit(timedelta(minutes=1))
    assert run.limit == timedelta(minutes=1)
