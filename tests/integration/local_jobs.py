"""How the tests of the local engine make jobs, and look for what should be gone without asking the engine."""

import asyncio
import contextlib
import os
import signal
import stat
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from wsrf_activity.engines import attempt
from wsrf_activity.engines.base import Job, Outcome, Output, Report, Run, Said
from wsrf_activity.engines.limits import WorkLimits
from wsrf_activity.engines.local import LocalEngine
from wsrf_activity.testing.engines import PATIENCE, fresh_job

#: Waits for the gate to be opened, in a shell's words.
AT_GATE = "read _ < gate"

#: Work that is to end is not waited for long, and cannot fill the disk when a test goes wrong.
QUICK = WorkLimits(output=100 << 20, grace=timedelta(seconds=0.3))

#: For work that ends at once when it is told to: it is not killed before it has, however slow the machine.
LONG_GRACE = timedelta(minutes=5)


def be_patient(engine: LocalEngine) -> None:
    """Let what is started from now on have a long grace."""
    engine.limits = replace(engine.limits, grace=LONG_GRACE)


def nothing_said(_: Said) -> None:
    """Listen to nobody."""


def shell(folder: Path, line: str) -> Job:
    """Return a job that runs a line of shell."""
    return fresh_job(folder, "sh", "-c", line)


def gated(folder: Path, line: str) -> Job:
    """Return a job whose working folder has a gate: it goes past ``AT_GATE`` when ``open_gate`` was called."""
    job = shell(folder, line)
    (job.folder / "work").mkdir(parents=True)
    os.mkfifo(job.folder / "work" / "gate")
    return job


async def open_gate(job: Job) -> None:
    """Let the work of a gated job go on, once it waits there."""
    gate = job.folder / "work" / "gate"
    assert stat.S_ISFIFO(gate.stat().st_mode)

    def opens() -> bool:
        try:
            descriptor = os.open(gate, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return False  # nobody reads yet
        os.write(descriptor, b"\n")
        os.close(descriptor)
        return True

    await until(opens)


async def until(holds: Callable[[], object]) -> None:
    """Wait for something that has no event to wait for."""
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110 - what other processes do sets no event in this one
            await asyncio.sleep(0.005)


async def run_job(engine: LocalEngine, job: Job) -> Report:
    """Run a job to its end."""
    return await ended(await engine.start(job, nothing_said))


async def ended(run: Run) -> Report:
    """Return the report of a run."""
    outcome = await soon(run.outcome())
    assert isinstance(outcome, Report)
    return outcome


async def soon(outcome: Coroutine[Any, Any, Outcome]) -> Outcome:
    """Wait for an outcome."""
    return await asyncio.wait_for(outcome, PATIENCE)


def output_of(report: Report, name: str) -> Output:
    """Return the one output of a name."""
    [output] = [output for output in report.outputs if output.name == name]
    return output


def running(found: Run | Outcome) -> Run:
    """Return what was found, which must be a run."""
    assert not isinstance(found, Outcome)
    return found


def with_word(word: str) -> list[int]:
    """Return the processes on whose command line a word stands, zombies aside."""
    found = []
    for name in filter(str.isdecimal, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if word.encode() in Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0"):
                found.append(int(name))
    return found


def processes_of(job: Job) -> list[int]:
    """Return the processes whose environment says that they are the job's, zombies aside: these have none."""
    found = []
    for name in filter(str.isdecimal, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if f"ACTIVITY_ID={job.activity_id}".encode() in Path(f"/proc/{name}/environ").read_bytes():
                found.append(int(name))
    return found


def supervisor_of(job: Job) -> int:
    """Return the process that supervises a job."""
    claim = attempt.read_claim(os.fspath(job.folder))
    assert claim is not None
    return claim.pid


def abort_all(folder: Path) -> None:
    """End what a failed test left running."""
    for each in map(str, folder.glob("*/1")):
        claim = attempt.read_claim(each)
        if claim is not None and not attempt.has_report(each) and _name(str(claim.pid)) == "wsrf-supervisor":
            os.kill(claim.pid, signal.SIGTERM)


async def zygote_of_this_process() -> int:
    """Return the one child of this process that forks supervisors, as soon as there is one."""
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    found: list[int] = []

    def is_there() -> bool:
        found[:] = [int(pid) for pid in children.read_text().split() if _name(pid) == "wsrf-zygote"]
        return len(found) == 1

    await until(is_there)
    return found[0]


def _name(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""
