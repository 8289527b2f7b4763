"""What a repair does about each finding. No server may be up on the data folder meanwhile."""

import os
import select
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from wsrf_activity.doctor.files import runs
from wsrf_activity.doctor.findings import Finding, Kind
from wsrf_activity.doctor.rows import surplus_ends
from wsrf_activity.engines import attempt, supervisor
from wsrf_activity.engines.base import Lost
from wsrf_activity.manager.folders import Folders
from wsrf_activity.manager.kin import Family, Overtaken, reconsider, recount
from wsrf_activity.manager.outcome import Settled, given_up
from wsrf_activity.model import changes
from wsrf_activity.model.activity import Activity, ActivityError, Result, Severity
from wsrf_activity.model.errors import Unavailable
from wsrf_activity.model.events import Event
from wsrf_activity.model.lifetime import add
from wsrf_activity.model.phases import Phase
from wsrf_activity.store import Records
from wsrf_activity.store.inspection import Inspection

_PATIENCE = 60.0  #: seconds that work has to end


@dataclass(frozen=True, slots=True)
class Mender:
    """The hands: a database that can be written, and the folders."""

    inspection: Inspection
    folders: Folders

    def mend(self, finding: Finding) -> None:
        """Do what the finding's remedy says; raises Unavailable or OSError where that cannot be done."""
        remedy = _REMEDIES.get(finding.kind)
        if remedy is not None:
            remedy(self, finding)

    def change(self, finding: Finding, step: Callable[[Activity, datetime], Activity]) -> None:
        """Make the next version of an activity, with its events; more than one thing may be wrong with it."""
        now = datetime.now(UTC)

        def transaction(records: Records) -> bool:
            old = records.get_to_change(finding.subject)
            if old is None:
                return False
            family = Family(records, now)
            family.hold_members(old.id)
            family.write(old, step(old, now))
            return True

        try:
            self.inspection.change(transaction)
        except Overtaken:
            raise Unavailable(f"activity {finding.subject} has changed meanwhile") from None

    def remove(self, path: str) -> None:
        """Remove a file or folder and the note that it is to be removed."""
        if not self.folders.remove([path]):
            raise Unavailable(f"{path} cannot be removed")
        self.inspection.change(lambda records: records.removed([path]))


def _row_times(mender: Mender, finding: Finding) -> None:
    def step(old: Activity, now: datetime) -> Activity:
        ended = (old.ended or now) if old.phase.ended else None
        begun = old.phase in (Phase.EXECUTING, Phase.COMPLETED)
        started = old.started or (old.created if begun else None)
        return replace(old, ended=ended, started=started, version=old.version + 1)

    mender.change(finding, step)


def _row_flag(mender: Mender, finding: Finding) -> None:
    mender.change(finding, lambda old, now: replace(old, version=old.version + 1))


def _groups(mender: Mender, finding: Finding) -> None:
    mender.inspection.rewrite_groups(_of(finding))


def _history_endless(mender: Mender, finding: Finding) -> None:
    activity = _of(finding)
    history = mender.inspection.history(activity.id)
    before = Phase(history[-1].phase) if history else None
    time = activity.ended or activity.started or activity.created
    missed = Event(f"StatusChanged/{activity.phase}", activity.id, activity.owner, activity.version, time, before)
    mender.inspection.add_event(missed)


def _history_ends_twice(mender: Mender, finding: Finding) -> None:
    surplus = surplus_ends(mender.inspection.history(finding.subject))
    mender.inspection.forget_events([entry.id for entry in surplus])


def _trace_lost(mender: Mender, finding: Finding) -> None:
    lost = Lost(True, "What the server kept of the work was gone.")
    mender.change(finding, lambda old, now: Settled(lost).apply(old, now))


def _holder_left(mender: Mender, finding: Finding) -> None:
    def step(old: Activity, now: datetime) -> Activity:
        keeps = old.at_work or old.holder is None
        return old if keeps else replace(old, holder=None, version=old.version + 1)

    mender.change(finding, step)


def _parent_gone(mender: Mender, finding: Finding) -> None:
    def step(old: Activity, now: datetime) -> Activity:
        alone = replace(old, parent=None, version=old.version + 1)
        kept = old.phase.ended and not old.lifetime_set
        return replace(alone, terminates=add(now, old.work.keep)) if kept else alone

    mender.change(finding, step)


def _members_miscounted(mender: Mender, finding: Finding) -> None:
    mender.inspection.change(lambda records: recount(records, finding.subject, datetime.now(UTC)))


