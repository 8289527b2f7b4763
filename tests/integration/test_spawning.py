"""What work starts, what comes after what, and what follows by a link, on either database."""

from datetime import timedelta

import pytest

from tests.integration.house import ADA, House, report, until
from tests.integration.kinship import gathers, leaves, spawned, told, wishes
from wsrf_activity.engines.base import Lost, Spawned
from wsrf_activity.model.activity import Members, new_id
from wsrf_activity.model.listing import Filter
from wsrf_activity.model.phases import ErrorStatus, Phase

pytestmark = pytest.mark.usefixtures("services")


class TestSpawning:
    async def test_work_waits_for_what_it_has_started(self, house: House) -> None:
        parent = await house.running(run_id="r")
        child = await spawned(house, parent, "one", parameters={"text": ["a b"]}, name="first")
        late = wishes(house, parent, "one")
        leaves(house, parent, "stdout", b"own")
        await house.begun(late)
        await until(lambda: gathers(house, parent))
        waits = await house.get(parent)
        assert (waits.phase, waits.gathering, waits.members) == (Phase.EXECUTING, True, Members(2))
        assert [result.name for result in waits.results] == ["result", "stdout"]
        first = await house.get(child)
        assert (first.work.argv, first.name, first.run_id) == (("echo", "a b"), "first", "r")
        for each in (child, late):
            house.engine.finish(each)
        over = await house.wait(parent)
        assert (over.phase, over.members, over.exit_code) == (Phase.COMPLETED, Members(2, 2), 0)
        assert [result.name for result in over.results] == ["result", "stdout"]

    async def test_what_fails_ends_what_it_has_started(self, house: House) -> None:
        parent = await house.running()
        child = await spawned(house, parent, "one")
        await house.begun(child)
        waiting = await spawned(house, parent, "one", after=[child])
        house.engine.finish(parent, report(7))
        over = await house.wait(parent)
        assert (over.phase, over.exit_code, over.members) == (Phase.FAILED, 7, Members(2, 0, 0, 2))
        assert [error.code for error in over.errors] == ["ExitCode"]
        for each in (child, waiting):
            ended = await house.get(each)
            assert (ended.phase, "exit code 7" in ended.errors[-1].description) == (Phase.ABORTED, True)

    async def test_an_abort_ends_both(self, house: House) -> None:
        parent = await house.running()
        child = await spawned(house, parent, "times", parameters={"n": ["2"]})
        [one, two] = await house.manager.members(ADA, child)
        await house.begun(one.id)
        over = await house.manager.abort(ADA, parent, "enough")
        assert (over.phase, [error.description for error in over.errors]) == (Phase.ABORTED, ["enough"])
        for each in (child, one.id, two.id):
            assert (await house.get(each)).phase is Phase.ABORTED

    async def test_results_become_parameters(self, house: House) -> None:
        parent = await house.running()
        first = await spawned(house, parent, "one")
        second = await spawned(house, parent, "one", outputs=[["text", first, "out"], [None, first, "out"]])
        assert (await house.get(second)).phase is Phase.PENDING
        await house.begun(first)
        leaves(house, first, "out", b"a line\n")
        await house.begun(second)
        job = house.engine.runs[second, 1].job
        assert job.argv == ("echo", "a line")
        assert job.stdin is not None
        assert job.stdin.read_bytes() == b"a line\n"
        bound = await house.get(second)
        assert (bound.work.bindings, bound.has_input, bound.needs) == ((), True, (first,))

    async def test_results_that_are_not_there_fail_what_needs_them(self, small: House) -> None:
        parent = await small.running()
        first = await spawned(small, parent, "one")
        second = await spawned(small, parent, "one", outputs=[["text", first, "none"]])
        await small.begun(first)
        small.engine.finish(first)
        ended = await small.wait(second)
        assert (ended.phase, ended.errors[-1].code) == (Phase.FAILED, "CannotStart")
        assert "'none'" in ended.errors[-1].description

    async def test_what_cannot_follow_ends_likewise(self, house: House) -> None:
        parent = await house.running()
        first = await spawned(house, parent, "one")
        second = await spawned(house, parent, "one", after=[first])
        third = await spawned(house, parent, "one", after=[second])
        await house.begun(first)
        house.engine.finish(first, report(1))
        for each, before in ((second, first), (third, second)):
            ended = await house.wait(each)
            assert (ended.phase, ended.errors[-1].code, ended.errors[-1].origin) == (
                Phase.FAILED, "NeededFailed", before,
            )  # fmt: skip
        late = await spawned(house, parent, "one", after=[first])
        assert (await house.wait(late)).phase is Phase.FAILED
        house.engine.finish(parent)
        over = await house.wait(parent)
        assert (over.phase, over.members) == (Phase.FAILED, Members(4, 0, 4))

    async def test_what_comes_after_two_waits_for_both(self, house: House) -> None:
        parent = await house.running()
        first, second = [await spawned(house, parent, "one") for _ in range(2)]
        third = await spawned(house, parent, "one", after=[first, second])
        for each in (first, second):
            await house.begun(each)
            assert (await house.get(third)).phase is Phase.PENDING
            house.engine.finish(each)
            await house.wait(each)
        await house.begun(third)
        done = await spawned(house, parent, "one", after=[first])
        await house.begun(done)

    async def test_what_is_wrong_is_told_once(self, house: House) -> None:
        parent, stranger = await house.running(), await house.create()
        left = [
            wishes(house, parent, "nothing"),
            wishes(house, parent, "one", parameters={"txet": ["a"]}),
            wishes(house, parent, "one", after=[stranger]),
            wishes(house, parent, "one", id="mine"),
            wishes(house, parent, "one", document="<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"),
            wishes(house, parent, "one", parameters="text"),
        ]
        circle = new_id(), new_id()
        left += [wishes(house, parent, "one", id=circle[way], after=[circle[1 - way]]) for way in (0, 1)]
        house.engine.tell(parent, Spawned())
        await until(lambda: told(house, parent, len(left)))
        folder = house.manager._folders.attempt(parent, 1) / "spawned"
        for path in folder.glob("*.taken"):  # as after a crash in between
            path.rename(path.with_suffix(".json"))
        house.engine.finish(parent)
        over = await house.wait(parent)
        assert (over.phase, over.error_status, over.members) == (Phase.COMPLETED, ErrorStatus.ERRORS_HANDLED, Members())
        texts = " ".join(error.description for error in over.errors)
        assert len(over.errors) == len(left)
        for word in ("there is no service 'nothing'", "txet", stranger, "not one of service", *circle, *left):
            assert word in texts, word

    async def test_nothing_is_started_twice(self, house: House) -> None:
        """Whatever was killed after the commit: the files are read again, and what a client has destroyed stays so."""
        parent = await house.running()
        child = await spawned(house, parent, "one")
        path = house.manager._folders.attempt(parent, 1) / "spawned" / f"{child}.taken"
        await until(path.exists)
        path.rename(path.with_suffix(".json"))
        await house.restart()
        await house.begun(child)
        house.engine.tell(parent, Spawned())
        await until(path.exists)
        assert (await house.get(parent)).members == Members(1)
        await house.manager.destroy(ADA, child)
        house.engine.tell(parent, Spawned())
        house.engine.finish(parent)
        assert (await house.wait(parent)).members == Members(1, 0, 0, 1)

    async def test_families_have_a_depth(self, small: House) -> None:
        small.manager._runner._slots.parallel = 99
        parent = await small.running()
        for _ in range(15):
            parent = await spawned(small, parent, "one")
            await small.begun(parent)
        wishes(small, parent, "one")
        small.engine.finish(parent)
        assert "16 deep" in (await small.wait(parent)).errors[0].description


