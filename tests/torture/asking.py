"""Asking servers that may be away, stopped or without their database: again and again, until one has answered."""

import contextlib
import itertools
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import httpx
from lxml import etree

from tests.acceptance.watching import Asked
from tests.server import Fault, Wire
from wsrf_activity.model import ns

T = TypeVar("T")
PATIENCE = (
    600.0  #: seconds after which silence is a violation; it is killed all the time, and a busy machine starts it slowly
)
_PAUSE = 0.05


class Silence(Exception):
    """The server did not answer in all that time."""


class Gone(Exception):
    """There is no such activity (any more)."""


class Patient:
    """A client that asks until it is answered. What it sends more than once must bear that."""

    def __init__(self, wires: Sequence[Wire]) -> None:
        self._turns = itertools.cycle(wires)

    @property
    def wire(self) -> Wire:
        """The way to the next server: who is not answered asks another one, and so does who was."""
        return next(self._turns)

    def insist(self, ask: Callable[[], T]) -> T:
        """Return the first answer. Faults that say that the server cannot, for now, are none; raises Gone, Fault."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                return ask()
            except httpx.TransportError as error:
                reason = repr(error)
            except Fault as fault:
                if fault.name == "ResourceUnknownFault":
                    raise Gone from None
                if fault.code != "Receiver":
                    raise
                reason = str(fault)
            if time.monotonic() > until:
                raise Silence(reason)
            time.sleep(_PAUSE)

    def call(self, body: str, activity_id: str | None = None) -> etree._Element:
        """Send a message until it is answered; return the child of the reply's Body."""
        return self.insist(lambda: self.wire.call(body, activity_id))

    def call_at(self, body: str, place: str) -> etree._Element:
        """Send a message to what is no activity, by its path below the base, until it is answered."""
        return self.insist(lambda: self._call_at(self.wire, body, place))

    def _call_at(self, wire: Wire, body: str, place: str) -> etree._Element:
        return wire.call(body, url=f"{wire.base}/{place}")

    def create(self, body: str, lost_answers: int) -> etree._Element:
        """Send a message that begins something, and hang up so often before the answer is there; then ask for it.

        All that goes to one server first: what another one had still to read could begin what was over by then.
        """
        first = self.wire
        for _ in range(lost_answers):
            with contextlib.suppress(OSError):  # nobody was there
                Asked(first, body)
        wires = itertools.chain((first,), self._turns)
        return self.insist(lambda: next(wires).call(body))

    def document(self, activity_id: str) -> etree._Element:
        """Return the property document; raises Gone."""
        return self.insist(lambda: self.wire.document(activity_id))

    def upload(self, content: bytes) -> str:
        """Send an input ahead and return its address."""
        return self.insist(lambda: self._upload(content))

    def _upload(self, content: bytes) -> str:
        wire = self.wire
        return self._good(wire.http.put(f"{wire.base}/input", content=content)).headers["location"]

    def result(self, activity_id: str, name: str) -> bytes:
        """Return the bytes of a result; raises Gone."""
        return self.insist(lambda: self._result(self.wire, activity_id, name))

    def _result(self, wire: Wire, activity_id: str, name: str) -> bytes:
        return self._good(wire.http.get(f"{wire.address(activity_id)}/result/{name}")).content

    def _good(self, response: httpx.Response) -> httpx.Response:
        if response.status_code == 404:
            raise Gone
        if response.status_code >= 500:
            raise httpx.ReadError(f"{response.status_code} {response.text}")
        response.raise_for_status()
        return response

    def listed(self, run_id: str = "") -> list[tuple[str, str, str]]:
        """Return id, name and phase of all activities, or of those of one run; of families only their heads."""
        return [
            each for each in self._listed(f"<act:RunId>{run_id}</act:RunId>" if run_id else "") if " " not in each[1]
        ]

    def members(self, activity_id: str) -> list[tuple[str, str, str]]:
        """Return id, name and phase of what an activity has started, or of the members of a set."""
        return self._listed(parent=f"<act:Parent>{activity_id}</act:Parent>")

    def orphans(self) -> list[str]:
        """Return those whose activity was run again and has let them go."""
        below = (each for each, name, _ in self._listed() if " " in name)
        return [each for each in below if text(self.document(each), "Parent") is None]

    def _listed(self, only: str = "", parent: str = "") -> list[tuple[str, str, str]]:
        found: list[tuple[str, str, str]] = []
        cursor = ""
        while True:
            body = f"<act:ListActivities>{only}<act:Limit>500</act:Limit>{cursor}{parent}</act:ListActivities>"
            reply = self.call(body)
            for entry in reply.iterfind(f"{{{ns.ACT}}}Entry"):
                texts = [entry.findtext(f"{{{ns.ACT}}}{name}") or "" for name in ("ActivityId", "Name", "Phase")]
                found.append((texts[0], texts[1], texts[2]))
            following = reply.findtext(f"{{{ns.ACT}}}Cursor")
            if following is None:
                return found
            cursor = f"<act:Cursor>{following}</act:Cursor>"


def text(element: etree._Element, name: str) -> str | None:
    """Return the text of a child of ours."""
    return element.findtext(f"{{{ns.ACT}}}{name}")


def seconds(moment: str | None) -> float | None:
    """Return a time of a message as seconds of the epoch."""
    return None if not moment else datetime.fromisoformat(moment).astimezone(UTC).timestamp()
