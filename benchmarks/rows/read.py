"""Reading one property: against a canned answer of the same size and against plain Spyne, by number of connections."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks.base import Bench, Curve, Goal, Row, Scale, at, milliseconds, missing
from benchmarks.load import Plan
from benchmarks.messages import GET, create, exchange
from benchmarks.peers import cxf
from benchmarks.peers.asking import plain_create, plain_read
from benchmarks.processes import Server, activity_server, canned_server, loading, port_of, put_on, telling

ACCEPTING = """
[limits]
parallel = 0
[services.nothing]
command = ["/bin/true"]
"""
READ, CANNED, LXML = "GetResourceProperty", "canned answer", "lxml alone"
SPYNE, CXF = "plain Spyne", "Apache CXF"


def reading(server: Server) -> Plan:
    """Return the reading of one property of one activity."""
    return Plan(server.port, server.token, f"/activity/{create(server)}", GET, connections=16)


@contextmanager
def prepare(scale: Scale) -> Iterator[Bench]:
    """Start the servers."""
    points = (1, 16, 256) if scale.quick else (1, 4, 16, 64, 256)
    without = missing("waitress")
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder, ExitStack() as stack:
        ours = stack.enter_context(activity_server(Path(folder) / "data", ACCEPTING))
        plan = reading(ours)
        answer = exchange(ours, plan.path, plan.body)
        canned = stack.enter_context(canned_server(len(answer)))
        series = {READ: (plan, ours), CANNED: (replace(plan, port=canned.port), canned)}
        if not without:
            spyne = stack.enter_context(port_of("benchmarks.peers.plain_spyne", f"sqlite:///{folder}/plain.db"))
            series[SPYNE] = (plain_read(spyne, plain_create(spyne)), spyne)
        if not (no_cxf := cxf.missing()):
            java = stack.enter_context(port_of("benchmarks.peers.cxf", f"{folder}/cxf.db"))
            asking = plain_read(java, plain_create(java, cxf.PATH), cxf.PATH)
            put_on(replace(asking, seconds=scale.size(20, 2)))  # Java gets faster for so long
            series[CXF] = (asking, java)
        acts = [
            loading(at(name, count), replace(each, connections=count), server)
            for count in points
            for name, (each, server) in series.items()
        ]
        envelopes = json.dumps({"request": plan.body, "answer": answer.decode()})
        acts.append(telling(LXML, "benchmarks.xml", envelopes))
        title = "A request by number of connections"
        curve = Curve(title, "connections", "ms for each", tuple(series), points, milliseconds)
        peers = [_PEERS[name] for name in series if name in _PEERS]
        yield Bench(acts, [*_goals(), *peers], (curve,), (*without, *no_cxf))


def _goals() -> tuple[Goal, ...]:
    return (
        Goal("GetResourceProperty, 16 connections, to a canned answer", at(READ, 16), at(CANNED, 16), 0.25),
        Goal("256 connections to 16, without an error", at(READ, 256), at(READ, 16), 0.9),
        Goal("16 connections to parsing and writing alone (lxml)", at(READ, 16), LXML),
    )


_PEERS = {
    SPYNE: Goal("16 connections to plain Spyne", at(READ, 16), at(SPYNE, 16), 8),
    CXF: Goal("16 connections to Apache CXF", at(READ, 16), at(CXF, 16)),
}


ROW = Row("read", "GetResourceProperty, SQLite, one process", prepare, ("waitress",))
