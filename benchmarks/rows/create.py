"""Creating, committed before the answer: against reading, against commits one at a time, and against plain Spyne."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks.base import Bench, Curve, Goal, Row, Scale, at, milliseconds, missing
from benchmarks.load import Plan
from benchmarks.messages import CREATE
from benchmarks.peers import cxf
from benchmarks.peers.asking import plain_creating
from benchmarks.processes import Server, activity_server, loading, port_of, put_on, telling
from benchmarks.rows.read import ACCEPTING, CXF, READ, SPYNE, reading

CREATION, INSERT = "CreateActivity", "bare inserts, each committed"
_ROW = 2500  #: bytes: about what one creation writes, row and event with their indexes


def creating(server: Server) -> Plan:
    """Return the creation of activities that never begin."""
    return Plan(server.port, server.token, "/activity", CREATE.format("nothing"), connections=64)


@contextmanager
def prepare(scale: Scale) -> Iterator[Bench]:
    """Start the servers, on one disk."""
    points = (1, 64) if scale.quick else (1, 4, 16, 64, 256)
    without = missing("waitress")
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder, ExitStack() as stack:
        ours = stack.enter_context(activity_server(Path(folder) / "data", ACCEPTING))
        series = {CREATION: (creating(ours), ours)}
        goals = [
            Goal("CreateActivity, 64 connections, to GetResourceProperty", at(CREATION, 64), READ, 0.4),
            Goal("the same to the database alone: bare inserts, one commit each", at(CREATION, 64), INSERT),
        ]
        if not without:
            spyne = stack.enter_context(port_of("benchmarks.peers.plain_spyne", f"sqlite:///{folder}/plain.db"))
            series[SPYNE] = (plain_creating(spyne), spyne)
            title = "the same to plain Spyne, which commits one at a time"
            goals.append(Goal(title, at(CREATION, 64), at(SPYNE, 64), 10))
        if not (no_cxf := cxf.missing()):
            java = stack.enter_context(port_of("benchmarks.peers.cxf", f"{folder}/cxf.db"))
            asking = plain_creating(java, cxf.PATH)
            put_on(replace(asking, seconds=scale.size(20, 2)))  # Java gets faster for so long
            series[CXF] = (asking, java)
            goals.append(Goal("the same to Apache CXF", at(CREATION, 64), at(CXF, 64)))
        acts = [
            loading(at(name, count), replace(plan, connections=count), server)
            for count in points
            for name, (plan, server) in series.items()
        ]
        acts += [loading(READ, reading(ours), ours), telling(INSERT, "benchmarks.inserts", folder, str(_ROW))]
        title = "A creation by number of connections"
        curve = Curve(title, "connections", "ms for each", tuple(series), points, milliseconds)
        yield Bench(acts, goals, (curve,), (*without, *no_cxf))


ROW = Row("create", "CreateActivity, durable, `parallel = 0`, SQLite", prepare, ("waitress",))
