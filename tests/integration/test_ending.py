"""Ends on both databases, with an engine that runs nothing: aborts, and what a server finds when it starts again."""

import asyncio
import random
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from tests.integration.house import ADA, BOB, House, blocks, report, until
from wsrf_activity.engines.base import Lost
from wsrf_activity.manager import Condition, sweep
from wsrf_activity.model.activity import Activity, Progress, RestartPolicy, Severity
from wsrf_activity.model.errors import (
    NoSuchActivity,
    Unavailable,
)
from wsrf_activity.model.listing import Filter
from wsrf_activity.model.phases import Phase
from wsrf_activity.model.services import Service
from wsrf_activity.store import Records
from wsrf_activity.testing.strategies import END

pytestmark = pytest.mark.usefixtures("no_pauses")


class TestAbort:
    """Whatever the phase, what is aborted has ended when the answer comes."""

    async def test_while_it_is_queued(self, house: House) -> None:
        await house.allow(0)
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
        await house.manager.remover.stop()
        assert list(await house.database.read(lambda records: records.removals("", 9))) == []

    async def test_what_has_no_work_is_destroyed_in_one_transaction(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await house.allow(0)
        queued = await house.create(input=b"data")
        folder = house.manager._folders.activity(queued)
        waiting = asyncio.create_task(house.wait(queued))
        await until(lambda: queued in house.manager._waiters._waiting)
        change, committed = house.database.change, 0
        woken: list[datetime] = []

        async def count(transaction: Callable[[Records], object]) -> object:
            nonlocal committed
            committed += 1
            return await change(transaction)

        monkeypatch.setattr(house.database, "change", count)
        monkeypatch.setattr(house.manager.ledger, "deadline_moved", woken.append)
        await house.manager.destroy(ADA, queued)
        await house.manager.remover.stop()
        if not house.database.shared:  # where reads are transactions too
            assert committed == 2  # the second one forgets the files, which nobody has waited for
        assert woken == []  # the reaper has nothing to do with it
        assert not folder.exists()
        with pytest.raises(NoSuchActivity):
            await waiting

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
        await house.allow(0)
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
        remove = sweep.remove

        def refuse(path: str) -> None:
            if path == str(stuck):
                raise PermissionError(1, "not permitted", path)
            remove(path)

        monkeypatch.setattr(sweep, "remove", refuse)
        await small.restart()
        assert list(await small.database.read(lambda records: records.removals("", 9))) == [both[first]]
        assert not folders.activity(second).exists()
        monkeypatch.setattr(sweep, "remove", remove)
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
