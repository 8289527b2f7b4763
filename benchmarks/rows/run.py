"""Commands that do nothing, from CreateActivity to Completed: against bare posix_spawn and wait, and against pywps."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks.base import Act, Bench, Curve, Goal, Row, Scale, at, milliseconds, missing
from benchmarks.load import Plan
from benchmarks.messages import CREATE, WAIT
from benchmarks.processes import Server, activity_server, loading, port_of, telling

CORES = os.cpu_count() or 1
_TRUE = shutil.which("true") or "/bin/true"
_RUN, _SPAWN, _WPS = "CreateActivity to Completed", "posix_spawn and wait", "pywps: Execute, poll, fetch"
_CONFIG = """
[limits]
parallel = {parallel}
[services.nothing]
command = ["{command}"]
"""


def running(server: Server, service: str = "nothing") -> Plan:
    """Return the creation of activities, each seen through to its end; enough of them for a queue."""
    body = CREATE.format(service)
    return Plan(server.port, server.token, "/activity", body, then=WAIT, expected=">Completed<", connections=8 * CORES)


@contextmanager
def prepare(scale: Scale) -> Iterator[Bench]:
    """Start the server, and pywps where it is installed."""
    points = (1, 8 * CORES) if scale.quick else (1, CORES, 4 * CORES, 8 * CORES, 32 * CORES)
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder, ExitStack() as stack:
        config = _CONFIG.format(parallel=CORES, command=_TRUE)
        ours = stack.enter_context(activity_server(Path(folder) / "data", config))
        plan = running(ours)
        acts = [loading(at(_RUN, count), replace(plan, connections=count), ours) for count in points]
        acts.append(telling(_SPAWN, "benchmarks.spawn", _TRUE, str(CORES)))
        without = missing("pywps", "waitress")
        peers = [] if without else [_peer(stack, Path(folder))]
        title = f"`true`, {8 * CORES} connections, `parallel = {CORES}`, to posix_spawn and wait"
        goals = [Goal(title, at(_RUN, 8 * CORES), _SPAWN, 0.25)]
        goals += [Goal(f"the same to pywps, {CORES} at a time", at(_RUN, 8 * CORES), _WPS) for _ in peers]
        curve = Curve(
            "An activity by number of those under way", "clients that create and wait", "ms for each", (_RUN,), points,
            milliseconds,
        )  # fmt: skip
        yield Bench([*acts, *peers], goals, (curve,), without)


def _peer(stack: ExitStack, folder: Path) -> Act:
    (folder / "wps").mkdir()
    server = stack.enter_context(port_of("benchmarks.peers.wps", str(folder / "wps")))
    return telling(_WPS, "benchmarks.peers.wps", "ask", str(server.port), str(CORES))


ROW = Row("run", "no-op commands, SQLite", prepare, ("pywps", "waitress"))