class TestLaterAttempts:
    async def test_what_begins_anew_lets_go_of_what_it_had_started(self, house: House) -> None:
        parent = await house.running(command=None, service="rerun")
        done, live = [await spawned(house, parent, "one") for _ in range(2)]
        after = await spawned(house, parent, "one", after=[live])
        for each in (done, live):
            await house.begun(each)
        house.engine.finish(done)
        await house.wait(done)
        house.engine.finish(parent, Lost(True, "The machine burned down."))
        await house.begun(parent, 2)
        for each in (live, after):
            assert (await house.wait(each)).phase is Phase.ABORTED
        again = await house.get(parent)
        assert (again.members, again.attempt) == (None, 2)
        assert [(await house.get(each)).parent for each in (done, live, after)] == [None] * 3
        assert (await house.get(done)).terminates == house.now + timedelta(days=14)
        house.engine.finish(parent)
        assert (await house.wait(parent)).error_status is ErrorStatus.ERRORS_HANDLED

    async def test_what_resumes_keeps_them(self, house: House) -> None:
        parent = await house.running(command=None, service="resume")
        child = await spawned(house, parent, "one")
        await house.begun(child)
        house.engine.finish(parent, Lost(True, "The machine burned down."))
        await house.begun(parent, 2)
        assert (await house.get(parent)).members == Members(1)
        house.engine.finish(parent)
        house.engine.finish(child)
        over = await house.wait(parent)
        assert (over.phase, over.members) == (Phase.COMPLETED, Members(1, 1))

    async def test_resumed_work_that_waits_in_the_queue_can_be_aborted(self, house: House) -> None:
        parent = await house.running(command=None, service="resume")
        child = await spawned(house, parent, "one")
        await house.begun(child)
        await house.allow(0)
        house.engine.finish(parent, Lost(True, "The machine burned down."))
        await house.wait(parent, Phase.QUEUED)
        over = await house.manager.abort(ADA, parent, "enough")
        assert (over.phase, over.members) == (Phase.ABORTED, Members(1, 0, 0, 1))


