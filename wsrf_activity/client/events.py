"""What a server tells of activities, as values; read from wsnt:Notify, pull points and raw messages. No I/O."""

import copy
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lxml import etree

from wsrf_activity.client.references import Reference
from wsrf_activity.client.values import Described, needed, read_errors, read_results, value
from wsrf_activity.model import ns, topics
from wsrf_activity.model.activity import ActivityError, Progress
from wsrf_activity.model.errors import InvalidTopicExpression
from wsrf_activity.model.lifetime import parse_time
from wsrf_activity.model.phases import ErrorStatus, Phase, Status

RECENT = 20_000  #: events that are remembered, so as not to be told twice: twice what a pull point holds
_MESSAGE = f"{{{ns.WSNT}}}NotificationMessage"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened. One of the classes below, unless its payload is none of theirs."""

    topic: str  #: the concrete path with the usual prefixes, as ``act:StatusChanged/Completed``
    activity_id: str | None
    id: str | None  #: the same however often the event is delivered; of one server's
    sequence: int | None  #: the place among the events of its activity, from 1; several messages may tell of one
    time: datetime | None = None  #: when it happened; not said of a property
    subscription: Reference | None = field(default=None, repr=False, compare=False)  #: why it comes
    payload: etree._Element | None = field(default=None, repr=False, compare=False)  #: the message itself

    @property
    def ended(self) -> bool:
        """Whether the work is over with it."""
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChanged(Event):
    """An activity is in another phase, or its first."""

    old_phase: Phase | None
    phase: Phase
    status: Status
    error_status: ErrorStatus
    version: int

    @property
    def ended(self) -> bool:
        """Whether the work is over with it."""
        return self.phase.ended


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressReported(Event):
    """The work says how far it is."""

    progress: Progress
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorReported(Event):
    """Something has come to the list of errors, which may be a warning."""

    error: ActivityError
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultAdded(Event):
    """There is a result."""

    result: Described
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PropertyChanged(Event):
    """A resource property has other values (WS-ResourceProperties 1.2, section 7)."""

    name: str  #: of the property, with the usual prefix, as ``act:Name``
    old: tuple[etree._Element, ...] = field(compare=False)  #: none where there was no value
    new: tuple[etree._Element, ...] = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminated(Event):
    """The record of the activity is gone, with all results (WS-ResourceLifetime 1.2, section 6). The last event."""

    reason: str | None

    @property
    def ended(self) -> bool:
        """Nothing can follow."""
        return True


class Recent:
    """Knows which events came before, of the last so many."""

    def __init__(self, most: int = RECENT) -> None:
        self._most = most
        self._seen: OrderedDict[tuple[str | None, str], None] = OrderedDict()

    def is_new(self, event: Event) -> bool:
        """Whether the event has not come before; it has from now on. One without an id is always new."""
        if event.id is None:
            return True
        key = (event.activity_id, event.id)
        if key in self._seen:
            self._seen.move_to_end(key)
            return False
        self._seen[key] = None
        if len(self._seen) > self._most:
            self._seen.popitem(last=False)
        return True


def read_messages(parent: etree._Element) -> list[Event]:
    """Read wsnt:Notify, or wsnt:GetMessagesResponse. Raises ValueError for what cannot be understood."""
    return [_read_message(holder) for holder in parent.iterfind(_MESSAGE)]


def _read_message(holder: etree._Element) -> Event:
    topic = holder.find(f"{{{ns.WSNT}}}Topic")
    message = holder.find(f"{{{ns.WSNT}}}Message")
    payload = None if message is None else next(message.iterchildren("*"), None)
    if payload is None:
        raise ValueError("a wsnt:NotificationMessage without a message")
    said = {} if topic is None else _said(topic.get(f"{{{ns.ACT}}}eventId"), topic.get(f"{{{ns.ACT}}}sequence"))
    producer = _reference(holder.find(f"{{{ns.WSNT}}}ProducerReference"))
    subscription = _reference(holder.find(f"{{{ns.WSNT}}}SubscriptionReference"))
    return _event(payload, topic, {**said, "subscription": subscription}, producer)


def read_raw(payload: etree._Element, header: etree._Element | None) -> Event:
    """Read a message that came without wsnt:Notify around it (wsnt:UseRaw), with its act:Event header if it has one.

    Raises ValueError for what cannot be understood.
    """
    if header is None:
        return _event(payload, None, _said(None, None), None)
    said = _said(header.get("eventId"), header.get("sequence"))
    producer = _reference(header.find(f"{{{ns.WSNT}}}ProducerReference"))
    return _event(payload, header.find(f"{{{ns.WSNT}}}Topic"), said, producer)


def _said(event_id: str | None, sequence: str | None) -> dict[str, Any]:
    return {"id": event_id, "sequence": None if sequence is None else int(sequence)}


def _reference(element: etree._Element | None) -> Reference | None:
    return None if element is None else Reference.of(element)


def _event(
    payload: etree._Element, topic: etree._Element | None, said: dict[str, Any], producer: Reference | None
) -> Event:
    payload = copy.deepcopy(payload)  # else it would hold all that came together with it
    of_producer = None if producer is None else producer.id
    said = {
        "id": None,
        "sequence": None,
        **said,
        "topic": "" if topic is None else read_topic(topic),
        "activity_id": value(payload, "ActivityId", str) or of_producer,
        "time": value(payload, "Time", parse_time),
        "payload": payload,
    }
    reader = _READERS.get(str(payload.tag))
    return Event(**said) if reader is None else reader(payload, said)


def read_topic(element: etree._Element) -> str:
    """Return the path of a wsnt:Topic with the usual prefixes; what cannot be read, as it is written."""
    text = " ".join((element.text or "").split())
    try:
        return topics.format_topic(
            topics.parse_topic(text, {prefix or "": uri for prefix, uri in element.nsmap.items()})
        )
    except (InvalidTopicExpression, ValueError):
        return text


def _status(payload: etree._Element, said: dict[str, Any]) -> Event:
    return StatusChanged(
        **said,
        old_phase=value(payload, "OldPhase", Phase),
        phase=needed(payload, "Phase", Phase),
        status=needed(payload, "Status", Status),
        error_status=needed(payload, "ErrorStatus", ErrorStatus),
        version=needed(payload, "Version", int),
    )


def _progress(payload: etree._Element, said: dict[str, Any]) -> Event:
    message = payload.findtext(f"{{{ns.ACT}}}Message")
    progress = Progress(value(payload, "Percent", float), message)
    return ProgressReported(**said, progress=progress, version=needed(payload, "Version", int))


def _error(payload: etree._Element, said: dict[str, Any]) -> Event:
    return ErrorReported(**said, error=_only(read_errors(payload)), version=needed(payload, "Version", int))


def _result(payload: etree._Element, said: dict[str, Any]) -> Event:
    return ResultAdded(**said, result=_only(read_results(payload)), version=needed(payload, "Version", int))


def _only(found: tuple[Any, ...]) -> Any:
    if len(found) != 1:
        raise ValueError(f"{len(found)} of what there is one")
    return found[0]


def _property(payload: etree._Element, said: dict[str, Any]) -> Event:
    old, new = (tuple(_values(payload, name)) for name in ("OldValues", "NewValues"))
    named = next((etree.QName(element) for element in (*new, *old)), None)
    name = said["topic"] if named is None else _prefixed(named)
    return PropertyChanged(**said, name=name, old=old, new=new)


def _values(payload: etree._Element, name: str) -> Iterator[etree._Element]:
    holder = payload.find(f"{{{ns.RP}}}{name}")
    return iter(()) if holder is None else holder.iterchildren("*")


def _prefixed(name: etree.QName) -> str:
    prefix = next((prefix for prefix, uri in ns.PREFIXES.items() if uri == name.namespace), None)
    return f"{prefix}:{name.localname}" if prefix else name.text


def _terminated(payload: etree._Element, said: dict[str, Any]) -> Event:
    said["time"] = value(payload, "TerminationTime", parse_time, ns.RL)
    return Terminated(**said, reason=payload.findtext(f"{{{ns.RL}}}TerminationReason"))


_READERS = {
    f"{{{ns.ACT}}}StatusChange": _status,
    f"{{{ns.ACT}}}ProgressReport": _progress,
    f"{{{ns.ACT}}}ErrorReport": _error,
    f"{{{ns.ACT}}}ResultReport": _result,
    f"{{{ns.RP}}}ResourcePropertyValueChangeNotification": _property,
    f"{{{ns.RL}}}TerminationNotification": _terminated,
}
