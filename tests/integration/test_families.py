"""Activities that belong together, on either database: sets, what work starts, what comes after what, and how all of
it ends.
"""

import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest

from tests.integration.house import ADA, BOB, House, report, until
from tests.integration.test_forgetful import Forgetful
from wsrf_activity.engines.base import Lost, Output, Spawned
from wsrf_activity.manager import kin, running
from wsrf_activity.model import changes
from wsrf_activity.model.activity import Link, Members, Progress, RestartPolicy, new_id
from wsrf_activity.model.errors import InvalidParameter, NoSuchActivity
from wsrf_activity.model.listing import Filter
from wsrf_activity.model.phases import ErrorStatus, Phase
from wsrf_activity.model.services import Parameter, Service

HOUR = timedelta(hours=1)
TEXT = Parameter(name="text", required=False)
SERVICES = {
    "one": Service(name="one", command=("echo", "{text}"), parameters=(TEXT,)),
    "rerun": Service(name="rerun", command=("run",), restart=RestartPolicy.RERUN),
    "resume": Service(name="resume", command=("run",), restart=RestartPolicy.RESUME),
    "again": Service(name="again", command=("run",), retries=1),
    "each": Service(name="each", command=("wc", "{text}"), parameters=(TEXT,), each="text"),
    "times": Service(name="times", command=("try",), parameters=(Parameter(name="n", type="integer"),), times="n"),
    "reads": Service(name="reads", command=("sort",), then=(Link(service="one", results={"text": "result"}),)),
    "lists": Service(
        name="lists", command=("ls",), then=(Link(service="one", results={"text": "out"}, multiple=True),)
    ),
    "feeds": Service(name="feeds", command=("cut",), then=(Link(service="rerun", results={"": "result"}),)),
}


@pytest.fixture(autouse=True)
def services(request: pytest.FixtureRequest) -> None:
    """Have the services, and room for all that is started."""
    for name in ("house", "small"):
        if name in request.fixturenames:
            house: House = request.getfixturevalue(name)
            house.services.update(SERVICES)
            house.manager._runner._slots.parallel = 8


async def a_set(house: House, count: int = 3, **said: Any) -> tuple[str, list[str]]:
    """Start a set, and return it and its members when all of them run."""
    parent = await house.create(command=None, service="times", parameters={"n": (str(count),)}, **said)
    members = [each.id for each in await house.manager.members(ADA, parent)]
    for each in members:
        await house.begun(each)
    return parent, members


def leaves(house: House, activity_id: str, name: str, content: bytes, code: int = 0) -> None:
    """End work that has left a result."""
    folder = house.manager._folders.attempt(activity_id, 1)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    output = Output(name, name, "text/plain", len(content), hashlib.sha256(content).hexdigest())
    house.engine.finish(activity_id, report(code, outputs=(output,)))


def wishes(house: House, activity_id: str, service: str, *, attempt: int = 1, **said: Any) -> str:
    """Have work want an activity started, and return its id."""
    child = said.pop("id", new_id())
    folder = house.manager._folders.attempt(activity_id, attempt) / "spawned"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{child}.json").write_text(json.dumps({"id": child, "service": service, **said}))
    return str(child)


async def spawned(house: House, activity_id: str, service: str, **said: Any) -> str:
    """Have work start an activity."""
    child = wishes(house, activity_id, service, **said)
    house.engine.tell(activity_id, Spawned())
    await until(lambda: is_there(house, child))
    return child


async def is_there(house: House, activity_id: str) -> bool:
    return await house.database.read(lambda records: records.get(activity_id)) is not None


async def ended_members(house: House, parent: str, phase: Phase) -> None:
    for each in await house.manager.members(ADA, parent):
        assert each.phase is phase, each


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


async def gathers(house: House, activity_id: str) -> bool:
    return (await house.get(activity_id)).gathering


async def told(house: House, activity_id: str, count: int) -> bool:
    return len((await house.get(activity_id)).errors) == count


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
