"""The fixture with which authors test their services: what they rely on, as they write it."""

import threading
from datetime import timedelta
from decimal import Decimal

import pytest

from tests.unit.testing import words
from wsrf_activity.author import Job, Service, activity
from wsrf_activity.model.activity import Progress
from wsrf_activity.model.errors import InvalidParameter, NoSuchActivity
from wsrf_activity.model.phases import ErrorStatus, Phase
from wsrf_activity.testing.activities import NotCompleted, Services
from wsrf_activity.testing.threads import Killed


class TestWhatComesBack:
    def test_values_are_read_again(self, activities: Services) -> None:
        service = activities(words)
        assert service.start("count", text="a b").wait().value == 2
        table = service.start("table", words=["b", "a", "b"], least=2).wait()
        assert table.value == [words.Word("b", 2)]
        assert table.result("words.txt") == b"b\na\nb"
        assert service.start("price", each=Decimal("1.10")).wait().value == Decimal("2.20")
        assert service.start("price", each="1.5", within="PT1S").wait().value == 3

    def test_files_go_in_and_out(self, activities: Services) -> None:
        started = activities(words).send("file", {}, input=b"1,2", name="mine").wait()
        assert started.value.read_bytes() == started.result() == b"1,2"
        assert started.activity.results[-1].media_type == "text/csv"
        assert started.activity.name == "mine"
        with pytest.raises(NoSuchActivity):
            started.result("other")

    def test_what_it_says(self, activities: Services) -> None:
        started = activities(words).start("count", text="").wait()
        assert started.progress == [Progress(10, "reading"), Progress(10, "counting"), Progress(90, None)]
        assert started.warnings == ["words are hard"]
        assert started.activity.error_status is ErrorStatus.ERRORS_HANDLED

    def test_why_it_failed(self, activities: Services) -> None:
        started = activities(words).start("fails").wait()
        assert started.phase is Phase.FAILED
        [error] = started.errors
        assert error.code == "LookupError"
        assert error.trace is not None
        assert 'raise LookupError("no such word")' in error.trace
        with pytest.raises(NotCompleted, match=r"it is Failed: LookupError: .*no such word"):
            _ = started.value

    def test_a_failure_is_tried_again_where_the_operator_says_so(self, activities: Services) -> None:
        started = activities(words, retries=1).start("fails").wait()
        assert started.activity.attempt == 2
        assert len(started.errors) == 2


@pytest.mark.parametrize(
    ("operation", "parameters", "said"),
    [
        ("count", {}, "text"),
        ("count", {"text": "a", "more": "b"}, "more"),
        ("table", {"words": "a"}, "words"),
        ("table", {"words": ["a"], "least": "many"}, "least"),
        ("table", {"words": ["a"], "least": 1.5}, "least"),
        ("price", {"each": "PT1S"}, "each"),
    ],
)
def test_parameters_are_refused_as_a_server_does(
    activities: Services, operation: str, parameters: dict[str, object], said: str
) -> None:
    with pytest.raises(InvalidParameter, match=said) as refused:
        activities(words).start(operation, **parameters)
    assert refused.value.parameter == said


class TestDurable:
    """What is kept, when workers are killed."""

    def test_it_goes_on_from_its_checkpoint(self, activities: Services) -> None:
        steps: list[tuple[int, int]] = []

        @activity(restart="resume")
        def walk(job: Job, steps_: int) -> list[int]:
            done = job.state or []
            for step in range(len(done), steps_):
                steps.append((job.attempt, step))
                done = [*done, step]
                job.checkpoint(done)
            return list(done)

        service = activities(walk).kill_after(checkpoints=2).kill_after(checkpoints=1)
        started = service.start("walk", steps_=5).wait()
        assert started.value == [0, 1, 2, 3, 4]
        assert steps == [(1, 0), (1, 1), (2, 2), (3, 3), (3, 4)]
        assert started.activity.attempt == 3
        assert started.activity.recovered == 2

    def test_what_has_its_threads_number_next_is_not_hit(self, activities: Services) -> None:
        """A number is given again; the loop's own helpers died of it, and whatever waited for them hung."""

        @activity
        def once(job: Job) -> None:
            job.checkpoint(1)

        service = activities(once).kill_after(checkpoints=1)
        service.start("once").wait()
        killed = next(iter(service.engine.runs.values()))._thread
        killed.join()
        over, hit = threading.Event(), []

        def bystander() -> None:
            try:
                while not over.wait(0.001):
                    pass
            except Killed:
                hit.append(threading.get_ident())

        others = [threading.Thread(target=bystander)]
        others[0].start()
        while others[-1].ident != killed.ident and len(others) < 64:
            others.append(threading.Thread(target=bystander))
            others[-1].start()
        service.engine.end()
        others[-1].join(0.05)
        over.set()
        for each in others:
            each.join()
        assert hit == []

    def test_it_is_killed_where_it_stands(self, activities: Services) -> None:
        stands, gate = threading.Semaphore(0), threading.Event()

        @activity(restart="resume")
        def wait(job: Job) -> int:
            if job.state is None:
                job.checkpoint({"at": 7})
                stands.release()
                gate.wait()
                job.checkpoint({"at": 8})  # from the grave
            return int(job.state["at"])

        started = activities(wait).start("wait")
        assert stands.acquire(timeout=10)
        started.kill()
        assert started.wait().value == 7
        gate.set()

    def test_lost_work_that_says_nothing_is_aborted(self, activities: Services) -> None:
        @activity
        def once(job: Job) -> None:
            job.checkpoint(1)

        started = activities(once).kill_after(checkpoints=1).start("once").wait()
        assert started.phase is Phase.ABORTED
        assert "killed" in started.errors[-1].description


