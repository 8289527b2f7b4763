"""Work on this machine while everything around it is killed or stopped: it goes on, or is known to be lost."""

import asyncio
import os
import pickle
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.integration.local_jobs import (
    AT_GATE,
    ended,
    gated,
    nothing_said,
    open_gate,
    run_job,
    running,
    shell,
    soon,
    supervisor_of,
    until,
    with_word,
    zygote_of_this_process,
)
from wsrf_activity.engines import local, nursery
from wsrf_activity.engines.base import Job, Lost, Report, Said, Warned
from wsrf_activity.engines.local import LocalEngine
from wsrf_activity.model.activity import Progress, ResultSpec, new_id
from wsrf_activity.testing import fresh_job

ROOT = Path(__file__).parents[2]

#: A server as far as the engine can tell: starts a pickled job, says so, and goes on until it is killed.
SERVER = """
import asyncio, pickle, sys
from wsrf_activity.engines.local import LocalEngine

async def main():
    engine = LocalEngine()
    await engine.open()
    job = pickle.loads(bytes.fromhex(sys.argv[1]))
    run = await engine.start(job, lambda said: None)
    print("begun", flush=True)
    await run.outcome()
    print("ended", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@asynccontextmanager
async def server_with(job: Job) -> AsyncIterator[Process]:
    """Give a server that has begun a job, and kill it afterwards at the latest."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    job_in_hex = pickle.dumps(job).hex()
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SERVER, job_in_hex, stdout=PIPE, env=environment
    )
    try:
        assert server.stdout is not None
        assert await server.stdout.readline() == b"begun\n"
        yield server
    finally:
        if server.returncode is None:
            await kill(server)


async def kill(server: Process) -> None:
    """Kill a server and see it gone."""
    server.kill()
    await server.communicate()


async def test_work_outlives_the_server(engine: LocalEngine, tmp_path: Path) -> None:
    job = replace(
        gated(tmp_path, f"echo early; {AT_GATE}; echo late; echo r > r; exit 3"), results={"r": ResultSpec("r")}
    )
    async with server_with(job) as server:
        await kill(server)
        run = running(await engine.attach(job, nothing_said))
        await open_gate(job)
        report = await ended(run)
    assert (report.exit_code, report.reason) == (3, "exited")
    assert (job.folder / "stdout").read_text() == "early\nlate\n"
    assert [output.name for output in report.outputs] == ["stdout", "stderr", "r"]


async def test_work_that_ended_unwatched_is_reported(engine: LocalEngine, tmp_path: Path) -> None:
    job = gated(tmp_path, f"{AT_GATE}; (echo warn w; echo progress 9) >> $ACTIVITY_REPORT; echo done; exit 4")
    async with server_with(job) as server:
        await kill(server)
        await open_gate(job)
        await until((job.folder / "report").exists)
    said: list[Said] = []
    report = await engine.attach(job, said.append)
    assert isinstance(report, Report)
    assert (report.exit_code, report.job_id) == (4, str(supervisor_of(job)))
    assert (job.folder / "stdout").read_text() == "done\n"
    assert said == [Warned("w"), Progress(9.0)]


async def test_supervisors_end_with_their_work_when_the_server_has(tmp_path: Path) -> None:
    job = gated(tmp_path, AT_GATE)
    async with server_with(job) as server:
        supervisor = supervisor_of(job)
        await kill(server)
        await open_gate(job)
    await until(lambda: not Path(f"/proc/{supervisor}").exists())


async def test_two_servers_may_watch_the_same_work(engine: LocalEngine, tmp_path: Path) -> None:
    job = gated(tmp_path, f"{AT_GATE}; exit 6")
    async with server_with(job) as server:
        run = running(await engine.attach(job, nothing_said))
        await open_gate(job)
        assert (await ended(run)).exit_code == 6
        assert server.stdout is not None
        assert await server.stdout.readline() == b"ended\n"


async def test_a_stopped_server_does_not_keep_its_successor_waiting(engine: LocalEngine, tmp_path: Path) -> None:
    job = gated(tmp_path, AT_GATE)
    async with server_with(job) as server:
        server.send_signal(signal.SIGSTOP)
        run = running(await engine.attach(job, nothing_said))
        await run.abort()
        assert (await ended(run)).reason == "aborted"
        server.send_signal(signal.SIGCONT)
        assert server.stdout is not None
        assert await server.stdout.readline() == b"ended\n"


async def test_a_limit_that_the_last_server_could_not_set_is_set(engine: LocalEngine, tmp_path: Path) -> None:
    job = shell(tmp_path, "sleep 1000")
    async with server_with(job) as server:
        await kill(server)
        run = running(await engine.attach(replace(job, limit=timedelta(seconds=0.1)), nothing_said))
        assert (await ended(run)).reason == "limit"


