"""Two server processes on PostgreSQL against one: requests for each second of the servers' processors."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks.base import Bench, Curve, Figure, Goal, Row, Scale, Unable, at, milliseconds
from benchmarks.processes import activity_server, loading
from benchmarks.rows.create import CREATION, creating
from benchmarks.rows.read import ACCEPTING, READ, reading
from tests.databases import NoPostgreSQL, cluster

_CONNECTIONS = 32  #: to all of the processes together
_NOTE = "Requests for each second of processor: the servers' alone, without that of PostgreSQL."


def _processor(figure: Figure) -> float:
    return 1000 * (figure.cpu or 0.0)


@contextmanager
def prepare(scale: Scale) -> Iterator[Bench]:
    """Start PostgreSQL, and a server for each number of processes, each on a database of its own."""
    points = [1, 2] if scale.quick else [1, 2, 4]
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder, ExitStack() as stack:
        try:
            databases = stack.enter_context(cluster(durable=True))
        except NoPostgreSQL as error:
            raise Unable(str(error)) from None
        acts = []
        for workers in points:
            url = stack.enter_context(databases.database())
            options = ("--database", url, "--workers", str(workers))
            server = stack.enter_context(activity_server(Path(folder) / str(workers), ACCEPTING, *options))
            for name, plan in ((READ, reading(server)), (CREATION, creating(server))):
                acts.append(loading(at(name, workers), replace(plan, connections=_CONNECTIONS), server))
        yield Bench(acts, _goals(), _curves(points), (_NOTE,))


def _goals() -> list[Goal]:
    throughput = 1.6 if (os.cpu_count() or 1) >= 4 else None
    found = []
    for name in (READ, CREATION):
        two, one = at(name, 2), at(name, 1)
        found.append(Goal(f"{name}: requests for each CPU second, two processes to one", two, one, 0.85, cpu=True))
        found.append(Goal(f"{name}: requests per second, two processes to one", two, one, throughput))
    return found


def _curves(points: list[int]) -> list[Curve]:
    series, load = (READ, CREATION), "server processes"
    return [
        Curve("Processor for each request", load, "ms of the servers' processors", series, points, _processor),
        Curve("A request by number of processes", load, "ms for each", series, points, milliseconds),
    ]


ROW = Row("processes", "several server processes, PostgreSQL", prepare, ("psycopg",))
