"""Everything that can go wrong for a caller, as exceptions with what they say. No I/O; `faults.py` reads them from XML.

::

    ClientProblem
      Unreachable                 no server answered, or it went away: says what to do
      WaitTimeout                 (also a TimeoutError) what was waited for did not happen in time
      CorruptResult               bytes that are not those that the server described
      NoSuchResult                (also a LookupError) no result of that name, or none yet
        ActivityFailed            because the work has failed (`failed.py`)
      ActivityFault               what the server refused, and why; below it a class for each fault of the contract
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from lxml import etree

from wsrf_activity.client.references import Reference
from wsrf_activity.model import ns
from wsrf_activity.model.lifetime import FAR, parse_duration, parse_time
from wsrf_activity.model.phases import Phase


class ClientProblem(Exception):
    """The root: its text is for a person to read."""


class Unreachable(ClientProblem):
    """No server answered, or it went away and did not come back in time. ``__cause__`` says how."""


class WaitTimeout(ClientProblem, TimeoutError):
    """What was waited for did not happen in time. The activity goes on: wait again, or abort it."""


class CorruptResult(ClientProblem):
    """The bytes that came are not those that the server described by size and SHA-256."""


class NoSuchResult(ClientProblem, LookupError):
    """The activity has no result of that name, or none yet."""


@dataclass(frozen=True, slots=True)
class Said:
    """What every fault says (WS-BaseFaults 1.2, section 2)."""

    name: str  #: the local name of the fault's element
    description: str
    code: str | None = None  #: wsrf-bf:ErrorCode, or else the code of the SOAP fault without its prefix
    timestamp: datetime | None = None
    originator: Reference | None = None
    detail: etree._Element | None = None  #: the element itself, for what a service adds to it


class ActivityFault(ClientProblem):
    """A SOAP fault. One that the contract does not know is of this class itself: ``name`` and ``detail`` tell more.

    What a fault gives as its cause (wsrf-bf:FaultCause) is its ``__cause__``, and so on.
    """

    element: ClassVar[str] = ""  #: the clark name of the fault's element

    def __init__(self, said: Said) -> None:
        """Keep what was said."""
        super().__init__(said.description)
        self.said = said

    @property
    def name(self) -> str:
        """The local name of the fault's element."""
        return self.said.name

    @property
    def code(self) -> str | None:
        """The ErrorCode, or else the code of the SOAP fault without its prefix."""
        return self.said.code

    @property
    def description(self) -> str:
        """What happened, and what to do about it."""
        return self.said.description

    @property
    def timestamp(self) -> datetime | None:
        """When it happened, by the server's clock."""
        return self.said.timestamp

    @property
    def originator(self) -> Reference | None:
        """The resource that the fault is about."""
        return self.said.originator

    @property
    def detail(self) -> etree._Element | None:
        """The fault's element, for what a service adds to it."""
        return self.said.detail

    def _text(self, name: str, namespace: str = ns.ACT) -> str | None:
        return None if self.detail is None else self.detail.findtext(f"{{{namespace}}}{name}")


class ResourceUnknown(ActivityFault):
    """There is no such activity: it never was, has expired, was destroyed, or is somebody else's."""

    element = f"{{{ns.R}}}ResourceUnknownFault"


class ResourceUnavailable(ActivityFault):
    """The server cannot answer just now. The client has tried again already, as long as its patience lasts."""

    element = f"{{{ns.R}}}ResourceUnavailableFault"


class UnknownService(ActivityFault):
    """No service of that name is configured."""

    element = f"{{{ns.ACT}}}UnknownServiceFault"


class InvalidParameter(ActivityFault):
    """A parameter is missing, unknown or of the wrong value."""

    element = f"{{{ns.ACT}}}InvalidParameterFault"

    @property
    def parameter(self) -> str | None:
        """Which parameter."""
        return self._text("Parameter")

    @property
    def row(self) -> int | None:
        """In a table, which row; the first is 1."""
        text = self._text("Row")
        return None if text is None else int(text)

    @property
    def column(self) -> str | None:
        """In a table, which column."""
        return self._text("Column")


