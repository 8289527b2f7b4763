"""Functions in real processes, begun as programs and as forks: what comes out, what ends them, what survives."""

import asyncio
import hashlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.integration.functions import MODULE, NAMESPACE, function_job
from tests.integration.local_jobs import (
    abort_all,
    be_patient,
    ended,
    nothing_said,
    processes_of,
    run_job,
    soon,
    supervisor_of,
    until,
    with_word,
)
from wsrf_activity.author.preload import functions
from wsrf_activity.engines import nursery
from wsrf_activity.engines.base import Job, Lost, Report
from wsrf_activity.engines.limits import WorkLimits
from wsrf_activity.engines.local import LocalEngine

FORKED = "wsrf-function"  #: what the kernel calls a function that is a fork


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("author") / "probe.py"
    path.write_text(MODULE)
    return path


async def _engine(*modules: Path, preload: bool) -> LocalEngine:
    """Return an engine that has loaded what functions need, or never does."""
    engine = LocalEngine(WorkLimits(grace=timedelta(seconds=0.5), preload=preload))
    engine.prepare(functions(map(str, modules), {}))
    await engine.open()
    if preload:
        await loaded(engine)
    return engine


async def loaded(engine: LocalEngine) -> None:
    """Wait until functions begin as forks."""
    assert engine._loaded is not None
    zygote = engine._loaded
    await until(lambda: zygote.ready)


@pytest.fixture(params=["forked", "spawned"])
async def engine(request: pytest.FixtureRequest, module: Path, tmp_path: Path) -> AsyncIterator[LocalEngine]:
    engine = await _engine(module, preload=request.param == "forked")
    yield engine
    abort_all(tmp_path)
    await engine.close()


@pytest.fixture
async def forking(module: Path, tmp_path: Path) -> AsyncIterator[LocalEngine]:
    engine = await _engine(module, preload=True)
    yield engine
    abort_all(tmp_path)
    await engine.close()


def _results(job: Job, report: Report) -> dict[str, tuple[str, bytes]]:
    """Return media type and content of each result but standard error, which is to be empty."""
    assert (job.folder / "stderr").read_text() == ""
    return {
        each.name: (each.media_type, (job.folder / each.path).read_bytes())
        for each in report.outputs
        if each.name != "stderr"
    }


async def test_what_functions_return_and_print(engine: LocalEngine, module: Path, tmp_path: Path) -> None:
    """Several calls on one engine: a server is started once, and each call costs a Python where it is not a fork."""
    text = "text/plain; charset=utf-8"
    calls: dict[str, tuple[dict[str, object], tuple[str, bytes]]] = {
        "count": ({"text": "a b c"}, (text, b"3")),
        "nothing": ({}, (text, b"")),
        "said": ({}, (text, b"said")),
        "slow": ({"text": "abc"}, (text, b"ABC")),
        "pools": ({}, (text, b"9")),
    }
    for operation, (values, expected) in calls.items():
        job = replace(function_job(tmp_path, module, operation, values), media_type="text/x-printed")
        report = await run_job(engine, job)
        assert (report.exit_code, report.failure) == (0, None), (job.folder / "stderr").read_text()
        found = _results(job, report)
        assert found["result"] == expected
        assert found["stdout"][0] == "text/x-printed"
        assert ("counting" in found["stdout"][1].decode()) == (operation == "count")
    job = function_job(tmp_path, module, "pair", {"right": "&lt;"})
    kind, content = _results(job, await run_job(engine, job))["result"]
    assert kind == "application/xml"
    assert f'"{NAMESPACE}"' in content.decode()
    assert "&lt;</" in content.decode()


async def test_how_functions_fail(engine: LocalEngine, module: Path, tmp_path: Path) -> None:
    job = function_job(tmp_path, module, "fails", {"text": "abc"})
    report = await run_job(engine, job)
    assert (report.exit_code, report.failure and report.failure.code) == (1, "LookupError")
    assert report.failure is not None
    assert report.failure.message == "LookupError: no abc"
    trace = report.failure.trace or ""
    assert trace == (job.folder / "stderr").read_text().strip("\n")
    assert "ValueError: invalid literal" in trace
    assert f'"{module}", line' in trace
    assert "wsrf_activity/author/run.py" not in trace
    for operation, code, sentence in (("lies", 1, "what lies returned is not what it says"), ("exits", 7, "")):
        report = await run_job(engine, function_job(tmp_path, module, operation, {"code": 7} if code == 7 else {}))
        assert report.exit_code == code
        assert sentence in (report.failure.message if report.failure else "")
    job = function_job(tmp_path, module, "exits_saying")
    assert (await run_job(engine, job)).exit_code == 1
    assert (job.folder / "stderr").read_text() == "enough\n"


