"""An activity as its resource property document, whole or a property at a time (WS-ResourceProperties 1.2)."""

import base64
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache

from lxml import etree

from wsrf_activity.model import ns, topics
from wsrf_activity.model.activity import Activity, ActivityError, Result
from wsrf_activity.model.addresses import Addresses
from wsrf_activity.model.lifetime import format_duration, stamp
from wsrf_activity.model.topics import TopicSpace

_PREFIXES = {name: ns.PREFIXES[name] for name in ("act", "wsrfbf", "wsrfrl", "wsrfrp", "wsnt", "wstop", "xsi")}
NIL = f"{{{ns.XSI}}}nil"


@dataclass(frozen=True, slots=True)
class View:
    """An activity as it is shown at one moment, at one base URL."""

    activity: Activity
    now: datetime
    addresses: Addresses

    def document(self) -> etree._Element:
        """Return the whole document."""
        return document(self)

    def values(self, name: str) -> list[etree._Element] | None:
        """Return the elements of one property by its clark name, none where it has no value; None: there is no such."""
        values = PROPERTIES.get(name)
        return None if values is None else list(values(self))


_EVENTS = TopicSpace.of(())
Values = Callable[[View], Iterator[etree._Element]]


def document(view: View) -> etree._Element:
    """Return the whole document."""
    root = etree.Element(f"{{{ns.ACT}}}ActivityProperties", nsmap=_PREFIXES)
    for values in PROPERTIES.values():
        root.extend(values(view))
    return root


def element(name: str, text: str | None, attributes: dict[str, str] | None = None) -> etree._Element:
    """Return an element of ours."""
    made = etree.Element(f"{{{ns.ACT}}}{name}", attributes, nsmap={"act": ns.ACT})
    made.text = text
    return made


def time_element(tag: str, moment: datetime | None) -> etree._Element:
    """Return an element with a time, or nil for never."""
    return _set_time(etree.Element(tag, nsmap=_prefixes(tag)), moment)


def add_time(parent: etree._Element, tag: str, moment: datetime | None) -> None:
    """Add a child with a time to an element that has the prefixes: half of what it takes to make it and move it."""
    _set_time(etree.SubElement(parent, tag), moment)


def _set_time(made: etree._Element, moment: datetime | None) -> etree._Element:
    if moment is None:
        made.set(NIL, "true")
    else:
        made.text = stamp(moment)
    return made


@lru_cache(maxsize=64)
def _prefixes(tag: str) -> dict[str, str]:
    """Return the prefix of the namespace of a tag, where we have one, and that of xsi."""
    namespace = etree.QName(tag).namespace
    return {prefix: uri for prefix, uri in _PREFIXES.items() if uri in (namespace, ns.XSI)}


def progress_element(view: View) -> Iterator[etree._Element]:
    """Yield act:Progress where the work has reported any."""
    progress = view.activity.progress
    if progress is not None:
        made = element("Progress", None)
        if progress.percent is not None:
            etree.SubElement(made, f"{{{ns.ACT}}}Percent").text = f"{progress.percent:g}"
        if progress.message is not None:
            etree.SubElement(made, f"{{{ns.ACT}}}Message").text = progress.message
        yield made


def _members(view: View) -> Iterator[etree._Element]:
    members = view.activity.members
    if members is not None:
        made = element("Members", None)
        counts = {
            "Total": members.total,
            "Completed": members.completed,
            "Failed": members.failed,
            "Aborted": members.aborted,
        }
        for name, count in counts.items():
            etree.SubElement(made, f"{{{ns.ACT}}}{name}").text = str(count)
        yield made


#: Properties of ours that are a text, by clark name: what they are, or None.
TEXTS: dict[str, Callable[[Activity], str | None]] = {}


def _text(name: str, value: Callable[[Activity], object | None]) -> tuple[str, Values]:
    def text(activity: Activity) -> str | None:
        return None if (found := value(activity)) is None else str(found)

    def values(view: View) -> Iterator[etree._Element]:
        found = text(view.activity)
        if found is not None:
            yield element(name, found)

    TEXTS[f"{{{ns.ACT}}}{name}"] = text
    return f"{{{ns.ACT}}}{name}", values


