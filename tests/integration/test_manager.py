"""The manager on both databases, with an engine that runs nothing: nothing accepted is lost, nothing runs unowned."""

import asyncio
import random
import resource
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from tests.integration.house import ADA, BOB, PATIENCE, House, report, until
from tests.unit.model.strategies import END, NOON
from wsrf_activity.engines.base import Lost, Warned
from wsrf_activity.engines.memory import MemoryRun
from wsrf_activity.manager import Condition, Limits, StartRequest, UploadInput, attempts, running
from wsrf_activity.manager import folders as manager_folders
from wsrf_activity.manager.ledger import FenceLost
from wsrf_activity.model import changes
from wsrf_activity.model.activity import Activity, Progress, RestartPolicy, Severity
from wsrf_activity.model.errors import (
    InvalidParameter,
    NoSuchActivity,
    NotPermitted,
    RequestConflict,
    TerminationTimeRejected,
    Unavailable,
    UnknownService,
)
from wsrf_activity.model.identity import Principal
from wsrf_activity.model.lifetime import Never
from wsrf_activity.model.listing import Filter
from wsrf_activity.model.phases import LIVE, ErrorStatus, Phase
from wsrf_activity.model.services import Service


@pytest.fixture
async def house(database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    """On either database."""
    house = House(database_url, tmp_path / "data")
    await house.open()
    yield house
    await house.close()


@pytest.fixture
async def small(tmp_path: Path) -> AsyncIterator[House]:
    """On SQLite alone, for what does not depend on the database."""
    house = House(f"sqlite:///{tmp_path / 'small.db'}", tmp_path / "data")
    await house.open()
    yield house
    await house.close()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "_RETRY", 0.001)
    monkeypatch.setattr(running, "_PAUSES", (0.0, 0.0, 0.0))


def unfinished(house: House) -> list[str]:
    return [activity_id for (activity_id, _), run in house.engine.runs.items() if not run.over.done()]


def runs(house: House, number: int) -> bool:
    return len(unfinished(house)) == number


async def blocks(*data: bytes) -> AsyncIterator[bytes]:
    for block in data:
        yield block


