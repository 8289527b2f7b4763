"""Python functions that do nothing, from their start to Completed on PostgreSQL, against procrastinate.

Its workers call one function after another in one process: they are compared with functions that share processes. Those
of which each call has a process of its own are measured too.
"""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks.base import Act, Bench, Curve, Goal, Row, Scale, Unable, at, milliseconds, missing
from benchmarks.processes import activity_server, loading, output, process, telling
from benchmarks.rows.run import CORES, running
from tests.databases import Cluster, NoPostgreSQL, cluster

_RUN, _FRESH, _JOBS = "functions that share processes", "a process for each function", "procrastinate"
_MODULE = """\
from wsrf_activity.author import activity


@activity
def nothing(job) -> None:
    pass


@activity(reuse=1_000_000)
def shared(job) -> None:
    pass
"""


@contextmanager
def prepare(scale: Scale) -> Iterator[Bench]:
    """Start PostgreSQL, the server, and procrastinate's workers, each on a database of its own."""
    most = 8 * CORES
    points = (1, most) if scale.quick else (1, CORES, 4 * CORES, most, 32 * CORES)
    without = missing("procrastinate")
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder, ExitStack() as stack:
        try:
            databases = stack.enter_context(cluster(durable=True))
        except NoPostgreSQL as error:
            raise Unable(str(error)) from None
        module = Path(folder) / "words.py"
        module.write_text(_MODULE)
        config = f'[limits]\nparallel = {CORES}\n[services.words]\npython = "{module}"\n'
        options = ("--database", stack.enter_context(databases.database()))
        server = stack.enter_context(activity_server(Path(folder) / "data", config, *options))
        acts = [
            loading(at(title, count), replace(running(server, service), connections=count), server)
            for title, service in ((_RUN, "words.shared"), (_FRESH, "words.nothing"))
            for count in points
        ]
        goals = []
        if not without:
            acts.append(_peer(stack, databases))
            title = f"no-op functions that share processes, as procrastinate's do, to it, {CORES} workers each"
            goals.append(Goal(title, at(_RUN, most), _JOBS, 1.5))
            goals.append(Goal("the same with a process for each function", at(_FRESH, most), _JOBS))
        title = "A function by number of those under way"
        curve = Curve(title, "clients that start and wait", "ms for each", (_RUN, _FRESH), points, milliseconds)
        yield Bench(acts, goals, (curve,), without)


def _peer(stack: ExitStack, databases: Cluster) -> Act:
    url = stack.enter_context(databases.database()).replace("+psycopg", "")
    output("benchmarks.peers.jobs", "prepare", url)
    for _ in range(CORES):
        stack.enter_context(process(["-m", "benchmarks.peers.jobs", "work", url]))
    return telling(_JOBS, "benchmarks.peers.jobs", "ask", url)


ROW = Row("functions", "no-op Python functions, PostgreSQL", prepare, ("procrastinate", "psycopg"))
