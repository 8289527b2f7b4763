"""Activities that belong together, on either database: sets, how all of it ends, and what is mended."""

from datetime import timedelta
from typing import Any

import pytest

from tests.integration.house import ADA, BOB, House, report, until
from tests.integration.kinship import HOUR, a_set, is_there, leaves, spawned
from tests.integration.test_forgetful import Forgetful
from wsrf_activity.manager import kin, running
from wsrf_activity.model import changes
from wsrf_activity.model.activity import Members, Progress
from wsrf_activity.model.errors import InvalidParameter, NoSuchActivity
from wsrf_activity.model.listing import Filter
from wsrf_activity.model.phases import ErrorStatus, Phase

pytestmark = pytest.mark.usefixtures("services")


class TestSets:
    async def test_a_set_completes_with_its_last_member(self, house: House) -> None:
        parent, members = await a_set(house, name="tries", groups=("g",), run_id="r")
        made = await house.get(parent)
        assert (made.phase, made.gathering, made.holder, made.attempt) == (Phase.EXECUTING, True, None, 1)
        assert made.members == Members(3)
        found = [await house.get(each) for each in members]
        assert [(each.index, each.parent, each.name) for each in found] == [
            (index, parent, f"tries {index}") for index in range(3)
        ]
        assert {(each.run_id, each.groups, each.terminates) for each in found} == {("r", (), made.terminates)}
        page = await house.manager.list(ADA, Filter(parent=parent))
        assert [each.id for each in page.activities] == members[::-1]
        assert (await house.manager.list(BOB, Filter(parent=parent))).activities == ()
        for ended, each in enumerate(members, 1):
            house.engine.finish(each)
            await house.wait(each)
            now = await house.get(parent)
            assert now.members == Members(3, ended)
            assert now.progress == Progress(100 * ended / 3, f"{ended} of 3 have ended")
        over = await house.wait(parent)
        assert (over.phase, over.error_status, over.gathering) == (Phase.COMPLETED, ErrorStatus.NO_ERRORS, False)
        assert over.ended is not None
        assert over.terminates == over.ended + timedelta(days=14)
        assert {(await house.get(each)).terminates for each in members} == {over.terminates}
        await until(lambda: house.manager.running == 0)

    async def test_a_set_does_not_end_before_a_member(self, house: House) -> None:
        """Though the change of the last one may have been asked for before the others'."""
        parent, members = await a_set(house, 2)
        house.now = last = house.now + timedelta(seconds=10)
        await house.manager.abort(ADA, members[0])
        house.now -= timedelta(seconds=5)
        await house.manager.abort(ADA, members[1])
        assert (await house.wait(parent)).ended == (await house.get(members[0])).ended == last

    async def test_each_value_is_a_member(self, house: House) -> None:
        parent = await house.create(command=None, service="each", parameters={"text": ("a b", "c", "a b")}, input=b"in")
        members = await house.manager.members(ADA, parent)
        assert [each.work.argv for each in members] == [("wc", "a b"), ("wc", "c"), ("wc", "a b")]
        await house.begun(members[0].id)
        stdin = house.engine.runs[members[0].id, 1].job.stdin
        assert stdin is not None
        assert stdin.read_bytes() == b"in"

    @pytest.mark.parametrize(
        ("service", "parameters"),
        [
            ("each", {}),
            ("times", {"n": ("0",)}),
            ("times", {"n": ("10001",)}),
            ("times", {"n": ("9" * 18,)}),
            ("times", {}),
            ("times", {"n": ("x",)}),
        ],
    )
    async def test_a_set_has_members(self, small: House, service: str, parameters: dict[str, tuple[str]]) -> None:
        with pytest.raises(InvalidParameter):
            await small.create(command=None, service=service, parameters=parameters)
        assert (await small.manager.list(ADA, Filter())).activities == ()

    async def test_a_repeated_request_gives_the_same_set(self, small: House) -> None:
        parent, members = await a_set(small, request_id="once")
        assert await a_set(small, request_id="once") == (parent, members)

    @pytest.mark.parametrize(
        ("codes", "phase", "status"),
        [
            ((0, 3, 0), Phase.COMPLETED, ErrorStatus.ERRORS_HANDLED),
            ((1, 2, 3), Phase.FAILED, ErrorStatus.FATAL_ERRORS),
        ],
    )
    async def test_what_members_come_to(
        self, small: House, codes: tuple[int, ...], phase: Phase, status: ErrorStatus
    ) -> None:
        parent, members = await a_set(small)
        for each, code in zip(members, codes, strict=True):
            small.engine.finish(each, report(code))
        over = await small.wait(parent)
        assert (over.phase, over.error_status) == (phase, status)
        handled = [error for error in over.errors if error.handled]
        assert sorted(error.origin or "" for error in handled) == sorted(
            each for each, code in zip(members, codes, strict=True) if code
        )
        assert all("exit code" in error.description and "member" in error.description for error in handled)

    async def test_many_at_once(self, small: House) -> None:
        """They do not stand before what others have queued, and end together."""
        small.manager._runner._slots.parallel = 1
        first = await small.running()
        parent = await small.create(command=None, service="times", parameters={"n": ("1200",)})
        other = await small.create(who=BOB)
        small.engine.finish(first)
        await small.begun(other)
        assert len(await small.manager.members(ADA, parent)) == 1200
        over = await small.manager.abort(ADA, parent, "enough")
        assert (over.phase, over.members) == (Phase.ABORTED, Members(1200, 0, 0, 1200))
        assert [error.description for error in over.errors] == ["enough"]