class TestCreate:
    """What is accepted, and how often."""

    async def test_from_start_to_end(self, house: House) -> None:
        activity_id = await house.create(name="n", groups=("g", "g"), run_id="r", work_limit=timedelta(minutes=5))
        accepted = await house.get(activity_id)
        assert (accepted.owner, accepted.name, accepted.groups, accepted.run_id) == ("ada", "n", ("g",), "r")
        assert accepted.terminates == NOON + timedelta(days=366)
        await house.begun(activity_id)
        run = house.engine.runs[activity_id, 1]
        assert (run.job.argv, run.limit) == (("/bin/sh", "-c", "true"), timedelta(minutes=5))
        assert (await house.wait(activity_id, Phase.EXECUTING)).started == NOON
        house.now += timedelta(minutes=1)
        house.engine.tell(activity_id, Progress(50.0, "half"))
        house.engine.finish(activity_id)
        ended = await house.wait(activity_id)
        assert (ended.phase, ended.exit_code, ended.progress) == (Phase.COMPLETED, 0, Progress(50.0, "half"))
        assert ended.terminates == house.now + timedelta(days=14)
        assert ended.error_status is ErrorStatus.NO_ERRORS

    async def test_one_activity_for_a_request_id_however_many_ask_at_once(self, house: House) -> None:
        request = StartRequest(command="true", request_id="once", input=b"data")
        made = await asyncio.gather(*(house.manager.create(ADA, request) for _ in range(20)))
        assert len({each.id for each in made}) == 1
        with pytest.raises(RequestConflict):
            await house.manager.create(ADA, replace(request, command="false"))
        assert (await house.manager.create(BOB, request)).id != made[0].id
        await house.manager.destroy(ADA, made[0].id)
        assert (await house.manager.create(ADA, request)).id != made[0].id
        kept = [each.name for each in (house.data / "activities").glob("*/*")]
        assert len(kept) == 2
        assert list((house.data / "staging").iterdir()) == []

    async def test_a_request_id_is_free_when_its_activity_has_expired(self, small: House) -> None:
        request = StartRequest(command="true", request_id="once", lifetime=timedelta(seconds=3))
        first = await small.manager.create(ADA, request)
        small.now += timedelta(seconds=3)
        made = await asyncio.gather(*(small.manager.create(ADA, request) for _ in range(5)))
        assert len({each.id for each in made} - {first.id}) == 1

    async def test_who_may_start_what(self, small: House) -> None:
        small.services["known"] = Service(name="known", command=("run",), work_limit=timedelta(minutes=1))
        with pytest.raises(UnknownService, match="configured: known"):
            await small.create(command=None, service="other")
        with pytest.raises(NotPermitted):
            await small.create(Principal("eve"))
        with pytest.raises(InvalidParameter):
            await small.create(command=None, service="known", work_limit=timedelta(minutes=2))
        with pytest.raises(InvalidParameter):
            await small.create(name="x" * 256)
        with pytest.raises(InvalidParameter):
            await small.create(parameters={"p": "1"})
        made = await small.get(await small.create(command=None, service="known"))
        assert made.work_limit == timedelta(minutes=1)

    async def test_an_input_is_there_before_the_row(self, house: House) -> None:
        upload = await house.manager.upload(ADA, blocks(b"ab", b"cd"))
        first = await house.running(input=UploadInput(upload.id))
        second = await house.running(input=b"wxyz")
        for activity_id, content in ((first, b"abcd"), (second, b"wxyz")):
            stdin = house.engine.runs[activity_id, 1].job.stdin
            assert stdin is not None
            assert stdin.read_bytes() == content
        for stranger in (UploadInput("nothing"), UploadInput(upload.id)):
            with pytest.raises(InvalidParameter, match="no such input"):
                await house.create(BOB, input=stranger)
        house.now = upload.expires
        with pytest.raises(InvalidParameter, match="no such input"):
            await house.create(input=UploadInput(upload.id))

    async def test_a_disk_that_takes_no_input_leaves_nothing(self, small: House) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (5 << 20, hard))
        try:
            with pytest.raises(Unavailable, match="cannot be stored: File too large"):
                await small.create(input=bytes(6 << 20))
            with pytest.raises(Unavailable, match="cannot be stored: File too large"):
                await small.manager.upload(ADA, blocks(*[bytes(1 << 20)] * 6))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert (await small.manager.list(ADA, Filter())).activities == ()
        for folder in ("staging", "uploads"):
            assert list((small.data / folder).iterdir()) == []
        assert list((small.data / "activities").glob("*/*")) == []

    async def test_a_caller_who_leaves_does_not_stop_an_acceptance_half_way(self, small: House) -> None:
        for turns in range(6):
            task = asyncio.create_task(small.create(input=b"data", request_id=f"r{turns}"))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await until(lambda: not list((small.data / "staging").iterdir()))
        listed = {each.id for each in (await small.manager.list(ADA, Filter())).activities}
        assert {each.name for each in (small.data / "activities").glob("*/*")} == listed


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
        house.manager._runner._slots.parallel = 0
        house.engine.asked.clear()
        owners = {await house.create(who): who.name for who in callers}
        house.manager._runner._slots.parallel = 1
        house.manager._runner.wake()
        for number in range(len(callers)):
            await until(lambda: len(house.engine.asked) > number)  # noqa: B023
            activity_id = house.engine.asked[number][0]
            await house.begun(activity_id)
            house.engine.finish(activity_id)
            await until(lambda: not house.manager._runner._attempts or len(house.engine.asked) > number + 1)  # noqa: B023
        assert "".join(owners[activity_id][0] for activity_id, _ in house.engine.asked) == wanted

    async def test_none_at_all_accepts_only(self, tmp_path: Path) -> None:
        house = House(f"sqlite:///{tmp_path / 'a.db'}", tmp_path / "data", limits=Limits(parallel=0))
        await house.open()
        activity_id = await house.create()
        assert (await house.get(activity_id)).phase is Phase.QUEUED
        assert house.engine.asked == []
        await house.close()

    async def test_an_expired_one_is_not_begun(self, small: House) -> None:
        small.manager._runner._slots.parallel = 0
        late = await small.create(lifetime=timedelta(seconds=1))
        small.now += timedelta(seconds=1)
        small.manager._runner._slots.parallel = 2
        fresh = await small.running()
        assert [each for each, _ in small.engine.asked] == [fresh]
        with pytest.raises(NoSuchActivity):
            await small.get(late)


