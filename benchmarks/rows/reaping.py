"""Expired activities with files, all due at once: against bare DELETE and unlink, and what others see of it."""

import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from benchmarks.base import Act, Bench, Curve, Figure, Figures, Goal, Row, Scale, at, milliseconds
from benchmarks.load import Plan
from benchmarks.messages import ENVELOPE, WAIT, create, exchange
from benchmarks.processes import Server, activity_server, output, put_on, putting_on, serving
from benchmarks.recovery import await_all
from benchmarks.rows.read import reading
from benchmarks.stored import link, multiply, opened

_CONFIG = """
[services.said]
command = ["/bin/echo", "hello"]
[services.nothing]
command = ["/bin/true"]
"""
_ALARM = ENVELOPE.format(
    "<act:CreateActivity><act:Service>nothing</act:Service>"
    "<act:InitialTerminationTime>{}</act:InitialTerminationTime></act:CreateActivity>"
)
_REAPED, _BARE = "reaped", "DELETE and unlink"
_P99, _BEFORE = "p99 of others meanwhile", "p99 of others before"
_BEFORE_SECONDS = 5.0  #: a hundred requests each: of less than some hundreds the slowest hundredth is one
_START = 0.2  #: seconds until the load is there
_AHEAD = 2  #: seconds until the reaper wakes


def _micros(moment: float) -> int:
    return int(moment * 1_000_000)


def _reap(server: Server, data: Path, template: str, wanted: int, others: Plan) -> Act:
    """Return the act that stores so many behind the server's back, and has its reaper woken by one that it knows of."""

    def act(seconds: float) -> Figures:
        before = put_on(replace(others, seconds=max(seconds, _BEFORE_SECONDS)))
        past = _micros(time.time())
        link(data, template, multiply(data, template, wanted, past))
        wakes = int(time.time()) + _AHEAD
        exchange(server, "/activity", _ALARM.format(datetime.fromtimestamp(wakes, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")))
        time.sleep(max(0.0, wakes - _START - time.time()))  # what was asked before it wakes does not count
        with putting_on(others) as loads:
            _await_none(data, past)
            elapsed = time.time() - wakes
        [during] = loads
        return {
            at(_REAPED, wanted): Figure(wanted / elapsed),
            at(_BEFORE, wanted): Figure(1000 * before.p99, " ms", load=before.cpu),
            at(_P99, wanted): Figure(1000 * during.p99, " ms", load=during.cpu),
        }

    return act


def _await_none(data: Path, past: int) -> None:
    """Return when neither rows nor files are left."""
    with opened(data) as database:
        for question in (f"SELECT 1 FROM activity WHERE terminates <= {past} LIMIT 1", "SELECT 1 FROM removal LIMIT 1"):
            await_all(partial(_none, database, question))


def _none(database: sqlite3.Connection, question: str) -> bool:
    return database.execute(question).fetchone() is None


def _remove(data: Path, template: str, wanted: int) -> Act:
    """Return the act that stores as many where no server is, and removes them."""

    def act(_seconds: float) -> Figures:
        past = _micros(time.time())
        link(data, template, multiply(data, template, wanted, past))
        rate = float(output("benchmarks.removal", str(data), str(past)))
        return {at(_BARE, wanted): Figure(rate)}

    return act


@contextmanager
def prepare(scale: Scale) -> Iterator[Bench]:
    """Start a server that has had one activity, and copy what it has stored."""
    most = scale.size(100_000, 1000)
    points = [most // 100, most // 10, most]
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as temporary:
        data, bare = Path(temporary) / "data", Path(temporary) / "bare"
        with activity_server(data, _CONFIG) as server:
            template = create(server, "said")
            exchange(server, f"/activity/{template}", WAIT)
        shutil.copytree(data, bare, symlinks=True, ignore=shutil.ignore_patterns("*lock*"))
        with serving(data) as server:
            others = replace(reading(server), connections=1, pause=0.01)
            acts = []
            for wanted in points:
                acts += [_reap(server, data, template, wanted, others), _remove(bare, template, wanted)]
            yield Bench(acts, _goals(most), (_curve(points),))


def _goals(most: int) -> list[Goal]:
    return [
        Goal(f"{most:,} due at once, to DELETE and unlink alone", at(_REAPED, most), at(_BARE, most), 0.3),
        Goal("p99 of GetResourceProperty meanwhile to before", at(_P99, most), at(_BEFORE, most), 3, most=True),
    ]


def _curve(points: list[int]) -> Curve:
    title = "One that is reaped by how many are due at once"
    return Curve(title, "activities due", "ms for each", (_REAPED, _BARE), points, milliseconds)


ROW = Row("reaping", "expired activities with files, SQLite", prepare, rounds=3)
