"""Every operation with many stored activities against the same with few."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from lxml import etree

from benchmarks.base import Act, Bench, Curve, Figure, Figures, Goal, Row, Scale, at, value
from benchmarks.load import Plan
from benchmarks.messages import WAIT, exchange
from benchmarks.operations import (
    CHANGES,
    COMMON,
    CREATE_PULL_POINT,
    LISTS,
    MADE,
    PULL_POINT,
    PUT,
    RARE,
    READS,
    SUBSCRIBE_LONG,
    SUBSCRIPTION,
    creating,
)
from benchmarks.processes import Server, activity_server, put_on, serving
from benchmarks.stored import multiply

_CONFIG = """
[limits]
parallel = {}
pull_points = 1000000
[services.nothing]
command = ["/bin/true"]
[services.rare]
command = ["/bin/true"]
"""
_FEW = 1000
_LONGEST = 1.0  #: seconds for each operation of each round: there are many
_DOCUMENT = "GetResourcePropertyDocument"
_READING = (*READS, *LISTS, *PULL_POINT)
_CHANGING = (*CHANGES, *PUT, *SUBSCRIPTION, *MADE)


@dataclass(frozen=True, slots=True)
class _Stock:
    """A server, how many activities it has, and what each message is sent to."""

    server: Server
    stored: int
    read: str  #: an activity that has ended, and stays as it is
    changed: str  #: another one
    put: str  #: another one, whose termination time stays
    subscription: str  #: path
    pull_point: str  #: path

    def plans(self) -> Iterator[tuple[str, Plan]]:
        """Yield each operation's plan, one at a time."""
        service = Plan(self.server.port, self.server.token, "/activity", "")
        asked = (
            (f"/activity/{self.read}", READS),
            (f"/activity/{self.changed}", CHANGES),
            (f"/activity/{self.put}", PUT),
            (self.subscription, SUBSCRIPTION),
            (self.pull_point, PULL_POINT),
        )
        document = self._document()
        for path, bodies in asked:
            for name, body in bodies.items():
                yield name, replace(service, path=path, body=body.replace("{document}", document))
        middle = datetime.now(UTC) - timedelta(seconds=self.stored // 2)
        for name, body in LISTS.items():
            yield name, replace(service, body=body.replace("{since}", middle.strftime("%Y-%m-%dT%H:%M:%SZ")))
        for name, (path, body, then) in MADE.items():
            yield name, replace(service, path=path, body=body, then=then)

    def _document(self) -> str:
        """Return the property document, with another name each time that it is sent."""
        answer = etree.fromstring(exchange(self.server, f"/activity/{self.put}", READS[_DOCUMENT]))
        document = answer.find(".//{urn:wsrf-activity:1}ActivityProperties")
        assert document is not None
        for name in document.iterfind("{urn:wsrf-activity:1}Name"):
            name.text = "{number}"
        return etree.tostring(document, encoding="unicode")


def _stock(server: Server, stored: int, read: str, changed: str, put: str) -> _Stock:
    subscription = _path(exchange(server, f"/activity/{read}", SUBSCRIBE_LONG))
    pull_point = _path(exchange(server, "/pullpoint", CREATE_PULL_POINT))
    return _Stock(server, stored, read, changed, put, subscription, pull_point)


def _path(answer: bytes) -> str:
    """Return the path of the address in an endpoint reference."""
    return urlsplit(str(etree.fromstring(answer).findtext(".//{http://www.w3.org/2005/08/addressing}Address"))).path


def _asking(name: str, plan: Plan, stored: int) -> Act:
    def act(seconds: float) -> Figures:
        load = put_on(replace(plan, seconds=min(seconds, _LONGEST)))
        return {at(name, stored): Figure(1000 * load.p50, " ms", load=load.cpu)}

    return act


@contextmanager
def prepare(scale: Scale) -> Iterator[Bench]:
    """Start a server for each size, with copies of one activity."""
    points = [_FEW, 20_000] if scale.quick else [_FEW, 10_000, 100_000, 1_000_000]
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder, ExitStack() as stack:
        first = Path(folder) / "first"
        with activity_server(first, _CONFIG.format(1)) as server:
            messages = [creating("nothing", COMMON)] * 3 + [creating(RARE, RARE)]
            paths = [_path(exchange(server, "/activity", message)) for message in messages]
            for path in paths:
                exchange(server, path, WAIT)
        (first / "config.toml").write_text(_CONFIG.format(0))
        stocks = []
        for stored in points:
            data = Path(folder) / str(stored)
            shutil.copytree(first, data, symlinks=True)
            ended = [path.rpartition("/")[2] for path in paths[:3]]
            multiply(data, ended[0], stored)
            stocks.append(_stock(stack.enter_context(serving(data)), stored, *ended))
        each = zip(*(stock.plans() for stock in stocks), strict=True)
        acts = [
            _asking(name, plan, stock.stored)
            for plans in each
            for stock, (name, plan) in zip(stocks, plans, strict=True)
        ]
        yield Bench(acts, _goals(points[-1]), _curves(points))


def _goals(most: int) -> list[Goal]:
    title = f"{{}}: {most:,} stored to {_FEW:,}"
    names = (*_READING, *_CHANGING)
    return [Goal(title.format(name), at(name, most), at(name, _FEW), 1.3, most=True) for name in names]


def _curves(points: list[int]) -> list[Curve]:
    load = "stored activities"
    return [
        Curve("Operations that read, by what is stored", load, "ms, median", _READING, points, value),
        Curve("Operations that change, by what is stored", load, "ms, median", _CHANGING, points, value),
    ]


ROW = Row("million", "every operation with a million stored activities, SQLite", prepare, rounds=5)
