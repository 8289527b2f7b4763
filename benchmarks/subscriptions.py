"""`python -m benchmarks.subscriptions`: how soon consumers are told, with and without dead ones; how many per second.

Servers and consumers are processes of their own. What is compared takes turns in one run. On SQLite.
"""

import argparse
import asyncio
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.consumers import Came
from benchmarks.machine import machine, memory
from benchmarks.messages import ENVELOPE, create, exchange
from benchmarks.processes import Server, activity_server, output, process, serving
from wsrf_activity.model.activity import new_id
from wsrf_activity.model.subscriptions import Subscription
from wsrf_activity.store import Records, open_database

_CONFIG = """
[limits]
parallel = 0
[services.nothing]
command = ["/bin/true"]
"""
_NAME = ENVELOPE.format(
    "<rp:SetResourceProperties><rp:Update><act:Name>{}</act:Name></rp:Update></rp:SetResourceProperties>"
)
_SUBSCRIBE = ENVELOPE.format(
    '<b:Subscribe xmlns:b="http://docs.oasis-open.org/wsn/b-2"><b:ConsumerReference>'
    '<a:Address xmlns:a="http://www.w3.org/2005/08/addressing">{}</a:Address>'
    "</b:ConsumerReference>{}</b:Subscribe>"
)
POLICY = "<b:SubscriptionPolicy>{}<act:FromSequence>1</act:FromSequence></b:SubscriptionPolicy>"
_DEAD = ("hang", "500", "refused")  #: one third each
_PATIENCE = 120.0  #: seconds after which something hangs
_LOOK = 0.05  #: seconds between two looks at what has come
_REFUSED = 9  #: a port where nobody listens
_SIZE = 1500  #: bytes of a bare POST: about those of one message


@dataclass(frozen=True, slots=True)
class Wanted:
    """How much of everything."""

    subscriptions: int
    activities: int
    dead: int  #: of the subscriptions
    rate: float  #: changes per second
    seconds: float  #: of each measure in each round
    told: int  #: consumers that are told of a log at once
    log: int  #: events in it


class Consumers:
    """The process of the consumers."""

    def __init__(self, running: "subprocess.Popen[bytes]") -> None:
        """Read its port."""
        assert running.stdin is not None
        assert running.stdout is not None
        self._asked, self._said = running.stdin, running.stdout
        self._port = int(self._said.readline())

    def address(self, number: int, kind: str = "ok") -> str:
        """Return the address of one of them, each on a host of its own."""
        port = _REFUSED if kind == "refused" else self._port
        return f"http://127.1.{number >> 8}.{number & 255}:{port}/{kind}"

    def take(self, order: str = "") -> list[Came]:
        """Return what has come since this was asked last; `open` and `shut` are orders for the gate."""
        self._asked.write(f"{order}\n".encode())
        self._asked.flush()
        return [(when, count, stamp) for when, count, stamp in json.loads(self._said.readline())]

    def await_messages(self, wanted: int) -> list[Came]:
        """Return what comes until that is so many messages."""
        found: list[Came] = []
        until = time.monotonic() + _PATIENCE
        while (missing := wanted - sum(count for _, count, _ in found)) > 0:
            if time.monotonic() > until:
                raise RuntimeError(f"{missing} messages never came")
            time.sleep(_LOOK)
            came = self.take()
            until = time.monotonic() + _PATIENCE if came else until
            found += came
        return found


@contextmanager
def consumers() -> Iterator[Consumers]:
    """Start the consumers."""
    with process(["-m", "benchmarks.consumers"], stdin=subprocess.PIPE) as running:
        yield Consumers(running)


# Delays.


def subscribe(server: Server, activity_id: str, address: str, policy: str = "") -> None:
    """Subscribe to an activity."""
    exchange(server, f"/activity/{activity_id}", _SUBSCRIBE.format(address, policy))


async def copy(data: Path, activities: Sequence[str], addresses: Sequence[str]) -> None:
    """Have as many subscriptions as there are addresses, like the one that there is, to one activity after another."""
    database = open_database(f"sqlite:///{data / 'activities.db'}")
    try:
        [template] = await database.read(lambda records: records.subscriptions.some())

        def add(records: Records) -> None:
            records.subscriptions.remove_one(template.id)
            for number, address in enumerate(addresses):
                activity_id = activities[number % len(activities)]
                placed = replace(_to(template, address), activity_id=activity_id)
                records.subscriptions.add(replace(placed, position=records.subscriptions.last(activity_id)))

        await database.change(add)
    finally:
        await database.close()


