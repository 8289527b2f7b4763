"""Work on this machine, in real processes: what goes in, what comes out, and what cannot start."""

import asyncio
import contextlib
import hashlib
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.integration.local_jobs import (
    AT_GATE,
    QUICK,
    abort_all,
    ended,
    gated,
    nothing_said,
    open_gate,
    output_of,
    run_job,
    shell,
    until,
)
from wsrf_activity.engines import outputs
from wsrf_activity.engines.base import CannotStart, Engine, Failure, Job, Output, Said, Warned
from wsrf_activity.engines.local import LocalEngine
from wsrf_activity.model.activity import Progress, ResultSpec
from wsrf_activity.testing import EngineContract, fresh_job


class TestLocalEngine(EngineContract):
    """The contract, on the local engine."""

    def make(self, folder: Path) -> Engine:
        return LocalEngine(QUICK)

    async def clean_up(self, folder: Path) -> None:
        abort_all(folder)

    def waiting(self, folder: Path) -> Job:
        return gated(folder, f"(echo warn careful; echo progress 50% half) >> $ACTIVITY_REPORT; {AT_GATE}")

    async def let_end(self, engine: Engine, job: Job) -> None:
        await open_gate(job)

    def failing(self, folder: Path) -> Job:
        said = r'{"code": "Broken", "message": "it broke", "trace": "here\nand there"}'
        return gated(folder, f"printf %s '{said}' > $ACTIVITY_FAILURE; {AT_GATE}; exit 1")

    async def let_fail(self, engine: Engine, job: Job, failure: Failure) -> None:
        await open_gate(job)

    def impossible(self, engine: Engine, folder: Path) -> Job:
        return fresh_job(folder, "no-such-program")


@pytest.mark.parametrize("code", [0, 1, 42, 255])
async def test_the_exit_code_is_the_programs(engine: LocalEngine, tmp_path: Path, code: int) -> None:
    report = await run_job(engine, shell(tmp_path, f"exit {code}"))
    assert (report.exit_code, report.reason) == (code, "exited")


@pytest.mark.parametrize(("signal", "code"), [("TERM", 143), ("KILL", 137), ("SEGV", 139)])
async def test_death_by_a_signal_has_a_code(engine: LocalEngine, tmp_path: Path, signal: str, code: int) -> None:
    report = await run_job(engine, shell(tmp_path, f"kill -{signal} $$"))
    assert (report.exit_code, report.reason) == (code, "exited")


async def test_the_times_are_those_of_the_work(engine: LocalEngine, tmp_path: Path) -> None:
    before = datetime.now(UTC)
    report = await run_job(engine, fresh_job(tmp_path, "true"))
    assert before <= report.started <= report.ended <= datetime.now(UTC)


@pytest.mark.parametrize("content", [b"", b"\x00\xff\r\n" * 100, os.urandom(1 << 16) * 1024])
async def test_every_byte_goes_through(engine: LocalEngine, tmp_path: Path, content: bytes) -> None:
    source = tmp_path / "source"
    source.write_bytes(content)
    job = replace(fresh_job(tmp_path, "cat"), stdin=source, media_type="application/x-bytes")
    report = await run_job(engine, job)
    digest = hashlib.sha256(content).hexdigest()
    assert output_of(report, "stdout") == Output("stdout", "stdout", "application/x-bytes", len(content), digest)
    assert (job.folder / "stdout").read_bytes() == content
    assert report.complete
    assert output_of(report, "stdout").content == (content if len(content) <= outputs.SMALL else None)


async def test_a_report_is_not_complete_that_leaves_wishes(engine: LocalEngine, tmp_path: Path) -> None:
    assert not (await run_job(engine, shell(tmp_path, "mkdir ../spawned"))).complete


async def test_more_small_results_than_a_report_carries(engine: LocalEngine, tmp_path: Path) -> None:
    """Those that come first have their content; for the others the folder has to be read."""
    job = shell(tmp_path, "for i in $(seq 20); do head -c 4096 /dev/urandom > $i; done")
    job = replace(job, results={f"r{i}": ResultSpec(str(i), "application/x-bytes") for i in range(1, 21)})
    report = await run_job(engine, job)
    known = [each.content for each in report.outputs if each.name.startswith("r") and each.content is not None]
    assert len(known) == 16
    assert known == [(job.folder / "work" / str(i)).read_bytes() for i in range(1, 17)]
    assert not report.complete


async def test_without_input_the_work_reads_nothing(engine: LocalEngine, tmp_path: Path) -> None:
    report = await run_job(engine, fresh_job(tmp_path, "cat"))
    assert (report.exit_code, output_of(report, "stdout").size) == (0, 0)


