"""`acjob -t pipe true` from a shell, against the start of Python with its HTTP client and one bare GET."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.base import Act, Bench, Curve, Figure, Figures, Goal, Row, Scale, at, value
from benchmarks.processes import activity_server, canned_server

_JOB, _BARE = "acjob -t pipe true", "python with http.client, and one bare GET"
_ASK = (
    "import http.client, sys; c = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1])); c.request('GET', '/');"
    " c.getresponse().read()"
)


def _running(name: str, command: list[str], at_once: int, environment: Mapping[str, str]) -> Act:
    """Return the act that runs a command again and again, so many at a time."""

    def act(seconds: float) -> Figures:
        began, rounds = time.monotonic(), 0
        while rounds == 0 or time.monotonic() - began < seconds:
            running = [subprocess.Popen(command, env=environment) for _ in range(at_once)]
            if any(each.wait() for each in running):
                raise RuntimeError(f"{name} failed")
            rounds += 1
        return {at(name, at_once): Figure(1000 * (time.monotonic() - began) / rounds / at_once, " ms")}

    return act


@contextmanager
def prepare(scale: Scale) -> Iterator[Bench]:
    """Start both servers."""
    points = [1, 4] if scale.quick else [1, 4, 16]
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder, ExitStack() as stack:
        data = Path(folder) / "data"
        stack.enter_context(activity_server(data, ""))
        canned = stack.enter_context(canned_server(1000))
        environment = {**os.environ, "WSRF_ACTIVITY_DATA": str(data)}
        job = [str(Path(sys.executable).with_name("acjob")), "-t", "pipe", "true"]
        bare = [sys.executable, "-c", _ASK, str(canned.port)]
        acts = []
        for at_once in points:
            acts += [_running(_JOB, job, at_once, environment), _running(_BARE, bare, at_once, os.environ)]
        goal = Goal(
            "`acjob -t pipe true` to Python with http.client and one GET", at(_JOB, 1), at(_BARE, 1), 3, most=True
        )
        title = "A command by how many run at a time"
        yield Bench(acts, (goal,), (Curve(title, "at a time", "ms for each", (_JOB, _BARE), points, value),))


ROW = Row("shell", "from a shell", prepare)