def _to(template: Subscription, address: str) -> Subscription:
    old = template.consumer
    consumer = replace(old, address=address, reference=old.reference.replace(old.address, address))
    return replace(template, id=new_id(), consumer=consumer)


class Told:
    """A server with subscriptions, of which some have dead consumers."""

    def __init__(self, server: Server, activities: Sequence[str], addresses: Sequence[str]) -> None:
        """Change one activity after another."""
        self.server = server
        self._activities = activities
        self._next = 0
        self._healthy = [0] * len(activities)
        for number, address in enumerate(addresses):
            self._healthy[number % len(activities)] += address.endswith("/ok")

    def change(self, rate: float, seconds: float) -> int:
        """Change activities; return how many messages healthy consumers are to get."""
        began, expected = time.monotonic(), 0
        for number in range(max(1, int(rate * seconds))):
            time.sleep(max(0.0, began + number / rate - time.monotonic()))
            at = self._next % len(self._activities)
            self._next += 1
            exchange(self.server, f"/activity/{self._activities[at]}", _NAME.format(time.monotonic()))
            expected += self._healthy[at]
        return expected

    def memory(self) -> int:
        """Return how many bytes the process has for itself."""
        return memory(self.server.pid)


def delays(came: Sequence[Came]) -> tuple[float, float]:
    """Return the median and the 99th percentile of the seconds from sending a change to its arrival."""
    found = [when - stamp for when, _, stamp in came if stamp is not None]
    return statistics.median(found), statistics.quantiles(found, n=100)[98]


def addresses(some: Consumers, wanted: Wanted, dead: int) -> list[str]:
    """Return one for each subscription; every so many, as there are to be ``dead`` ones, is dead."""
    every = wanted.subscriptions // dead if dead else wanted.subscriptions + 1
    # 13 further each time, so that they do not all have to do with the same few activities
    kinds = {(number * every + 13 * number) % wanted.subscriptions: _DEAD[number % 3] for number in range(dead)}
    return [some.address(number, kinds.get(number, "ok")) for number in range(wanted.subscriptions)]


def measure_delays(folder: Path, some: Consumers, wanted: Wanted, rounds: int) -> None:
    """Measure and print the delays, and the memory of a subscription."""
    data = {"healthy": folder / "healthy", "dead": folder / "dead"}
    with activity_server(data["healthy"], _CONFIG) as server:
        activities = [create(server, "nothing") for _ in range(wanted.activities)]
        empty = Told(server, activities, [])
        empty.change(1000, 0.1)
        without = empty.memory()
        subscribe(server, activities[0], some.address(0))
    shutil.copytree(data["healthy"], data["dead"])
    told = {"healthy": addresses(some, wanted, 0), "dead": addresses(some, wanted, wanted.dead)}
    for name, to in told.items():
        asyncio.run(copy(data[name], activities, to))
    print("prepared", file=sys.stderr)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in data}
    with serving(data["healthy"]) as one, serving(data["dead"]) as other:
        servers = {"healthy": Told(one, activities, told["healthy"]), "dead": Told(other, activities, told["dead"])}
        for each in servers.values():  # all are told once, and the dead ones found to be dead
            some.await_messages(each.change(1000, wanted.activities / 1000))
        for number in range(rounds):
            for name, each in servers.items():
                found[name].append(delays(some.await_messages(each.change(wanted.rate, wanted.seconds))))
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
        memory = (servers["healthy"].memory() - without) / wanted.subscriptions
    print("| consumers | median delay | 99 % within |\n|---|---|---|")
    print(_row(f"{wanted.subscriptions:,}, all well", found["healthy"]))
    print(_row(f"{wanted.subscriptions:,}, {wanted.dead} of them dead", found["dead"]))
    ratios = [[two[at] / one[at] for one, two in zip(*found.values(), strict=True)] for at in (0, 1)]
    print(f"| with the dead to without | {' | '.join(map(_spread, ratios))} |")
    print(f"\nMemory of a subscription: {memory / 1024:.1f} KiB.\n")


