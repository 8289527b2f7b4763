"""From the commit of an end to the waiter's answer and to the consumer's Notify, against one bare request."""

import socket
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.base import Act, Bench, Curve, Figure, Figures, Goal, Row, Scale, at, value
from benchmarks.messages import ABORT, WAIT, create, exchange, request
from benchmarks.processes import Server, activity_server, canned_server, put_on, serving
from benchmarks.rows.read import ACCEPTING, reading
from benchmarks.stamped import stamps
from benchmarks.subscriptions import Consumers, consumers, posted_within, subscribe

_WAITER, _NOTIFY = "commit to the waiter's answer", "commit to the consumer's Notify"
_BARE, _POST = "one bare request, canned answer", "one bare POST to the consumer"
_SETTLED = 0.05  #: seconds in which what an end causes has been committed


@dataclass(frozen=True, slots=True)
class _Ends:
    """Ends activities, with others waiting for and subscribed to further ones."""

    server: Server
    data: Path
    some: Consumers

    def act(self, others: int) -> Act:
        """Return the act that ends activities; ``others`` wait for ones that do not end."""

        def act(seconds: float) -> Figures:
            idle = [create(self.server) for _ in range(min(others, 10))]
            crowd = [self._wait(idle[number % len(idle)]) for number in range(others)]
            began, waited, notified = time.monotonic(), list[float](), list[float]()
            while not waited or time.monotonic() - began < seconds:
                to_waiter, to_consumer = self._end()
                waited.append(to_waiter)
                notified.append(to_consumer)
            for each in crowd:
                each.close()
            return {
                at(_WAITER, others): Figure(1000 * statistics.median(waited), " ms"),
                at(_NOTIFY, others): Figure(1000 * statistics.median(notified), " ms"),
            }

        return act

    def _end(self) -> tuple[float, float]:
        """End one activity; return the seconds from the commit to both."""
        activity_id = create(self.server)
        subscribe(self.server, activity_id, self.some.address(0))
        with closing(self._wait(activity_id)) as waiting, closing(self._connect()) as asking:
            time.sleep(_SETTLED)
            self.some.take()
            began = time.monotonic()
            asking.sendall(request(self.server, f"/activity/{activity_id}", ABORT))
            if not waiting.recv(1 << 16).startswith(b"HTTP/1.1 200 "):
                raise RuntimeError("a Wait was refused")
            answered = time.monotonic()
            asking.recv(1 << 16)
        came = self.some.await_messages(1)
        committed = stamps(self.data, began)[0]
        return answered - committed, came[0][0] - committed

    def _wait(self, activity_id: str) -> socket.socket:
        waiting = self._connect()
        waiting.sendall(request(self.server, f"/activity/{activity_id}", WAIT))
        return waiting

    def _connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.server.port), timeout=60)


def _bare(server: Server, canned: Server) -> Act:
    """Return the act that asks the server of canned answers one thing at a time."""
    plan = replace(reading(server), port=canned.port, connections=1)

    def act(seconds: float) -> Figures:
        load = put_on(replace(plan, seconds=seconds))
        return {_BARE: Figure(1000 * load.p50, " ms", load=load.cpu)}

    return act


@contextmanager
def prepare(scale: Scale) -> Iterator[Bench]:
    """Start a server that notes its commits, a consumer, and the server of canned answers."""
    points = [1, 100] if scale.quick else [1, 100, 1000]
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder, ExitStack() as stack:
        data = Path(folder) / "data"
        with activity_server(data, ACCEPTING):
            pass
        server = stack.enter_context(serving(data, program="benchmarks.stamped"))
        some = stack.enter_context(consumers())
        answer = exchange(server, f"/activity/{create(server)}", ABORT)
        canned = stack.enter_context(canned_server(len(answer)))
        ends = _Ends(server, data, some)
        acts = [ends.act(others) for others in points]
        acts += [_bare(server, canned), lambda seconds: {_POST: Figure(1000 * posted_within(some, seconds), " ms")}]
        goals = (
            Goal("to the waiter's answer, p50, to one bare request", at(_WAITER, 1), _BARE, 5, most=True),
            Goal("to the consumer's Notify, p50, to one bare request", at(_NOTIFY, 1), _BARE, 5, most=True),
            Goal("the same to one bare POST with the same client library", at(_NOTIFY, 1), _POST),
        )
        title = "From the commit by how many wait for others"
        yield Bench(acts, goals, (Curve(title, "waiters", "ms, median", (_WAITER, _NOTIFY), points, value),))


ROW = Row("ends", "from the commit of an end to those who wait for it, SQLite", prepare, ("h11",))
