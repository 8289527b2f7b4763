"""What ends work on this machine, but for its own exit: an abort, and limits of its time and its output."""

import shutil
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.integration.local_jobs import (
    AT_GATE,
    be_patient,
    ended,
    gated,
    nothing_said,
    open_gate,
    output_of,
    run_job,
    shell,
    soon,
    until,
    with_word,
)
from wsrf_activity.engines.limits import WorkLimits
from wsrf_activity.engines.local import LocalEngine
from wsrf_activity.model.activity import new_id
from wsrf_activity.testing import fresh_job

CAP = 1 << 20


@pytest.fixture
async def capped() -> AsyncIterator[LocalEngine]:
    engine = LocalEngine(WorkLimits(output=CAP))
    yield engine
    await engine.close()


@pytest.mark.parametrize("how", ["abort", "limit"])
async def test_the_whole_tree_ends(engine: LocalEngine, tmp_path: Path, how: str) -> None:
    word = f"tree-{new_id()}"
    stubborn = f"(setsid sh -c \"trap '' TERM HUP; echo >> ready; while :; do sleep 1000; done\" {word} &)"
    orphan = f"(sh -c '(echo >> ready; env -i sh -c \"sleep 1000; :\" {word}) &')"
    job = shell(tmp_path, f"{stubborn}; {orphan}; echo >> ready; sleep 1000")
    run = await engine.start(job, nothing_said)
    ready = job.folder / "work" / "ready"
    await until(lambda: ready.exists() and ready.stat().st_size == 3 and len(with_word(word)) >= 2)
    await (run.abort() if how == "abort" else run.set_limit(timedelta(seconds=0.01)))
    report = await ended(run)
    assert report.reason == ("aborted" if how == "abort" else how)
    assert report.exit_code in (143, 137)  # KILL comes after the grace, though the shell had no turn to die of TERM
    assert with_word(word) == []


async def test_what_is_left_in_the_background_ends_with_the_work(engine: LocalEngine, tmp_path: Path) -> None:
    word = f"left-{new_id()}"
    report = await run_job(engine, shell(tmp_path, f"setsid sh -c 'sleep 1000; :' {word} & exit 7"))
    assert (report.exit_code, report.reason) == (7, "exited")
    assert with_word(word) == []


async def test_who_forks_on_and_on_is_caught(engine: LocalEngine, tmp_path: Path) -> None:
    hop = "import os, sys, time\nopen('ready', 'w')\nwhile True:\n if os.fork(): os._exit(0)\n os.setsid()"
    word = f"hop-{new_id()}"
    job = fresh_job(tmp_path, "sh", "-c", f'{sys.executable} -ISc "{hop}" {word} & sleep 1000')
    run = await engine.start(job, nothing_said)
    await until((job.folder / "work" / "ready").exists)
    await run.abort()
    await ended(run)
    assert with_word(word) == []


async def test_work_that_obeys_may_tidy_up(engine: LocalEngine, tmp_path: Path) -> None:
    be_patient(engine)
    job = shell(tmp_path, "trap 'echo tidy; exit 3' TERM; echo > ready; while :; do sleep 0.01; done")
    run = await engine.start(job, nothing_said)
    await until((job.folder / "work" / "ready").exists)
    await run.abort()
    report = await ended(run)
    assert (report.exit_code, report.reason) == (3, "aborted")
    assert (job.folder / "stdout").read_text() == "tidy\n"


async def test_an_abort_after_the_end_harms_nobody(engine: LocalEngine, tmp_path: Path) -> None:
    first = await engine.start(fresh_job(tmp_path, "true"), nothing_said)
    await ended(first)
    job = gated(tmp_path, f"{AT_GATE}; exit 5")
    second = await engine.start(job, nothing_said)
    await first.abort()
    await first.set_limit(timedelta(0))
    await open_gate(job)
    assert (await ended(second)).exit_code == 5


async def test_the_limit_ends_work(engine: LocalEngine, tmp_path: Path) -> None:
    be_patient(engine)
    job = replace(fresh_job(tmp_path, "sleep", "1000"), limit=timedelta(seconds=0.2))
    report = await run_job(engine, job)
    assert (report.reason, report.exit_code) == ("limit", 143)
    assert report.ended - report.started >= timedelta(seconds=0.2)


async def test_the_limit_can_be_extended(engine: LocalEngine, tmp_path: Path) -> None:
    """Beyond the first limit another one's work has ended, which had the same and began later."""
    jobs = [replace(gated(tmp_path, AT_GATE), limit=timedelta(seconds=3)) for _ in range(3)]
    runs = [await engine.start(job, nothing_said) for job in jobs[:2]]
    for run, later in zip(runs, (None, timedelta(hours=1)), strict=True):
        await run.set_limit(later)
    assert (await ended(await engine.start(jobs[2], nothing_said))).reason == "limit"
    for job, run in zip(jobs, runs, strict=False):
        await open_gate(job)
        assert (await ended(run)).reason == "exited"


async def test_one_program_cannot_fill_the_disk(capped: LocalEngine, tmp_path: Path) -> None:
    report = await run_job(capped, fresh_job(tmp_path, "yes"))
    assert (report.reason, report.exit_code) == ("output", 153)
    assert output_of(report, "stdout").size == CAP


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("yes > big; exit $?", "output"),
        ("yes | cat; exit 0", "exited"),
        ("trap '' XFSZ; yes", "output"),
        ("exit 153", "exited"),
    ],
)
async def test_the_cap_is_told_from_an_exit(capped: LocalEngine, tmp_path: Path, line: str, reason: str) -> None:
    assert (await run_job(capped, shell(tmp_path, line))).reason == reason


async def test_other_limits_hold(tmp_path: Path) -> None:
    engine = LocalEngine(WorkLimits(memory=256 << 20, open_files=64))
    job = shell(tmp_path, "ulimit -Hv; ulimit -Hn; ulimit -Hc")
    await run_job(engine, job)
    await engine.close()
    assert (job.folder / "stdout").read_text().split() == [str(256 << 10), "64", "0"]


async def test_work_whose_folder_was_removed_ends(engine: LocalEngine, tmp_path: Path) -> None:
    job = shell(tmp_path, "sleep 1000")
    run = await engine.start(job, nothing_said)
    shutil.rmtree(job.folder)
    await run.abort()
    await soon(run.outcome())
