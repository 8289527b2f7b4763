"""The slots on both databases, with an engine that runs nothing: who gets one, and what becomes of the work."""

import asyncio
from collections import Counter
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from tests.integration.house import ADA, BOB, House, report, until
from wsrf_activity.engines.base import Lost, Warned
from wsrf_activity.engines.memory import MemoryRun
from wsrf_activity.manager import Limits, attempts, running
from wsrf_activity.manager.ledger import FenceLost, Step
from wsrf_activity.model import changes
from wsrf_activity.model.activity import Activity, Progress, RestartPolicy, Severity
from wsrf_activity.model.errors import (
    NoSuchActivity,
    Unavailable,
)
from wsrf_activity.model.identity import Principal
from wsrf_activity.model.phases import ErrorStatus, Phase
from wsrf_activity.model.services import Service
from wsrf_activity.testing.strategies import END

pytestmark = pytest.mark.usefixtures("no_pauses")


def unfinished(house: House) -> list[str]:
    return [activity_id for (activity_id, _), run in house.engine.runs.items() if not run.over.done()]


def runs(house: House, number: int) -> bool:
    return len(unfinished(house)) == number


class TestSlots:
    """How many at a time, and whose turn it is."""

    async def test_never_more_than_allowed(self, house: House) -> None:
        made = [await house.create() for _ in range(8)]
        for together in (*[2] * 7, 1):
            await until(partial(runs, house, together))
            house.engine.finish(unfinished(house)[0])
        for activity_id in made:
            assert (await house.wait(activity_id)).phase is Phase.COMPLETED
        assert house.engine.most == 2
        assert len(house.engine.asked) == 8

    async def test_owners_take_turns(self, small: House) -> None:
        await self.order_of(small, [ADA] * 6 + [BOB] * 3, "abababaaa")

    async def test_a_newcomer_does_not_starve_those_who_have_been_served_much(self, small: House) -> None:
        await self.order_of(small, [ADA] * 6, "aaaaaa")
        await self.order_of(small, [ADA] * 4 + [BOB] * 8, "babababab"[:8] + "bbbb")

    @staticmethod
    async def order_of(house: House, callers: list[Principal], wanted: str) -> None:
        """Fill the queue while nothing is taken from it, then let one at a time run."""
        await house.allow(0)
        house.engine.asked.clear()
        owners = {await house.create(who): who.name for who in callers}
        house.manager._runner._slots.parallel = 1
        house.manager._runner.wake()
        for number in range(len(callers)):
            await house.asked(number + 1)
            activity_id = house.engine.asked[number][0]
            await house.begun(activity_id)
            house.engine.finish(activity_id)
        await until(lambda: not house.manager._runner._attempts)
        assert "".join(owners[activity_id][0] for activity_id, _ in house.engine.asked) == wanted

    async def test_the_next_begins_before_the_end_is_written(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """But no more than so many: a database that takes no ends must not see ever more work begin."""
        monkeypatch.setattr(running, "_UNWRITTEN", 3)
        await house.allow(1)
        made = [await house.create() for _ in range(4)]
        writer, opened = house.manager._runner._writer, asyncio.Event()
        real = writer.change

        async def held(attempt: attempts.Attempt, step: Step) -> None:
            await opened.wait()
            await real(attempt, step)

        monkeypatch.setattr(writer, "change", held)
        for number in range(3):
            await house.asked(number + 1)
            activity_id = house.engine.asked[number][0]
            await house.begun(activity_id)
            house.engine.finish(activity_id)
        await until(partial(runs, house, 0))
        await until(lambda: house.manager._runner.running == 0)
        assert len(house.engine.asked) == 3
        opened.set()
        await until(lambda: len(house.engine.asked) == 4)
        house.engine.finish(house.engine.asked[3][0])
        for activity_id in made:
            assert (await house.wait(activity_id)).phase is Phase.COMPLETED

    async def test_none_at_all_accepts_only(self, tmp_path: Path) -> None:
        house = House(f"sqlite:///{tmp_path / 'a.db'}", tmp_path / "data", limits=Limits(parallel=0))
        await house.open()
        activity_id = await house.create()
        assert (await house.get(activity_id)).phase is Phase.QUEUED
        assert house.engine.asked == []
        await house.close()

    async def test_an_expired_one_is_not_begun(self, small: House) -> None:
        await small.allow(0)
        late = await small.create(lifetime=timedelta(seconds=1))
        small.now += timedelta(seconds=1)
        small.manager._runner._slots.parallel = 2
        fresh = await small.running()
        assert [each for each, _ in small.engine.asked] == [fresh]
        with pytest.raises(NoSuchActivity):
            await small.get(late)


class TestOutcomes:
    """What becomes of the record."""

    async def test_quick_work_is_changed_twice_and_shows_where_it_ran(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(running, "_LONG", 3600.0)  # none is slow here, however slow the machine
        activity_id = await house.running()
        house.engine.finish(activity_id)
        ended = await house.wait(activity_id)
        assert (ended.version, ended.engine_job) == (3, f"memory-{activity_id}-1")

    async def test_work_that_goes_on_shows_where_it_runs(self, small: House, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(running, "_LONG", 0.01)
        activity_id = await small.running()
        await small.noted(activity_id)
        small.engine.finish(activity_id)
        ended = await small.wait(activity_id)
        assert (ended.version, ended.engine_job) == (4, f"memory-{activity_id}-1")

    async def test_work_that_ended_with_no_server_shows_where_it_ran(
        self, small: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(running, "_LONG", 3600)
        activity_id = await small.running()
        await small.close()
        small.engine.finish(activity_id)
        await small.open()
        ended = await small.wait(activity_id)
        assert (ended.phase, ended.engine_job) == (Phase.COMPLETED, f"memory-{activity_id}-1")

    async def test_work_that_cannot_start_has_failed(self, house: House) -> None:
        house.engine.refuses = "There is no such program."
        ended = await house.wait(await house.create())
        assert (ended.phase, ended.errors[0].code) == (Phase.FAILED, "CannotStart")
        assert ended.errors[0].description == "There is no such program."
        assert ended.error_status is ErrorStatus.FATAL_ERRORS
        await until(lambda: house.manager._runner.running == 0)

    @pytest.mark.parametrize(
        ("said", "code"),
        [
            (report(3), "ExitCode"),
            (report(137), "Signal"),
            (report(143, reason="limit"), "WorkLimit"),
            (report(1, reason="output"), "OutputLimit"),
        ],
    )
    async def test_work_that_fails(self, small: House, said: object, code: str) -> None:
        activity_id = await small.running()
        small.engine.finish(activity_id, said)  # type: ignore[arg-type]
        ended = await small.wait(activity_id)
        assert (ended.phase, [error.code for error in ended.errors]) == (Phase.FAILED, [code])

    @pytest.mark.parametrize(
        ("restart", "begun", "phase"),
        [
            (RestartPolicy.ABORT, True, Phase.ABORTED),
            (RestartPolicy.ABORT, False, Phase.COMPLETED),
            (RestartPolicy.RERUN, True, Phase.COMPLETED),
            (RestartPolicy.RERUN, False, Phase.COMPLETED),
            (RestartPolicy.RESUME, True, Phase.COMPLETED),
        ],
    )
    async def test_work_that_is_lost(self, small: House, restart: RestartPolicy, begun: bool, phase: Phase) -> None:
        small.services["s"] = Service(name="s", command=("run",), restart=restart)
        activity_id = await small.running(command=None, service="s")
        small.engine.finish(activity_id, Lost(begun, "the machine burned down"))
        if phase is Phase.COMPLETED:
            await small.begun(activity_id, 2)
            small.engine.finish(activity_id)
        ended = await small.wait(activity_id)
        assert (ended.phase, ended.attempt) == (phase, 2 if phase is Phase.COMPLETED else 1)
        assert "burned down" in ended.errors[0].description

    async def test_retries_are_counted(self, small: House) -> None:
        small.services["s"] = Service(name="s", command=("run",), retries=2)
        activity_id = await small.running(command=None, service="s")
        for attempt in (1, 2, 3):
            await small.begun(activity_id, attempt)
            small.engine.finish(activity_id, report(attempt))
        ended = await small.wait(activity_id)
        assert (ended.phase, ended.attempt, ended.exit_code) == (Phase.FAILED, 3, 3)
        assert [(error.severity, error.handled) for error in ended.errors] == [
            (Severity.FATAL, True),
            (Severity.FATAL, True),
            (Severity.FATAL, False),
        ]

    async def test_failed_work_pauses_before_it_is_run_again(self, house: House) -> None:
        """Each time for longer; what is queued behind it goes first."""
        house.services["s"] = Service(name="s", command=("run",), retries=2, retry_after=timedelta(minutes=15))
        house.manager._runner._slots.parallel = 1
        activity_id = await house.running(command=None, service="s")
        for attempt, pause in ((1, timedelta(minutes=15)), (2, timedelta(minutes=30))):
            house.engine.finish(activity_id, report(attempt))
            queued = await house.wait(activity_id, Phase.QUEUED)
            assert (queued.begins, queued.attempt) == (house.now + pause, attempt + 1)
            other = await house.running()
            house.engine.finish(other)
            await house.wait(other)
            house.now += pause
            house.manager._runner.wake()
            await house.begun(activity_id, attempt + 1)
        assert (await house.get(activity_id)).begins is None

    async def test_the_queue_wakes_when_work_may_begin_again(self, small: House) -> None:
        small.services["s"] = Service(name="s", command=("run",), retries=1, retry_after=timedelta(milliseconds=30))
        activity_id = await small.running(command=None, service="s")
        small.engine.finish(activity_id, report(1))
        await small.wait(activity_id, Phase.QUEUED)
        small.now += timedelta(milliseconds=30)
        await small.begun(activity_id, 2)

    async def test_what_work_says_is_written_in_its_order(self, house: House) -> None:
        activity_id = await house.running()
        for percent in range(1, 31):
            house.engine.tell(activity_id, Warned(str(percent)))
            house.engine.tell(activity_id, Progress(float(percent)))
        house.engine.finish(activity_id)
        ended = await house.wait(activity_id)
        assert ended.progress == Progress(30.0)
        assert [error.description for error in ended.errors] == [str(percent) for percent in range(1, 31)]

    async def test_what_comes_after_the_end_is_ignored(self, small: House) -> None:
        activity_id = await small.running()
        listener = small.engine.runs[activity_id, 1].listener
        small.engine.finish(activity_id)
        ended = await small.wait(activity_id)
        await until(lambda: not small.manager._runner._attempts)
        listener(Progress(99.0))
        listener(Warned("late"))
        await until(lambda: len(small.manager._runner._tasks) == 1)  # the one that serves the queue
        assert await small.get(activity_id) == ended

    async def test_a_late_report_of_a_lost_holder_is_refused(self, house: House) -> None:
        activity_id = await house.running()
        before = await house.get(activity_id)
        await house.manager.ledger.change(activity_id, lambda old, now: changes.take_over(old))
        with pytest.raises(FenceLost):
            await house.manager.ledger.change(
                activity_id, lambda old, now: changes.end(old, Phase.FAILED, now), fence=before.fence
            )
        house.engine.finish(activity_id)
        await until(lambda: not house.manager._runner._attempts)
        assert (await house.get(activity_id)).phase is Phase.EXECUTING

    async def test_the_end_keeps_what_has_changed_while_the_work_ran(self, house: House) -> None:
        activity_id = await house.running()
        await house.manager.set_termination(ADA, activity_id, timedelta(hours=7))
        await house.manager.ledger.change(activity_id, partial(changes.warn, message="meanwhile"))
        house.engine.finish(activity_id)
        ended = await house.wait(activity_id)
        assert ended.phase is Phase.COMPLETED
        assert ended.terminates == house.now + timedelta(hours=7)
        assert [error.description for error in ended.errors] == ["meanwhile"]

    async def test_a_change_of_the_limit_reaches_the_work_even_while_it_starts(self, small: House) -> None:
        small.engine.after.clear()
        activity_id = await small.create(work_limit=timedelta(hours=1))
        await until(lambda: (activity_id, 1) in small.engine.runs)
        await small.manager.modify(ADA, activity_id, lambda old: limited(old, timedelta(minutes=1)))
        assert small.engine.runs[activity_id, 1].limit == timedelta(hours=1)
        small.engine.after.set()
        await until(lambda: small.engine.runs[activity_id, 1].limit == timedelta(minutes=1))
        await small.manager.modify(ADA, activity_id, lambda old: limited(old, timedelta(minutes=2)))
        assert small.engine.runs[activity_id, 1].limit == timedelta(minutes=2)

    async def test_a_change_of_the_limit_that_nobody_heard_of_reaches_the_work(
        self, small: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As between a claim and the moment from which on this server listens for changes of what it has claimed."""
        monkeypatch.setattr(running, "_LONG", 0.01)
        small.engine.before.clear()
        activity_id = await small.create(work_limit=timedelta(hours=1))
        await until(lambda: (activity_id, 1) in small.engine.asked)
        old = await small.get(activity_id)
        await small.database.change(lambda records: records.save(old, limited(old, timedelta(minutes=1)), ()))
        small.engine.before.set()
        await until(lambda: (activity_id, 1) in small.engine.runs)
        await until(lambda: small.engine.runs[activity_id, 1].limit == timedelta(minutes=1))


def limited(old: Activity, limit: timedelta) -> Activity:
    return changes.modified(old, changes.set_work_limit(old, limit))


class TestOwnErrors:
    """An error of ours is never an activity that executes with nobody there."""

    async def test_an_engine_that_breaks_is_asked_again(self, small: House) -> None:
        small.engine.breaks = [OSError("no space left"), RuntimeError("who knows")]
        activity_id = await small.running()
        small.engine.finish(activity_id)
        assert (await small.wait(activity_id)).phase is Phase.COMPLETED

    async def test_an_engine_that_stays_broken_is_given_up(self, small: House) -> None:
        small.engine.breaks = [OSError("no space left")] * 4
        ended = await small.wait(await small.create())
        assert (ended.phase, ended.errors[0].code) == (Phase.FAILED, "ServerError")
        await until(lambda: small.manager._runner.running == 0)

    async def test_the_queue_is_served_again_after_any_error(
        self, small: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real, broken = small.manager._runner._claim, [ValueError("a row that cannot be read"), Unavailable("gone")]

        async def claim() -> list[Activity]:
            if broken:
                raise broken.pop()
            return await real()

        monkeypatch.setattr(small.manager._runner, "_claim", claim)
        await small.running()
        assert broken == []

    async def test_a_slot_that_is_taken_again_at_once_is_kept(self, small: House) -> None:
        """The same activity may be claimed anew before its last attempt has cleaned up after itself."""
        runner = small.manager._runner
        activity_id = await small.running()
        old = runner._attempts[activity_id]
        successor = runner._attempts[activity_id] = attempts.Attempt(old.activity)
        small.engine.finish(activity_id)
        await old.settled.wait()
        assert runner._attempts.pop(activity_id) is successor

    async def test_work_of_an_activity_that_is_gone_is_ended(self, small: House) -> None:
        activity_id = await small.running()
        await small.database.change(lambda records: records.remove({activity_id: "x"}, END))
        small.engine.tell(activity_id, Progress(1.0))
        attempt = small.manager._runner._attempts[activity_id]
        run = attempt.run
        assert isinstance(run, MemoryRun)
        small.engine.finish(activity_id)
        await attempt.settled.wait()
        assert run.aborted


async def test_owners_share_slots(small: House) -> None:
    """With more slots than one, who runs least comes first, however long another's queue is."""
    await small.allow(0)
    owners = {await small.create(who): who.name for who in [ADA] * 10 + [BOB] * 2}
    small.manager._runner._slots.parallel = 4
    small.manager._runner.wake()
    await until(lambda: len(small.engine.asked) == 4)
    assert Counter(owners[each] for each, _ in small.engine.asked) == {"ada": 2, "bob": 2}