class TestEnds:
    async def test_an_abort_reaches_all_members(self, house: House) -> None:
        house.manager._runner._slots.parallel = 2
        parent = await house.create(command=None, service="times", parameters={"n": ("5",)})
        members = [each.id for each in await house.manager.members(ADA, parent)]
        await until(lambda: len(house.engine.runs) == 2)
        over = await house.manager.abort(ADA, parent, "enough")
        assert (over.phase, over.members, over.progress) == (
            Phase.ABORTED, Members(5, 0, 0, 5), Progress(100.0, "5 of 5 have ended"),
        )  # fmt: skip
        assert [error.description for error in over.errors] == ["enough"]
        for each in members:
            ended = await house.get(each)
            assert (ended.phase, ended.errors[-1].description) == (Phase.ABORTED, "enough")
        assert len(house.engine.runs) == 2
        assert all(run.aborted for run in house.engine.runs.values())

    async def test_a_member_may_be_aborted_alone(self, small: House) -> None:
        parent, members = await a_set(small, 2)
        await small.manager.abort(ADA, members[0])
        assert (await small.get(parent)).members == Members(2, 0, 0, 1)
        small.engine.finish(members[1])
        assert (await small.wait(parent)).error_status is ErrorStatus.ERRORS_HANDLED

    async def test_a_set_goes_with_all_that_is_in_it(self, house: House) -> None:
        parent, members = await a_set(house)
        leaves(house, members[0], "out", b"text")
        await house.wait(members[0])
        await house.manager.destroy(ADA, parent)
        for each in (parent, *members):
            assert not await is_there(house, each)
            assert not house.manager._folders.activity(each).exists()

    async def test_one_that_has_ended_too(self, house: House) -> None:
        parent, members = await a_set(house, 2)
        for each in members:
            house.engine.finish(each)
        await house.wait(parent)
        await house.manager.destroy(ADA, parent)
        for each in (parent, *members):
            assert not await is_there(house, each)

    async def test_members_stay_as_long_as_their_set(self, house: House) -> None:
        parent, members = await a_set(house, 3, lifetime=2 * HOUR)
        house.engine.finish(members[0])
        await house.wait(members[0])
        await house.manager.set_termination(ADA, members[1], HOUR)
        await house.manager.set_termination(ADA, parent, 3 * HOUR)
        times = [(await house.get(each)).terminates for each in members]
        assert times == [house.now + 3 * HOUR, house.now + HOUR, house.now + 3 * HOUR]
        house.now += HOUR
        assert await house.manager.remover.reap(house.now) == 1
        assert (await house.get(parent)).members == Members(3, 1, 0, 1)
        house.now += 2 * HOUR
        with pytest.raises(NoSuchActivity):
            await house.get(members[0])
        assert await house.manager.remover.reap(house.now) == 3
        assert not await is_there(house, parent)

    async def test_one_that_ends_stays_as_long_too(self, house: House) -> None:
        parent, members = await a_set(house, 2, lifetime=2 * HOUR)
        await house.manager.set_termination(ADA, parent, 3 * HOUR)
        house.engine.finish(members[0])
        assert (await house.wait(members[0])).terminates == house.now + 3 * HOUR

    async def test_a_restart_leaves_what_gathers_alone(self, house: House) -> None:
        parent, members = await a_set(house, 2)
        version = (await house.get(parent)).version
        await house.restart()
        await house.begun(members[0])
        assert (await house.get(parent)).version == version
        assert house.manager.running == 2
        for each in members:
            house.engine.finish(each)
        assert (await house.wait(parent)).phase is Phase.COMPLETED

    async def test_an_end_that_was_not_answered_counts_once(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(running, "_RETRY", 0.001)
        parent, members = await a_set(house, 2)
        house.engine.finish(members[0])
        await house.wait(members[0])
        database = Forgetful(house.database)
        database.losing = 1
        house.engine.finish(members[1])
        await until(lambda: database.losing == 0)
        assert (await house.wait(members[1])).phase is Phase.COMPLETED
        assert (await house.get(parent)).members == Members(2, 2)
        assert (await house.get(parent)).phase is Phase.COMPLETED


class TestMending:
    """What no server leaves behind is found by the doctor, and mended."""

    async def test_members_are_counted_anew(self, house: House) -> None:
        parent, members = await a_set(house, 2)
        house.engine.finish(members[0])
        await house.wait(members[0])

        def forget(records: Any) -> None:
            """Be as a server that does not count."""
            for each in members:
                old = records.get_to_change(each)  # where it runs is perhaps being noted
                if not old.phase.ended:
                    assert records.save(old, changes.end(old, Phase.FAILED, house.now), ())

        await house.database.change(forget)
        await house.database.change(lambda records: kin.recount(records, parent, house.now))
        over = await house.get(parent)
        assert (over.phase, over.members) == (Phase.COMPLETED, Members(2, 1, 1))

    async def test_what_waits_for_nothing_is_released(self, house: House) -> None:
        parent = await house.running()
        first = await spawned(house, parent, "one")
        second = await spawned(house, parent, "one", after=[first])
        await house.database.change(lambda records: records.families.forget_needs([second]))
        await house.database.change(lambda records: kin.reconsider(records, second, house.now))
        assert (await house.get(second)).phase is Phase.QUEUED