async def test_a_warning_is_told_by_one_server_only(tmp_path: Path) -> None:
    job = gated(tmp_path, f"(echo warn w; echo progress 1) >> $ACTIVITY_REPORT; {AT_GATE}")
    said: list[list[Said]] = [[], []]
    first, second = LocalEngine(), LocalEngine()
    await first.start(job, said[0].append)
    await until(lambda: len(said[0]) == 2)
    await first.close()
    [warned, _] = said[0]
    assert isinstance(warned, Warned)
    assert warned.heard is not None
    run = running(await second.attach(replace(job, heard=warned.heard), said[1].append))
    await open_gate(job)
    await ended(run)
    await second.close()
    assert said == [[Warned("w"), Progress(1.0)], [Progress(1.0)]]


async def test_killing_the_zygote_changes_nothing(engine: LocalEngine, tmp_path: Path) -> None:
    job = gated(tmp_path, f"{AT_GATE}; exit 2")
    before = await engine.start(job, nothing_said)
    os.kill(await zygote_of_this_process(), signal.SIGKILL)
    assert (await run_job(engine, shell(tmp_path, "exit 1"))).exit_code == 1
    await open_gate(job)
    assert (await ended(before)).exit_code == 2


async def test_no_start_is_lost_while_zygotes_are_killed(engine: LocalEngine, tmp_path: Path) -> None:
    jobs = [shell(tmp_path, "echo $ACTIVITY_ID >> ../../../all") for _ in range(40)]
    reports = asyncio.gather(*(run_job(engine, job) for job in jobs))
    for _ in range(4):
        os.kill(await zygote_of_this_process(), signal.SIGKILL)
        await asyncio.sleep(0.02)
    assert {report.exit_code for report in await reports} == {0}
    assert sorted((tmp_path / "all").read_text().split()) == sorted(job.activity_id for job in jobs)


async def test_a_stopped_zygote_is_replaced(
    engine: LocalEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nursery, "PATIENCE", 0.3)
    os.kill(await zygote_of_this_process(), signal.SIGSTOP)
    assert (await run_job(engine, shell(tmp_path, "exit 1"))).exit_code == 1


async def test_a_start_that_nobody_waits_for_does_not_happen(engine: LocalEngine, tmp_path: Path) -> None:
    zygote = await zygote_of_this_process()
    os.kill(zygote, signal.SIGSTOP)
    forsaken = shell(tmp_path, "echo no >> ../../../all")
    starting = asyncio.ensure_future(engine.start(forsaken, nothing_said))
    await asyncio.sleep(0.05)
    starting.cancel()
    await asyncio.wait([starting])
    os.kill(zygote, signal.SIGCONT)
    await run_job(engine, shell(tmp_path, "echo yes >> ../../../all"))
    assert isinstance(await engine.attach(forsaken, nothing_said), Lost)
    assert (tmp_path / "all").read_text() == "yes\n"


async def test_idle_supervisors_that_were_killed_are_replaced(engine: LocalEngine, tmp_path: Path) -> None:
    jobs = [fresh_job(tmp_path, "true") for _ in range(10)]
    await asyncio.gather(*(run_job(engine, job) for job in jobs))
    for supervisor in {supervisor_of(job) for job in jobs}:
        os.kill(supervisor, signal.SIGKILL)
    assert (await run_job(engine, shell(tmp_path, "exit 1"))).exit_code == 1


async def test_a_supervisor_that_serves_on_is_not_taken_for_its_past(engine: LocalEngine, tmp_path: Path) -> None:
    past = fresh_job(tmp_path, "true")
    report = await run_job(engine, past)
    present = gated(tmp_path, AT_GATE)
    run = await engine.start(present, nothing_said)
    assert supervisor_of(past) == supervisor_of(present)
    assert await engine.attach(past, nothing_said) == report
    await open_gate(present)
    await ended(run)


@pytest.mark.parametrize("attached", [False, True])
async def test_a_killed_supervisor_takes_all_work_with_it(engine: LocalEngine, tmp_path: Path, attached: bool) -> None:
    word = f"widow-{new_id()}"
    stubborn = f"(setsid sh -c \"trap '' TERM; echo >> ready; while :; do sleep 1000; done\" {word} &)"
    naked = f"(env -i sh -c 'echo >> ready; sleep 1000; :' {word} &)"
    job = shell(tmp_path, f"{stubborn}; {naked}; sleep 1000")
    ready = job.folder / "work" / "ready"
    outcome: object
    async with server_with(job) as server:
        run = running(await engine.attach(job, nothing_said))
        await until(lambda: ready.exists() and ready.stat().st_size == 2 and len(with_word(word)) == 2)
        if attached:
            os.kill(supervisor_of(job), signal.SIGKILL)
            outcome = await soon(run.outcome())
        else:
            await kill(server)
            os.kill(supervisor_of(job), signal.SIGKILL)
            found = await engine.attach(job, nothing_said)
            outcome = found if isinstance(found, Lost) else await soon(running(found).outcome())
    assert isinstance(outcome, Lost)
    assert (outcome.begun, outcome.job_id) == (True, str(supervisor_of(job)))
    assert with_word(word) == []


