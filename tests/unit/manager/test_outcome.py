"""What the end of an attempt means: results, last words, and one end for an activity."""

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from wsrf_activity.engines.base import Failure, Lost, Output, Report
from wsrf_activity.manager.attempts import earlier
from wsrf_activity.manager.folders import Folders
from wsrf_activity.manager.outcome import INLINE, Settled, given_up, last_words, read_results
from wsrf_activity.model import changes
from wsrf_activity.model.activity import RestartPolicy, Work
from wsrf_activity.model.phases import ENDED, ErrorStatus, Phase
from wsrf_activity.testing.strategies import NOON, activity


def report(*outputs: Output, **said: object) -> Report:
    given: dict[str, object] = {"exit_code": 0, "reason": "exited", "started": NOON, "ended": NOON, "outputs": outputs}
    return Report(**{**given, **said})  # type: ignore[arg-type]  # the fields of a report, by name


def output(folder: Path, name: str, content: bytes) -> Output:
    (folder / name).write_bytes(content)
    return Output(name, name, "text/plain", len(content), hashlib.sha256(content).hexdigest())


def test_results_are_found_and_small_ones_are_inline(tmp_path: Path) -> None:
    outputs = [
        output(tmp_path, "stdout", b""),
        output(tmp_path, "stderr", b"x" * INLINE),
        output(tmp_path, "r", b"x" * (INLINE + 1)),
    ]
    results = {each.name: each for each in read_results(report(*outputs), tmp_path, 3)}
    assert list(results) == ["result", "stdout", "stderr", "r"]
    assert results["result"].path == results["stdout"].path == "3/stdout"
    assert [each.inline for each in results.values()] == [b"", b"", b"x" * INLINE, None]


def test_what_an_engine_has_at_hand_is_not_read_again(tmp_path: Path) -> None:
    """Neither a result nor the last words: there is no such folder."""
    at_hand = [replace(output(tmp_path, name, b"said\n"), content=b"said\n") for name in ("stdout", "stderr")]
    said = report(*at_hand, exit_code=1)
    results = read_results(said, tmp_path / "nowhere", 1)
    assert {each.inline for each in results} == {b"said\n"}
    assert last_words(said, tmp_path / "nowhere") == "said"


def test_a_result_of_that_name_takes_the_place_of_the_alias(tmp_path: Path) -> None:
    outputs = [output(tmp_path, "stdout", b"a"), output(tmp_path, "result", b"b")]
    results = read_results(report(*outputs), tmp_path, 1)
    assert [(each.name, each.inline) for each in results] == [("stdout", b"a"), ("result", b"b")]


def test_what_a_function_prints_is_not_what_it_returns(tmp_path: Path) -> None:
    outputs = [output(tmp_path, "stdout", b"a"), output(tmp_path, "stderr", b"")]
    assert [each.name for each in read_results(report(*outputs), tmp_path, 1, alias=False)] == ["stdout", "stderr"]


def test_work_says_itself_why_it_failed() -> None:
    running = changes.begin(activity(work=Work(argv=("true",), retries=1)), NOON)
    failure = Failure("ValueError", "ValueError: no", "x" * 3000 + "end")
    again = Settled(report(exit_code=1, failure=failure), last_words="other").apply(running, NOON)
    ended = Settled(report(exit_code=1, failure=failure)).apply(changes.begin(again, NOON), NOON)
    first, last = ended.errors
    assert (ended.phase, first.handled, last.handled) == (Phase.FAILED, True, False)
    assert (last.code, last.description, last.trace) == ("ValueError", "ValueError: no", failure.trace)
    assert first.trace is not None
    assert first.trace.endswith("xend")
    assert len(first.trace) == 2000


@pytest.mark.parametrize(("reason", "code"), [("limit", "WorkLimit"), ("output", "OutputLimit")])
def test_what_ended_the_work_goes_before_what_it_says(reason: str, code: str) -> None:
    running = changes.begin(activity(), NOON)
    ended = Settled(report(exit_code=1, reason=reason, failure=Failure("A", "b", "c"))).apply(running, NOON)
    assert [error.code for error in ended.errors] == [code]


