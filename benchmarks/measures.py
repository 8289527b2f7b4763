"""What is measured: each measure carries a load for some seconds; a ratio compares two of them."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from pathlib import Path

from lxml import etree

from benchmarks.load import Load, Plan
from benchmarks.processes import Server, activity_server, canned_server, put_on, spawn

_CORES = os.cpu_count() or 1
_TRUE = shutil.which("true") or "/bin/true"
ENVELOPE = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:act="urn:wsrf-activity:1"'
    ' xmlns:rp="http://docs.oasis-open.org/wsrf/rp-2"><s:Body>{}</s:Body></s:Envelope>'
)
_CREATE = ENVELOPE.format("<act:CreateActivity><act:Service>nothing</act:Service></act:CreateActivity>")
_WAIT = ENVELOPE.format("<act:Wait/>")
_GET = ENVELOPE.format("<rp:GetResourceProperty>act:Phase</rp:GetResourceProperty>")
_CONFIG = """
[limits]
parallel = {parallel}
[services.nothing]
command = ["{command}"]
"""

Measure = Callable[[float], Load]  #: takes the seconds that it may last


@dataclass(frozen=True, slots=True)
class Ratio:
    """One row of the table."""

    title: str
    measured: str  #: a measure, by its name
    limit: str  #: the one that it is compared with


RATIOS = {
    "read": Ratio("GetResourceProperty, 16 connections", "read", "canned answer"),
    "create": Ratio("CreateActivity, durable, `parallel = 0`, 64 connections", "create", "read"),
    "run": Ratio(f"`true` from CreateActivity to Completed, `parallel = {_CORES}`", "run", "posix_spawn and wait"),
}


@contextmanager
def measures(wanted: set[str]) -> Iterator[Mapping[str, Measure]]:
    """Start what the wanted measures need, and give each with its name."""
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder, ExitStack() as stack:

        def server(parallel: int) -> Server:
            config = _CONFIG.format(parallel=parallel, command=_TRUE)
            return stack.enter_context(activity_server(Path(folder) / str(parallel), config))

        made: dict[str, Measure] = {}
        if wanted & {"read", "create", "canned answer"}:
            accepting = server(parallel=0)
            read = reading(accepting)
            made["read"] = loading(read)
            canned = stack.enter_context(canned_server(len(exchange(accepting, read.path, read.body))))
            made["canned answer"] = loading(replace(read, port=canned.port))
            made["create"] = loading(creating(accepting))
        if wanted & {"run", "posix_spawn and wait"}:
            made["run"] = loading(running(server(parallel=_CORES)))
            made["posix_spawn and wait"] = lambda seconds: spawn(_TRUE, _CORES, seconds)
        yield {name: measure for name, measure in made.items() if name in wanted}


def loading(plan: Plan) -> Measure:
    """Return the measure that carries out a plan."""
    return lambda seconds: put_on(replace(plan, seconds=seconds))


def reading(server: Server) -> Plan:
    """Return the reading of one property of one activity."""
    answer = etree.fromstring(exchange(server, "/activity", _CREATE))
    activity_id = answer.findtext(".//{urn:wsrf-activity:1:reference}Activity")
    return Plan(server.port, server.token, f"/activity/{activity_id}", _GET, connections=16)


def creating(server: Server) -> Plan:
    """Return the creation of activities that never begin."""
    return Plan(server.port, server.token, "/activity", _CREATE, connections=64)


def running(server: Server) -> Plan:
    """Return the creation of activities, each seen through to its end; enough of them for a queue."""
    return Plan(
        server.port, server.token, "/activity", _CREATE, then=_WAIT, expected=">Completed<", connections=8 * _CORES
    )


def exchange(server: Server, path: str, body: str) -> bytes:
    """Send one message and return the answer; raises RuntimeError for a fault."""
    headers = {"authorization": f"Bearer {server.token}", "content-type": "text/xml; charset=utf-8"}
    http = HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        http.request("POST", path, body, headers)
        response = http.getresponse()
        content = response.read()
    finally:
        http.close()
    if response.status != 200:
        raise RuntimeError(content.decode())
    return content