class TestOutcomes:
    """What becomes of the record."""

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

    async def test_a_change_of_the_limit_that_nobody_heard_of_reaches_the_work(self, small: House) -> None:
        """As between a claim and the moment from which on this server listens for changes of what it has claimed."""
        small.engine.before.clear()
        activity_id = await small.create(work_limit=timedelta(hours=1))
        await until(lambda: (activity_id, 1) in small.engine.asked)
        await small.manager.ledger.change(activity_id, lambda old, now: limited(old, timedelta(minutes=1)))
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

        async def claim(free: int) -> list[Activity]:
            if broken:
                raise broken.pop()
            return await real(free)

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


class TestAbort:
    """Whatever the phase, what is aborted has ended when the answer comes."""

    async def test_while_it_is_queued(self, house: House) -> None:
        house.manager._runner._slots.parallel = 0
        activity_id = await house.create()
        aborted = await house.manager.abort(ADA, activity_id, "enough")
        assert (aborted.phase, aborted.errors[0].description) == (Phase.ABORTED, "enough")
        assert aborted.errors[0].severity is Severity.ABORTED
        assert house.engine.asked == []

    @pytest.mark.parametrize("point", ["before", "after"])
    @pytest.mark.parametrize("destroy", [False, True])
    async def test_while_it_starts(self, house: House, point: str, destroy: bool) -> None:
        held: asyncio.Event = getattr(house.engine, point)
        held.clear()
        activity_id = await house.create()
        await until(lambda: (activity_id, 1) in (house.engine.asked if point == "before" else house.engine.runs))
        call = house.manager.destroy(ADA, activity_id) if destroy else house.manager.abort(ADA, activity_id)
        task = asyncio.ensure_future(call)
        await asyncio.sleep(0)
        assert not task.done()
        held.set()
        await task
        assert house.engine.runs[activity_id, 1].aborted
        if destroy:
            with pytest.raises(NoSuchActivity):
                await house.get(activity_id)
        else:
            assert (await house.get(activity_id)).phase is Phase.ABORTED

    async def test_while_it_runs_and_again(self, house: House) -> None:
        activity_id = await house.running()
        both = await asyncio.gather(*(house.manager.abort(ADA, activity_id) for _ in range(5)))
        assert {each.phase for each in both} == {Phase.ABORTED}
        assert both[0].exit_code == 143
        assert len(both[0].errors) == 1
        assert (await house.manager.abort(ADA, activity_id)) == both[0]

    async def test_what_has_ended_stays_as_it_is(self, small: House) -> None:
        activity_id = await small.running()
        small.engine.finish(activity_id)
        ended = await small.wait(activity_id)
        assert await small.manager.abort(ADA, activity_id) == ended

    async def test_work_that_would_be_run_again_is_not(self, small: House) -> None:
        small.services["s"] = Service(name="s", command=("run",), retries=9, restart=RestartPolicy.RERUN)
        for said in (report(1), Lost(True, "gone"), report(143, reason="limit")):
            activity_id = await small.running(command=None, service="s")
            task = asyncio.create_task(small.manager.abort(ADA, activity_id))
            small.engine.finish(activity_id, said)
            assert (await task).phase in (Phase.ABORTED, Phase.FAILED)
            assert (activity_id, 2) not in small.engine.runs or small.engine.runs[activity_id, 2].over.done()

    async def test_at_any_moment(self, house: House) -> None:
        """Many activities of all ways to end, aborted at random turns: each ends, and nothing runs on."""
        chance = random.Random(7)
        house.services["s"] = Service(name="s", command=("run",), retries=3)
        made = [await house.create(command=None, service="s") for _ in range(12)]

        async def finish() -> None:
            while True:
                for run in list(house.engine.runs.values()):
                    if not run.over.done() and chance.random() < 0.3:
                        run.over.set_result(report(chance.choice([0, 1])))
                await asyncio.sleep(0)

        async def abort(activity_id: str) -> Activity:
            for _ in range(chance.randrange(200)):
                await asyncio.sleep(0)
            return await house.manager.abort(ADA, activity_id)

        finisher = asyncio.create_task(finish())
        ended = await asyncio.gather(*map(abort, made))
        finisher.cancel()
        assert all(each.phase.ended for each in ended)
        await until(lambda: not house.manager._runner._attempts)
        assert all(run.over.done() for run in house.engine.runs.values())

    async def test_destroy_happens_once(self, house: House) -> None:
        activity_id = await house.running(input=b"data")
        folder = house.data / "activities" / activity_id[:2] / activity_id
        assert folder.exists()
        outcomes = await asyncio.gather(
            *(house.manager.destroy(ADA, activity_id) for _ in range(6)), return_exceptions=True
        )
        assert outcomes.count(None) == 1
        assert {type(each) for each in outcomes} <= {type(None), NoSuchActivity}
        assert not folder.exists()
        assert house.engine.runs[activity_id, 1].aborted
        assert list(await house.database.read(lambda records: records.removals("", 9))) == []

    async def test_a_stranger_sees_nothing(self, small: House) -> None:
        activity_id = await small.running()
        manager, nobody = small.manager, "nosuchactivity"
        for who, key in ((BOB, activity_id), (ADA, nobody)):
            for call in (
                manager.get(who, key),
                manager.abort(who, key),
                manager.destroy(who, key),
                manager.wait(who, key, Condition(), None),
                manager.set_termination(who, key, timedelta(days=1)),
                manager.modify(who, key, lambda old: old),
                manager.content(who, key, "stdout"),
            ):
                with pytest.raises(NoSuchActivity) as refused:
                    await call
                assert str(refused.value) == str(NoSuchActivity())
        assert (await manager.list(BOB, Filter())).activities == ()


