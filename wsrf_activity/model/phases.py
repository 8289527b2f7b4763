"""The one state machine of an activity: its phases, and what follows from them. How it is stored is not known here."""

from enum import StrEnum
from typing import Final


class Phase(StrEnum):
    """Where an activity stands; the values are the words on the wire."""

    PENDING = "Pending"  #: accepted, not released yet (a dependency, a hold)
    QUEUED = "Queued"  #: waits for a slot, or in the engine's own queue
    EXECUTING = "Executing"  #: its work runs
    COMPLETED = "Completed"  #: the work ended well
    FAILED = "Failed"  #: the work ended badly, or could not be started
    ABORTED = "Aborted"  #: ended by a client, or lost with its host

    @property
    def ended(self) -> bool:
        """Whether nothing follows this phase."""
        return self in ENDED

    @property
    def status(self) -> "Status":
        """The coarse flag that every conforming activity shows."""
        return Status.ENDED if self.ended else Status.RUNNING


class Status(StrEnum):
    """The flag "running" or "ended"."""

    RUNNING = "Running"
    ENDED = "Ended"


class ErrorStatus(StrEnum):
    """The flag derived from the list of errors."""

    NO_ERRORS = "NoErrors"
    ERRORS_HANDLED = "ErrorsHandled"
    FATAL_ERRORS = "FatalErrors"


ENDED: Final = frozenset({Phase.COMPLETED, Phase.FAILED, Phase.ABORTED})
LIVE: Final = frozenset(Phase) - ENDED

#: What may follow each phase. Executing to Queued is a run again (attempt + 1).
TRANSITIONS: Final[dict[Phase, frozenset[Phase]]] = {
    Phase.PENDING: frozenset({Phase.QUEUED, Phase.ABORTED, Phase.FAILED}),
    Phase.QUEUED: frozenset({Phase.EXECUTING, Phase.ABORTED, Phase.FAILED}),
    Phase.EXECUTING: frozenset({Phase.COMPLETED, Phase.FAILED, Phase.ABORTED, Phase.QUEUED}),
    Phase.COMPLETED: frozenset(),
    Phase.FAILED: frozenset(),
    Phase.ABORTED: frozenset(),
}


def sources(target: Phase) -> frozenset[Phase]:
    """Return the phases from which ``target`` may be reached: the compare side of a compare-and-set."""
    return frozenset(phase for phase, following in TRANSITIONS.items() if target in following)
