"""`python -m benchmarks.recovery`: how long a start takes after `kill -9`, with a lot stored and a lot that runs.

Compared with the start of a server that has nothing, in turns in one run. On SQLite.
"""

import argparse
import asyncio
import os
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import machine
from benchmarks.messages import LIST, WAIT, create, exchange
from benchmarks.processes import activity_server, serving
from wsrf_activity.engines import attempt
from wsrf_activity.engines.processes import is_running
from wsrf_activity.model import changes
from wsrf_activity.model.activity import Activity, new_id
from wsrf_activity.model.events import Event, between
from wsrf_activity.model.phases import Phase
from wsrf_activity.store import Records, open_database

_CONFIG = """
[limits]
parallel = {running}
[services.said]
command = ["/bin/echo", "hello"]
[services.held]
command = ["/bin/cat", "{gate}"]
"""
_AT_ONCE = 1000  #: activities that one transaction stores
_PATIENCE = 600.0  #: seconds after which something hangs
_HEADER = """\
| start of a server with | first answer | half of the rounds | ratio | all held again | ratio |
|---|---|---|---|---|---|"""


@dataclass(frozen=True, slots=True)
class Start:
    """Seconds from the start of the process."""

    answers: float  #: until the first request, ListActivities for one, is answered
    holds: float  #: until all work that runs is watched again


def store(data: Path, wanted: int) -> None:
    """Store copies of the one activity that has ended, with all that the program logs of each."""
    asyncio.run(_store(data, wanted))


async def _store(data: Path, wanted: int) -> None:
    database = open_database(f"sqlite:///{data / 'activities.db'}")
    try:
        [template] = await database.read(lambda records: records.in_phase(Phase.COMPLETED))
        for begun in range(0, wanted, _AT_ONCE):
            copies = [_copy(template) for _ in range(min(_AT_ONCE, wanted - begun))]
            await database.change(lambda records, copies=copies: _insert(records, copies))  # type: ignore[misc]
    finally:
        await database.close()


def _insert(records: Records, copies: Sequence[tuple[Activity, list[Event]]]) -> None:
    for activity, events in copies:
        records.insert(activity, events)


def _copy(template: Activity) -> tuple[Activity, list[Event]]:
    """Return an activity that has lived as the template has, and its events."""
    assert template.started is not None
    assert template.ended is not None
    queued = Activity(
        id=new_id(), owner=template.owner, service=template.service, work=template.work, created=template.created
    )
    executing = changes.begin(queued, template.started)
    known = changes.give_job(executing, template.engine_job or "")
    results, code = template.results, template.exit_code
    ended = changes.end(known, template.phase, template.ended, results=results, exit_code=code)
    steps = ((None, queued, queued.created), (queued, executing, template.started), (known, ended, template.ended))
    return ended, [event for old, new, now in steps for event in between(old, new, now)]


def supervisors(data: Path) -> frozenset[int]:
    """Return the processes that have begun a first attempt and not reported its end."""
    folders = [str(path) for path in data.glob("activities/*/*/1") if not attempt.has_report(str(path))]
    return frozenset(claim.pid for claim in map(attempt.read_claim, folders) if claim is not None)


def watched(pid: int) -> Iterator[int]:
    """Yield the processes that a process has a pidfd of: a server has one of each supervisor that it watches."""
    for path in Path(f"/proc/{pid}/fdinfo").iterdir():
        try:
            lines = path.read_text().splitlines()
        except FileNotFoundError:
            continue  # closed since it was listed
        yield from (int(line.split()[1]) for line in lines if line.startswith("Pid:"))


def await_all(holds: Callable[[], bool]) -> None:
    """Return when it holds."""
    until = time.monotonic() + _PATIENCE
    while not holds():
        if time.monotonic() > until:
            raise RuntimeError("it never came to hold")
        time.sleep(0.02)


