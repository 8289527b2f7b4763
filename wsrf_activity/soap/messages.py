"""Our own messages between XML and the model: CreateActivity, ListActivities, Wait, Abort, SetTerminationTime.

What is read here has passed the schema; what a schema cannot say is checked here.
"""

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TypedDict, TypeVar

from lxml import etree

from wsrf_activity.manager import CHANGE, Condition, ResultInput, StartRequest, UploadInput
from wsrf_activity.model import ns
from wsrf_activity.model.activity import Activity
from wsrf_activity.model.addresses import Addresses
from wsrf_activity.model.errors import InvalidParameter, TerminationTimeRejected
from wsrf_activity.model.lifetime import Never, Requested, parse_duration, parse_time, stamp
from wsrf_activity.model.listing import Filter, Page
from wsrf_activity.model.phases import ENDED, Phase
from wsrf_activity.model.subscriptions import Subscription
from wsrf_activity.soap.addressing import endpoint_reference
from wsrf_activity.soap.properties import NIL, View, add_time, element, progress_element, time_element

T = TypeVar("T")


_ACT = f"{{{ns.ACT}}}"


def _act(name: str) -> str:
    return f"{_ACT}{name}"


def value_of(body: etree._Element, name: str, read: Callable[[str], T]) -> T | None:
    """Return the value of an optional child; raises InvalidParameter where it is beyond what can be kept."""
    return _value(_child(body, name), name, read)


def _value(child: etree._Element | None, name: str, read: Callable[[str], T]) -> T | None:
    if child is None:
        return None
    try:
        return read(child.text or "")
    except (ValueError, OverflowError) as error:
        raise InvalidParameter(f"{name}: {error}", name) from None


def _child(body: etree._Element, name: str) -> etree._Element | None:
    return next(body.iterchildren(_act(name)), None)


def _texts(body: etree._Element, name: str) -> tuple[str, ...]:
    return tuple((child.text or "").strip() for child in body.iterchildren(_act(name)))


def requested_time(child: etree._Element | None, now: datetime) -> Requested | None:
    """Read an absolute time, a duration, or nil; None where there is no element. Raises InvalidParameter."""
    if child is None:
        return None
    if (child.get(NIL) or "").strip() in ("true", "1"):
        return Never()
    text = (child.text or "").strip()
    try:
        return parse_duration(text, now) if text.lstrip("-").startswith("P") else parse_time(text)
    except (ValueError, OverflowError) as error:
        raise InvalidParameter(str(error), etree.QName(child).localname) from None


def read_create(body: etree._Element, addresses: Addresses, now: datetime) -> StartRequest:
    """Read act:CreateActivity."""
    given = _firsts(body)
    return StartRequest(
        service=_value(given.get("Service"), "Service", str.strip),
        command=_value(given.get("Command"), "Command", str),
        parameters=_parameters(body) if "Parameter" in given else {},
        **_options(body, given, addresses, now),
    )


def read_options(body: etree._Element, addresses: Addresses, now: datetime) -> StartRequest:
    """Read act:StartOptions."""
    return StartRequest(**_options(body, _firsts(body), addresses, now))


class _Options(TypedDict):
    """What act:CreateActivity and act:StartOptions have in common."""

    input: bytes | UploadInput | ResultInput | None
    name: str | None
    groups: tuple[str, ...]
    run_id: str | None
    lifetime: Requested | None
    work_limit: timedelta | None
    request_id: str | None


def _options(
    body: etree._Element, given: Mapping[str, etree._Element], addresses: Addresses, now: datetime
) -> _Options:
    return {
        "input": _input(given, addresses),
        "name": _value(given.get("Name"), "Name", str.strip),
        "groups": _texts(body, "Group") if "Group" in given else (),
        "run_id": _value(given.get("RunId"), "RunId", str.strip),
        "lifetime": requested_time(given.get("InitialTerminationTime"), now),
        "work_limit": _value(
            given.get("ExecutionDuration"), "ExecutionDuration", lambda text: parse_duration(text, now)
        ),
        "request_id": _value(given.get("RequestId"), "RequestId", str.strip),
    }


