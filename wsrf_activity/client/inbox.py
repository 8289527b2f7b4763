"""What a consumer has been sent: each message is read and checked, and answered when its events are in hand."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from lxml import etree

from wsrf_activity.client.events import Event, Recent, read_messages, read_raw
from wsrf_activity.client.references import parse_xml
from wsrf_activity.client.signatures import is_signed
from wsrf_activity.model import ns

_VERSIONS: Final = {ns.S11: "text/xml; charset=utf-8", ns.S12: "application/soap+xml; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered over HTTP."""

    status: int
    content: bytes = b""
    content_type: str = "text/plain; charset=utf-8"


class Inbox:
    """A queue of bounded length that one thread may fill while another empties it."""

    def __init__(self, most: int, secret: str | None, clock: Callable[[], float] = time.time) -> None:
        """Hold ``most`` events; a message that comes while there are so many is to be sent again."""
        self.secret = secret
        self.filled: Callable[[], None] = lambda: None  #: told when there is something, or nothing will come any more
        self._most = most
        self._clock = clock
        self._lock = threading.Lock()
        self._events: deque[Event] = deque()
        self._recent = Recent()
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether nothing will come any more."""
        return self._closed

    def take(self) -> Event | None:
        """Return the oldest event, if there is one."""
        with self._lock:
            return self._events.popleft() if self._events else None

    def close(self) -> None:
        """Take no more."""
        with self._lock:
            self._closed = True
        self.filled()

    def receive(self, content: bytes, signature: str | None) -> Reply:
        """Take a message, and say what to answer. It counts as delivered only if that is a success."""
        if self.secret is not None and not is_signed(signature, content, self.secret, self._clock()):
            return Reply(403, b"the signature is missing, wrong or old")
        try:
            envelope = parse_xml(content)
            version = etree.QName(envelope).namespace or ""
            header, body = envelope.find(f"{{{version}}}Header"), envelope.find(f"{{{version}}}Body")
            if version not in _VERSIONS or body is None or not len(body):
                raise ValueError("no SOAP")
            if body[0].tag == f"{{{ns.ACT}}}VerifyConsumer":
                return _confirmation(body[0], version)
            events = _read(body[0], header)
        except ValueError as error:
            return Reply(400, f"this is no notification: {error}".encode())
        return Reply(202) if self._offer(events) else Reply(503, b"too much has come at a time: send it again later")

    def _offer(self, events: Sequence[Event]) -> bool:
        """Take all of a message, or nothing."""
        with self._lock:
            if self._closed or len(self._events) >= self._most:
                return False
            self._events.extend(event for event in events if self._recent.is_new(event))
        self.filled()
        return True


def _read(body: etree._Element, header: etree._Element | None) -> list[Event]:
    if body.tag == f"{{{ns.WSNT}}}Notify":
        return read_messages(body)
    return [read_raw(body, None if header is None else header.find(f"{{{ns.ACT}}}Event"))]


def _confirmation(asked: etree._Element, version: str) -> Reply:
    """Return act:VerifyConsumerResponse: yes, somebody here wants to be told."""
    envelope = etree.Element(f"{{{version}}}Envelope", nsmap={"soap": version, "act": ns.ACT})
    body = etree.SubElement(envelope, f"{{{version}}}Body")
    answer = etree.SubElement(body, f"{{{ns.ACT}}}VerifyConsumerResponse")
    etree.SubElement(answer, f"{{{ns.ACT}}}Challenge").text = asked.findtext(f"{{{ns.ACT}}}Challenge")
    return Reply(200, etree.tostring(envelope, xml_declaration=True, encoding="utf-8"), _VERSIONS[version])