def _row(title: str, found: Sequence[tuple[float, float]]) -> str:
    median, late = (1000 * statistics.median(each) for each in zip(*found, strict=True))
    return f"| {title} | {median:.0f} ms | {late:.0f} ms |"


def _spread(ratios: Sequence[float]) -> str:
    low, _, high = statistics.quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else [*ratios] * 3
    return f"**{statistics.median(ratios):.2f}** ({low:.2f} to {high:.2f})"


# Messages per second.


def pushed(server: Server, some: Consumers, wanted: Wanted, log: tuple[str, int], policy: str) -> float:
    """Return how many messages per second come of an activity's log of so many events, told from its beginning.

    All are held at their first message until all have subscribed.
    """
    activity_id, events = log
    some.take("shut")
    for number in range(wanted.told):
        subscribe(server, activity_id, some.address(number, "gate"), policy)
    began = time.monotonic()
    held = sum(count for _, count, _ in some.take("open"))  # not all: there are more consumers than turns
    came = some.await_messages(wanted.told * events - held)
    return sum(count for _, count, _ in came) / (max(when for when, _, _ in came) - began)


def fill(server: Server, events: int) -> tuple[str, int]:
    """Return an activity with so many events."""
    activity_id = create(server, "nothing")
    for number in range(1, events):
        exchange(server, f"/activity/{activity_id}", _NAME.format(number))
    return activity_id, events


def posted(some: Consumers, wanted: Wanted) -> float:
    """Return how many bare POSTs per second there are."""
    given = {"addresses": [some.address(number) for number in range(wanted.told)], "content": "x" * _SIZE}
    rate = float(output("benchmarks.posts", given=json.dumps(given | {"seconds": wanted.seconds})))
    some.take()
    return rate


def posted_within(some: Consumers, seconds: float) -> float:
    """Return how many seconds one bare POST takes, the one after the other."""
    given = {"addresses": [some.address(0)], "content": "x" * _SIZE, "seconds": seconds}
    rate = float(output("benchmarks.posts", given=json.dumps(given)))
    some.take()
    return 1.0 / rate


def measure_rates(folder: Path, some: Consumers, wanted: Wanted, rounds: int) -> None:
    """Measure and print how many messages per second are delivered, against bare POSTs."""
    kinds = {"each by itself (UseRaw)": POLICY.format("<b:UseRaw/>"), "together (Notify)": POLICY.format("")}
    found: dict[str, list[float]] = {"bare POSTs": [], **{kind: [] for kind in kinds}}
    with activity_server(folder / "rates", _CONFIG) as server:
        logs = {kind: fill(server, events) for kind, events in zip(kinds, (wanted.log, 10 * wanted.log), strict=True)}
        for number in range(rounds):
            found["bare POSTs"].append(posted(some, wanted))
            for kind, policy in kinds.items():
                found[kind].append(pushed(server, some, wanted, logs[kind], policy))
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
    print(f"| to {wanted.told} consumers | per second | to bare POSTs |\n|---|---|---|")
    for kind, rates in found.items():
        ratios = [one / other for one, other in zip(rates, found["bare POSTs"], strict=True)]
        print(f"| {kind} | {statistics.median(rates):.0f} | {_spread(ratios)} |")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.subscriptions", description=__doc__)
    parser.add_argument("--subscriptions", type=int, default=10_000)
    parser.add_argument("--activities", type=int, default=1000, help="that the subscriptions are to")
    parser.add_argument("--dead", type=int, default=100, help="consumers that hang, fail or are not there")
    parser.add_argument("--rate", type=float, default=10.0, help="changes per second")
    parser.add_argument(
        "--log", type=int, default=100, help="events that many are told of one by one; of ten times as many together"
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measure in each round")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    wanted = Wanted(
        given.subscriptions, given.activities, given.dead, given.rate, given.seconds, told=100, log=given.log
    )
    with tempfile.TemporaryDirectory(prefix="subscriptions-") as name, consumers() as some:
        print(f"{machine()}; rounds: {given.rounds}.\n")
        measure_delays(Path(name), some, wanted, given.rounds)
        measure_rates(Path(name), some, wanted, given.rounds)


if __name__ == "__main__":
    main()