def _firsts(body: etree._Element) -> dict[str, etree._Element]:
    """Return the first child of each name of ours: all of them are optional, and most are left out."""
    found: dict[str, etree._Element] = {}
    for child in body.iterchildren(_act("*")):
        found.setdefault(child.tag[len(_ACT) :], child)
    return found


def _parameters(body: etree._Element) -> dict[str, tuple[str, ...]]:
    """Return the values by name: what is given repeatedly is a list."""
    found: dict[str, list[str]] = {}
    for child in body.iterchildren(_act("Parameter")):
        found.setdefault(child.get("name", ""), []).append(child.text or "")
    return {name: tuple(texts) for name, texts in found.items()}


def _input(given: Mapping[str, etree._Element], addresses: Addresses) -> bytes | UploadInput | ResultInput | None:
    inline = _value(given.get("Input"), "Input", _decode)
    reference = _value(given.get("InputReference"), "InputReference", str.strip)
    if reference is None:
        return inline
    if inline is not None:
        raise InvalidParameter("Input and InputReference exclude each other", "InputReference")
    upload, result = addresses.read_upload(reference), addresses.read_result(reference)
    if upload is not None:
        return UploadInput(upload)
    if result is not None:
        return ResultInput(*result)
    accepted = f"an address that PUT {addresses.input} has answered, or a result's"
    raise InvalidParameter(f"InputReference: {reference} is not of this server; accepted: {accepted}", "InputReference")


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error as error:
        raise ValueError(f"not base64: {error}") from None


def write_created(
    activity: Activity, members: Iterable[Activity], addresses: Addresses, now: datetime
) -> etree._Element:
    """Return act:CreateActivityResponse."""
    response = etree.Element(_act("CreateActivityResponse"), nsmap={"act": ns.ACT, "wsa": ns.WSA})
    write_started(response, activity, members, addresses, now)
    return response


def write_started(
    response: etree._Element, activity: Activity, members: Iterable[Activity], addresses: Addresses, now: datetime
) -> None:
    """Say, in elements of the response's namespace, what was started, and the members where that is a set."""
    namespace = response.tag[1:].partition("}")[0]
    response.append(endpoint_reference(addresses, activity.id, service=activity.service))
    add_time(response, f"{{{namespace}}}TerminationTime", activity.terminates)
    add_time(response, f"{{{namespace}}}CurrentTime", now)
    response.extend(_entry(f"{{{namespace}}}Entry", member, addresses) for member in members)


def read_filter(body: etree._Element) -> Filter:
    """Read act:ListActivities."""
    limit = value_of(body, "Limit", lambda text: int(text.strip()))
    if limit is not None and limit < 1:
        raise InvalidParameter("Limit: accepted: 1 or more", "Limit")
    return Filter(
        phases=tuple(Phase(text) for text in dict.fromkeys(_texts(body, "Phase"))),
        group=value_of(body, "Group", str.strip),
        run_id=value_of(body, "RunId", str.strip),
        service=value_of(body, "Service", str.strip),
        created_after=value_of(body, "CreatedAfter", parse_time),
        after=value_of(body, "Cursor", read_cursor),
        limit=limit or 100,
        parent=value_of(body, "Parent", str.strip),
    )


def read_cursor(text: str) -> tuple[datetime, str]:
    """Read what ``write_cursor`` wrote; raises ValueError for anything else."""
    moment, _, activity_id = text.strip().partition("/")
    if not activity_id.isalnum():
        raise ValueError("not a cursor of this server: send back the one of the last page, unchanged")
    return parse_time(moment), activity_id


def write_cursor(place: tuple[datetime, str]) -> str:
    """Return a place in a listing as text, opaque to clients."""
    return f"{stamp(place[0])}/{place[1]}"


def write_page(page: Page, addresses: Addresses) -> etree._Element:
    """Return act:ListActivitiesResponse."""
    response = etree.Element(_act("ListActivitiesResponse"), nsmap={"act": ns.ACT, "wsa": ns.WSA, "xsi": ns.XSI})
    for activity in page.activities:
        response.append(_entry(_act("Entry"), activity, addresses))
    if page.next is not None:
        response.append(element("Cursor", write_cursor(page.next)))
    return response