def _time(name: str, value: Callable[[Activity], datetime | None]) -> tuple[str, Values]:
    return _text(name, lambda activity: None if (moment := value(activity)) is None else stamp(moment))


def _errors(view: View) -> Iterator[etree._Element]:
    for error in view.activity.errors:
        yield error_element(error)


def error_element(error: ActivityError) -> etree._Element:
    """Return act:Error: a base fault with severity, handled and origin (WS-BaseFaults 1.2, section 2).

    A second description is where in the work it happened.
    """
    made = etree.Element(f"{{{ns.ACT}}}Error", nsmap={"act": ns.ACT, "wsrfbf": ns.BF})
    etree.SubElement(made, f"{{{ns.BF}}}Timestamp").text = stamp(error.time)
    if error.code is not None:
        etree.SubElement(made, f"{{{ns.BF}}}ErrorCode", dialect="urn:wsrf-activity:1:error").text = error.code
    for text in (error.description, error.trace):
        if text is not None:
            etree.SubElement(made, f"{{{ns.BF}}}Description").text = text
    etree.SubElement(made, f"{{{ns.ACT}}}Severity").text = error.severity.value
    etree.SubElement(made, f"{{{ns.ACT}}}Handled").text = "true" if error.handled else "false"
    if error.origin is not None:
        etree.SubElement(made, f"{{{ns.ACT}}}Origin").text = error.origin
    return made


def _groups(view: View) -> Iterator[etree._Element]:
    for name in view.activity.groups:
        yield element("Group", name)


def _results(view: View) -> Iterator[etree._Element]:
    for result in view.activity.results:
        yield result_element(result, view.addresses.result(view.activity.id, result.name))


def result_element(result: Result, href: str) -> etree._Element:
    """Return act:Result, with the content where it is small: as text where XML can carry it unchanged."""
    attributes = {
        "name": result.name,
        "mediaType": result.media_type,
        "size": str(result.size),
        "sha256": result.sha256,
        "href": href,
    }
    made = element("Result", None, attributes)
    if result.inline is not None:
        text = _as_text(result.inline)
        if text is not None:
            etree.SubElement(made, f"{{{ns.ACT}}}Text").text = text
        else:
            etree.SubElement(made, f"{{{ns.ACT}}}Base64").text = base64.b64encode(result.inline).decode("ascii")
    return made


