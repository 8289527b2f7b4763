"""What consumers were told, and what must hold of it: everything, at least once, in order, and everywhere the same."""

import hashlib
import hmac
import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from lxml import etree

from tests.torture.journal import Journal
from tests.wire_validation import check_envelope
from wsrf_activity.model import ns

Filtering = Literal["nothing", "status", "completed"]

SECRET = "only the two of us know"
OWN = "urn:torture"  #: namespace of the reference parameter that each consumer asks for
_STATUS = "act:StatusChanged/"
_TERMINATED = "act:Terminated"


@dataclass(frozen=True)
class Wish:
    """What a subscriber asks for."""

    activity_id: str | None = None  #: None: all of the caller's
    filtering: Filtering = "nothing"
    raw: bool = False
    verify: bool = False
    signed: bool = False
    first: int | None = None  #: the sequence number from which it wants what was before
    pause: bool = False  #: whether it may come in parts, some time apart


@dataclass
class Attempt:
    """One Subscribe that was sent, once: it may have arrived though nobody was told so."""

    name: str  #: the path at the consumer, and its reference parameter
    wish: Wish
    subscription_id: str | None = None
    refused: bool = False  #: never accepted, for sure
    ended: bool = False  #: by ourselves, before all was told
    confirmed: bool = False  #: the consumer was asked whether it wants to be told

    def wants(self, told: "Told") -> bool:
        """Whether the filter lets a message through."""
        if self.wish.filtering == "status":
            return told.topic.startswith(_STATUS)
        return self.wish.filtering == "nothing" or told.topic == f"{_STATUS}Completed"


@dataclass(frozen=True)
class Told:
    """One message, without what differs between those who get it."""

    event_id: str
    sequence: int
    topic: str
    said: bytes  #: the payload in its canonical form

    @property
    def place(self) -> tuple[int, int]:
        """Where it is in the log: its row, and the message of that row."""
        row, _, number = self.event_id.partition(".")
        return int(row), int(number or 0)

    def text(self, name: str) -> str | None:
        """Return the text of a child of the payload."""
        return etree.fromstring(self.said).findtext(f"{{{ns.ACT}}}{name}")


