"""Judges a run of a program: by what it says, and of a consumer also by what a pull point of its own was told."""

import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lxml import etree

from tests.server import Fault, Server, Wire
from tests.toolkits.matrix import Report, Toolkit, complaints
from tests.toolkits.running import run
from wsrf_activity.model import ns

#: Topic, phase and event id.
Told = tuple[str, str, str]

_SAID = re.compile(r"^told (soap1[12]) (\S+) (\S+) (\S+) (\S+)$", re.MULTILINE)
_TOPIC = f'<wsnt:TopicExpression Dialect="{ns.TOPIC_SIMPLE}">act:StatusChanged</wsnt:TopicExpression>'
_ADDRESS = f"{{{ns.WSA}}}Address"


def judged(toolkit: Toolkit, server: Server, scratch: Path, wsdl: str = "wsdl") -> tuple[Report, list[str]]:
    """Run a program and return its report and what is wrong with it; raises LookupError where it is not installed."""
    if not toolkit.is_consumer:
        report = run(toolkit, server, scratch, wsdl)
        return report, list(complaints(toolkit, report))
    with server.client() as wire, _witness(wire) as pull_point:
        report = run(toolkit, server, scratch, wsdl)
        found = list(complaints(toolkit, report))
        return report, found or list(_differences(report, wire, _until_the_end(wire, pull_point)))


@contextmanager
def _witness(wire: Wire) -> Iterator[str]:
    """Subscribe a pull point to what the program subscribes to."""
    place = f"{wire.base}/pullpoint"
    [reference] = wire.call("<wsnt:CreatePullPoint/>", url=place).iterfind(f"{{{ns.WSNT}}}PullPoint")
    pull_point = reference.findtext(_ADDRESS) or ""
    consumer = f"<wsnt:ConsumerReference><wsa:Address>{pull_point}</wsa:Address></wsnt:ConsumerReference>"
    made = wire.call(f"<wsnt:Subscribe>{consumer}<wsnt:Filter>{_TOPIC}</wsnt:Filter></wsnt:Subscribe>")
    try:
        yield pull_point
    finally:
        wire.call("<wsnt:Unsubscribe/>", url=made[0].findtext(_ADDRESS))
        wire.call("<wsnt:DestroyPullPoint/>", url=pull_point)


def _until_the_end(wire: Wire, pull_point: str) -> list[Told]:
    """Return what has come, once the activity has ended; a program that has heard of that has ended before."""
    told: list[Told] = []
    while not told or told[-1][1] != "Completed":
        came = wire.call("<wsnt:GetMessages><act:Timeout>PT20S</act:Timeout></wsnt:GetMessages>", url=pull_point)
        holders = came.findall(f"{{{ns.WSNT}}}NotificationMessage")
        assert holders, "the activity has not ended"
        told += map(_told, holders)
    return told


def _told(holder: etree._Element) -> Told:
    topic = holder.find(f"{{{ns.WSNT}}}Topic")
    assert topic is not None
    phase = holder.findtext(f"{{{ns.WSNT}}}Message/{{{ns.ACT}}}StatusChange/{{{ns.ACT}}}Phase")
    return topic.text or "", phase or "", topic.get(f"{{{ns.ACT}}}eventId", "")


def _differences(report: Report, wire: Wire, wanted: list[Told]) -> Iterator[str]:
    """Compare what a program read with what it was to read, and see that its subscriptions are over."""
    read: dict[str, list[Told]] = defaultdict(list)
    addresses = set()
    for version, topic, phase, event_id, address in _SAID.findall(report.output):
        read[version].append((topic, phase, event_id))
        addresses.add(address)
    for verdict, step, _ in report.steps:
        if step in ("soap11", "soap12") and verdict == "ok" and read[step] != wanted:
            yield f"{step}: it read {read[step]}, not {wanted}"
    yield from (f"unsubscribe: {address} is still there" for address in addresses if _is_there(wire, address))


def _is_there(wire: Wire, address: str) -> bool:
    try:
        wire.call("<wsrfrp:GetResourcePropertyDocument/>", url=address)
    except Fault as fault:
        return fault.name != "ResourceUnknownFault"
    return True