def _as_text(content: bytes) -> str | None:
    """Return UTF-8 text that survives XML: no control characters, and no carriage return, which parsers change."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if all(c in "\n\t" or (c >= " " and c not in "\ufffe\uffff\x7f") for c in text) else None


def _current_time(view: View) -> Iterator[etree._Element]:
    yield time_element(f"{{{ns.RL}}}CurrentTime", view.now)


def _termination_time(view: View) -> Iterator[etree._Element]:
    yield time_element(f"{{{ns.RL}}}TerminationTime", view.activity.terminates)


def query_dialect() -> etree._Element:
    """Return the one dialect of QueryResourceProperties."""
    made = etree.Element(f"{{{ns.RP}}}QueryExpressionDialect", nsmap={"wsrfrp": ns.RP})
    made.text = ns.XPATH10
    return made


def _query_dialect(view: View) -> Iterator[etree._Element]:
    yield query_dialect()


def _topic_expressions(view: View) -> Iterator[etree._Element]:
    """Yield what selects everything that is published: an expression for each namespace of root topics."""
    yield from map(copy.deepcopy, _published()[0])


def _fixed_topic_set(view: View) -> Iterator[etree._Element]:
    """Topics are those of the program, and of its properties."""
    made = etree.Element(f"{{{ns.WSNT}}}FixedTopicSet", nsmap={"wsnt": ns.WSNT})
    made.text = "true"
    yield made


def _topic_dialects(view: View) -> Iterator[etree._Element]:
    yield from map(copy.deepcopy, _published()[1])


def _topic_set(view: View) -> Iterator[etree._Element]:
    """Yield the topics of events (WS-Topics 1.3, section 6); those of properties are in the topic expressions alone.

    In here a topic is an element of its name, and a validator would take that of a property for the property.
    """
    yield topics.topic_set(_EVENTS)


@cache
def topic_space() -> TopicSpace:
    """Return all topics that are published: those of activities, and one for each property."""
    return TopicSpace.of(PROPERTIES)


@cache
def _published() -> tuple[list[etree._Element], list[etree._Element]]:
    """Make the topic expressions and the dialects once; they never change."""
    prefixes = {uri: prefix for prefix, uri in _PREFIXES.items()}
    spaces = dict.fromkeys(etree.QName(topic[0]).namespace or "" for topic in topic_space().topics)
    expressions = []
    for uri in spaces:
        made = etree.Element(f"{{{ns.WSNT}}}TopicExpression", nsmap={"wsnt": ns.WSNT, prefixes[uri]: uri})
        made.set("Dialect", ns.TOPIC_FULL)
        made.text = f"{prefixes[uri]}:*//."
        expressions.append(made)
    dialects = []
    for uri in topics.DIALECTS:
        made = etree.Element(f"{{{ns.WSNT}}}TopicExpressionDialect", nsmap={"wsnt": ns.WSNT})
        made.text = uri
        dialects.append(made)
    return expressions, dialects


#: Every property by its clark name, in the document's order.
PROPERTIES: dict[str, Values] = dict(
    [
        _text("Status", lambda activity: activity.status),
        _text("ErrorStatus", lambda activity: activity.error_status),
        (f"{{{ns.ACT}}}Error", _errors),
        _text("Phase", lambda activity: activity.phase),
        _text("Version", lambda activity: activity.version),
        _text("ActivityId", lambda activity: activity.id),
        _text("Service", lambda activity: activity.service),
        _text("Name", lambda activity: activity.name),
        _text("Owner", lambda activity: activity.owner),
        (f"{{{ns.ACT}}}Group", _groups),
        _text("RunId", lambda activity: activity.run_id),
        _text("Parent", lambda activity: activity.parent),
        _time("CreationTime", lambda activity: activity.created),
        _time("StartTime", lambda activity: activity.started),
        _time("EndTime", lambda activity: activity.ended),
        (f"{{{ns.ACT}}}Progress", progress_element),
        _time("EstimatedEndTime", lambda activity: activity.estimated_end),
        _text(
            "ExecutionDuration",
            lambda activity: None if activity.work_limit is None else format_duration(activity.work_limit),
        ),
        _text("Attempt", lambda activity: activity.attempt),
        _text("Engine", lambda activity: activity.engine),
        _text("EngineJobId", lambda activity: activity.engine_job),
        _text("ExitCode", lambda activity: activity.exit_code),
        (f"{{{ns.ACT}}}Members", _members),
        (f"{{{ns.ACT}}}Result", _results),
        (f"{{{ns.RL}}}CurrentTime", _current_time),
        (f"{{{ns.RL}}}TerminationTime", _termination_time),
        (f"{{{ns.RP}}}QueryExpressionDialect", _query_dialect),
        (f"{{{ns.WSNT}}}TopicExpression", _topic_expressions),
        (f"{{{ns.WSNT}}}FixedTopicSet", _fixed_topic_set),
        (f"{{{ns.WSNT}}}TopicExpressionDialect", _topic_dialects),
        (f"{{{ns.WSTOP}}}TopicSet", _topic_set),
    ]
)

#: Properties that are the same for all activities and at all times.
CONSTANT = frozenset(
    {f"{{{ns.RP}}}QueryExpressionDialect", f"{{{ns.WSTOP}}}TopicSet"}
    | {f"{{{ns.WSNT}}}{name}" for name in ("TopicExpression", "FixedTopicSet", "TopicExpressionDialect")}
)
