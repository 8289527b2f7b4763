"""What the end of an attempt means for its activity: completed, failed, aborted, or to be run again."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from wsrf_activity.engines.base import Lost, Outcome, Output, Report
from wsrf_activity.engines.outputs import end_of
from wsrf_activity.model import changes
from wsrf_activity.model.activity import Activity, ActivityError, RestartPolicy, Result, Severity
from wsrf_activity.model.lifetime import format_duration
from wsrf_activity.model.phases import Phase

INLINE = 4096  #: bytes up to which a result also stands in the record itself
_LAST_WORDS = 400  #: characters of standard error that a description quotes
_TAIL = 4 * _LAST_WORDS  #: bytes that so many characters take at most
_KILLED = 137  #: the exit code of what SIGKILL has ended
_TRACE = 2000  #: characters that are kept of the trace of an attempt that is followed by another


@dataclass(frozen=True, slots=True)
class Settled:
    """An outcome with what was read from its files, ready to be applied inside a transaction."""

    outcome: Outcome
    results: tuple[Result, ...] = ()
    last_words: str = ""  #: the last line of standard error
    abort_reason: str | None = None  #: why a client had it ended, if one did
    job_id: str | None = None  #: what the engine called it

    def apply(self, activity: Activity, now: datetime) -> Activity:
        """Return what the activity becomes. One whose attempt is over already, by whatever way, stays as it is.

        That may have been this very change, where the database had committed it and its answer was lost.
        """
        if not activity.at_work:
            return activity
        if self.job_id and self.job_id != activity.engine_job:
            activity = replace(activity, engine_job=self.job_id)
        if isinstance(self.outcome, Lost):
            return self._lost(activity, self.outcome, now)
        return self._reported(activity, self.outcome, now)

    def _lost(self, activity: Activity, lost: Lost, now: datetime) -> Activity:
        error = _fatal(now, "WorkLost", lost.description)
        abort_reason = self.abort_reason or activity.ending
        if abort_reason is not None:
            return changes.abort(activity, now, abort_reason)
        if not lost.begun:
            return changes.run_again(activity, now, error)
        if activity.work.restart is not RestartPolicy.ABORT:
            return changes.recover(activity, now, error)
        return changes.abort(activity, now, f"{lost.description} This service does not run work again.")

    def _reported(self, activity: Activity, report: Report, now: datetime) -> Activity:
        abort_reason = self.abort_reason or activity.ending
        if report.reason == "aborted" or abort_reason is not None:
            reason = abort_reason or "aborted by request"
            return changes.abort(activity, now, reason, results=self.results, exit_code=report.exit_code)
        if report.reason == "exited" and report.exit_code == _KILLED and _goes_on(activity):
            error = _fatal(now, "WorkLost", "The work was killed by somebody, or by the machine for want of memory.")
            return changes.recover(activity, now, error)
        errors = [_warning(now, f"the work left no file for its result {name!r}") for name in report.missing]
        if report.reason == "exited" and report.exit_code == 0 and not self._broke_off(activity):
            return self._end(activity, Phase.COMPLETED, report, now, errors)
        error = self._error(activity, report, now)
        if report.reason == "exited" and activity.attempt - activity.recovered <= activity.work.retries:
            trace = error.trace and error.trace[-_TRACE:]  # of each attempt there is one, in one record
            return changes.retry(activity, now, replace(error, trace=trace))
        return self._end(activity, Phase.FAILED, report, now, [*errors, error])

    def _broke_off(self, activity: Activity) -> bool:
        """Whether a function's process was ended from within, before the function could return."""
        return activity.work.arguments is not None and all(result.name != "result" for result in self.results)

    def _end(
        self, activity: Activity, phase: Phase, report: Report, now: datetime, errors: Iterable[ActivityError]
    ) -> Activity:
        return changes.end(activity, phase, now, errors=errors, results=self.results, exit_code=report.exit_code)

    def _error(self, activity: Activity, report: Report, now: datetime) -> ActivityError:
        said = report.failure
        if report.reason == "exited" and said is not None:
            return replace(_fatal(now, said.code, said.message), trace=said.trace)
        return _fatal(now, *self._failure(activity, report))

    def _failure(self, activity: Activity, report: Report) -> tuple[str, str]:
        if report.reason == "limit":
            limit = format_duration(activity.work_limit) if activity.work_limit else "set"
            return "WorkLimit", f"the work was ended at its limit of {limit}"
        if report.reason == "output":
            return "OutputLimit", "the work was ended because it wrote more to one file than is allowed"
        if report.exit_code == 0:
            return "NoResult", f"the process of the function ended before the function did{self._quoted()}"
        if report.exit_code > 128:
            return "Signal", f"the work was ended by signal {report.exit_code - 128}{self._quoted()}"
        return "ExitCode", f"the work ended with exit code {report.exit_code}{self._quoted()}"

    def _quoted(self) -> str:
        return f": {self.last_words}" if self.last_words else ""


def _goes_on(activity: Activity) -> bool:
    """Whether work whose process was killed counts as lost, and not as ended: a function never ends itself so."""
    restart, function = activity.work.restart, activity.work.arguments is not None
    return restart is RestartPolicy.RESUME or (restart is RestartPolicy.RERUN and function)


def given_up(activity: Activity, now: datetime, code: str, description: str) -> Activity:
    """Return the activity whose work could not even begin, or cannot be followed any more."""
    if activity.phase.ended or activity.gathering:
        return activity
    return changes.end(activity, Phase.FAILED, now, errors=(_fatal(now, code, description),))


def read_results(report: Report, folder: Path, attempt: int, *, alias: bool = True) -> tuple[Result, ...]:
    """Return the results of an attempt, small ones with their content. Blocking.

    Where none is called ``result``, standard output is that too; not without ``alias``: what a function prints is not
    what it returns.
    """
    results = [_result(output, output.name, folder, attempt) for output in report.outputs]
    names = {result.name for result in results}
    if alias and "result" not in names:
        results = [
            *(_result(output, "result", folder, attempt) for output in report.outputs if output.name == "stdout"),
            *results,
        ]
    return tuple(results)


def last_words(report: Report, folder: Path) -> str:
    """Return the last line of standard error, as text that XML can carry. Blocking, where it is not known."""
    known = next((output.content for output in report.outputs if output.name == "stderr"), None)
    if known is None:
        return _last_line(end_of(os.fspath(folder / "stderr"), _TAIL))
    return _last_line(known[-_TAIL:])


def _last_line(content: bytes) -> str:
    lines = content.decode("utf-8", "replace").strip().splitlines()
    text = "".join(c if c.isprintable() else " " for c in lines[-1]) if lines else ""
    return text[-_LAST_WORDS:].strip()


def _result(output: Output, name: str, folder: Path, attempt: int) -> Result:
    content = output.content
    if content is None:
        content = (folder / output.path).read_bytes() if 0 < output.size <= INLINE else b""
    return Result(
        name=name,
        media_type=output.media_type,
        size=output.size,
        sha256=output.sha256,
        path=f"{attempt}/{output.path}",
        inline=content if output.size <= INLINE else None,
    )


def _fatal(now: datetime, code: str, description: str) -> ActivityError:
    return ActivityError(time=now, severity=Severity.FATAL, code=code, description=description, origin="work")


def _warning(now: datetime, description: str) -> ActivityError:
    return ActivityError(
        time=now, severity=Severity.WARNING, description=description, code="ResultMissing", handled=True, origin="work"
    )
