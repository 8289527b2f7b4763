"""From the start of a server to its first answer, with many stored activities against none."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.base import Act, Bench, Curve, Figure, Figures, Goal, Row, Scale, at, value
from benchmarks.messages import WAIT, create, exchange
from benchmarks.processes import activity_server
from benchmarks.recovery import start
from benchmarks.stored import multiply

_START, _EMPTY = "start with stored activities", "start with none"
_CONFIG = """
[services.nothing]
command = ["/bin/true"]
"""


def _starting(name: str, data: Path) -> Act:
    """Return the act that starts a server, and kills it as it answers."""

    def act(_seconds: float) -> Figures:
        return {name: Figure(start(data, frozenset()).answers, " s")}

    return act


@contextmanager
def prepare(scale: Scale) -> Iterator[Bench]:
    """Make the data folders."""
    most = scale.size(100_000, 5000)
    points = [most // 100, most // 10, most]
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        empty, first = Path(folder) / "empty", Path(folder) / "first"
        with activity_server(empty, _CONFIG) as server:
            os.kill(server.pid, signal.SIGKILL)
        with activity_server(first, _CONFIG) as server:
            template = create(server)
            exchange(server, f"/activity/{template}", WAIT)
        acts = [_starting(_EMPTY, empty)]
        for stored in points:
            data = Path(folder) / str(stored)
            shutil.copytree(first, data, symlinks=True)
            multiply(data, template, stored)
            acts.append(_starting(at(_START, stored), data))
        goal = Goal(f"{most:,} stored activities to none", at(_START, most), _EMPTY, 3, most=True)
        title = "The start by what is stored"
        curve = Curve(title, "stored activities", "s to the first answer", (_START,), points, value)
        yield Bench(acts, (goal,), (curve,))


ROW = Row("start", "start of a server that was killed, to its first answer, SQLite", prepare, rounds=5)
