"""Functions whose calls share processes: after what a process serves another, what ends it, and who serves then."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.integration.functions import function_job
from tests.integration.local_jobs import (
    abort_all,
    ended,
    nothing_said,
    processes_of,
    run_job,
    soon,
    supervisor_of,
    until,
)
from wsrf_activity.author.preload import PREFIX, functions
from wsrf_activity.engines import attempt, local
from wsrf_activity.engines.base import Job, Lost, Report
from wsrf_activity.engines.limits import WorkLimits
from wsrf_activity.engines.local import LocalEngine
from wsrf_activity.engines.processes import is_running

SEVERAL = 5  #: calls that a process of these functions serves
MODULE = '''
import asyncio, os, resource, signal, subprocess, sys, threading, time
from pathlib import Path
from wsrf_activity.author import activity

print("imported")
calls = 0

def tell(job):
    """Say which process this is, and what each call has of its own."""
    global calls
    calls += 1
    print("call", calls)
    print("error", calls, file=sys.stderr)
    job.progress(calls, "under way")
    own = [job.id, os.environ["ACTIVITY_ID"], Path(os.environ["ACTIVITY_REPORT"]).parent.parent.name]
    assert len({*own}) == 1 and os.getcwd() == str(job.workdir) == sys.path[1], (own, os.getcwd(), sys.path)
    shown = Path("/proc/self/environ").read_text().split("\\0")
    assert f"ACTIVITY_ID={job.id}" in shown and sys.stdin.read() == ""
    return f"{os.getpid()} {calls}"

@activity
def tells(job) -> str:
    return tell(job)

@activity
async def tells_async(job) -> str:
    await asyncio.sleep(0)
    return tell(job)

@activity
def spoils(job, how: str) -> str:
    told = tell(job)
    exec(how)
    return told

@activity
def stands(job, how: str = "pass") -> str:
    exec(how)
    Path("here").write_text(str(os.getpid()))
    Path("gate").read_bytes()
    return tell(job)
'''


@pytest.fixture
def module(tmp_path: Path) -> Path:
    path = tmp_path / "sharing.py"
    path.write_text(MODULE)
    return path


@pytest.fixture
async def engine(module: Path, tmp_path: Path) -> AsyncIterator[LocalEngine]:
    engine = await _engine(module)
    yield engine
    abort_all(tmp_path)
    await engine.close()


async def _engine(module: Path) -> LocalEngine:
    engine = LocalEngine(WorkLimits(grace=timedelta(seconds=0.5)))
    names = ("tells", "tells_async", "spoils", "stands")
    engine.prepare(functions([str(module)], {}, {(*PREFIX, str(module), name): SEVERAL for name in names}))
    await engine.open()
    zygote = engine._loaded
    assert zygote is not None
    await until(lambda: zygote.ready)
    return engine


def _told(job: Job, report: Report) -> tuple[int, int]:
    """Return the process that served a call, and which call of it this was."""
    assert report.exit_code == 0, (job.folder / "stderr").read_text()
    [result] = [each.path for each in report.outputs if each.name == "result"]
    process, number = map(int, (job.folder / result).read_text().split())
    begun = "imported\n" if number == 1 else ""
    assert (job.folder / "stdout").read_text() == f"{begun}call {number}\n"
    assert (job.folder / "stderr").read_text() == f"error {number}\n"
    assert (job.folder / "messages").read_text() == f"progress {number} under way\n"
    return process, number


async def _call(engine: LocalEngine, module: Path, name: str = "tells", **values: object) -> tuple[int, int]:
    job = function_job(module.parent, module, name, values)
    return _told(job, await run_job(engine, job))


async def test_a_process_serves_as_many_calls_as_its_author_says(engine: LocalEngine, module: Path) -> None:
    for name in ("tells", "tells_async"):
        told = [await _call(engine, module, name) for _ in range(SEVERAL + 1)]
        assert [number for _, number in told] == [1, 2, 3, 4, 5, 1]
        assert len({process for process, _ in told}) == 2
        assert not is_running(told[0][0])


async def test_calls_that_go_on_for_long_share_too(
    engine: LocalEngine, module: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "SETTLE", 0.0)
    monkeypatch.setattr(local, "POLL", 0.01)
    assert [(await _call(engine, module, "spoils", how="time.sleep(0.3)"))[1] for _ in range(2)] == [1, 2]


async def test_one_call_at_a_time(engine: LocalEngine, module: Path) -> None:
    told = await asyncio.gather(*(_call(engine, module) for _ in range(3)))
    assert len({process for process, _ in told}) == 3
    again = await asyncio.gather(*(_call(engine, module) for _ in range(3)))
    assert {process for process, _ in again} == {process for process, _ in told}


#: What a function may do to its process, so that it serves no other call.
SPOILS = (
    "os.chdir('/')",
    "os.environ['LEFT'] = 'this'",
    "os.umask(0)",
    "resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))",
    "signal.signal(signal.SIGUSR1, signal.SIG_IGN)",
    "signal.alarm(100)",
    "os.nice(1)",
    "subprocess.Popen(['sleep', '1000'])",
    "subprocess.Popen(['setsid', '--fork', 'sleep', '1000']).wait()",
    "threading.Thread(target=time.sleep, args=(0.05,)).start()",
    "sys.stdout.flush(); sys.stdout = open(1, 'w', closefd=False)",
)


async def test_who_leaves_something_behind_serves_no_other_call(engine: LocalEngine, module: Path) -> None:
    assert (await _call(engine, module, "spoils", how="pass"))[1] == 1
    for how in SPOILS:
        job = function_job(module.parent, module, "spoils", {"how": how})
        process, served = _told(job, await run_job(engine, job))
        assert (served, is_running(process), processes_of(job)) == (2, False, []), how
        assert (await _call(engine, module, "spoils", how="pass"))[1] == 1


async def test_a_call_that_fails_is_the_last(engine: LocalEngine, module: Path) -> None:
    assert (await _call(engine, module, "spoils", how="pass"))[1] == 1
    for how, code in (("1 / 0", 1), ("sys.exit(3)", 3), ("os._exit(4)", 4), ("os.kill(os.getpid(), 9)", 137)):
        report = await run_job(engine, function_job(module.parent, module, "spoils", {"how": how}))
        assert report.exit_code == code
        assert (await _call(engine, module, "spoils", how="pass"))[1] == 1


def _change(module: Path) -> None:
    module.write_text(MODULE.replace("calls = 0", "calls = 10"))


async def test_what_was_changed_is_imported_anew(engine: LocalEngine, module: Path) -> None:
    assert [(await _call(engine, module))[1] for _ in range(2)] == [1, 2]
    _change(module)
    job = function_job(module.parent, module, "tells")
    report = await run_job(engine, job)
    assert report.exit_code == 0
    assert (job.folder / "stdout").read_text() == "imported\ncall 11\n"


async def test_other_functions_have_other_processes(engine: LocalEngine, module: Path) -> None:
    """Each finds its own again, and those that share none disturb nobody."""
    first, other = (await _call(engine, module))[0], (await _call(engine, module, "tells_async"))[0]
    plain = module.with_name("plain.py")
    plain.write_text(MODULE)
    alone = await _call(engine, plain)
    assert await _call(engine, module) == (first, 2)
    assert await _call(engine, module, "tells_async") == (other, 2)
    assert (await _call(engine, plain))[1] == alone[1] == 1
    assert len({first, other, alone[0]}) == 3


async def test_killed_processes_cost_no_call(engine: LocalEngine, module: Path) -> None:
    for number in (signal.SIGKILL, signal.SIGTERM):
        process, _ = await _call(engine, module)
        os.kill(process, number)
        assert (await _call(engine, module))[0] != process
    job = function_job(module.parent, module, "tells")
    process, _ = _told(job, await run_job(engine, job))
    os.kill(supervisor_of(job), signal.SIGKILL)
    await until(lambda: not is_running(process))
    assert (await _call(engine, module))[0] != process


async def test_a_stopped_process_is_replaced(engine: LocalEngine, module: Path) -> None:
    process, _ = await _call(engine, module)
    os.kill(process, signal.SIGSTOP)
    assert (await _call(engine, module))[0] != process
    assert not is_running(process)


def _standing(module: Path, how: str = "pass") -> Job:
    job = function_job(module.parent, module, "stands", {"how": how})
    (job.folder / "work").mkdir(parents=True)
    os.mkfifo(job.folder / "work" / "gate")
    return job


async def _at_gate(job: Job) -> int:
    here = job.folder / "work" / "here"
    await until(lambda: here.exists() and here.read_text())
    return int(here.read_text())


async def test_a_call_that_is_aborted_ends_its_process(engine: LocalEngine, module: Path) -> None:
    """With all that it has started."""
    for how in (
        "pass",
        "subprocess.Popen(['sleep', '1000'], start_new_session=True)",
        "signal.signal(15, lambda *_: 0)",
    ):
        job = _standing(module, how)
        run = await engine.start(job, nothing_said)
        process = await _at_gate(job)
        await run.abort()
        assert (await ended(run)).reason == "aborted"
        assert not is_running(process)
        assert processes_of(job) == []


async def test_a_killed_supervisor_takes_the_call_with_it(engine: LocalEngine, module: Path) -> None:
    await _open(_standing(module), engine)
    job = _standing(module, "subprocess.Popen(['sleep', '1000'], start_new_session=True)")
    run = await engine.start(job, nothing_said)
    process = await _at_gate(job)
    os.kill(supervisor_of(job), signal.SIGKILL)
    assert isinstance(await soon(run.outcome()), Lost)
    assert not is_running(process)
    assert processes_of(job) == []


async def _open(job: Job, engine: LocalEngine) -> tuple[int, int]:
    run = await engine.start(job, nothing_said)
    await _at_gate(job)
    (job.folder / "work" / "gate").write_bytes(b"")
    return _told(job, await ended(run))


async def test_a_call_outlives_its_server_and_an_idle_process_does_not(module: Path) -> None:
    engine = await _engine(module)
    process, _ = await _open(_standing(module), engine)
    idle, _ = await _call(engine, module)
    job = _standing(module)
    await engine.start(job, nothing_said)
    assert await _at_gate(job) == process
    await engine.close()
    await until(lambda: not is_running(idle))
    assert is_running(process)
    again = await _engine(module)
    found = await again.attach(job, nothing_said)
    assert not isinstance(found, Report | Lost)
    (job.folder / "work" / "gate").write_bytes(b"")
    assert _told(job, await ended(found)) == (process, 2)
    await until(lambda: not is_running(process))
    assert attempt.has_report(os.fspath(job.folder))
    await again.close()