class TestRestart:
    """A server that is gone at any point, and the next one on the same data."""

    async def test_work_that_went_on_is_followed(self, house: House) -> None:
        activity_id = await house.running(work_limit=timedelta(minutes=30))
        fence = (await house.get(activity_id)).fence
        await house.restart()
        await house.begun(activity_id)
        assert (await house.get(activity_id)).fence == fence + 1
        assert house.engine.runs[activity_id, 1].limit == timedelta(minutes=30)
        house.engine.tell(activity_id, Progress(10.0))
        house.engine.finish(activity_id)
        ended = await house.wait(activity_id)
        assert (ended.phase, ended.progress, ended.attempt) == (Phase.COMPLETED, Progress(10.0), 1)
        assert house.engine.asked == [(activity_id, 1)]

    async def test_work_that_ended_meanwhile_is_reported(self, house: House) -> None:
        activity_id = await house.running()
        await house.close()
        house.engine.finish(activity_id, report(5))
        await house.open()
        ended = await house.wait(activity_id)
        assert (ended.phase, ended.exit_code) == (Phase.FAILED, 5)

    @pytest.mark.parametrize("point", ["before", "after"])
    async def test_gone_while_it_starts(self, house: House, point: str) -> None:
        held: asyncio.Event = getattr(house.engine, point)
        held.clear()
        activity_id = await house.create()
        await until(lambda: (activity_id, 1) in (house.engine.asked if point == "before" else house.engine.runs))
        assert (await house.get(activity_id)).phase is Phase.EXECUTING
        await house.close()
        held.set()
        await house.open()
        await house.begun(activity_id)
        house.engine.finish(activity_id)
        assert (await house.wait(activity_id)).phase is Phase.COMPLETED
        assert len(house.engine.runs) == 1

    async def test_gone_while_recovering_again_and_again(self, house: House) -> None:
        activity_id = await house.running()
        for _ in range(4):
            await house.restart()
        await house.begun(activity_id)
        house.engine.finish(activity_id)
        ended = await house.wait(activity_id)
        assert (ended.phase, ended.attempt, ended.fence) == (Phase.COMPLETED, 1, 5)

    async def test_what_was_queued_begins(self, house: House) -> None:
        house.manager._runner._slots.parallel = 0
        made = []
        for _ in range(3):
            made.append(await house.create())
            house.now += timedelta(seconds=1)
        await house.restart()
        for activity_id in made:
            await house.begun(activity_id)
            house.engine.finish(activity_id)
            assert (await house.wait(activity_id)).phase is Phase.COMPLETED

    @pytest.mark.parametrize("restart", [RestartPolicy.ABORT, RestartPolicy.RERUN])
    async def test_work_that_is_gone_with_its_machine(self, small: House, restart: RestartPolicy) -> None:
        small.services["s"] = Service(name="s", command=("run",), restart=restart)
        activity_id = await small.running(command=None, service="s")
        await small.close()
        small.engine.finish(activity_id, Lost(True, "the machine was started anew"))
        await small.open()
        if restart is RestartPolicy.RERUN:
            await small.begun(activity_id, 2)
            small.engine.finish(activity_id)
        ended = await small.wait(activity_id)
        assert ended.phase is (Phase.COMPLETED if restart is RestartPolicy.RERUN else Phase.ABORTED)

    async def test_half_accepted_inputs_and_half_done_removals_are_finished(self, house: House) -> None:
        kept = await house.running(input=b"kept")
        gone = await house.running(input=b"gone")
        upload = await house.manager.upload(ADA, blocks(b"kept"))
        folders = house.manager._folders
        # Killed between the staging of an input and its row, and between a row and the removal of its mark.
        folders.stage("neveraccepted", b"data")
        (house.data / "staging" / kept).touch()
        # Killed between the removal of a row and that of its files, which the work has left unreadable.
        (folders.activity(gone) / "1" / "deep").mkdir(parents=True)
        (folders.activity(gone) / "1").chmod(0)
        await house.database.change(lambda records: records.remove({gone: folders.relative(gone)}, END))
        # Killed in the middle of an upload, and between its file and its row.
        (house.data / "uploads" / "x.part").write_bytes(b"half")
        (house.data / "uploads" / "unknown").write_bytes(b"whole")
        await house.restart()
        assert {each.name for each in (house.data / "activities").glob("*/*")} == {kept}
        assert list((house.data / "staging").iterdir()) == []
        assert [each.name for each in (house.data / "uploads").iterdir()] == [upload.id]
        assert list(await house.database.read(lambda records: records.removals("", 9))) == []

    async def test_what_cannot_be_removed_does_not_keep_a_server_from_starting(
        self, small: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, second = await small.create(input=b"1"), await small.create(input=b"2")
        folders = small.manager._folders
        stuck = folders.activity(first)
        both = {each: folders.relative(each) for each in (first, second)}
        await small.database.change(lambda records: records.remove(both, END))
        remove = manager_folders.remove

        def refuse(path: Path) -> None:
            if path == stuck:
                raise PermissionError(1, "not permitted", str(path))
            remove(path)

        monkeypatch.setattr(manager_folders, "remove", refuse)
        await small.restart()
        assert list(await small.database.read(lambda records: records.removals("", 9))) == [both[first]]
        assert not folders.activity(second).exists()
        monkeypatch.setattr(manager_folders, "remove", remove)
        await small.restart()
        assert not stuck.exists()

    async def test_work_is_left_alone_at_the_stop_and_callers_are_told(self, small: House) -> None:
        activity_id = await small.running()
        waiting = asyncio.create_task(small.manager.wait(ADA, activity_id, Condition(), None))
        small.engine.before.clear()
        starting = await small.create()
        await until(lambda: (starting, 1) in small.engine.asked)
        destroying = asyncio.create_task(small.manager.destroy(ADA, starting))
        await asyncio.sleep(0)
        await small.manager.stop()
        activity, timed_out = await waiting
        assert (activity.phase, timed_out) == (Phase.EXECUTING, True)
        with pytest.raises(Unavailable):
            await destroying
        assert not small.engine.runs[activity_id, 1].aborted
        assert (await small.manager.wait(ADA, activity_id, Condition(), None))[1]


class TestWait:
    """Nobody waits in vain."""

    async def test_for_phases_changes_and_versions(self, house: House) -> None:
        house.manager._runner._slots.parallel = 0
        activity_id = await house.create()
        wait = house.manager.wait
        queued, timed_out = await wait(ADA, activity_id, Condition(frozenset(LIVE)), None)
        assert (queued.phase, timed_out) == (Phase.QUEUED, False)
        beyond = Condition(change=True, phases=frozenset(), since_version=queued.version)
        assert (await wait(ADA, activity_id, replace(beyond, since_version=0), None)) == (queued, False)
        assert (await wait(ADA, activity_id, beyond, timedelta(0))) == (queued, True)
        assert (await wait(ADA, activity_id, Condition(), timedelta(days=-1)))[1]
        later = asyncio.create_task(wait(ADA, activity_id, beyond, None))
        whenever = asyncio.create_task(wait(ADA, activity_id, replace(beyond, since_version=None), None))
        executing = asyncio.create_task(house.wait(activity_id, Phase.EXECUTING))
        await until(lambda: len(house.manager._waiters._waiting[activity_id]) == 3)
        await house.get(activity_id)
        await house.manager.modify(ADA, activity_id, lambda old: changes.modified(old, replace(old, name="n")))
        for task in (later, whenever):
            changed, timed_out = await task
            assert (changed.name, timed_out) == ("n", False)
        assert not executing.done()
        house.manager._runner._slots.parallel = 1
        house.manager._runner.wake()
        assert (await executing).phase is Phase.EXECUTING
        await house.begun(activity_id)
        house.engine.finish(activity_id)
        await house.wait(activity_id)
        ended, timed_out = await wait(ADA, activity_id, replace(beyond, since_version=99), None)
        assert (ended.phase, timed_out) == (Phase.COMPLETED, False)
        assert house.manager._waiters._waiting == {}

    async def test_destroyed_meanwhile(self, house: House) -> None:
        activity_id = await house.running()
        waiting = [asyncio.create_task(house.wait(activity_id)) for _ in range(3)]
        await until(lambda: len(house.manager._waiters._waiting[activity_id]) == 3)
        await house.manager.destroy(ADA, activity_id)
        for task in waiting:
            with pytest.raises(NoSuchActivity):
                await task

    async def test_no_change_is_missed(self, house: House) -> None:
        """Many follow every version by waiting beyond the last; each reaches the end, whatever the interleaving."""
        activity_id = await house.running()

        async def follow(turns: int) -> Activity:
            version = None
            while True:
                for _ in range(turns):
                    await asyncio.sleep(0)
                condition = Condition(phases=frozenset(), change=True, since_version=version)
                found, timed_out = await house.manager.wait(ADA, activity_id, condition, PATIENCE)
                assert not timed_out
                version = found.version
                if found.phase.ended:
                    return found

        followers = [asyncio.create_task(follow(turns)) for turns in range(25)]
        for percent in range(30):
            house.engine.tell(activity_id, Progress(float(percent)))
            await asyncio.sleep(0)
        house.engine.finish(activity_id)
        assert {each.version for each in await asyncio.gather(*followers)} == {(await house.get(activity_id)).version}

    async def test_a_change_while_the_waiter_reads_counts(self, small: House, monkeypatch: pytest.MonkeyPatch) -> None:
        activity_id = await small.running()
        real = small.manager.get

        async def slow(who: Principal, key: str) -> Activity:
            found = await real(who, key)
            monkeypatch.undo()
            await small.manager.modify(who, key, lambda old: changes.modified(old, replace(old, name="n")))
            return found

        monkeypatch.setattr(small.manager, "get", slow)
        condition = Condition(phases=frozenset(), change=True)
        found, timed_out = await small.manager.wait(ADA, activity_id, condition, PATIENCE)
        assert (found.name, timed_out) == ("n", False)


class TestTermination:
    """When the record ends."""

    async def test_a_time_that_was_set_stays(self, house: House) -> None:
        activity_id = await house.running()
        wanted = NOON + timedelta(days=2)
        changed, now = await house.manager.set_termination(ADA, activity_id, wanted)
        assert (changed.terminates, changed.lifetime_set, now) == (wanted, True, NOON)
        house.engine.finish(activity_id)
        assert (await house.wait(activity_id)).terminates == wanted
        for refused in (NOON, timedelta(days=367), Never()):
            with pytest.raises(TerminationTimeRejected):
                await house.manager.set_termination(ADA, activity_id, refused)
        assert (await house.get(activity_id)).terminates == wanted

    async def test_what_has_expired_cannot_be_extended(self, small: House, monkeypatch: pytest.MonkeyPatch) -> None:
        activity_id = await small.running(lifetime=timedelta(seconds=5))
        real = small.manager.get

        async def just_in_time(who: Principal, key: str) -> Activity:
            found = await real(who, key)
            small.now += timedelta(seconds=5)
            return found

        monkeypatch.setattr(small.manager, "get", just_in_time)
        with pytest.raises(NoSuchActivity):
            await small.manager.set_termination(ADA, activity_id, timedelta(days=1))

    async def test_expired_is_invisible_at_once(self, house: House) -> None:
        activity_id = await house.running(lifetime=timedelta(seconds=5))
        house.now += timedelta(seconds=5)
        with pytest.raises(NoSuchActivity):
            await house.get(activity_id)
        assert (await house.manager.list(ADA, Filter())).activities == ()


async def test_owners_share_slots(small: House) -> None:
    """With more slots than one, who runs least comes first, however long another's queue is."""
    small.manager._runner._slots.parallel = 0
    owners = {await small.create(who): who.name for who in [ADA] * 10 + [BOB] * 2}
    small.manager._runner._slots.parallel = 4
    small.manager._runner.wake()
    await until(lambda: len(small.engine.asked) == 4)
    assert Counter(owners[each] for each, _ in small.engine.asked) == {"ada": 2, "bob": 2}
