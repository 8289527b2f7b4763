"""The error of an activity that has no such result, because its work has failed or was aborted."""

from collections.abc import Sequence

from wsrf_activity.client.errors import NoSuchResult
from wsrf_activity.model.activity import ActivityError, Severity
from wsrf_activity.model.phases import Phase


class ActivityFailed(NoSuchResult):
    """The work failed or was aborted before it had a result: ``error`` is what its list of errors says of that.

    The text holds the trace of a function, as its own Python told it, where the service has one.
    """

    def __init__(self, address: str, error: ActivityError) -> None:
        """Keep what the activity says."""
        where = f"\n\n{error.trace}" if error.trace else ""
        super().__init__(f"{address}: {error.description}{where}")
        self.error = error

    @property
    def trace(self) -> str | None:
        """Where in the work it happened; None where the work does not tell."""
        return self.error.trace


def no_result(
    address: str, name: str, there: Sequence[str], phase: Phase, errors: Sequence[ActivityError]
) -> NoSuchResult:
    """Return what to raise where there is no result of a name."""
    fatal = [each for each in errors if not each.handled and each.severity in (Severity.FATAL, Severity.ABORTED)]
    if phase.ended and fatal:
        return ActivityFailed(address, fatal[-1])
    hint = "" if phase.ended else f"; it is {phase} still: wait() for the end, or stream() what there is"
    return NoSuchResult(f"{address} has no result {name!r}; there: {', '.join(there) or 'none'}{hint}")
