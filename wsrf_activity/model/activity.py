"""What an activity is: its record, its errors, its results and the work behind it. Values only, no I/O."""

import base64
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, NamedTuple

from wsrf_activity.model.phases import ErrorStatus, Phase, Status

COMMAND_SERVICE = "command"  #: the name that ad-hoc command lines run under
DEFAULT_ENGINE = "local"  #: the engine of ad-hoc command lines, and of services that name none
RECOVERIES = 5  #: more than a bad day of the machine costs, fewer than what kills its own host should get


def new_id() -> str:
    """Return a new opaque identifier: 128 random bits, safe in URLs, file names and on a command line."""
    return base64.b32encode(secrets.token_bytes(16)).decode("ascii").rstrip("=").lower()


class Severity(StrEnum):
    """How bad an entry of the error list is."""

    WARNING = "warning"
    ERROR = "error"
    FATAL = "fatal"
    ABORTED = "aborted"


class RestartPolicy(StrEnum):
    """What becomes of work that was lost with its process or host."""

    RESUME = "resume"
    RERUN = "rerun"
    ABORT = "abort"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityError:
    """One entry of the error list (WS-BaseFaults 1.2, section 2, with severity, origin and handled)."""

    time: datetime
    severity: Severity
    description: str
    code: str | None = None
    handled: bool = False
    origin: str | None = None
    trace: str | None = None  #: where in the work it happened, as the work's own language tells it


def error_status(errors: Iterable[ActivityError]) -> ErrorStatus:
    """Derive the flag from the list: one unhandled fatal or aborted entry makes all fatal."""
    worst = ErrorStatus.NO_ERRORS
    for error in errors:
        if not error.handled and error.severity in (Severity.FATAL, Severity.ABORTED):
            return ErrorStatus.FATAL_ERRORS
        worst = ErrorStatus.ERRORS_HANDLED
    return worst


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One output of an activity, kept as a file below the activity's folder."""

    name: str
    media_type: str
    size: int  #: bytes
    sha256: str  #: lower-case hex
    path: str  #: relative to the activity's folder
    inline: bytes | None = None  #: the content itself where it is small


@dataclass(frozen=True, slots=True)
class Progress:
    """What the work last reported of itself."""

    percent: float | None = None  #: 0 to 100
    message: str | None = None


@dataclass(frozen=True, slots=True)
class ResultSpec:
    """A file that a service's work leaves in its working folder and that becomes a result."""

    path: str  #: relative to the working folder
    media_type: str = "application/octet-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What is to be run, complete: a later change of the configuration does not reach an accepted activity."""

    argv: tuple[str, ...]
    stdin: Literal["stdin", "file"] = "stdin"  #: how the work gets its input; as a file it is named ``input``
    media_type: str = "application/octet-stream"  #: of standard output
    results: Mapping[str, ResultSpec] = field(default_factory=dict)
    restart: RestartPolicy = RestartPolicy.ABORT
    retries: int = 0  #: how often failed work is run again by itself
    recoveries: int = RECOVERIES  #: how often lost work is run again, where ``restart`` lets it be
    retry_after: timedelta = timedelta(0)  #: before failed work is run again; each further time twice as long
    keep: timedelta = timedelta(days=14)  #: how long the record stays after the end, unless the client said
    arguments: bytes | None = None  #: the request of a typed operation, for work that reads it itself
    bindings: tuple["Binding", ...] = ()  #: what it gets of activities that it is to come after
    then: tuple["Link", ...] = ()  #: what is to be started when it has completed


@dataclass(frozen=True, slots=True)
class Binding:
    """A value that is not known before another activity has completed: one of its results."""

    parameter: str | None  #: None is the input
    activity_id: str
    result: str = "result"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A service that is started when an activity has completed, with what that leaves (document 003's linked services).

    Each of ``results`` gives a parameter, or with the empty name the input, the content of a result of that name.
    """

    service: str
    results: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    multiple: bool = False  #: one activity for each line of the result, instead of one


@dataclass(frozen=True, slots=True)
class Members:
    """How those stand that an activity has started and waits for."""

    total: int = 0
    completed: int = 0
    failed: int = 0
    aborted: int = 0

    @property
    def ended(self) -> int:
        """How many have ended, however."""
        return self.completed + self.failed + self.aborted


class Heard(NamedTuple):
    """How far what an attempt says of itself is written down. It is kept with the warnings themselves: none is lost
    or told twice, whenever a server is killed.
    """

    offset: int = 0  #: bytes of its messages, to the end of the last warning
    warnings: int = 0  #: of this attempt


NOTHING_HEARD = Heard()


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """One activity as it is at one version. Times are aware UTC."""

    id: str
    owner: str
    service: str
    work: Work
    created: datetime
    phase: Phase = Phase.QUEUED
    version: int = 1  #: counts every change
    name: str | None = None
    run_id: str | None = None
    groups: tuple[str, ...] = ()
    started: datetime | None = None
    ended: datetime | None = None
    terminates: datetime | None = None  #: None is never
    lifetime_set: bool = False  #: whether a client chose ``terminates``
    work_limit: timedelta | None = None  #: of the work, not of the record
    progress: Progress | None = None
    heard: Heard = NOTHING_HEARD
    attempt: int = 1
    recovered: int = 0  #: how many of its attempts were lost, and run again
    fence: int = 0  #: who holds a lower number has lost the work to another
    holder: str | None = None  #: the server that executes it
    ending: str | None = None  #: why the holder is asked to end it
    leaving: bool = False  #: whether it is being destroyed: nobody sees it any more
    engine: str = DEFAULT_ENGINE
    engine_job: str | None = None
    exit_code: int | None = None
    errors: tuple[ActivityError, ...] = ()
    results: tuple[Result, ...] = ()
    estimated_end: datetime | None = None
    begins: datetime | None = None  #: work that is queued is not begun before that
    parent: str | None = None  #: the activity that has started it and waits for it
    index: int | None = None  #: its place among those that one request has started, from 0
    members: Members | None = None  #: of one that waits for others
    gathering: bool = False  #: whether its own work is over, or it never had any, and only its members are waited for
    needs: tuple[str, ...] = ()  #: the activities that had to complete before it could be queued, from first to last
    has_input: bool = False
    request_id: str | None = None
    request_digest: str | None = None

    @property
    def status(self) -> Status:
        """Running or Ended, from the phase."""
        return self.phase.status

    @property
    def error_status(self) -> ErrorStatus:
        """Derived from the list of errors, never stored beside it."""
        return error_status(self.errors)

    @property
    def at_work(self) -> bool:
        """Whether its own work executes, so that a server holds it; one that only gathers has none."""
        return self.phase is Phase.EXECUTING and not self.gathering

    def expired(self, now: datetime) -> bool:
        """Whether the record's time is over; it is invisible from then on, swept or not."""
        return self.terminates is not None and self.terminates <= now
