"""What is asked of a server: each operation with its arguments as zeep takes them. Nothing is sent from here."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, TypedDict, TypeVar

import zeep
from lxml import etree

from wsrf_activity.model import ns
from wsrf_activity.model.lifetime import Never, Requested, format_duration, stamp
from wsrf_activity.model.phases import Phase

NEVER: Final = Never()  #: a termination time that never comes
KEEP: Final = "\0keep"  #: what `update` leaves as it is
T = TypeVar("T")
Value = str | int | float | Decimal | bool
Parameter = Value | Sequence[Value] | None  #: a list is a parameter that repeats, None one that is left out
_NIL: Final[Any] = zeep.xsd.Nil


class Options(TypedDict, total=False):
    """What a start may say beside what is started and its input."""

    name: str | None
    groups: Sequence[str]
    run_id: str | None
    expires: Requested | None
    work_limit: timedelta | None
    request_id: str | None


@dataclass(frozen=True, slots=True)
class Call:
    """One operation. ``mixed`` is the text of a QueryExpression, which zeep cannot write, and its prefixes.

    ``if_version`` binds a change to a version of the activity. ``service`` has the operation for its own, with
    ``header``.
    """

    operation: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    positional: tuple[Any, ...] = ()
    mixed: tuple[str, Mapping[str, str]] | None = None
    if_version: int | None = None
    service: str | None = None
    header: etree._Element | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What is to be started, but for its input: exactly one of ``service`` and ``command``."""

    service: str | None = None
    command: str | None = None
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    name: str | None = None
    groups: Sequence[str] = ()
    run_id: str | None = None
    expires: Requested | None = None
    work_limit: timedelta | None = None
    request_id: str | None = None

    def call(self, inline: bytes | None, reference: str | None) -> Call:
        """Return act:CreateActivity, with the input inline or by the address where it was sent ahead.

        It always has a request id, so that one whose answer was lost can be sent again and starts nothing twice.
        """
        arguments = {
            "Service": self.service,
            "Command": self.command,
            "Parameter": _parameters(self.parameters) or None,
            "Input": inline,
            "InputReference": reference,
            "Name": self.name,
            "Group": listed(self.groups),
            "RunId": self.run_id,
            "InitialTerminationTime": None if self.expires is None else _requested(self.expires),
            "ExecutionDuration": self.work_limit,
            "RequestId": self.request_id or str(uuid.uuid4()),
        }
        return _call("CreateActivity", arguments)


def _call(operation: str, arguments: Mapping[str, Any]) -> Call:
    return Call(operation, {name: value for name, value in arguments.items() if value is not None})


def _parameters(given: Mapping[str, Parameter]) -> list[dict[str, str]]:
    """Return each value as one element: those of a list one after another; none for an empty one, and for None."""
    said = {key: value for key, value in given.items() if value is not None}
    several = {key: [value] if isinstance(value, Value) else value for key, value in said.items()}
    return [{"name": key, "_value_1": written(value)} for key, values in several.items() for value in values]


def named(mapping: Mapping[str, T] | None, keywords: Mapping[str, T]) -> dict[str, T]:
    """Return all parameters. Raises TypeError for one that was given without its name."""
    if mapping is not None and not isinstance(mapping, Mapping):
        raise TypeError(f"{mapping!r} has no name: give each parameter as NAME=VALUE, or all of them as a mapping")
    return {**(mapping or {}), **keywords}