async def test_what_was_aborted_is_aborted_even_if_its_supervisor_was_killed(
    engine: LocalEngine, tmp_path: Path
) -> None:
    job = shell(tmp_path, "trap '' TERM; echo out; while :; do sleep 1000; done")
    run = await engine.start(job, nothing_said)
    await until(lambda: (job.folder / "stdout").stat().st_size)
    await run.abort()
    os.kill(supervisor_of(job), signal.SIGKILL)
    report = await ended(run)
    assert (report.reason, report.exit_code) == ("aborted", 137)
    assert [output.size for output in report.outputs] == [4, 0]
    assert await engine.attach(job, nothing_said) == report


async def test_a_stopped_supervisor_cannot_refuse_an_abort(
    engine: LocalEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "PATIENCE", 0.1)
    word = f"stopped-{new_id()}"
    job = fresh_job(tmp_path, "sh", "-c", "sleep 1000; :", word)
    run = await engine.start(job, nothing_said)
    os.kill(supervisor_of(job), signal.SIGSTOP)
    await run.abort()
    report = await ended(run)
    assert (report.reason, report.exit_code) == ("aborted", 137)
    assert with_word(word) == []


async def test_an_end_that_is_known_survives_its_supervisor(engine: LocalEngine, tmp_path: Path) -> None:
    job = shell(tmp_path, "echo out; exit 5")
    async with server_with(job) as server:
        await until((job.folder / "report").exists)
        await kill(server)
        supervisor = supervisor_of(job)
        await until(lambda: not Path(f"/proc/{supervisor}").exists())
    (job.folder / "report").unlink()  # as if killed while it read the outputs
    report = await engine.attach(job, nothing_said)
    assert isinstance(report, Report)
    assert (report.exit_code, report.reason, report.outputs[0].size) == (5, "exited", 4)
    assert await engine.attach(job, nothing_said) == report


@pytest.mark.parametrize(
    ("word", "value", "description"), [(2, "another-boot", "restarted"), (1, "12345", "killed"), (0, "1", "killed")]
)
async def test_another_process_is_not_taken_for_the_supervisor(
    engine: LocalEngine, tmp_path: Path, word: int, value: str, description: str
) -> None:
    job = gated(tmp_path, AT_GATE)
    run = await engine.start(job, nothing_said)
    words = (job.folder / "supervisor").read_text().splitlines()[0].split()
    twin = replace(job, activity_id="twin", folder=tmp_path / "twin")
    twin.folder.mkdir()
    words[1 + word] = value
    (twin.folder / "supervisor").write_text(" ".join(words) + "\n")
    lost = await engine.attach(twin, nothing_said)
    assert isinstance(lost, Lost)
    assert lost.begun
    assert description in lost.description
    await open_gate(job)
    assert (await ended(run)).exit_code == 0


async def test_a_dead_servers_start_is_joined_or_made_anew_but_never_both(engine: LocalEngine, tmp_path: Path) -> None:
    other = LocalEngine()
    jobs = [shell(tmp_path, "echo $ACTIVITY_ID >> ../../../all; exit 1") for _ in range(20)]
    runs = await asyncio.gather(*(each.start(job, nothing_said) for job in jobs for each in (engine, other)))
    assert {report.exit_code for report in await asyncio.gather(*map(ended, runs))} == {1}
    await other.close()
    assert sorted((tmp_path / "all").read_text().split()) == sorted(job.activity_id for job in jobs)


async def test_an_attempt_of_the_first_version_is_found(engine: LocalEngine, tmp_path: Path) -> None:
    job = gated(tmp_path, f"{AT_GATE}; exit 5")
    run = await engine.start(job, nothing_said)
    claim, old_report = job.folder / "supervisor", job.folder / "report.json"
    words = claim.read_text().splitlines()[0].removeprefix("claim ")
    claim.unlink()
    claim.symlink_to(words)
    found = running(await engine.start(job, nothing_said))
    await open_gate(job)
    assert (await ended(run)).exit_code == (await ended(found)).exit_code == 5
    report = job.folder / "report"
    old_report.write_bytes(report.read_bytes().splitlines()[-1].removeprefix(b"report "))
    report.unlink()
    over = await engine.attach(job, nothing_said)
    assert isinstance(over, Report)
    assert over.exit_code == 5
    old_report.unlink()  # as if killed while it read the outputs
    (job.folder / "ended").symlink_to("6 exited 1.0 2.0")
    over = await engine.attach(job, nothing_said)
    assert isinstance(over, Report)
    assert over.exit_code == 6