def start(data: Path, running: frozenset[int]) -> Start:
    """Start a server, see it hold what runs, and kill it."""
    began = time.monotonic()
    with serving(data) as server:
        exchange(server, "/activity", LIST)
        answers = time.monotonic() - began
        await_all(lambda: running <= set(watched(server.pid)))
        holds = time.monotonic() - began
        os.kill(server.pid, signal.SIGKILL)
    return Start(answers, holds)


@contextmanager
def gate(path: Path) -> Iterator[None]:
    """Hold all work that reads a pipe; it ends, by itself and with its supervisors, when this program does."""
    os.mkfifo(path)
    descriptor = os.open(path, os.O_RDWR)
    try:
        yield
    finally:
        os.close(descriptor)


def prepare(folder: Path, stored: int, running: int) -> tuple[dict[str, Path], frozenset[int]]:
    """Make data folders of a server that has nothing, of one that has a lot stored, and of one where a lot runs too.

    Return them and the supervisors of what runs.
    """
    made = {"nothing": folder / "nothing", "stored": folder / "stored", "both": folder / "both"}
    config = _CONFIG.format(running=running, gate=folder / "gate")
    with activity_server(made["nothing"], config) as server:
        os.kill(server.pid, signal.SIGKILL)
    with activity_server(made["stored"], config) as server:
        exchange(server, f"/activity/{create(server, 'said')}", WAIT)
        os.kill(server.pid, signal.SIGKILL)
    store(made["stored"], stored)
    shutil.copytree(made["stored"], made["both"], ignore=shutil.ignore_patterns("activities"))
    with serving(made["both"]) as server:
        for _ in range(running):
            create(server, "held")
        await_all(lambda: len(supervisors(made["both"])) == running)
        os.kill(server.pid, signal.SIGKILL)
    return made, supervisors(made["both"])


def row(title: str, own: Sequence[Start], empty: Sequence[Start], *, holds: bool) -> str:
    """Return a line of the table: medians, and of the rounds' ratios to the start of a server that has nothing."""
    answers = [each.answers for each in own]
    low, _, high = statistics.quantiles(answers, n=4, method="inclusive") if len(answers) > 1 else answers * 3
    cells = [title, f"{statistics.median(answers):.2f} s", f"{low:.2f} to {high:.2f} s"]
    cells.append(_ratio(answers, empty))
    held = [each.holds for each in own]
    cells += [f"{statistics.median(held):.2f} s", _ratio(held, empty)] if holds else ["", ""]
    return f"| {' | '.join(cells)} |"


def _ratio(seconds: Sequence[float], empty: Sequence[Start]) -> str:
    return f"**{statistics.median(one / other.answers for one, other in zip(seconds, empty, strict=True)):.2f}**"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recovery", description=__doc__)
    parser.add_argument("--stored", type=int, default=100_000, help="activities that have ended")
    parser.add_argument("--running", type=int, default=1000, help="processes that run, each below its supervisor")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="recovery-") as name:
        with gate(Path(name) / "gate"):
            made, running = prepare(Path(name), given.stored, given.running)
            print("prepared", file=sys.stderr)
            found: dict[str, list[Start]] = {each: [] for each in made}
            for number in range(given.rounds):
                for each, data in made.items():
                    found[each].append(start(data, running if each == "both" else frozenset()))
                print(f"round {number + 1} of {given.rounds}", file=sys.stderr)
        # Each writes a last report, which must not come into a folder that is being removed.
        await_all(lambda: not any(map(is_running, running)))
    empty = found["nothing"]
    print(f"{machine()}; rounds: {given.rounds}.\n\n{_HEADER}")
    print(row("nothing", empty, empty, holds=False))
    print(row(f"{given.stored:,} activities stored", found["stored"], empty, holds=False))
    print(row(f"{given.stored:,} stored, {given.running:,} running", found["both"], empty, holds=True))


if __name__ == "__main__":
    main()