def test_an_attempt_goes_on_from_the_last_that_has_kept_something(tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    resumes = activity(work=Work(argv=("true",), restart=RestartPolicy.RESUME), attempt=4)
    assert earlier(resumes, folders) is None
    for number in (1, 2, 4):
        folders.attempt(resumes.id, number).mkdir(parents=True)
    for number in (1, 2, 4):
        (folders.attempt(resumes.id, number) / "checkpoint").touch()
    assert earlier(resumes, folders) == folders.attempt(resumes.id, 2)
    assert earlier(replace(resumes, work=Work(argv=("true",), restart=RestartPolicy.RERUN)), folders) is None
    assert earlier(replace(resumes, attempt=1), folders) is None


@pytest.mark.parametrize("phase", sorted(ENDED))
def test_an_end_is_never_written_over(phase: Phase) -> None:
    ended = changes.end(changes.begin(activity(), NOON), Phase.COMPLETED, NOON)
    for outcome in (report(), report(exit_code=1), Lost(True, "gone"), Lost(False, "gone")):
        assert Settled(outcome, abort_reason="enough").apply(ended, NOON) is ended
    assert given_up(ended, NOON, "CannotStart", "no") is ended


def test_a_declared_result_that_is_missing_is_a_warning() -> None:
    running = changes.begin(activity(), NOON)
    ended = Settled(report(missing=("r",))).apply(running, NOON)
    assert (ended.phase, ended.error_status) == (Phase.COMPLETED, ErrorStatus.ERRORS_HANDLED)
    assert "'r'" in ended.errors[0].description


def test_an_attempt_that_was_lost_is_no_failure_of_the_work() -> None:
    work = Work(argv=("true",), restart=RestartPolicy.RERUN, retries=1, recoveries=1)
    running = changes.begin(activity(work=work), NOON)
    again = changes.begin(Settled(Lost(True, "gone")).apply(running, NOON), NOON)
    again = changes.begin(Settled(report(exit_code=1)).apply(again, NOON), NOON)
    assert (again.phase, again.attempt, again.recovered) == (Phase.EXECUTING, 3, 1)
    for outcome in (Lost(True, "gone"), report(exit_code=1)):
        assert Settled(outcome).apply(again, NOON).phase is Phase.FAILED
    assert Settled(Lost(False, "gone")).apply(again, NOON).phase is Phase.QUEUED


@pytest.mark.parametrize(
    ("restart", "arguments", "phase"),
    [
        (RestartPolicy.RESUME, b"<a/>", Phase.QUEUED),
        (RestartPolicy.RESUME, None, Phase.QUEUED),
        (RestartPolicy.RERUN, b"<a/>", Phase.QUEUED),
        (RestartPolicy.RERUN, None, Phase.FAILED),
        (RestartPolicy.ABORT, b"<a/>", Phase.FAILED),
    ],
)
def test_a_function_that_was_killed_was_lost(restart: RestartPolicy, arguments: bytes | None, phase: Phase) -> None:
    """A command may mean the exit code 137; a function cannot end so by itself."""
    work = Work(argv=("true",), restart=restart, recoveries=1, arguments=arguments)
    again = Settled(report(exit_code=137)).apply(changes.begin(activity(work=work), NOON), NOON)
    assert (again.phase, again.attempt, again.recovered) == (phase, *((2, 1) if phase is Phase.QUEUED else (1, 0)))
    if phase is Phase.QUEUED:
        ended = Settled(report(exit_code=137)).apply(changes.begin(again, NOON), NOON)
        assert (ended.phase, ended.errors[-1].code) == (Phase.FAILED, "LostTooOften")


def test_an_abort_wins_over_any_outcome() -> None:
    running = changes.begin(activity(), NOON)
    for outcome in (report(), report(exit_code=1), Lost(True, "gone"), Lost(False, "gone"), report(reason="aborted")):
        ended = Settled(outcome, abort_reason="enough").apply(running, NOON)
        assert (ended.phase, ended.errors[-1].description) == (Phase.ABORTED, "enough")
    assert Settled(report(reason="aborted")).apply(running, NOON).phase is Phase.ABORTED


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", ""),
        (b"\n\n", ""),
        (b"a\nb\n", "b"),
        (b"a\x00b\x1b[31mc\n", "a b [31mc"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"x" * 10_000, "x" * 400),
        ("\u00e9".encode() * 5000, "\u00e9" * 400),
    ],
    ids=range(7),
)
def test_last_words(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "stderr").write_bytes(content)
    assert last_words(report(exit_code=1), tmp_path) == said
    assert last_words(report(exit_code=1), tmp_path / "nowhere") == ""


def test_what_the_work_has_put_in_the_place_of_its_words_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "stderr").symlink_to("secret")
    assert last_words(report(exit_code=1), tmp_path) == ""
    (tmp_path / "stderr").unlink()
    os.mkfifo(tmp_path / "stderr")
    assert last_words(report(exit_code=1), tmp_path) == ""
