"""What must hold of the files: each that a row needs is there and as recorded, and none is there that no row needs."""

import hashlib
import os
import stat
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
_Found = tuple[Kind, str, str | None]  #: what, in words, and the name of a result


def runs(folder: str) -> bool:
    """Whether a supervisor runs the attempt in this folder; one that has reported may run another by now."""
    if attempt.has_report(folder):
        return False
    claim = attempt.read_claim(folder)
    if claim is None or claim.boot != processes.boot_id():
        return False
    process = processes.find(claim.pid)
    return process is not None and process.start == claim.start and process.state != "Z"


class Files:
    """What activities have below one root. Paths are texts here: making objects of them would take most of the time."""

    def __init__(self, folders: Folders, *, deep: bool) -> None:
        """Read every file that has a checksum if ``deep``."""
        self._folders = folders
        self._root = os.fspath(folders.root)
        self._deep = deep

    def has_folder(self, activity: Activity) -> bool:
        """Whether there is anything of an activity."""
        return os.path.isdir(self._folder(activity))

    def examine(self, activity: Activity, *, followed: bool) -> Iterator[Finding]:
        """Yield what is wrong with the files of an activity, and with its work.

        ``followed`` is whether a server of this machine sees through what executes.
        """
        if activity.phase.ended:
            found = self._ended(activity)
        elif activity.gathering:
            found = iter(())  # its own work is over, and its results are looked at when all of it is
        elif activity.phase is Phase.EXECUTING:
            found = self._executing(activity, followed)
        else:
            found = self._waiting(activity)
        for kind, what, name in found:
            yield Finding(kind, activity.id, f"activity {activity.id}: {what}", activity, name)

    def _folder(self, activity: Activity) -> str:
        return f"{self._root}/{self._folders.relative(activity.id)}"

    def _waiting(self, activity: Activity) -> Iterator[_Found]:
        if activity.has_input and not self._folders.input(activity.id).is_file():
            yield Kind.INPUT_MISSING, f"it is {activity.phase}, and its input is not there", None

    def _executing(self, activity: Activity, followed: bool) -> Iterator[_Found]:
        folder = f"{self._folder(activity)}/{activity.attempt}"
        claim = attempt.read_claim(folder)
        if claim is None and activity.engine_job is not None:
            what = f"it is Executing as process {activity.engine_job}, but its folder says nothing of it"
            yield Kind.TRACE_LOST, what, None
        elif claim is not None and followed and not runs(folder):
            yield Kind.NOBODY_RUNS, f"it is Executing, but process {claim.pid} does not run it any more", None

    def _ended(self, activity: Activity) -> Iterator[_Found]:
        folder = self._folder(activity)
        if runs(f"{folder}/{activity.attempt}"):
            yield Kind.RUNS_ON, f"it is {activity.phase}, but its work runs on", None
        wrong: dict[str, Kind | None] = {}  #: by path: results may share a file
        for result in activity.results:
            path = result.path
            if path not in wrong:
                wrong[path] = _wrong(f"{folder}/{path}", result, self._deep)
            if (kind := wrong[path]) is not None:
                has = "is gone" if kind is Kind.RESULT_MISSING else "has changed"
                yield kind, f"the file of its result {result.name!r} {has} ({path})", result.name


def _wrong(path: str, recorded: Result, deep: bool) -> Kind | None:
    as_recorded = _as_recorded(path, recorded, deep)
    if as_recorded is None:
        return Kind.RESULT_MISSING
    return None if as_recorded else Kind.RESULT_CHANGED


def _as_recorded(path: str | Path, recorded: Result | Upload, deep: bool) -> bool | None:
    """Return whether a file is as it was when it was recorded; None where it is gone."""
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            return None
        if found.st_size != recorded.size or not deep:
            return found.st_size == recorded.size
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == recorded.sha256
    except (FileNotFoundError, NotADirectoryError):
        return None


def examine_uploads(uploads: Iterable[Upload], folders: Folders, *, deep: bool) -> Iterator[Finding]:
    """Yield what is wrong with the inputs that were sent ahead."""
    for upload in uploads:
        as_recorded = _as_recorded(folders.upload(upload.id), upload, deep)
        if as_recorded is None:
            yield Finding(Kind.UPLOAD_MISSING, upload.id, f"input {upload.id}: its file is gone")
        elif not as_recorded:
            yield Finding(Kind.UPLOAD_CHANGED, upload.id, f"input {upload.id}: its file has changed")


def examine_leftovers(inspection: Inspection, folders: Folders, *, served: bool) -> Iterator[Finding]:
    """Yield files that are there for nothing. What a server that is up is about to settle is left out."""
    staged = set(folders.staged())
    if not served:
        for name in sorted(staged):
            yield Finding(Kind.STAGING_LEFT, name, f"activity {name}: its acceptance was cut off")
        for path in sorted(inspection.removals()):
            yield Finding(Kind.REMOVAL_LEFT, path, f"{path} was to be removed")
    for name in sorted({*folders.uploads()} - {upload.id for upload in inspection.uploads()}):
        path = f"{UPLOADS}/{name}"
        if not name.endswith(".part"):
            yield Finding(Kind.UPLOAD_LEFT, path, f"{path} belongs to no input that was sent ahead")
        elif not served:
            yield Finding(Kind.PART_LEFT, path, f"{path} is half an upload")
    yield from _folders_left(inspection, folders, staged)


def _folders_left(inspection: Inspection, folders: Folders, staged: set[str]) -> Iterator[Finding]:
    every = folders.every()
    while batch := list(islice(every, _BATCH)):
        unknown = sorted(set(batch) - inspection.known(batch) - staged)
        noted = inspection.removals() if unknown else set()
        for activity_id in unknown:
            path = folders.relative(activity_id)
            if path not in noted and (folders.root / path).exists():
                yield Finding(Kind.FOLDER_LEFT, path, f"{path} is the folder of no activity")