class RequestConflict(ActivityFault):
    """The same request id came before with another request."""

    element = f"{{{ns.ACT}}}RequestConflictFault"


class NotPermitted(ActivityFault):
    """The caller may not do that, or has not logged in: ``connect(..., token=...)``."""

    element = f"{{{ns.ACT}}}NotPermittedFault"


class TooBusy(ActivityFault):
    """More than is allowed at a time."""

    element = f"{{{ns.ACT}}}TooBusyFault"

    @property
    def retry_after(self) -> timedelta | None:
        """How long to wait before the next try."""
        text = self._text("RetryAfter")
        return None if text is None else parse_duration(text, self.timestamp or FAR)


class VersionMismatch(ActivityFault):
    """The activity has changed since the version that the request named."""

    element = f"{{{ns.ACT}}}VersionMismatchFault"

    @property
    def current_version(self) -> int | None:
        """The version that it has now."""
        text = self._text("CurrentVersion")
        return None if text is None else int(text)


class InvalidState(ActivityFault):
    """The phase of the activity does not allow that."""

    element = f"{{{ns.ACT}}}InvalidStateFault"

    @property
    def phase(self) -> Phase | None:
        """The phase that stood in the way."""
        text = self._text("Phase")
        return None if text is None else Phase(text)


class WorkFailed(ActivityFault):
    """The work of a synchronous call did not complete; ``originator`` is its activity, which stays."""

    element = f"{{{ns.ACT}}}WorkFailedFault"

    @property
    def phase(self) -> Phase | None:
        """How it ended: Failed or Aborted."""
        text = self._text("Phase")
        return None if text is None else Phase(text)


class TerminationTimeRejected(ActivityFault):
    """A termination time outside the bounds; the description names them (WS-ResourceLifetime 1.2, section 5.2)."""

    element = f"{{{ns.RL}}}TerminationTimeChangeRejectedFault"


class TimeFault(ActivityFault):
    """A fault that says what times would do."""

    @property
    def minimum(self) -> datetime | None:
        """The earliest time that is accepted."""
        text = self._text("MinimumTime", ns.WSNT)
        return None if text is None else parse_time(text)

    @property
    def maximum(self) -> datetime | None:
        """The latest time that is accepted; None is no bound."""
        text = self._text("MaximumTime", ns.WSNT)
        return None if text is None else parse_time(text)


class InitialTerminationTimeRejected(TimeFault):
    """The same at the start of an activity, or of a subscription."""

    element = f"{{{ns.WSNT}}}UnacceptableInitialTerminationTimeFault"


class UnableToSetTerminationTime(ActivityFault):
    """The termination time of this resource cannot be set at all."""

    element = f"{{{ns.RL}}}UnableToSetTerminationTimeFault"


class ResourceNotDestroyed(ActivityFault):
    """The resource could not be destroyed."""

    element = f"{{{ns.RL}}}ResourceNotDestroyedFault"


class InvalidPropertyName(ActivityFault):
    """No resource property has that name (WS-ResourceProperties 1.2)."""

    element = f"{{{ns.RP}}}InvalidResourcePropertyQNameFault"


class UnknownQueryDialect(ActivityFault):
    """The query language is not offered."""

    element = f"{{{ns.RP}}}UnknownQueryExpressionDialectFault"


class InvalidQuery(ActivityFault):
    """The query is not an expression of its language, or costs too much."""

    element = f"{{{ns.RP}}}InvalidQueryExpressionFault"


class QueryFailed(ActivityFault):
    """The query is well formed but could not be evaluated."""

    element = f"{{{ns.RP}}}QueryEvaluationErrorFault"


class InvalidModification(ActivityFault):
    """A value that the property cannot have. Nothing was changed."""

    element = f"{{{ns.RP}}}InvalidModificationFault"


class UnableToModify(ActivityFault):
    """The property cannot be changed, or not in this phase. Nothing was changed."""

    element = f"{{{ns.RP}}}UnableToModifyResourcePropertyFault"


class ModificationFailed(ActivityFault):
    """The change failed in another way; whether it was undone the detail says."""

    element = f"{{{ns.RP}}}SetResourcePropertyRequestFailedFault"
