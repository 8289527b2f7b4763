"""Messages from the durable log to many consumers, against bare POSTs with the same client library."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks.base import Act, Bench, Curve, Figure, Goal, Row, Scale, at, milliseconds
from benchmarks.processes import Server, activity_server
from benchmarks.rows.read import ACCEPTING
from benchmarks.subscriptions import POLICY, Consumers, Wanted, consumers, fill, posted, pushed

_TOGETHER, _EACH, _POST = "messages, together (Notify)", "messages, each by itself (UseRaw)", "bare POSTs"
_RAW = POLICY.format("<b:UseRaw/>")


def _pushing(name: str, server: Server, some: Consumers, wanted: Wanted, log: tuple[str, int], policy: str) -> Act:
    return lambda _seconds: {at(name, wanted.told): Figure(pushed(server, some, wanted, log, policy))}


def _posting(some: Consumers, wanted: Wanted) -> Act:
    return lambda seconds: {at(_POST, wanted.told): Figure(posted(some, replace(wanted, seconds=seconds)))}


@contextmanager
def prepare(scale: Scale) -> Iterator[Bench]:
    """Start the server and the consumers, and have logs that are long enough to be told of."""
    points = [10, 100] if scale.quick else [1, 10, 100, 1000]
    long, short = (500, 20) if scale.quick else (2000, 100)
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder, ExitStack() as stack:
        some = stack.enter_context(consumers())
        server = stack.enter_context(activity_server(Path(folder) / "data", ACCEPTING))
        together, each = fill(server, long), fill(server, short)
        acts = []
        for told in points:
            wanted = Wanted(told, 1, 0, 0.0, 1.0, told=told, log=0)
            acts.append(_pushing(_TOGETHER, server, some, wanted, together, POLICY.format("")))
            acts.append(_pushing(_EACH, server, some, wanted, each, _RAW))
            acts.append(_posting(some, wanted))
        goals = (
            Goal("to 100 consumers, together, to bare POSTs", at(_TOGETHER, 100), at(_POST, 100), 0.3),
            Goal("the same, each message by itself", at(_EACH, 100), at(_POST, 100), 0.3),
        )
        series = (_TOGETHER, _EACH, _POST)
        curve = Curve("A message by number of consumers", "subscriptions", "ms for each", series, points, milliseconds)
        yield Bench(acts, goals, (curve,))


ROW = Row("notify", "from the durable log to consumers, SQLite", prepare, ("h11",), rounds=5)
