"""What work on this machine finds beside its input, and what it may leave beside its output."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.local_jobs import run_job, shell
from wsrf_activity.engines import local, outputs
from wsrf_activity.engines.base import CannotStart, Failure, Job, Report
from wsrf_activity.engines.local import LocalEngine
from wsrf_activity.model.activity import ResultSpec
from wsrf_activity.testing import fresh_job


def _named(report: Report) -> dict[str, tuple[str, str]]:
    """Return path and media type of the results that are no streams."""
    return {each.name: (each.path, each.media_type) for each in report.outputs if each.path != each.name}


@pytest.mark.parametrize("size", [1, 1 << 22])
async def test_arguments_and_place_are_there(engine: LocalEngine, tmp_path: Path, size: int) -> None:
    arguments = ("<a>\u00e9\n</a>" + " " * size).encode()
    job = replace(shell(tmp_path, 'cat "$ACTIVITY_ARGUMENTS"; echo $ACTIVITY_INDEX'), arguments=arguments, index=7)
    await run_job(engine, job)
    assert (job.folder / "stdout").read_bytes() == arguments + b"7\n"


async def test_without_any_nothing_is_said(engine: LocalEngine, tmp_path: Path) -> None:
    job = shell(tmp_path, 'echo "${ACTIVITY_ARGUMENTS-none} ${ACTIVITY_INDEX-none}"; ls "$ACTIVITY_CHECKPOINT"')
    await run_job(engine, job)
    assert (job.folder / "stdout").read_text() == "none none\n"


def _after(job: Job) -> Job:
    """Return the next attempt, which goes on from this one."""
    return replace(job, attempt=job.attempt + 1, folder=job.folder.parent / "2", earlier=job.folder)


async def test_an_attempt_finds_what_the_last_has_kept(engine: LocalEngine, tmp_path: Path) -> None:
    line = 'cat "$ACTIVITY_CHECKPOINT"; echo $ACTIVITY_ATTEMPT > new; mv new "$ACTIVITY_CHECKPOINT"'
    first = shell(tmp_path, line)
    await run_job(engine, first)
    await run_job(engine, _after(first))
    assert [(_after(first).folder / name).read_text() for name in ("stdout", "checkpoint")] == ["1\n", "2\n"]
    assert (first.folder / "checkpoint").read_text() == "1\n"


@pytest.mark.parametrize("put", ["", "mkfifo", "ln -s /etc/passwd", "mkdir"])
async def test_what_is_no_file_is_no_checkpoint(engine: LocalEngine, tmp_path: Path, put: str) -> None:
    first = shell(tmp_path, f"{put} $ACTIVITY_CHECKPOINT" if put else "true")
    await run_job(engine, first)
    assert (await run_job(engine, replace(_after(first), argv=("true",)))).exit_code == 0
    assert "checkpoint" not in os.listdir(_after(first).folder)


async def test_results_may_be_named_by_the_work(engine: LocalEngine, tmp_path: Path) -> None:
    lines = """
        echo 1 > 'a b'; mkdir c; echo 2 > c/d; ln -s ../../../secret leads-out; mkfifo pipe
        say() { echo "$@" >> "$ACTIVITY_RESULTS"; }
        say first text/plain nothing; say first 'text/plain; charset=utf-8' a b
        say second application/json ./c/../c/d; say declared text/html c/d
        say outside text/plain ../../../secret; say link text/plain leads-out; say pipe text/plain pipe
        say stdout text/plain c/d; say ../up text/plain c/d; say bad plain c/d; say short text/plain
    """
    (tmp_path / "secret").write_text("secret")
    job = replace(shell(tmp_path, lines), results={"declared": ResultSpec("c/d"), "left out": ResultSpec("x")})
    report = await run_job(engine, job)
    assert _named(report) == {
        "declared": ("work/c/d", "text/html"),
        "first": ("work/a b", "text/plain; charset=utf-8"),
        "second": ("work/c/d", "application/json"),
    }
    assert report.missing == ("left out", "outside", "link", "pipe")


async def test_work_cannot_fill_its_report(engine: LocalEngine, tmp_path: Path) -> None:
    names = range(2 * outputs.SAID)
    program = f"""
import os
deep = "/".join(["d" * 200] * 3)
os.makedirs(deep)
open(deep + "/f", "w")
os.makedirs(deep + "/" + "e" * 200)
open(deep + "/" + "e" * 200 + "/f", "w")
open(b"\\xff", "w")
with open(os.environ["ACTIVITY_RESULTS"], "w") as said:
    said.write("x" * (1 << 20))
    said.write("far text/plain " + deep + "/" + "e" * 200 + "/f\\n")
    os.symlink(b"\\xff", "unprintable")
    said.write("unprintable text/plain unprintable\\n")
    for number in {names!r}:
        said.write(f"{{'n' * 59}}{{number:04}} text/plain " + deep + "/f\\n")
"""
    job = fresh_job(tmp_path, "python3", "-c", program)
    report = await run_job(engine, job)
    assert report.exit_code == 0, (job.folder / "stderr").read_text()
    assert report.missing == ("unprintable",)
    assert len(report.outputs) == 2 + outputs.SAID - 1
    room = outputs.ENTRY * outputs.SAID
    assert (job.folder / "report").stat().st_size < room


@pytest.mark.parametrize("put", ["mkfifo", "ln -s /etc/passwd", "mkdir"])
async def test_what_is_no_file_names_no_results(engine: LocalEngine, tmp_path: Path, put: str) -> None:
    report = await run_job(engine, shell(tmp_path, f"{put} $ACTIVITY_RESULTS; {put} $ACTIVITY_FAILURE; exit 1"))
    assert (_named(report), report.missing, report.failure) == ({}, (), None)


async def test_work_that_ends_well_has_not_failed(engine: LocalEngine, tmp_path: Path) -> None:
    said = json.dumps({"code": "A", "message": "b"})
    report = await run_job(engine, shell(tmp_path, f"echo '{said}' > $ACTIVITY_FAILURE"))
    assert report.failure is None
    report = await run_job(engine, shell(tmp_path, f"echo '{said}' > $ACTIVITY_FAILURE; exit 3"))
    assert report.failure == Failure("A", "b")


async def test_a_full_disk_is_said_and_costs_nothing(
    engine: LocalEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file can be written where a folder stands: as with a disk that is full, the work does not begin."""
    job = replace(shell(tmp_path, "true"), arguments=b"<a/>")
    (job.folder / "arguments").mkdir(parents=True)
    monkeypatch.setattr(local, "PAUSES", (0.0,))
    with pytest.raises(CannotStart, match="cannot be started"):
        await engine.start(job, lambda _: None)
    (job.folder / "arguments").rmdir()
    assert (await run_job(engine, job)).exit_code == 0
