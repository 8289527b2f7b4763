"""What every engine must do, whatever it runs work with: a pytest class, derived from once for each engine.

It needs pytest-asyncio, in whichever mode.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from wsrf_activity.engines.base import CannotStart, Engine, Failure, Job, Lost, Outcome, Report, Said, Warned
from wsrf_activity.model.activity import Progress, new_id

BROKEN = Failure("Broken", "it broke", "here\nand there")  #: what a job that fails says of it
PATIENCE = 60.0  #: seconds that any test waits for what must happen, on a machine that is busy


class EngineContract:
    """The derived class, named ``Test...``, fills in the first six methods, and the others where it needs to.

    What the tests do with an engine is all that a server does with it: what passes here can be configured.
    """

    pytestmark = pytest.mark.asyncio

    def make(self, folder: Path) -> Engine:
        """Return an engine that is not open yet; ``folder`` is the test's own."""
        raise NotImplementedError

    def waiting(self, folder: Path) -> Job:
        """Return a job (see ``fresh_job``) that says the warning "careful", then "half" at 50 %, and waits."""
        raise NotImplementedError

    async def let_end(self, engine: Engine, job: Job) -> None:
        """Have it end with exit code 0."""
        raise NotImplementedError

    def failing(self, folder: Path) -> Job:
        """Return a job that waits to be ended, and then fails and says ``BROKEN``."""
        raise NotImplementedError

    async def let_fail(self, engine: Engine, job: Job, failure: Failure) -> None:
        """Have it fail with exit code 1, and say why."""
        raise NotImplementedError

    def impossible(self, engine: Engine, folder: Path) -> Job:
        """Return a job that the engine cannot start."""
        raise NotImplementedError

    def say(self, engine: Engine, job: Job) -> None:
        """Have it say the warning and the progress, where it does not by itself."""

    async def reopened(self, engine: Engine, folder: Path) -> Engine:
        """Close and return an engine as a restarted server has it: by default a new one."""
        await engine.close()
        again = self.make(folder)
        await again.open()
        self._opened.append(again)
        return again

    async def clean_up(self, folder: Path) -> None:
        """End what a test that failed may have left running."""

    @pytest_asyncio.fixture
    async def engine(self, tmp_path: Path) -> AsyncIterator[Engine]:
        """The engine of a test, open."""
        engine = self.make(tmp_path)
        self._opened = [engine]
        await engine.open()
        yield engine
        await self.clean_up(tmp_path)
        await self._opened[-1].close()

    async def test_work_that_ends_is_reported(self, engine: Engine, tmp_path: Path) -> None:
        job = self.waiting(tmp_path)
        run = await engine.start(job, lambda _: None)
        assert run.job_id
        await self.let_end(engine, job)
        report = await _report(run.outcome())
        assert (report.exit_code, report.reason) == (0, "exited")
        assert report.started <= report.ended
        assert report.started.utcoffset() is not None

    async def test_what_it_says_is_told(self, engine: Engine, tmp_path: Path) -> None:
        said: asyncio.Queue[Said] = asyncio.Queue()
        job = self.waiting(tmp_path)
        run = await engine.start(job, said.put_nowait)
        self.say(engine, job)
        told = [await asyncio.wait_for(said.get(), PATIENCE) for _ in range(2)]
        assert told == [Warned("careful"), Progress(50.0, "half")]
        await self.let_end(engine, job)
        await _report(run.outcome())

    async def test_why_it_failed_is_told_after_a_restart_too(self, engine: Engine, tmp_path: Path) -> None:
        job = self.failing(tmp_path)
        run = await engine.start(job, lambda _: None)
        await self.let_fail(engine, job, BROKEN)
        report = await _report(run.outcome())
        assert (report.exit_code, report.failure) == (1, BROKEN)
        engine = await self.reopened(engine, tmp_path)
        assert await engine.attach(job, lambda _: None) == report

    async def test_aborted_work_ends_by_a_signal(self, engine: Engine, tmp_path: Path) -> None:
        run = await engine.start(self.waiting(tmp_path), lambda _: None)
        await run.abort()
        await run.abort()
        report = await _report(run.outcome())
        assert report.reason == "aborted"
        assert report.exit_code > 128
        await run.abort()

    async def test_the_same_attempt_begins_once(self, engine: Engine, tmp_path: Path) -> None:
        job = self.waiting(tmp_path)
        runs = await asyncio.gather(*(engine.start(job, lambda _: None) for _ in range(3)))
        assert len({run.job_id for run in runs}) == 1
        await self.let_end(engine, job)
        reports = await asyncio.gather(*(_report(run.outcome()) for run in runs))
        assert reports == reports[:1] * 3
        again = await engine.start(job, lambda _: None)
        assert await again.outcome() == reports[0]

    async def test_running_work_is_found_after_a_restart(self, engine: Engine, tmp_path: Path) -> None:
        job = self.waiting(tmp_path)
        started = await engine.start(job, lambda _: None)
        engine = await self.reopened(engine, tmp_path)
        found = await engine.attach(job, lambda _: None)
        assert not isinstance(found, Report | Lost)
        assert found.job_id == started.job_id
        await self.let_end(engine, job)
        assert (await _report(found.outcome())).exit_code == 0

    async def test_ended_work_is_found_after_a_restart(self, engine: Engine, tmp_path: Path) -> None:
        job = self.waiting(tmp_path)
        run = await engine.start(job, lambda _: None)
        await self.let_end(engine, job)
        report = await _report(run.outcome())
        engine = await self.reopened(engine, tmp_path)
        assert await engine.attach(job, lambda _: None) == report

    async def test_work_that_never_began_is_lost_without_harm(self, engine: Engine, tmp_path: Path) -> None:
        found = await engine.attach(self.waiting(tmp_path), lambda _: None)
        assert isinstance(found, Lost)
        assert not found.begun

    async def test_another_attempt_is_another(self, engine: Engine, tmp_path: Path) -> None:
        first = self.waiting(tmp_path)
        run = await engine.start(first, lambda _: None)
        await run.abort()
        await _report(run.outcome())
        second = replace(first, attempt=2, folder=first.folder.with_name("2"))
        found = await engine.attach(second, lambda _: None)
        assert isinstance(found, Lost)
        assert not found.begun

    async def test_who_lets_go_of_work_does_not_end_it(self, engine: Engine, tmp_path: Path) -> None:
        job = self.waiting(tmp_path)
        run = await engine.start(job, lambda _: None)
        run.release()
        found = await engine.attach(job, lambda _: None)
        assert not isinstance(found, Report | Lost)
        assert await asyncio.to_thread(engine.within_reach, job)
        await found.set_limit(None)
        await self.let_end(engine, job)
        assert (await _report(found.outcome())).reason == "exited"

    async def test_what_cannot_start_says_so(self, engine: Engine, tmp_path: Path) -> None:
        job = self.impossible(engine, tmp_path)
        with pytest.raises(CannotStart, match=r"\w+ .*\.$"):
            await engine.start(job, lambda _: None)
        found = await engine.attach(job, lambda _: None)
        assert isinstance(found, Lost)
        assert not found.begun


def fresh_job(folder: Path, *argv: str) -> Job:
    """Return the first attempt at an activity that nobody else has."""
    activity_id = new_id()
    return Job(activity_id=activity_id, attempt=1, folder=folder / activity_id / "1", argv=argv)


async def _report(outcome: Coroutine[Any, Any, Outcome]) -> Report:
    ended = await asyncio.wait_for(outcome, PATIENCE)
    assert isinstance(ended, Report)
    return ended
