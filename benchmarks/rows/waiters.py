"""Many clients in Wait on one process: what they cost, what others see of them, and how soon all are answered."""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from benchmarks.base import Act, Bench, Curve, Figure, Figures, Goal, Row, Scale, at, value
from benchmarks.load import Plan
from benchmarks.machine import memory, own_seconds
from benchmarks.messages import GET, WAIT, create, exchange, request
from benchmarks.processes import Server, activity_server, process, put_on
from benchmarks.recovery import await_all
from benchmarks.rows.read import reading

_AWAITED = 16  #: activities that end together; all clients wait for one of them
_BUSY = 0.2  #: share of a processor: with more than that the server is still at what the gathering has left
_CONFIG = """
[limits]
parallel = {awaited}
wait = "PT10M"
[services.nothing]
command = ["/bin/true"]
[services.held]
command = ["/bin/cat", "{gate}"]
"""
_MEMORY, _IDLE, _ANSWERED = "memory of each that waits", "processor while all wait", "all answered"
_P99, _BEFORE = "p99 of others while all wait", "p99 of others before"


@dataclass(frozen=True, slots=True)
class _Crowd:
    """The process of those who wait."""

    said: IO[bytes]


@contextmanager
def _crowd(server: Server, ids: list[str], wanted: int) -> Iterator[_Crowd]:
    requests = [request(server, f"/activity/{each}", WAIT).decode() for each in ids]
    with process(["-m", "benchmarks.crowd"], stdin=subprocess.PIPE) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        running.stdin.write(json.dumps({"port": server.port, "requests": requests, "wanted": wanted}).encode() + b"\n")
        running.stdin.flush()
        if running.stdout.readline().strip() != str(wanted).encode():
            raise RuntimeError("not all can wait: `ulimit -n` has to be above their number")
        yield _Crowd(running.stdout)


def _act(server: Server, gate: Path, others: Plan, wanted: int) -> Act:
    """Return the act that has so many wait, and answers them.

    Their memory is what the process has more of than before any of them: it keeps for the next what it once had.
    """
    rest = memory(server.pid)

    def act(seconds: float) -> Figures:
        asking = replace(others, seconds=max(seconds, 2.0))
        ids = [create(server, "held") for _ in range(_AWAITED)]
        while any(b"Executing" not in exchange(server, f"/activity/{each}", GET) for each in ids):
            time.sleep(0.1)
        before = put_on(asking)
        with _crowd(server, ids, wanted) as crowd:
            await_all(lambda: _processor(server, 1.0) < _BUSY)  # all have asked, but it has them all to take up
            held = memory(server.pid) - rest
            idle = _processor(server, max(seconds, 3.0))
            during = put_on(asking)
            opened = time.monotonic()
            _open(gate)
            _, last = json.loads(crowd.said.readline())
        return {
            at(_MEMORY, wanted): Figure(held / 1024 / wanted, " KiB"),
            at(_IDLE, wanted): Figure(100 * idle, " % of a core"),
            at(_BEFORE, wanted): Figure(1000 * before.p99, " ms", load=before.cpu),
            at(_P99, wanted): Figure(1000 * during.p99, " ms", load=during.cpu),
            at(_ANSWERED, wanted): Figure(last - opened, " s"),
        }

    return act


def _processor(server: Server, seconds: float) -> float:
    """Return what share of a core the server takes when nobody asks anything."""
    began, before = time.monotonic(), own_seconds(server.pid)
    time.sleep(seconds)
    return (own_seconds(server.pid) - before) / (time.monotonic() - began)


def _open(gate: Path) -> None:
    """Let all work that reads the pipe come to its end."""
    os.close(os.open(gate, os.O_WRONLY))


@contextmanager
def prepare(scale: Scale) -> Iterator[Bench]:
    """Start a server for each size of the crowd."""
    most = scale.size(10_000, 500)
    points = [most // 100, most // 10, most]
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder, ExitStack() as stack:
        acts = []
        for wanted in points:
            gate = Path(folder) / f"gate-{wanted}"
            os.mkfifo(gate)
            config = _CONFIG.format(awaited=_AWAITED, gate=gate)
            server = stack.enter_context(activity_server(Path(folder) / str(wanted), config))
            others = replace(reading(server), connections=1, pause=0.01)
            put_on(others)
            acts.append(_act(server, gate, others, wanted))
        yield Bench(acts, _goals(most), _curves(points))


def _goals(most: int) -> list[Goal]:
    others = "p99 of others' GetResourceProperty to that with nobody waiting"
    return [
        Goal(f"{most:,} in Wait: memory of each", at(_MEMORY, most), target=20, most=True),
        Goal("processor while all wait", at(_IDLE, most), target=2, most=True),
        Goal(f"until all are answered when {_AWAITED} activities end", at(_ANSWERED, most), target=2, most=True),
        Goal(others, at(_P99, most), at(_BEFORE, most), 2, most=True),
    ]


def _curves(points: list[int]) -> list[Curve]:
    load = "clients in Wait"
    return [
        Curve("Memory of each that waits", load, "KiB", (_MEMORY,), points, value),
        Curve("The answers to all", load, "s until the last", (_ANSWERED,), points, value),
        Curve("Others meanwhile", load, "ms, 99 % within", (_P99, _BEFORE), points, value),
    ]


ROW = Row("waiters", "clients in Wait, one process, SQLite", prepare, rounds=3)