class TestEnding:
    """Who is told to end does."""

    def test_a_function_that_asks_is_told(self, activities: Services) -> None:
        asked = threading.Event()

        @activity
        def ask(job: Job) -> None:
            while not job.cancelled:
                asked.set()
            job.result("left", "here")

        started = activities(ask).start("ask")
        assert asked.wait(10)
        started.abort("enough")
        assert started.phase is Phase.ABORTED
        assert started.result("left") == b"here"

    def test_one_that_does_not_is_interrupted_and_tidies_up(self, activities: Services) -> None:
        began, tidied = threading.Event(), threading.Event()

        @activity
        def forever(job: Job) -> None:
            try:
                while True:
                    began.set()
            finally:
                tidied.set()

        started = activities(forever).send("forever", {}, work_limit=timedelta(days=1))
        assert began.wait(10)
        started.abort()
        assert tidied.wait(10)
        assert started.phase is Phase.ABORTED

    def test_the_limit_of_work_holds(self, activities: Services) -> None:
        @activity(work_limit="PT0.05S")
        def forever(job: Job) -> None:
            while True:
                pass

        [error] = activities(forever).start("forever").wait().errors
        assert error.code == "WorkLimit"


def test_a_wait_does_not_last_for_ever(activities: Services) -> None:
    gate = threading.Event()

    @activity
    async def wait(job: Job) -> None:
        job.progress("waiting")
        gate.wait()

    started = activities(wait).start("wait").until(Phase.EXECUTING)
    with pytest.raises(TimeoutError, match=r"after 0\.01 s it is Executing"):
        started.wait(timeout=0.01)
    gate.set()
    started.wait()


class Shouting(Service):
    """Loud words."""

    namespace = "urn:loud"

    @staticmethod
    @activity(name="Shout")
    def shout(job: Job, text: str) -> str:
        return text.upper()


def test_a_class_and_a_target_are_services_too(activities: Services) -> None:
    loud = activities(Shouting)
    assert (loud.interface.name, loud.interface.namespace) == ("Shouting", "urn:loud")
    assert loud.start("Shout", text="a").wait().value == "A"
    with pytest.raises(InvalidParameter, match="Shouting has no operation 'shout'; it has: Shout"):
        loud.start("shout", text="a")
    assert activities(words.__file__).start("count", text="a b").wait().value == 2


class TestFamilies:
    """What one start makes of several, and what functions start themselves."""

    def test_a_set_has_its_members_in_order(self, activities: Services) -> None:
        @activity(each="word")
        def measure(job: Job, word: str) -> int:
            if not word:
                raise ValueError("nothing to measure")
            return len(word) + 10 * (job.index or 0)

        started = activities(measure).start("measure", word=["a", "bb", ""]).wait()
        assert started.phase is Phase.COMPLETED
        assert [each.phase for each in started.members] == [Phase.COMPLETED, Phase.COMPLETED, Phase.FAILED]
        assert [each.value for each in started.members[:2]] == [1, 12]
        assert started.activity.error_status is ErrorStatus.ERRORS_HANDLED

    def test_children_are_waited_for_and_come_after_each_other(self, activities: Services) -> None:
        class Flow:
            @staticmethod
            @activity
            def first(job: Job) -> str:
                return "a b c"

            @staticmethod
            @activity
            def count(job: Job, text: str) -> int:
                return len(text.split())

            @staticmethod
            @activity
            def flow(job: Job) -> None:
                first = job.spawn("first")
                job.spawn("count", text=first.output())

        started = activities(Flow).start("flow").wait()
        assert started.phase is Phase.COMPLETED
        assert sorted(str(each.value) for each in started.members) == ["3", "a b c"]
