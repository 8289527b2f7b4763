"""The payloads of notifications: what each change of an activity is told as, under which topic.

They are written at once, without a tree: hardly a filter asks for one, and of a value that has changed little is new.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final

from lxml import etree

from wsrf_activity.model import ns, topics
from wsrf_activity.model.activity import ActivityError, Progress, Result, error_status
from wsrf_activity.model.addresses import Addresses
from wsrf_activity.model.events import TERMINATED, Change, Event, Termination
from wsrf_activity.model.lifetime import stamp
from wsrf_activity.model.phases import Phase
from wsrf_activity.model.topics import UNPUBLISHED, Topic
from wsrf_activity.soap.properties import (
    CONSTANT,
    PROPERTIES,
    TEXTS,
    View,
    element,
    error_element,
    result_element,
    time_element,
)

_SILENT = UNPUBLISHED | CONSTANT
#: Of what each property that is told of is made: fields of an activity. While these are equal, so is the property.
SOURCES: Final[dict[str, tuple[str, ...]]] = {
    f"{{{ns.ACT}}}Status": ("phase",),
    f"{{{ns.ACT}}}ErrorStatus": ("errors",),
    f"{{{ns.ACT}}}Error": ("errors",),
    f"{{{ns.ACT}}}Phase": ("phase",),
    f"{{{ns.ACT}}}ActivityId": ("id",),
    f"{{{ns.ACT}}}Service": ("service",),
    f"{{{ns.ACT}}}Name": ("name",),
    f"{{{ns.ACT}}}Owner": ("owner",),
    f"{{{ns.ACT}}}Group": ("groups",),
    f"{{{ns.ACT}}}RunId": ("run_id",),
    f"{{{ns.ACT}}}Parent": ("parent",),
    f"{{{ns.ACT}}}CreationTime": ("created",),
    f"{{{ns.ACT}}}StartTime": ("started",),
    f"{{{ns.ACT}}}EndTime": ("ended",),
    f"{{{ns.ACT}}}Progress": ("progress",),
    f"{{{ns.ACT}}}EstimatedEndTime": ("estimated_end",),
    f"{{{ns.ACT}}}ExecutionDuration": ("work_limit",),
    f"{{{ns.ACT}}}Attempt": ("attempt",),
    f"{{{ns.ACT}}}Engine": ("engine",),
    f"{{{ns.ACT}}}EngineJobId": ("engine_job",),
    f"{{{ns.ACT}}}ExitCode": ("exit_code",),
    f"{{{ns.ACT}}}Members": ("members",),
    f"{{{ns.ACT}}}Result": ("results", "id"),
    f"{{{ns.RL}}}TerminationTime": ("terminates",),
}
_FIELDS: Final = sorted({field for fields in SOURCES.values() for field in fields})
_ACT: Final = f' xmlns:act="{ns.ACT}"'
_VALUE_CHANGE: Final = "wsrfrp:ResourcePropertyValueChangeNotification"
_CHANGED: Final = f'<{_VALUE_CHANGE} xmlns:wsrfrp="{ns.RP}" xmlns:xsi="{ns.XSI}">'.encode()
_PLAIN: Final = re.compile("[ !#-%'-;=?-~]*")  #: what XML has as it is


def payloads(
    change: Change, addresses: Addresses, wanted: Callable[[Topic], bool] = lambda topic: True
) -> Iterator[tuple[int, Topic, bytes]]:
    """Yield what there is to tell of a row of the log on these topics: a number below the row's, topic and payload.

    0 is the row's own topic. From 1 on are the properties that have changed, with the row that ends a change.
    """
    event = change.logged.event
    if event.topic and wanted(topic := topics.of_event(event.topic)):
        yield 0, topic, _payload(change, addresses)
    if event.changed is not None and change.old is not None and change.new is not None:
        before, after = (View(state, event.time, addresses) for state in (change.old, change.new))
        for number, (name, payload) in enumerate(_property_changes(before, after, wanted), 1):
            yield number, (name,), payload


def _payload(change: Change, addresses: Addresses) -> bytes:
    event = change.logged.event
    if event.topic == TERMINATED:
        return _terminated(event)
    said = event.payload
    if isinstance(said, Progress):
        return _report("ProgressReport", event, *_progress(said))
    if isinstance(said, ActivityError):
        return _report("ErrorReport", event, etree.tostring(error_element(said)))
    if isinstance(said, Result):
        result = result_element(said, addresses.result(event.activity_id, said.name))
        return _report("ResultReport", event, etree.tostring(result))
    return _status_change(change)


def _report(name: str, event: Event, *content: bytes) -> bytes:
    """Return what begins with the activity, and ends with its version and the time."""
    beginning, end = f"<act:{name}{_ACT}>", f"</act:{name}>"
    behind = (_written("Version", str(event.version)), _written("Time", stamp(event.time)), end.encode())
    return b"".join((beginning.encode(), _written("ActivityId", event.activity_id), *content, *behind))


def _written(name: str, text: str, declared: str = "") -> bytes:
    """Return an element of ours, within one that declares its prefix or with what is ``declared`` on itself."""
    if _PLAIN.fullmatch(text):
        return f"<act:{name}{declared}>{text}</act:{name}>".encode()
    return etree.tostring(element(name, text))


def _progress(progress: Progress) -> Iterator[bytes]:
    if progress.percent is not None:
        yield _written("Percent", f"{progress.percent:g}")
    if progress.message is not None:
        yield _written("Message", progress.message)


def _status_change(change: Change) -> bytes:
    event = change.logged.event
    phase = Phase(event.topic.rpartition("/")[2])
    errors = change.new.errors if change.new else ()
    texts = {
        "OldPhase": event.payload.value if isinstance(event.payload, Phase) else None,
        "Phase": phase.value,
        "Status": phase.status.value,
        "ErrorStatus": error_status(errors).value,
    }
    return _report("StatusChange", event, *(_written(name, text) for name, text in texts.items() if text is not None))


def _terminated(event: Event) -> bytes:
    """Return wsrf-rl:TerminationNotification (WS-ResourceLifetime 1.2, section 6)."""
    made = etree.Element(f"{{{ns.RL}}}TerminationNotification", nsmap={"wsrfrl": ns.RL})
    time, reason = event.time, None
    if isinstance(event.payload, Termination):
        time, reason = event.payload.time, event.payload.reason
    made.append(time_element(f"{{{ns.RL}}}TerminationTime", time))
    if reason is not None:
        etree.SubElement(made, f"{{{ns.RL}}}TerminationReason").text = reason
    return etree.tostring(made)


def _property_changes(before: View, after: View, wanted: Callable[[Topic], bool]) -> Iterator[tuple[str, bytes]]:
    """Yield each property that is another now, with a wsrf-rp:ResourcePropertyValueChangeNotification."""
    changed = {field for field in _FIELDS if getattr(before.activity, field) != getattr(after.activity, field)}
    for name in PROPERTIES:
        if name in _SILENT or changed.isdisjoint(SOURCES[name]) or not wanted((name,)):
            continue
        old, new = _values(name, before), _values(name, after)
        if old != new:
            yield name, _value_change(old, new)


def _values(name: str, view: View) -> bytes:
    """Return the elements of a property; nothing where it has no value."""
    text_of = TEXTS.get(name)
    if text_of is None:
        return b"".join(map(etree.tostring, PROPERTIES[name](view)))
    text = text_of(view.activity)
    return b"" if text is None else _written(name.rpartition("}")[2], text, _ACT)


def _value_change(old: bytes, new: bytes) -> bytes:
    """Return the notification (WS-ResourceProperties 1.2, section 7). Both are nil where there is no value."""
    values = (_holder("OldValues", old), _holder("NewValues", new))
    return b"".join((_CHANGED, *values, f"</{_VALUE_CHANGE}>".encode()))


def _holder(name: str, values: bytes) -> bytes:
    if not values:
        return f'<wsrfrp:{name} xsi:nil="true"/>'.encode()
    return b"".join((f"<wsrfrp:{name}>".encode(), values, f"</wsrfrp:{name}>".encode()))