async def test_whatever_a_function_does_to_its_process(engine: LocalEngine, module: Path, tmp_path: Path) -> None:
    """What it forks is not taken for it, and what it closes need not be written to."""
    for operation, values in (("strays", {"fails": "false"}), ("strays", {"fails": "true"}), ("shuts", {})):
        job = function_job(tmp_path, module, operation, values)
        report = await run_job(engine, job)
        assert (report.exit_code, report.failure) == (0, None), operation
        assert not (job.folder / "failure").exists()
        [result] = [each.path for each in report.outputs if each.name == "result"]
        assert (job.folder / result).read_text() == ("parent" if operation == "strays" else "done")


async def test_all_of_it_is_there_at_the_end(engine: LocalEngine, module: Path, tmp_path: Path) -> None:
    job = function_job(tmp_path, module, "floods")
    report = await run_job(engine, job)
    sizes = {each.name: each.size for each in report.outputs}
    assert sizes == {"stdout": 300_000 + sizes["stdout"] % 10, "stderr": 300_000, "result": 0}
    job = function_job(tmp_path, module, "large")
    [large] = [each for each in (await run_job(engine, job)).outputs if each.name == "result"]
    assert (large.path, large.media_type, large.size) == ("work/large.bin", "application/octet-stream", 48 << 20)
    with (job.folder / large.path).open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == large.sha256


async def test_a_fork_is_a_process_as_any_other(module: Path, tmp_path: Path) -> None:
    """What a function can see of its process is the same, however it was begun."""
    seen = []
    for preload in (True, False):
        engine = await _engine(module, preload=preload)
        source = tmp_path / "source"
        source.write_text("from the input")
        job = replace(function_job(tmp_path, module, "looks"), stdin=source)
        [result] = [each for each in (await run_job(engine, job)).outputs if each.name == "result"]
        text = (job.folder / result.path).read_text()
        seen.append(text.replace(str(job.folder), "FOLDER").splitlines())
        await engine.close()
    assert seen[0] == seen[1]
    assert "from the input" in str(seen[0])
    assert "PYTHONPATH" not in str(seen[0])


async def test_forks_draw_other_numbers(tmp_path: Path) -> None:
    module = tmp_path / "drawing.py"
    module.write_text(MODULE.replace("import asyncio,", "import numpy, asyncio,"))
    engine = await _engine(module, preload=True)
    drawn = set()
    for _ in range(3):
        job = function_job(tmp_path, module, "draws")
        drawn.update(json.loads(_results(job, await run_job(engine, job))["result"][1]))
    await engine.close()
    assert len(drawn) == 6


async def _standing(engine: LocalEngine, job: Job) -> None:
    await until((job.folder / "work" / "here").exists)


async def test_functions_are_aborted(engine: LocalEngine, module: Path, tmp_path: Path) -> None:
    """Who never asks ends where it stands, who asks may return what it has, and who asks and goes on is killed."""
    jobs = {name: function_job(tmp_path, module, name) for name in ("ignores", "stands", "stands_async", "asks")}
    (jobs["stands"].folder / "work").mkdir(parents=True)
    os.mkfifo(jobs["stands"].folder / "work" / "gate")
    runs = {}
    for name, job in jobs.items():
        runs[name] = await engine.start(job, nothing_said)
        be_patient(engine)  # with all but the first, which would wait for the end of any grace
    for job in jobs.values():
        await _standing(engine, job)
    for run in runs.values():
        await run.abort()
    reports = {name: await ended(run) for name, run in runs.items()}
    assert {name: report.exit_code for name, report in reports.items()} == {
        "stands": 143,
        "stands_async": 143,
        "asks": 0,
        "ignores": 137,
    }
    assert {(report.reason, report.failure) for report in reports.values()} == {("aborted", None)}
    assert _results(jobs["asks"], reports["asks"])["result"][1] == b"so far"
    for name in ("stands", "stands_async"):
        assert "tidied" in os.listdir(jobs[name].folder / "work")
        assert (jobs[name].folder / "stderr").read_text() == ""


async def test_a_killed_supervisor_takes_its_function_with_it(
    engine: LocalEngine, module: Path, tmp_path: Path
) -> None:
    """With all that it has forked, of which only the environment tells whose it is."""
    job = function_job(tmp_path, module, "forks")
    run = await engine.start(job, nothing_said)
    await _standing(engine, job)
    ours = [pid for pid in processes_of(job) if pid != supervisor_of(job)]
    assert len(ours) == 3
    os.kill(supervisor_of(job), signal.SIGKILL)
    outcome = await soon(run.outcome())
    assert isinstance(outcome, Lost)
    assert outcome.begun
    assert processes_of(job) == []


