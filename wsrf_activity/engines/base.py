"""The one contract of every engine: what it is asked to run, what it tells, how work is found after a restart."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, Protocol

from wsrf_activity.model.activity import NOTHING_HEARD, Heard, Progress, ResultSpec


class CannotStart(Exception):
    """The work could not be begun (no such program, no such folder ...); its text is for the activity's owner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One attempt at an activity's work, complete enough to run it or to find it again in another process."""

    activity_id: str
    attempt: int
    folder: Path  #: of this attempt; the engine makes it; results are found below it
    argv: tuple[str, ...]
    stdin: Path | None = None  #: None reads as empty
    input_as_file: bool = False  #: True: the input lies in the working folder as ``input``, standard input is empty
    limit: timedelta | None = None  #: of work
    results: Mapping[str, ResultSpec] = field(default_factory=dict)
    media_type: str = "application/octet-stream"  #: of standard output
    heard: Heard = NOTHING_HEARD  #: how far its messages are known
    service: str = ""  #: what it is an activity of
    arguments: bytes | None = None  #: what the work finds in the file that ACTIVITY_ARGUMENTS names
    index: int | None = None  #: its place among those that one request has started
    earlier: Path | None = None  #: the folder of the attempt before, whose last checkpoint this one goes on from


@dataclass(frozen=True, slots=True)
class Output:
    """One result file of an attempt."""

    name: str
    path: str  #: relative to the attempt's folder
    media_type: str
    size: int  #: bytes
    sha256: str  #: lower-case hex
    content: bytes | None = field(default=None, compare=False, repr=False)  #: all of it, where that is at hand


@dataclass(frozen=True, slots=True)
class Failure:
    """What the work itself says of why it failed."""

    code: str  #: the kind, such as the class of an exception
    message: str
    trace: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How an attempt ended. Nothing of its process tree is left when it is told."""

    exit_code: int  #: 128 + N after signal N
    reason: Literal[
        "exited", "limit", "aborted", "output"
    ]  #: what ended it: itself, the work limit, an abort, the cap on output
    started: datetime
    ended: datetime
    outputs: tuple[Output, ...] = ()
    missing: tuple[str, ...] = ()  #: declared results that the work did not leave
    failure: Failure | None = None  #: where the work has said why it failed
    #: Whether nothing else is to be read: small outputs have their content, and nothing is left that the work wants
    #: started. An engine that does not know says nothing.
    complete: bool = field(default=False, compare=False)
    job_id: str | None = field(default=None, compare=False)  #: of a Run of it, for who has had none


@dataclass(frozen=True, slots=True)
class Lost:
    """The attempt is gone without a report."""

    begun: bool  #: False where the work itself certainly never started, so that it may begin
    description: str
    job_id: str | None = field(default=None, compare=False)  #: as in Report


Outcome = Report | Lost


@dataclass(frozen=True, slots=True)
class Warned:
    """An error that the work met and handled."""

    message: str
    heard: Heard | None = field(default=None, compare=False)  #: how far its messages are known with this one


@dataclass(frozen=True, slots=True)
class Estimated:
    """When the work is likely to end."""

    end: datetime


@dataclass(frozen=True, slots=True)
class Spawned:
    """The work wants other activities started: what it wants lies in the attempt's folder below ``spawned``."""


Said = Progress | Warned | Estimated | Spawned

#: Called in the event loop with what the work says of itself while it runs.
Listener = Callable[[Said], None]


class Run(Protocol):
    """An attempt that runs, or that was found running."""

    job_id: str  #: what the engine calls it; for people and for the batch system

    async def outcome(self) -> Outcome:
        """Return when the attempt is over and nothing of it runs any more. May be awaited once."""

    async def abort(self) -> None:
        """Ask the whole process tree to end: TERM, and KILL after the grace. ``outcome`` tells when it has."""

    async def set_limit(self, limit: timedelta | None) -> None:
        """Change the limit of work, counted from the attempt's start."""

    def release(self) -> None:
        """Look at it no more: it is another server's by now. ``outcome`` is cancelled if it waits."""


class Engine(Protocol):
    """A place where work runs. Work outlives the object: a later one finds it by its Job."""

    async def open(self) -> None:
        """Make ready."""

    async def close(self) -> None:
        """Let go of everything but the running work."""

    def within_reach(self, job: Job) -> bool:
        """Whether ``attach`` would find here what became of an attempt. Blocking; may be called in any thread."""

    async def start(self, job: Job, listener: Listener) -> Run:
        """Begin an attempt, or join it where this very attempt has begun already. Raises CannotStart."""

    async def attach(self, job: Job, listener: Listener) -> Run | Outcome:
        """Find an attempt that this or an earlier server started, whatever became of it.

        Never starts anything: of work that had not begun it returns ``Lost(begun=False)``, and ``start`` of the same
        attempt is then safe, even where an earlier server's start is still on its way.
        """
