"""What must hold of the files: each that a row needs is there and as recorded, and none is there that no row needs."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from wsrf_activity.doctor.findings import Finding, Kind
from wsrf_activity.engines import attempt, processes
from wsrf_activity.manager.folders import UPLOADS, Folders
from wsrf_activity.model.activity import Activity, Result
from wsrf_activity.model.listing import Upload
from wsrf_activity.model.phases import Phase
from wsrf_activity.store.inspection import Inspection

_BATCH = 500  #: folders that are looked up at once


def runs(folder: Path) -> bool:
    """Whether a supervisor runs the attempt in this folder; one that has reported may run another by now."""
    claim = attempt.read_claim(os.fspath(folder))
    if claim is None or claim.boot != processes.boot_id() or attempt.has_report(os.fspath(folder)):
        return False
    process = processes.find(claim.pid)
    return process is not None and process.start == claim.start and process.state != "Z"


def examine_files(activity: Activity, folders: Folders, *, served: bool, deep: bool) -> Iterator[Finding]:
    """Yield what is wrong with the files and the work of an activity."""
    found: Iterator[tuple[Kind, str, str | None]]
    if activity.phase is Phase.EXECUTING:
        found = _executing(activity, folders, served)
    elif activity.phase.ended:
        found = _ended(activity, folders, deep)
    else:
        found = _waiting(activity, folders)
    for kind, what, name in found:
        yield Finding(kind, activity.id, f"activity {activity.id}: {what}", activity, name)


def _waiting(activity: Activity, folders: Folders) -> Iterator[tuple[Kind, str, str | None]]:
    if activity.has_input and not folders.input(activity.id).is_file():
        yield Kind.INPUT_MISSING, f"it is {activity.phase}, and its input is not there", None


def _executing(activity: Activity, folders: Folders, served: bool) -> Iterator[tuple[Kind, str, str | None]]:
    folder = folders.attempt(activity.id, activity.attempt)
    claim = attempt.read_claim(os.fspath(folder))
    if claim is None and activity.engine_job is not None:
        yield (
            Kind.TRACE_LOST,
            f"it is Executing as process {activity.engine_job}, but its folder says nothing of it",
            None,
        )
    elif claim is not None and served and not runs(folder):
        yield Kind.NOBODY_RUNS, f"it is Executing, but process {claim.pid} does not run it any more", None


def _ended(activity: Activity, folders: Folders, deep: bool) -> Iterator[tuple[Kind, str, str | None]]:
    if runs(folders.attempt(activity.id, activity.attempt)):
        yield Kind.RUNS_ON, f"it is {activity.phase}, but its work runs on", None
    for result in activity.results:
        path = folders.activity(activity.id) / result.path
        if not path.is_file():
            yield Kind.RESULT_MISSING, f"the file of its result {result.name!r} is gone ({result.path})", result.name
        elif not _as_recorded(path, result, deep):
            yield (
                Kind.RESULT_CHANGED,
                f"the file of its result {result.name!r} has changed ({result.path})",
                result.name,
            )


def _as_recorded(path: Path, recorded: Result | Upload, deep: bool) -> bool:
    if path.stat().st_size != recorded.size:
        return False
    if not deep:
        return True
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == recorded.sha256


def examine_uploads(uploads: Iterable[Upload], folders: Folders, *, served: bool, deep: bool) -> Iterator[Finding]:
    """Yield what is wrong with the inputs that were sent ahead."""
    left = set(folders.uploads())
    for upload in uploads:
        path = folders.upload(upload.id)
        if not path.is_file():
            yield Finding(Kind.UPLOAD_MISSING, upload.id, f"input {upload.id}: its file is gone")
        elif not _as_recorded(path, upload, deep):
            yield Finding(Kind.UPLOAD_CHANGED, upload.id, f"input {upload.id}: its file has changed")
        left.discard(upload.id)
    for name in sorted(left):
        path_ = f"{UPLOADS}/{name}"
        if not name.endswith(".part"):
            yield Finding(Kind.UPLOAD_LEFT, path_, f"{path_} belongs to no input that was sent ahead")
        elif not served:
            yield Finding(Kind.PART_LEFT, path_, f"{path_} is half an upload")


def examine_leftovers(inspection: Inspection, folders: Folders, *, served: bool) -> Iterator[Finding]:
    """Yield files that are there for nothing. What a server that is up is about to settle is left out."""
    staged = set(folders.staged())
    if not served:
        for name in sorted(staged):
            yield Finding(Kind.STAGING_LEFT, name, f"activity {name}: its acceptance was cut off")
        # Of servers on one PostgreSQL each removes what lies in its own data folder.
        here = (path for path in inspection.removals() if inspection.is_sqlite or (folders.root / path).exists())
        for path in sorted(here):
            yield Finding(Kind.REMOVAL_LEFT, path, f"{path} was to be removed")
    every = folders.every()
    while batch := list(islice(every, _BATCH)):
        unknown = sorted(set(batch) - inspection.known(batch) - staged)
        noted = inspection.removals() if unknown else set()
        for activity_id in unknown:
            path = folders.relative(activity_id)
            if path not in noted and (folders.root / path).exists():
                yield Finding(Kind.FOLDER_LEFT, path, f"{path} is the folder of no activity")