@dataclass
class Books:
    """All that was subscribed to, and all that came; safe between threads."""

    journal: Journal
    attempts: dict[str, Attempt] = field(default_factory=dict)
    came: defaultdict[str, list[Told]] = field(default_factory=lambda: defaultdict(list))
    activities: dict[str, str] = field(default_factory=dict)  #: by event id; raw messages do not say it
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, wish: Wish) -> Attempt:
        """Open the page of a Subscribe that is about to be sent."""
        with self._lock:
            attempt = Attempt(f"s{len(self.attempts) + 1}", wish)
            self.attempts[attempt.name] = attempt
        return attempt

    def take(self, path: str, headers: dict[str, str], body: bytes) -> bytes:
        """Take what has come to a consumer, and return its answer."""
        attempt = self.attempts.get(path.removeprefix("/"))
        complaints = check_envelope(body)
        if complaints or attempt is None:
            self.journal.violation(f"a consumer was sent nonsense at {path}: {complaints} {body[:500]!r}")
            return b""
        header, content = etree.fromstring(body)
        if header.findtext(f"{{{OWN}}}Own") != attempt.name:
            self.journal.violation(f"{attempt}: the reference parameter is not there: {body[:500]!r}")
        if attempt.wish.signed and not _signed(headers.get("x-wsrf-activity-signature", ""), body):
            self.journal.violation(f"{attempt}: the signature is wrong")
        if content[0].tag == f"{{{ns.ACT}}}VerifyConsumer":
            attempt.confirmed = True
            return _confirmation(content[0].findtext(f"{{{ns.ACT}}}Challenge") or "")
        if attempt.wish.verify and not attempt.confirmed:
            self.journal.violation(f"{attempt}: the consumer was told before it has confirmed")
        if attempt.wish.raw:
            [event] = header.iterfind(f"{{{ns.ACT}}}Event")
            self._note(attempt, event, content[0])
        else:
            self.read(attempt, content[0])
        return b""

    def read(self, attempt: Attempt, notify: etree._Element) -> None:
        """Take all the messages of a wsnt:Notify, or of an answer of a pull point."""
        for holder in notify.iterfind(f"{{{ns.WSNT}}}NotificationMessage"):
            [topic, message] = holder.iterchildren(f"{{{ns.WSNT}}}Topic", f"{{{ns.WSNT}}}Message")
            producer = holder.findtext(f"{{{ns.WSNT}}}ProducerReference/{{{ns.WSA}}}Address") or ""
            self.activities[topic.get(f"{{{ns.ACT}}}eventId", "")] = producer.rpartition("/")[2]
            self._note(attempt, topic, message[0])

    def _note(self, attempt: Attempt, event: etree._Element, payload: etree._Element) -> None:
        topic = event if event.text and event.text.strip() else event[0]
        numbers = {etree.QName(name).localname: str(value) for name, value in event.attrib.items()}
        said = etree.tostring(payload, method="c14n2", with_tail=False)
        told = Told(numbers["eventId"], int(numbers["sequence"]), (topic.text or "").strip(), said)
        self.came[attempt.name].append(told)

    # What must hold.

    def wrong(self) -> Iterator[str]:
        """Say what is wrong, when everything was told that was to be told."""
        universe: dict[str, Told] = {}
        for name, came in self.came.items():
            for told in came:
                if universe.setdefault(told.event_id, told) != told:
                    yield f"{name}: {told} is not what others were told: {universe[told.event_id]}"
                if told.event_id not in self.activities:
                    yield f"{name}: nobody else was told of {told}"
                    return
        lives: defaultdict[str, list[Told]] = defaultdict(list)
        for told in sorted(universe.values(), key=lambda each: each.place):
            lives[self.activities[told.event_id]].append(told)
        for activity_id, life in lives.items():
            yield from (f"{activity_id}: {what}" for what in _wrong_life(life))
        for case in self.journal.cases:
            if case.activity_id is not None and case.activity_id not in lives:
                yield f"{case}: nobody was told of it"
        for attempt in list(self.attempts.values()):
            yield from (f"{attempt}: {what}" for what in self._wrong_page(attempt, lives))

    def _wrong_page(self, attempt: Attempt, lives: dict[str, list[Told]]) -> Iterator[str]:
        had: defaultdict[str, dict[str, Told]] = defaultdict(dict)
        for told in self.came[attempt.name]:
            had[self.activities[told.event_id]].setdefault(told.event_id, told)
            if not attempt.wants(told):
                yield f"{told} was not wanted"
        if attempt.refused and had:
            yield f"it was refused, and told {len(had)} things"
        if attempt.wish.activity_id is not None and had.keys() - {attempt.wish.activity_id}:
            yield f"it was told of others: {sorted(had)}"
        for firsts in had.values():
            places = [told.place for told in firsts.values()]
            if places != sorted(places):
                yield f"out of order: {list(firsts)}"
        if attempt.refused or (attempt.subscription_id is None and not had):
            return
        # One whose answer was lost began at a time that nobody knows.
        begun = attempt.wish.activity_id is None and attempt.subscription_id is not None
        for activity_id in sorted(lives if begun else set(had) or {attempt.wish.activity_id or ""}):
            firsts, life = had.get(activity_id, {}), lives[activity_id]
            missing = [each.event_id for each in self._due(attempt, firsts, life, begun) if each.event_id not in firsts]
            if missing:
                yield f"{len(missing)} are missing of {activity_id}, of which it had {list(firsts)}: {missing[:10]}"

    def _due(self, attempt: Attempt, firsts: dict[str, Told], life: list[Told], begun: bool) -> Iterator[Told]:
        """Yield what must be among ``firsts``: all that was wanted, from the first that can have been meant."""
        beginning = min((told.place for told in firsts.values()), default=life[-1].place)
        end = max((told.place for told in firsts.values()), default=(0, 0)) if attempt.ended else life[-1].place
        for told in life:
            meant = begun or told.place >= beginning
            if attempt.wish.first is not None:
                meant = told.sequence >= attempt.wish.first
            if meant and told.place <= end and attempt.wants(told):
                yield told


def _wrong_life(life: list[Told]) -> Iterator[str]:
    """Say what is wrong with the whole log of an activity that is no more."""
    numbers = list(dict.fromkeys(told.sequence for told in life))
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"gaps: {[(told.event_id, told.sequence, told.topic) for told in life]}"
    if [told.topic for told in life].count(_TERMINATED) != 1 or life[-1].topic != _TERMINATED:
        yield f"its end is not told once, and last: {[(told.event_id, told.topic) for told in life][-5:]}"
    phase = None
    for told in life:
        if told.topic.startswith(_STATUS):
            if told.text("OldPhase") != phase or told.topic != f"{_STATUS}{told.text('Phase')}":
                yield f"after {phase} comes {told}"
            phase = told.text("Phase")


def _signed(said: str, body: bytes) -> bool:
    time, _, digest = said.partition(",sha256=")
    made = hmac.new(SECRET.encode(), time.removeprefix("t=").encode() + b"." + body, hashlib.sha256)
    return made.hexdigest() == digest


def _confirmation(challenge: str) -> bytes:
    response = f'<VerifyConsumerResponse xmlns="{ns.ACT}"><Challenge>{challenge}</Challenge></VerifyConsumerResponse>'
    return f'<s:Envelope xmlns:s="{ns.S11}"><s:Body>{response}</s:Body></s:Envelope>'.encode()