def _needs_over(mender: Mender, finding: Finding) -> None:
    mender.inspection.change(lambda records: reconsider(records, finding.subject, datetime.now(UTC)))


def _runs_on(mender: Mender, finding: Finding) -> None:
    activity = _of(finding)
    _end(mender.folders.attempt(activity.id, activity.attempt))


def _input_missing(mender: Mender, finding: Finding) -> None:
    description = "The input was lost before the work began."
    mender.change(finding, lambda old, now: given_up(old, now, "InputLost", description))


def _result(mender: Mender, finding: Finding) -> None:
    activity = _of(finding)
    [wanted] = [result for result in activity.results if result.name == finding.name]
    if wanted.inline is not None:
        path = mender.folders.activity(activity.id) / wanted.path
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        attempt.write_whole(os.fspath(path), wanted.inline)
        return
    mender.change(finding, lambda old, now: _without(old, wanted, now))


def _without(old: Activity, lost: Result, now: datetime) -> Activity:
    """All names of one file go together: readers of each would get the same nothing."""
    left = tuple(result for result in old.results if result.path != lost.path)
    if left == old.results:
        return old
    description = f"The result {lost.name!r} was lost with its file ({lost.size} bytes, SHA-256 {lost.sha256})."
    error = ActivityError(time=now, severity=Severity.ERROR, code="ResultLost", description=description)
    return changes.with_errors(replace(old, results=left, version=old.version + 1), (error,))


def _upload(mender: Mender, finding: Finding) -> None:
    mender.folders.upload(finding.subject).unlink(missing_ok=True)
    mender.inspection.forget_upload(finding.subject)


def _folder_left(mender: Mender, finding: Finding) -> None:
    for folder in (mender.folders.root / finding.subject).iterdir():
        if folder.is_dir() and folder.name.isdecimal():
            _end(folder)
    mender.remove(finding.subject)


def _staging_left(mender: Mender, finding: Finding) -> None:
    accepted = mender.inspection.known([finding.subject])
    (mender.folders.accepted if accepted else mender.folders.discard)(finding.subject)


def _end(folder: Path) -> None:
    """Have the supervisor of an attempt end its work, as for an abort, and wait until both are gone."""
    where = os.fspath(folder)
    claim = attempt.read_claim(where)
    if claim is None or not runs(where):
        return
    pidfd = os.pidfd_open(claim.pid)
    try:
        if runs(where):  # still, so that the descriptor is of that process and no other
            signal.pidfd_send_signal(pidfd, supervisor.STAY)
            signal.pidfd_send_signal(pidfd, supervisor.ABORT)
            if not select.select([pidfd], [], [], _PATIENCE)[0]:
                raise Unavailable(f"process {claim.pid} does not end")
    finally:
        os.close(pidfd)


def _of(finding: Finding) -> Activity:
    assert finding.activity is not None, finding
    return finding.activity


_REMEDIES: Mapping[Kind, Callable[[Mender, Finding], None]] = {
    Kind.SCHEMA_OLDER: lambda mender, finding: mender.inspection.migrate(),
    Kind.ROW_TIMES: _row_times,
    Kind.ROW_FLAG: _row_flag,
    Kind.GROUPS: _groups,
    Kind.ORPHANED_ROWS: lambda mender, finding: mender.inspection.forget_orphans(),
    Kind.HISTORY_ENDLESS: _history_endless,
    Kind.HISTORY_ENDS_TWICE: _history_ends_twice,
    Kind.PARENT_GONE: _parent_gone,
    Kind.MEMBERS_MISCOUNTED: _members_miscounted,
    Kind.NEEDS_OVER: _needs_over,
    Kind.TRACE_LOST: _trace_lost,
    Kind.HOLDER_LEFT: _holder_left,
    Kind.RUNS_ON: _runs_on,
    Kind.INPUT_MISSING: _input_missing,
    Kind.RESULT_MISSING: _result,
    Kind.RESULT_CHANGED: _result,
    Kind.UPLOAD_MISSING: _upload,
    Kind.UPLOAD_CHANGED: _upload,
    Kind.FOLDER_LEFT: _folder_left,
    Kind.UPLOAD_LEFT: lambda mender, finding: mender.remove(finding.subject),
    Kind.PART_LEFT: lambda mender, finding: mender.remove(finding.subject),
    Kind.STAGING_LEFT: _staging_left,
    Kind.REMOVAL_LEFT: lambda mender, finding: mender.remove(finding.subject),
}