async def test_both_streams_take_more_than_a_pipe_holds(engine: LocalEngine, tmp_path: Path) -> None:
    lines = "for s in 1 2; do i=0; while [ $i -lt 9999 ]; do echo 0123456789$i >&$s; i=$((i+1)); done; done"
    job = shell(tmp_path, lines)
    report = await run_job(engine, job)
    expected = "".join(f"0123456789{i}\n" for i in range(9999))
    assert (job.folder / "stdout").read_text() == (job.folder / "stderr").read_text() == expected
    assert output_of(report, "stderr").media_type == "text/plain; charset=utf-8"


async def test_input_may_come_as_a_file(engine: LocalEngine, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_text("content")
    job = replace(shell(tmp_path, 'cat; cat input "$ACTIVITY_INPUT"'), stdin=source, input_as_file=True)
    await run_job(engine, job)
    assert (job.folder / "stdout").read_text() == "contentcontent"


async def test_the_work_sees_only_what_is_meant_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WSRF_ACTIVITY_TOKEN", "secret")
    monkeypatch.setenv("SOME_PASSWORD", "secret")
    monkeypatch.setenv("LC_TIME", "C")
    engine = LocalEngine()
    job = shell(tmp_path, "env; umask; pwd -P")
    await run_job(engine, job)
    await engine.close()
    *variables, umask, folder = (job.folder / "stdout").read_text().splitlines()
    environment = dict(line.split("=", 1) for line in variables)
    allowed = {"PATH", "LANG", "TZ", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "PWD", "OLDPWD", "SHLVL", "_"}
    ours = {f"ACTIVITY_{name}" for name in ("ID", "ATTEMPT", "SERVICE", "REPORT", "CHECKPOINT", "RESULTS", "FAILURE")}
    assert {name for name in environment if not name.startswith("LC_")} <= allowed | ours
    assert environment["LC_TIME"] == "C"
    assert (environment["ACTIVITY_ID"], environment["ACTIVITY_ATTEMPT"]) == (job.activity_id, "1")
    assert (umask, folder) == ("0077", str(job.folder / "work"))


async def test_no_descriptor_leaks_into_work(engine: LocalEngine, tmp_path: Path) -> None:
    secret = os.open("/etc/passwd", os.O_RDONLY)
    os.set_inheritable(secret, True)
    try:
        jobs = [shell(tmp_path, "ls /proc/$$/fd; exit") for _ in range(6)]
        await asyncio.gather(*(run_job(engine, job) for job in jobs[:3]))
        for job in jobs[3:]:
            await run_job(engine, job)
    finally:
        os.close(secret)
    assert {(job.folder / "stdout").read_text() for job in jobs} == {"0\n1\n2\n"}


async def test_signals_are_as_a_program_expects_them(engine: LocalEngine, tmp_path: Path) -> None:
    job = fresh_job(tmp_path, "grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status")
    await run_job(engine, job)
    _, blocked, _, ignored = (job.folder / "stdout").read_text().split()
    of_the_c_library = 1 << 31 | 1 << 32  # which its posix_spawn leaves ignored, and no program may use
    assert (int(blocked, 16), int(ignored, 16) & ~of_the_c_library) == (0, 0)


async def test_a_program_that_cannot_start_may_start_later(engine: LocalEngine, tmp_path: Path) -> None:
    program = tmp_path / "program"
    job = fresh_job(tmp_path, str(program))
    with pytest.raises(CannotStart, match="No such file"):
        await engine.start(job, nothing_said)
    program.write_text("#!/bin/sh\necho late\n")
    with pytest.raises(CannotStart, match="Permission denied"):
        await engine.start(job, nothing_said)
    program.chmod(0o700)
    assert (await run_job(engine, job)).exit_code == 0
    assert (job.folder / "stdout").read_text() == "late\n"


def opened(process: str) -> list[str]:
    """Return what a process has open, but for libffi's own file, which some versions of that keep."""
    links = []
    for descriptor in Path(f"/proc/{process}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            links.append(str(descriptor.readlink()))
    return [link for link in links if "libffi" not in link]


async def test_failing_to_start_costs_nothing(engine: LocalEngine, tmp_path: Path) -> None:
    job = gated(tmp_path, AT_GATE)
    for _ in range(20):
        with pytest.raises(CannotStart):
            await engine.start(replace(job, argv=("no-such-program",)), nothing_said)
    assert sorted(os.listdir(job.folder)) == ["stderr", "stdout", "work"]
    run = await engine.start(job, nothing_said)
    # The three of every process, the channel and the report; it may just read about the work's process.
    await until(lambda: len(opened(run.job_id)) == 5)
    await open_gate(job)
    await ended(run)


async def test_what_cannot_be_said_to_a_program_is_refused(engine: LocalEngine, tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="null byte"):
        await engine.start(fresh_job(tmp_path, "echo", "a\0b"), nothing_said)
    with pytest.raises(CannotStart, match="Argument list too long"):
        await engine.start(fresh_job(tmp_path, "echo", "x" * (1 << 23)), nothing_said)
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotStart, match=r"folder of the work .* Not a directory"):
        await engine.start(fresh_job(tmp_path / "file", "true"), nothing_said)
    with pytest.raises(CannotStart, match="No such file"):
        await engine.start(replace(fresh_job(tmp_path, "cat"), stdin=tmp_path / "none"), nothing_said)


async def test_arguments_arrive_as_they_are(engine: LocalEngine, tmp_path: Path) -> None:
    arguments = ("", " a  b ", "'\"$HOME\\n", "ä\udcff", "x" * 100_000, "line\nline")
    job = fresh_job(tmp_path, "printf", "%s\\0", *arguments)
    await run_job(engine, job)
    assert (job.folder / "stdout").read_bytes() == b"".join(os.fsencode(each) + b"\0" for each in arguments)


async def test_results_are_files_in_the_working_folder(engine: LocalEngine, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    line = (
        "mkdir d; echo a > d/a; echo b > b; ln -s d/a inner; mkfifo pipe;"
        f"ln -s {tmp_path}/secret outer; ln -s {tmp_path} away; ln -s ../stdout up; echo out"
    )
    paths = ["d/a", "./b", "inner", "outer", "away/secret", "../stdout", "up", "pipe", "d", "none", "/etc/passwd", "."]
    results = {path: ResultSpec(path, "text/x") for path in paths}
    job = replace(shell(tmp_path, line), results=results)
    report = await run_job(engine, job)
    found = {output.name: output.path for output in report.outputs}
    assert found == {
        "stdout": "stdout",
        "stderr": "stderr",
        "d/a": "work/d/a",
        "./b": "work/b",
        "inner": "work/d/a",
    }
    assert report.missing == tuple(paths[3:])
    assert output_of(report, "d/a") == Output("d/a", "work/d/a", "text/x", 2, hashlib.sha256(b"a\n").hexdigest())


async def test_progress_is_told_until_the_last_word(engine: LocalEngine, tmp_path: Path) -> None:
    said: list[Said] = []
    line = f"echo progress 10 >> $ACTIVITY_REPORT; {AT_GATE}; (echo warn w; printf 'progress 99') >> $ACTIVITY_REPORT"
    job = gated(tmp_path, line)
    run = await engine.start(job, said.append)
    await until(lambda: said == [Progress(10.0)])
    await open_gate(job)
    await ended(run)
    assert said == [Progress(10.0), Warned("w"), Progress(99.0)]


async def test_who_listens_badly_harms_nobody(
    engine: LocalEngine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(_: Said) -> None:
        raise ValueError("bad listener")

    job = shell(tmp_path, "echo progress 1 >> $ACTIVITY_REPORT")
    run = await engine.start(job, fails)
    assert (await ended(run)).exit_code == 0
    assert job.activity_id in caplog.text


async def test_many_at_a_time_leave_nothing_open(engine: LocalEngine, tmp_path: Path) -> None:
    await run_job(engine, fresh_job(tmp_path, "true"))
    before = len(os.listdir("/proc/self/fd"))
    jobs = [gated(tmp_path, f"{AT_GATE}; exit {number % 200}") for number in range(60)]
    runs = await asyncio.gather(*(engine.start(job, nothing_said) for job in jobs))
    assert len({run.job_id for run in runs}) == 60
    for job in jobs:
        await open_gate(job)
    reports = await asyncio.gather(*map(ended, runs))
    assert [report.exit_code for report in reports] == [number % 200 for number in range(60)]
    await engine.close()
    assert len(os.listdir("/proc/self/fd")) < before


async def test_closing_cancels_who_waits(engine: LocalEngine, tmp_path: Path) -> None:
    job = gated(tmp_path, AT_GATE)
    run = await engine.start(job, nothing_said)
    waiting = asyncio.ensure_future(run.outcome())
    await asyncio.sleep(0)
    await engine.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await open_gate(job)
    await until((job.folder / "report").exists)