async def test_the_next_attempt_goes_on_at_the_checkpoint(engine: LocalEngine, module: Path, tmp_path: Path) -> None:
    job = function_job(tmp_path, module, "steps", {"gate": 3})
    (job.folder / "work").mkdir(parents=True)
    os.mkfifo(job.folder / "work" / "gate")
    run = await engine.start(job, nothing_said)
    await _standing(engine, job)
    [function] = processes_of(job)
    os.kill(function, signal.SIGKILL)
    report = await ended(run)
    assert (report.exit_code, report.reason) == (137, "exited")
    again = replace(job, attempt=2, folder=job.folder.with_name("2"), earlier=job.folder)
    assert _results(again, await run_job(engine, again))["result"][1] == b"3 5 2"


async def test_a_function_that_has_gone(engine: LocalEngine, module: Path, tmp_path: Path) -> None:
    job = function_job(tmp_path, module, "renamed")
    failure = (await run_job(engine, job)).failure
    assert failure is not None
    assert (failure.code, failure.message) == ("CannotLoad", f"{module} has no operation renamed any more")
    job = function_job(tmp_path, module.with_name("gone.py"), "count")
    failure = (await run_job(engine, job)).failure
    assert failure is not None
    assert (failure.code, "there is no such file" in failure.message) == ("CannotLoad", True)


async def test_what_changed_since_the_start_is_what_runs(forking: LocalEngine, module: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changing.py"
    for number in (1, 2):
        changed.write_text(
            "from wsrf_activity.author import activity\nimport helper_of_changing\n"
            "@activity\ndef tells(job) -> int:\n    return helper_of_changing.NUMBER\n"
        )
        (tmp_path / "helper_of_changing.py").write_text(f"NUMBER = {number}\n" + "#" * number)
        job = function_job(tmp_path, changed, "tells")
        assert _results(job, await run_job(forking, job))["result"][1] == b"%d" % number


async def test_what_cannot_be_loaded_beforehand_runs_all_the_same(tmp_path: Path) -> None:
    """Modules misbehave where they are loaded beforehand, and not as functions: those have an activity."""
    troubles = [
        "raise RuntimeError('not here')",
        "os._exit(3)",
        "os.fork()",
        "import threading, time; threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()",
        "os.environ['OMP_NUM_THREADS'] = '1'; import decimal",
        "os.kill(os.getpid(), 9)",
    ]
    modules = [tmp_path / f"troubled{number}.py" for number in range(len(troubles))]
    for module, trouble in zip(modules, troubles, strict=True):
        module.write_text(f"import os\nif 'ACTIVITY_REPORT' not in os.environ:\n    {trouble}\n{MODULE}")
    engine = await _engine(*modules, preload=True)
    for module in modules:
        job = function_job(tmp_path, module, "count", {"text": "a b"})
        assert _results(job, await run_job(engine, job))["result"][1] == b"2"
    await engine.close()


async def test_a_killed_zygote_costs_speed_and_no_work(
    forking: LocalEngine, module: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nursery, "REST", 0.0)
    standing = function_job(tmp_path, module, "asks")
    run = await forking.start(standing, nothing_said)
    await _standing(forking, standing)
    assert Path(f"/proc/{processes_of(standing)[0]}/comm").read_text().strip() == FORKED  # noqa: ASYNC240 - of the kernel's
    for _ in range(2):
        assert forking._loaded is not None
        assert forking._loaded._zygote is not None
        killed = forking._loaded._zygote.pid
        os.kill(killed, signal.SIGKILL)
        jobs = [function_job(tmp_path, module, "count", {"text": "a"}) for _ in range(3)]
        reports = await asyncio.gather(*(run_job(forking, job) for job in jobs))
        assert [report.exit_code for report in reports] == [0] * 3
        await loaded(forking)
        assert forking._loaded._zygote.pid != killed
    await run.abort()
    assert (await ended(run)).reason == "aborted"


async def test_where_memory_is_limited_nothing_is_loaded_beforehand(module: Path, tmp_path: Path) -> None:
    engine = LocalEngine(WorkLimits(memory=1 << 30))
    engine.prepare(functions([str(module)], {}))
    await engine.open()
    assert engine._loaded is None
    job = function_job(tmp_path, module, "count", {"text": "a"})
    assert (await run_job(engine, job)).exit_code == 0
    await engine.close()
    assert with_word(str(module)) == []


def test_nobody_calls_it_by_hand() -> None:
    import subprocess  # noqa: PLC0415 - for this one

    command = [sys.executable, "-m", "wsrf_activity.author", "run", "a.py", "b"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert (ran.returncode, "for an activity only" in ran.stderr) == (2, True)