class TestLinks:
    async def test_what_is_linked_gets_the_results(self, house: House) -> None:
        first = await house.running(command=None, service="reads", groups=("g",), run_id="r")
        leaves(house, first, "stdout", b"a line\n")
        await house.wait(first)
        [following] = [a for a in (await house.manager.list(ADA, Filter(group="g"))).activities if a.id != first]
        assert (following.service, following.needs, following.run_id) == ("one", (first,), "r")
        await house.begun(following.id)
        assert house.engine.runs[following.id, 1].job.argv == ("echo", "a line")

    async def test_one_for_each_line(self, house: House) -> None:
        parent = await house.running()
        first = await spawned(house, parent, "lists")
        await house.begun(first)
        leaves(house, first, "out", b"a\nb c\n")
        house.engine.finish(parent)
        await house.wait(first)
        waits = await house.get(parent)
        assert waits.members == Members(3, 1)
        following = [each for each in await house.manager.members(ADA, parent) if each.id != first]
        assert {each.work.argv for each in following} == {("echo", "a"), ("echo", "b c")}
        assert {(each.terminates, each.parent) for each in following} == {(waits.terminates, parent)}
        for each in following:
            await house.begun(each.id)
            house.engine.finish(each.id)
        assert (await house.wait(parent)).members == Members(3, 3)

    async def test_a_result_may_be_the_input(self, small: House) -> None:
        first = await small.running(command=None, service="feeds")
        leaves(small, first, "stdout", b"\xff" * 3_000_000)
        await until(lambda: len(small.engine.runs) == 2)
        [job] = [run.job for run in small.engine.runs.values() if run.job.activity_id != first]
        assert job.stdin is not None
        assert job.stdin.stat().st_size == 3_000_000

    async def test_what_cannot_be_followed_is_an_error_that_was_handled(self, small: House) -> None:
        first = await small.running(command=None, service="lists")
        small.engine.finish(first)
        over = await small.wait(first)
        assert (over.phase, [(e.code, e.handled) for e in over.errors]) == (Phase.COMPLETED, [("NotStarted", True)])
        assert "no result 'out'" in over.errors[0].description

    async def test_nothing_follows_what_fails(self, small: House) -> None:
        first = await small.running(command=None, service="reads")
        small.engine.finish(first, report(1))
        await small.wait(first)
        assert len((await small.manager.list(ADA, Filter())).activities) == 1
