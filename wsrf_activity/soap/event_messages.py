"""The payloads of notifications: what each change of an activity is told as, under which topic."""

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
    NIL,
    PROPERTIES,
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


def payloads(
    change: Change, addresses: Addresses, wanted: Callable[[Topic], bool] = lambda topic: True
) -> Iterator[tuple[int, Topic, etree._Element]]:
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


def _payload(change: Change, addresses: Addresses) -> etree._Element:
    event = change.logged.event
    if event.topic == TERMINATED:
        return _terminated(event)
    said = event.payload
    if isinstance(said, Progress):
        return _report("ProgressReport", event, *_progress(said))
    if isinstance(said, ActivityError):
        return _report("ErrorReport", event, error_element(said))
    if isinstance(said, Result):
        return _report("ResultReport", event, result_element(said, addresses.result(event.activity_id, said.name)))
    return _status_change(change)


def _report(name: str, event: Event, *content: etree._Element) -> etree._Element:
    """Return what begins with the activity, and ends with its version and the time."""
    made = element(name, None)
    made.append(element("ActivityId", event.activity_id))
    made.extend(content)
    made.append(element("Version", str(event.version)))
    made.append(element("Time", stamp(event.time)))
    return made


def _progress(progress: Progress) -> Iterator[etree._Element]:
    if progress.percent is not None:
        yield element("Percent", f"{progress.percent:g}")
    if progress.message is not None:
        yield element("Message", progress.message)


def _status_change(change: Change) -> etree._Element:
    event = change.logged.event
    phase = Phase(event.topic.rpartition("/")[2])
    errors = change.new.errors if change.new else ()
    texts = {
        "OldPhase": event.payload.value if isinstance(event.payload, Phase) else None,
        "Phase": phase.value,
        "Status": phase.status.value,
        "ErrorStatus": error_status(errors).value,
    }
    return _report("StatusChange", event, *(element(name, text) for name, text in texts.items() if text is not None))


def _terminated(event: Event) -> etree._Element:
    """Return wsrf-rl:TerminationNotification (WS-ResourceLifetime 1.2, section 6)."""
    made = etree.Element(f"{{{ns.RL}}}TerminationNotification", nsmap={"wsrfrl": ns.RL})
    time, reason = event.time, None
    if isinstance(event.payload, Termination):
        time, reason = event.payload.time, event.payload.reason
    made.append(time_element(f"{{{ns.RL}}}TerminationTime", time))
    if reason is not None:
        etree.SubElement(made, f"{{{ns.RL}}}TerminationReason").text = reason
    return made


def _property_changes(
    before: View, after: View, wanted: Callable[[Topic], bool]
) -> Iterator[tuple[str, etree._Element]]:
    """Yield each property that is another now, with a wsrf-rp:ResourcePropertyValueChangeNotification."""
    changed = {field for field in _FIELDS if getattr(before.activity, field) != getattr(after.activity, field)}
    for name, values in PROPERTIES.items():
        if name in _SILENT or changed.isdisjoint(SOURCES[name]) or not wanted((name,)):
            continue
        old, new = list(values(before)), list(values(after))
        if [etree.tostring(value) for value in old] != [etree.tostring(value) for value in new]:
            yield name, _value_change(old, new)


def _value_change(old: list[etree._Element], new: list[etree._Element]) -> etree._Element:
    """Return the notification (WS-ResourceProperties 1.2, section 7). Both are nil where there is no value."""
    root = f"{{{ns.RP}}}ResourcePropertyValueChangeNotification"
    made = etree.Element(root, nsmap={"wsrfrp": ns.RP, "xsi": ns.XSI})
    for name, values in (("OldValues", old), ("NewValues", new)):
        holder = etree.SubElement(made, f"{{{ns.RP}}}{name}")
        holder.extend(values)
        if not values:
            holder.set(NIL, "true")
    return made
