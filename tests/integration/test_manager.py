"""The manager on both databases, with an engine that runs nothing: what is accepted, waited for, and for how long."""

import asyncio
import resource
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.integration.house import ADA, BOB, PATIENCE, House, blocks, until
from wsrf_activity.manager import Condition, StartRequest, UploadInput
from wsrf_activity.model import changes
from wsrf_activity.model.activity import Activity, Progress
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
from wsrf_activity.testing.strategies import NOON

pytestmark = pytest.mark.usefixtures("no_pauses")


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
            await small.create(parameters={"p": ("1",)})
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


class TestWait:
    """Nobody waits in vain."""

    async def test_for_phases_changes_and_versions(self, house: House) -> None:
        await house.allow(0)
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
        await house.stand(activity_id, 3)
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