def _entry(tag: str, activity: Activity, addresses: Addresses) -> etree._Element:
    entry = etree.Element(tag, nsmap={"act": ns.ACT})
    entry.append(endpoint_reference(addresses, activity.id, service=activity.service))
    texts = {
        "ActivityId": activity.id,
        "Name": activity.name,
        "Service": activity.service,
        "Phase": activity.phase.value,
        "Status": activity.status.value,
        "ErrorStatus": activity.error_status.value,
        "CreationTime": stamp(activity.created),
        "EndTime": None if activity.ended is None else stamp(activity.ended),
    }
    for name, text in texts.items():
        if text is not None:
            etree.SubElement(entry, _act(name)).text = text
    entry.append(time_element(_act("TerminationTime"), activity.terminates))
    return entry


def read_wait(body: etree._Element, now: datetime) -> tuple[Condition, timedelta | None]:
    """Read act:Wait: the condition, and how long the client is ready to wait."""
    wanted = _texts(body, "For") or ("Ended",)
    phases: set[Phase] = set()
    for text in wanted:
        phases |= ENDED if text == "Ended" else set() if text == CHANGE else {Phase(text)}
    since = value_of(body, "SinceVersion", lambda text: int(text.strip()))
    # What nearly all wait for is one object for them all.
    condition = Condition(ENDED if phases == ENDED else frozenset(phases), CHANGE in wanted, since)
    return condition, value_of(body, "Timeout", lambda text: parse_duration(text, now))


def write_waited(view: View, timed_out: bool) -> etree._Element:
    """Return act:WaitResponse."""
    activity = view.activity
    response = copy(
        _waited(timed_out, activity.version, activity.status.value, activity.error_status.value, activity.phase.value)
    )
    response.extend(progress_element(view))
    return response


@lru_cache(maxsize=16)
def _waited(timed_out: bool, version: int, status: str, error_status: str, phase: str) -> etree._Element:
    """Return what all who waited for the same get: to copy it takes an eighth of the time, and thousands may wait."""
    response = etree.Element(_act("WaitResponse"), nsmap={"act": ns.ACT})
    response.extend(
        (
            element("TimedOut", "true" if timed_out else "false"),
            element("Version", str(version)),
            element("Status", status),
            element("ErrorStatus", error_status),
            element("Phase", phase),
        )
    )
    return response


def read_reason(body: etree._Element) -> str | None:
    """Read why act:Abort is asked for."""
    return value_of(body, "Reason", str.strip) or None


def write_aborted(activity: Activity) -> etree._Element:
    """Return act:AbortResponse."""
    response = etree.Element(_act("AbortResponse"), nsmap={"act": ns.ACT})
    response.extend((element("Version", str(activity.version)), element("Phase", activity.phase.value)))
    return response


def read_set_termination(body: etree._Element, now: datetime) -> Requested:
    """Read wsrf-rl:SetTerminationTime: a time, nil, or a duration from now (WS-ResourceLifetime 1.2, section 5.2).

    A time beyond the calendar is out of bounds as any other that is too late. Raises TerminationTimeRejected.
    """
    for child in body:
        try:
            requested = requested_time(child, now)
        except InvalidParameter as error:
            raise TerminationTimeRejected(error.description, now, None) from None
        if requested is not None:
            return requested
    raise InvalidParameter("SetTerminationTime needs a time or a duration")


def write_set_termination(resource: Activity | Subscription, now: datetime) -> etree._Element:
    """Return wsrf-rl:SetTerminationTimeResponse: the new time, then the current one."""
    response = etree.Element(f"{{{ns.RL}}}SetTerminationTimeResponse", nsmap={"wsrfrl": ns.RL, "xsi": ns.XSI})
    response.append(time_element(f"{{{ns.RL}}}NewTerminationTime", resource.terminates))
    response.append(time_element(f"{{{ns.RL}}}CurrentTime", now))
    return response
