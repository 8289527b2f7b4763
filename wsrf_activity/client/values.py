"""What a server tells of an activity, as values; read from the elements that it sends. No I/O."""

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from lxml import etree

from wsrf_activity.client.references import Reference
from wsrf_activity.model import ns
from wsrf_activity.model.activity import ActivityError, Progress, Severity
from wsrf_activity.model.lifetime import parse_duration, parse_time
from wsrf_activity.model.phases import ErrorStatus, Phase, Status

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class State:
    """How an activity stands, as Wait answers it."""

    phase: Phase
    status: Status
    error_status: ErrorStatus
    version: int
    progress: Progress | None = None
    timed_out: bool = False  #: whether the server answered because time was up

    @property
    def ended(self) -> bool:
        """Whether nothing follows."""
        return self.status is Status.ENDED


@dataclass(frozen=True, slots=True)
class Described:
    """What is said of a result, without its bytes unless they are few."""

    name: str
    media_type: str
    href: str
    size: int | None = None  #: bytes
    sha256: str | None = None  #: lower-case hex
    inline: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One activity as a listing shows it."""

    reference: Reference
    id: str
    service: str
    phase: Phase
    status: Status
    error_status: ErrorStatus
    created: datetime
    name: str | None = None
    ended: datetime | None = None
    terminates: datetime | None = None  #: None is never


@dataclass(frozen=True, slots=True, kw_only=True)
class Properties:
    """The resource property document. Times are aware; what the server does not say is None."""

    id: str | None
    service: str | None
    name: str | None
    owner: str | None
    groups: tuple[str, ...]
    run_id: str | None
    phase: Phase
    status: Status
    error_status: ErrorStatus
    errors: tuple[ActivityError, ...]
    version: int
    created: datetime | None
    started: datetime | None
    ended: datetime | None
    progress: Progress | None
    estimated_end: datetime | None
    work_limit: timedelta | None  #: of the work, not of the record
    attempt: int | None
    engine: str | None
    engine_job: str | None
    exit_code: int | None
    results: tuple[Described, ...]
    now: datetime | None  #: the server's clock
    terminates: datetime | None  #: when the record goes; None is never
    xml: etree._Element  #: the document itself, with what a service adds to it


def _act(name: str) -> str:
    return f"{{{ns.ACT}}}{name}"


def value(parent: etree._Element, name: str, read: Callable[[str], T], namespace: str = ns.ACT) -> T | None:
    """Return the value of an optional child; nil and empty are None."""
    text = (parent.findtext(f"{{{namespace}}}{name}") or "").strip()
    return read(text) if text else None


def needed(parent: etree._Element, name: str, read: Callable[[str], T]) -> T:
    """Return the value of a child. Raises ValueError where it is not there: the answer is not what it should be."""
    found = value(parent, name, read)
    if found is None:
        raise ValueError(f"no act:{name} in {etree.QName(parent).localname}")
    return found


def read_state(element: etree._Element) -> State:
    """Read act:WaitResponse."""
    return State(
        phase=needed(element, "Phase", Phase),
        status=needed(element, "Status", Status),
        error_status=needed(element, "ErrorStatus", ErrorStatus),
        version=needed(element, "Version", int),
        progress=read_progress(element),
        timed_out=needed(element, "TimedOut", str) in ("true", "1"),
    )


def read_progress(parent: etree._Element) -> Progress | None:
    """Read the act:Progress in an element, if there is one."""
    found = parent.find(_act("Progress"))
    return None if found is None else Progress(value(found, "Percent", float), found.findtext(_act("Message")))


def read_errors(parent: etree._Element) -> tuple[ActivityError, ...]:
    """Read every act:Error in an element (WS-BaseFaults 1.2, section 2)."""
    return tuple(_error(element) for element in parent.iterfind(_act("Error")))


def _error(element: etree._Element) -> ActivityError:
    described = [each.text or "" for each in element.iterfind(f"{{{ns.BF}}}Description")]
    return ActivityError(
        time=value(element, "Timestamp", parse_time, ns.BF) or datetime.min.replace(tzinfo=UTC),
        severity=value(element, "Severity", Severity) or Severity.ERROR,
        description=described[0] if described else "",
        trace=described[1] if len(described) > 1 else None,
        code=value(element, "ErrorCode", str, ns.BF),
        handled=value(element, "Handled", str) in ("true", "1"),
        origin=element.findtext(_act("Origin")),
    )


def read_results(parent: etree._Element) -> tuple[Described, ...]:
    """Read every act:Result in an element."""
    return tuple(_described(element) for element in parent.iterfind(_act("Result")))


def _described(element: etree._Element) -> Described:
    size = element.get("size")
    return Described(
        name=element.get("name", ""),
        media_type=element.get("mediaType", ""),
        href=element.get("href", ""),
        size=None if size is None else int(size),
        sha256=element.get("sha256"),
        inline=_inline(element),
    )


def _inline(element: etree._Element) -> bytes | None:
    text = element.find(_act("Text"))
    if text is not None:
        return (text.text or "").encode()
    coded = element.find(_act("Base64"))
    return None if coded is None else base64.b64decode("".join((coded.text or "").split()))


def read_entries(response: etree._Element) -> Iterator[Entry]:
    """Read act:ListActivitiesResponse."""
    for element in response.iterfind(_act("Entry")):
        reference = element.find(f"{{{ns.WSA}}}EndpointReference")
        if reference is None:
            raise ValueError("an entry without an endpoint reference")
        yield Entry(
            reference=Reference.of(reference),
            id=needed(element, "ActivityId", str),
            service=needed(element, "Service", str),
            phase=needed(element, "Phase", Phase),
            status=needed(element, "Status", Status),
            error_status=needed(element, "ErrorStatus", ErrorStatus),
            created=needed(element, "CreationTime", parse_time),
            name=element.findtext(_act("Name")),
            ended=value(element, "EndTime", parse_time),
            terminates=value(element, "TerminationTime", parse_time),
        )


def read_properties(document: etree._Element) -> Properties:
    """Read act:ActivityProperties."""
    created = value(document, "CreationTime", parse_time)
    start = created or datetime.now(UTC)
    return Properties(
        id=value(document, "ActivityId", str),
        service=document.findtext(_act("Service")),
        name=document.findtext(_act("Name")),
        owner=document.findtext(_act("Owner")),
        groups=tuple(element.text or "" for element in document.iterfind(_act("Group"))),
        run_id=document.findtext(_act("RunId")),
        phase=needed(document, "Phase", Phase),
        status=needed(document, "Status", Status),
        error_status=needed(document, "ErrorStatus", ErrorStatus),
        errors=read_errors(document),
        version=needed(document, "Version", int),
        created=created,
        started=value(document, "StartTime", parse_time),
        ended=value(document, "EndTime", parse_time),
        progress=read_progress(document),
        estimated_end=value(document, "EstimatedEndTime", parse_time),
        work_limit=value(document, "ExecutionDuration", lambda text: parse_duration(text, start)),
        attempt=value(document, "Attempt", int),
        engine=document.findtext(_act("Engine")),
        engine_job=document.findtext(_act("EngineJobId")),
        exit_code=value(document, "ExitCode", int),
        results=read_results(document),
        now=value(document, "CurrentTime", parse_time, ns.RL),
        terminates=value(document, "TerminationTime", parse_time, ns.RL),
        xml=document,
    )


def read_query(response: etree._Element) -> str | tuple[etree._Element, ...]:
    """Read wsrf-rp:QueryResourcePropertiesResponse: the text of a value, or the nodes that were found.

    Attributes and text nodes come as values, too: a single one is its text.
    """
    if len(response) == 1 and response[0].tag == _act("Value"):
        return response[0].text or ""
    return tuple(response)
