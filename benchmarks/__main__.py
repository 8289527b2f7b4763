"""`python -m benchmarks`: a real server against its own limit, request by request, in one run."""

import argparse
import contextlib
import json
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from lxml import etree

from benchmarks.processes import Connection, activity_server, canned_server, connection, post

_WARM_UP = 200  #: requests to each server before anything is measured
_ENVELOPE = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:act="urn:wsrf-activity:1"'
    ' xmlns:rp="http://docs.oasis-open.org/wsrf/rp-2"><s:Body>{}</s:Body></s:Envelope>'
)
_CREATE = _ENVELOPE.format("<act:CreateActivity><act:Command>true</act:Command></act:CreateActivity>")
_WAIT = _ENVELOPE.format("<act:Wait/>")
_GET = _ENVELOPE.format("<rp:GetResourceProperty>act:Phase</rp:GetResourceProperty>")


def ended_activity(base_url: str, token: str) -> str:
    """Create an activity, wait for its end and return its address."""
    with connection(urlsplit(base_url).port or 80) as client:
        answer = etree.fromstring(client.exchange(post(f"{base_url}/activity", token, _CREATE)))
        address = answer.findtext(".//{http://www.w3.org/2005/08/addressing}Address") or ""
        client.exchange(post(address, token, _WAIT))
    return address


def measure(rounds: int, requests: int) -> dict[str, list[float]]:
    """Seconds for one GetResourceProperty, a median for each round, and the same for a canned answer of its size.

    The rounds take turns, so that whatever else the machine does meanwhile meets both.
    """
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder, contextlib.ExitStack() as stack:
        base_url, token = stack.enter_context(activity_server(Path(folder) / "data"))
        request = post(ended_activity(base_url, token), token, _GET)
        real = stack.enter_context(connection(urlsplit(base_url).port or 80))
        answer = Path(folder) / "answer"
        answer.write_bytes(real.exchange(request))
        canned = stack.enter_context(connection(stack.enter_context(canned_server(answer))))
        return take_turns({"GetResourceProperty": real, "canned answer": canned}, request, rounds, requests)


def take_turns(clients: Mapping[str, Connection], request: bytes, rounds: int, requests: int) -> dict[str, list[float]]:
    """One median for each client and round."""
    medians: dict[str, list[float]] = {name: [] for name in clients}
    for client in clients.values():
        _times(client, request, min(_WARM_UP, requests))
    for _ in range(rounds):
        for name, client in clients.items():
            medians[name].append(statistics.median(_times(client, request, requests)))
    return medians


def _times(client: Connection, request: bytes, requests: int) -> list[float]:
    times = []
    for _ in range(requests):
        start = time.perf_counter()
        client.exchange(request)
        times.append(time.perf_counter() - start)
    return times


def report(medians: Mapping[str, list[float]]) -> str:
    """A table: median over the rounds, the range of the rounds, and the ratio to the canned answer."""
    limit = medians["canned answer"]
    lines = [f"{'one request at a time':<24}{'median':>10}{'of rounds':>18}{'ratio':>9}"]
    for name, times in medians.items():
        # Round by round, since a slow moment of the machine is slow for both.
        ratio = statistics.median(own / other for own, other in zip(times, limit, strict=True))
        low, high = (f"{seconds * 1e6:.0f}" for seconds in (min(times), max(times)))
        lines.append(f"{name:<24}{statistics.median(times) * 1e6:>7.0f} µs{f'{low} to {high} µs':>18}{ratio:>9.2f}")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--requests", type=int, default=300, help="in each round, to each server")
    parser.add_argument("--json", action="store_true", help="print the medians of all rounds, in seconds")
    given = parser.parse_args()
    medians = measure(given.rounds, given.requests)
    print(json.dumps(medians) if given.json else report(medians))


if __name__ == "__main__":
    main()