def written(value: Value) -> str:
    """Return a parameter's value as the messages carry it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def listed(texts: Sequence[str]) -> list[str] | None:
    """Return several values. Raises TypeError for a text that was meant as one of them."""
    if isinstance(texts, str):
        raise TypeError(f"groups are a list of texts: [{texts!r}]")
    return list(texts) or None


def _requested(asked: Requested) -> Any:
    """Return an absolute or relative time, or nil, as a union type has it: zeep writes what is text already."""
    if isinstance(asked, Never):
        return _NIL
    return format_duration(asked) if isinstance(asked, timedelta) else stamp(utc(asked))


def utc(moment: datetime) -> datetime:
    """Return a time in UTC. Raises ValueError for one without a zone, which could be any of twenty-four."""
    if moment.tzinfo is None:
        raise ValueError("a time needs its zone: datetime.now(UTC) + ..., or moment.astimezone()")
    return moment.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Listing:
    """Which activities to list, and how many at a time."""

    phases: Sequence[Phase | str] = ()
    group: str | None = None
    run_id: str | None = None
    service: str | None = None
    created_after: datetime | None = None
    page: int = 100
    parent: str | None = None

    def call(self, cursor: str | None) -> Call:
        """Return act:ListActivities for one page."""
        arguments = {
            "Phase": [Phase(phase).value for phase in self.phases] or None,
            "Group": self.group,
            "RunId": self.run_id,
            "Service": self.service,
            "CreatedAfter": None if self.created_after is None else stamp(utc(self.created_after)),
            "Limit": self.page,
            "Cursor": cursor,
            "Parent": self.parent,
        }
        return _call("ListActivities", arguments)


def wait(seconds: float, until: Sequence[str], since: int | None) -> Call:
    """Return act:Wait of at most so many seconds; the server's own limit may be lower."""
    arguments = {"Timeout": timedelta(seconds=max(seconds, 0.0)), "For": list(until), "SinceVersion": since}
    return _call("Wait", arguments)


def abort(reason: str | None) -> Call:
    """Return act:Abort."""
    return _call("Abort", {"Reason": reason})


def destroy() -> Call:
    """Return wsrf-rl:Destroy."""
    return Call("Destroy")


def set_termination(in_: timedelta | None, at: datetime | None, never: bool) -> Call:
    """Return wsrf-rl:SetTerminationTime. Raises TypeError unless exactly one of the three is asked for."""
    if [in_ is not None, at is not None, never].count(True) != 1:
        raise TypeError("set_termination takes one of in_=timedelta, at=datetime, never=True")
    if in_ is not None:
        return Call("SetTerminationTime", {"RequestedLifetimeDuration": in_})
    return Call("SetTerminationTime", {"RequestedTerminationTime": _NIL if at is None else stamp(utc(at))})


def document() -> Call:
    """Return wsrf-rp:GetResourcePropertyDocument."""
    return Call("GetResourcePropertyDocument")


def property_values(name: str) -> Call:
    """Return wsrf-rp:GetResourceProperty for one of our own."""
    return Call("GetResourceProperty", positional=(etree.QName(ns.ACT, name),))


def query(expression: str, namespaces: Mapping[str, str]) -> Call:
    """Return wsrf-rp:QueryResourceProperties in XPath 1.0; the usual prefixes are known."""
    arguments = {"QueryExpression": {"Dialect": ns.XPATH10}}
    return Call("QueryResourceProperties", arguments, mixed=(expression, {**ns.PREFIXES, **namespaces}))


def update(changes: Mapping[str, Sequence[str] | str | timedelta | None]) -> Call:
    """Return wsrf-rp:SetResourceProperties: all of it or nothing. None deletes a property.

    Raises TypeError where nothing is to be changed.
    """
    if not changes:
        raise TypeError("update takes at least one of name, groups, run_id, work_limit")
    components = [_component(name, value) for name, value in changes.items()]
    return Call("SetResourceProperties", {"_value_1": components})


def _component(name: str, value: Sequence[str] | str | timedelta | None) -> dict[str, Any]:
    texts: Sequence[str]
    if isinstance(value, timedelta):
        texts = (format_duration(value),)
    else:
        texts = (value,) if isinstance(value, str) else value or ()
    if not texts:
        return {"Delete": {"ResourceProperty": etree.QName(ns.ACT, name)}}
    return {"Update": {"_value_1": [_element(name, text) for text in texts]}}


def _element(name: str, text: str) -> etree._Element:
    element = etree.Element(f"{{{ns.ACT}}}{name}", nsmap={"act": ns.ACT})
    element.text = text
    return element
