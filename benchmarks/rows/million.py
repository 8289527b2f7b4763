"""Every operation with many stored activities against the same with few."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.base import Act, Bench, Curve, Figure, Figures, Goal, Row, Scale, at, value
from benchmarks.load import Plan
from benchmarks.messages import ABORT, CREATE, ENVELOPE, GET, WAIT, create, exchange
from benchmarks.processes import Server, activity_server, put_on, serving
from benchmarks.stored import multiply

_CONFIG = """
[limits]
parallel = {}
[services.nothing]
command = ["/bin/true"]
"""
_FEW = 1000
_WSN = "http://docs.oasis-open.org/wsn/b-2"
_WSRL = "http://docs.oasis-open.org/wsrf/rl-2"
_XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"
_CONCRETE = "http://docs.oasis-open.org/wsn/t-1/TopicExpression/Concrete"
_DESTROY = ENVELOPE.format(f'<rl:Destroy xmlns:rl="{_WSRL}"/>')
_OTHER_TIME = ENVELOPE.format(
    f'<rl:SetTerminationTime xmlns:rl="{_WSRL}"><rl:RequestedLifetimeDuration>P1D</rl:RequestedLifetimeDuration>'
    "</rl:SetTerminationTime>"
)
_QUERY = ENVELOPE.format(
    f'<rp:QueryResourceProperties><rp:QueryExpression Dialect="{_XPATH}">/*/act:ExitCode</rp:QueryExpression>'
    "</rp:QueryResourceProperties>"
)
_SET = ENVELOPE.format(
    "<rp:SetResourceProperties><rp:Update><act:Name>{}</act:Name></rp:Update></rp:SetResourceProperties>"
).format("{number}")
_CURRENT = ENVELOPE.format(
    f'<b:GetCurrentMessage xmlns:b="{_WSN}"><b:Topic Dialect="{_CONCRETE}">act:StatusChanged/Completed</b:Topic>'
    "</b:GetCurrentMessage>"
)
_SUBSCRIBE = ENVELOPE.format(
    f'<b:Subscribe xmlns:b="{_WSN}"><b:ConsumerReference><a:Address xmlns:a="http://www.w3.org/2005/08/addressing">'
    "http://127.0.0.1:9/</a:Address></b:ConsumerReference>"
    "<b:InitialTerminationTime>PT1S</b:InitialTerminationTime></b:Subscribe>"
)

#: What an activity is asked that has ended.
_READS: Mapping[str, str] = {
    "GetResourceProperty": GET,
    "GetMultipleResourceProperties": ENVELOPE.format(
        "<rp:GetMultipleResourceProperties><rp:ResourceProperty>act:Phase</rp:ResourceProperty>"
        "<rp:ResourceProperty>act:Result</rp:ResourceProperty></rp:GetMultipleResourceProperties>"
    ),
    "GetResourcePropertyDocument": ENVELOPE.format("<rp:GetResourcePropertyDocument/>"),
    "QueryResourceProperties": _QUERY,
    "GetCurrentMessage": _CURRENT,
    "Wait": WAIT,
}
#: What changes it.
_CHANGES: Mapping[str, str] = {
    "SetResourceProperties": _SET,
    "SetTerminationTime": _OTHER_TIME,
    "Subscribe": _SUBSCRIBE,
}
#: What a new activity is asked.
_FOLLOWED: Mapping[str, str] = {"Abort": ABORT, "Destroy": _DESTROY}
_LISTS: Mapping[str, str] = {
    "ListActivities": ENVELOPE.format("<act:ListActivities><act:Limit>100</act:Limit></act:ListActivities>"),
    "ListActivities by phase": ENVELOPE.format(
        "<act:ListActivities><act:Phase>Completed</act:Phase><act:Limit>100</act:Limit></act:ListActivities>"
    ),
}
_READING = (*_READS, *_LISTS)
_CHANGING = (*_CHANGES, "CreateActivity", *_FOLLOWED)


@dataclass(frozen=True, slots=True)
class _Stock:
    """A server, how many activities it has, and two of them that have ended."""

    server: Server
    stored: int
    read: str  #: one that stays as it is
    changed: str

    def plans(self) -> Iterator[tuple[str, Plan]]:
        """Yield each operation's plan, one at a time."""
        service = Plan(self.server.port, self.server.token, "/activity", "")
        for activity_id, bodies in ((self.read, _READS), (self.changed, _CHANGES)):
            for name, body in bodies.items():
                yield name, replace(service, path=f"/activity/{activity_id}", body=body)
        for name, body in _LISTS.items():
            yield name, replace(service, body=body)
        creating = replace(service, body=CREATE.format("nothing"))
        yield "CreateActivity", creating
        for name, body in _FOLLOWED.items():
            yield name, replace(creating, then=body)


def _asking(name: str, plan: Plan, stored: int) -> Act:
    def act(seconds: float) -> Figures:
        load = put_on(replace(plan, seconds=seconds))
        return {at(name, stored): Figure(1000 * load.p50, " ms", load=load.cpu)}

    return act


@contextmanager
def prepare(scale: Scale) -> Iterator[Bench]:
    """Start a server for each size, with copies of one activity."""
    points = [_FEW, 20_000] if scale.quick else [_FEW, 10_000, 100_000, 1_000_000]
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder, ExitStack() as stack:
        first = Path(folder) / "first"
        with activity_server(first, _CONFIG.format(1)) as server:
            ended = [create(server) for _ in range(2)]
            for activity_id in ended:
                exchange(server, f"/activity/{activity_id}", WAIT)
        (first / "config.toml").write_text(_CONFIG.format(0))
        stocks = []
        for stored in points:
            data = Path(folder) / str(stored)
            shutil.copytree(first, data, symlinks=True)
            multiply(data, ended[0], stored)
            stocks.append(_Stock(stack.enter_context(serving(data)), stored, *ended))
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


ROW = Row("million", "every operation with a million stored activities, SQLite", prepare)
