"""One look at everything that a place holds, or once more at what was found there. It judges nothing itself."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from wsrf_activity.doctor.files import Files, examine_leftovers, examine_uploads
from wsrf_activity.doctor.findings import Finding, Kind
from wsrf_activity.doctor.holders import examine_holder, lives
from wsrf_activity.doctor.rows import examine_row
from wsrf_activity.manager import Limits
from wsrf_activity.manager.folders import Folders
from wsrf_activity.manager.machine import Machine
from wsrf_activity.model.activity import Activity
from wsrf_activity.store.inspection import Inspection, Stored
from wsrf_activity.store.locks import DATA_LOCK, database_lock, is_held

_LEFTOVERS = {Kind.FOLDER_LEFT, Kind.UPLOAD_LEFT, Kind.PART_LEFT, Kind.STAGING_LEFT, Kind.REMOVAL_LEFT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where servers keep what they have, and how long they leave each other's work alone."""

    data: Path
    files: Path  #: where inputs and results lie
    database: str = field(repr=False)  #: a SQLAlchemy URL, perhaps with a password
    lease: timedelta = Limits().lease
    host_grace: timedelta = Limits().host_grace


@dataclass(frozen=True, slots=True)
class Examined:
    """What was looked at, and what is wrong."""

    findings: tuple[Finding, ...] = ()
    activities: int = 0
    served: bool = False  #: whether a server is up


def is_served(inspection: Inspection, place: Place) -> bool:
    """Whether a server is up, by its locks or by its lease."""
    files = (place.data / DATA_LOCK, database_lock(place.database))
    return any(path is not None and is_held(path) for path in files) or is_leased(inspection)


def is_leased(inspection: Inspection) -> bool:
    """Whether a server lives by its lease, or is a process of this machine that has lost it: it may go on yet."""
    if _unfit(inspection) is not None:
        return False
    machine = Machine.this()
    return any(lives(each, machine) or machine.runs(each.server) for each in inspection.servers())


@dataclass(slots=True)
class _Found:
    """What activities show."""

    activities: int = 0
    of_rows: list[Finding] = field(default_factory=list)
    of_files: list[Finding] = field(default_factory=list)
    elsewhere: Finding | None = None  #: why the files say nothing


class Look:
    """What can be looked at, part by part."""

    def __init__(self, inspection: Inspection, place: Place, *, deep: bool) -> None:
        """Read every file that has a checksum if ``deep``."""
        self._inspection = inspection
        self._place = place
        self._deep = deep
        self._folders = Folders(place.files, make=False)
        self._files = Files(self._folders, deep=deep)
        self._machine = Machine.this()
        #: A server that has lost its own lease takes nothing over before it has renewed it a few times.
        self._patience = place.host_grace + 2 * place.lease

    def at_all(self) -> Examined:
        """Look at everything."""
        return self._look(None)

    def at_these(self, findings: Collection[Finding]) -> Examined:
        """Look once more at what was found, and perhaps at what belongs to it."""
        return self._look(findings)

    def _look(self, before: Collection[Finding] | None) -> Examined:
        served = is_served(self._inspection, self._place)
        if (unfit := _unfit(self._inspection)) is not None:
            return Examined((unfit,), served=served)
        only = None if before is None else {finding.subject for finding in before}
        found = self._activities(only, served)
        findings = found.of_rows
        if _among(before, {Kind.DATABASE_DAMAGED}):
            findings += self._damage()
        if _among(before, {Kind.ORPHANED_ROWS}):
            findings += self._orphans()
        if found.elsewhere is not None:
            return Examined((*findings, found.elsewhere), found.activities, served)
        uploads = (upload for upload in self._inspection.uploads() if only is None or upload.id in only)
        findings += [*found.of_files, *examine_uploads(uploads, self._folders, deep=self._deep)]
        if _among(before, _LEFTOVERS):
            findings += examine_leftovers(self._inspection, self._folders, served=served)
        return Examined(tuple(findings), found.activities, served)

    def _activities(self, only: Collection[str] | None, served: bool) -> _Found:
        vouched, elsewhere = self._folder()
        found, needed, here = _Found(elsewhere=elsewhere), False, vouched or only is not None
        for stored in self._inspection.stored(only):
            found.activities += 1
            found.of_rows += examine_row(stored)
            found.of_rows += examine_holder(stored, self._machine, self._patience)
            if (activity := stored.activity) is None or elsewhere is not None:
                continue
            if not here and _has_files(activity):
                needed, here = True, self._files.has_folder(activity)
            found.of_files += self._files.examine(activity, followed=served and self._followed_here(stored))
        if needed and not here:
            found.elsewhere = _elsewhere(f"{self._place.files} has the files of none of {found.activities} activities")
        return found

    def _folder(self) -> tuple[bool, Finding | None]:
        """Return whether this is certain to be the folder of the servers, and the finding that it is not.

        Those that live know best, dead ones where none does. Where no server is known, files will tell: a repair by
        the wrong folder would count all results as lost.
        """
        if self._inspection.is_sqlite:
            lock = database_lock(self._place.database)
            return lock is not None and lock.parent == self._place.files.resolve(), None
        servers = self._inspection.servers()
        living = [each for each in servers if lives(each, self._machine)]
        named = {each.server.folder for each in living or servers}
        if not named or self._folders.known_identity() in named:
            return bool(named), None
        return False, _elsewhere(f"{self._place.files} is not the folder that the servers of this database use")

    def _damage(self) -> Iterator[Finding]:
        for line in self._inspection.damage(deep=self._deep):
            yield Finding(Kind.DATABASE_DAMAGED, "database", f"the file of the database is damaged: {line}")

    def _orphans(self) -> Iterator[Finding]:
        for what, ids in self._inspection.orphans().items():
            for gone in ids:
                yield Finding(Kind.ORPHANED_ROWS, gone, f"{gone} is gone, but {what} of it are there")

    def _followed_here(self, stored: Stored) -> bool:
        """Whether the server that follows the work is on this machine, where its processes can be looked up."""
        if self._inspection.is_sqlite:
            return True
        return stored.holder is not None and stored.holder.in_force and self._machine.runs(stored.holder.server)


def _among(before: Collection[Finding] | None, kinds: Collection[Kind]) -> bool:
    return before is None or any(finding.kind in kinds for finding in before)


def _has_files(activity: Activity) -> bool:
    """Whether something of an activity must lie in its folder."""
    return bool(activity.results or activity.engine_job or activity.has_input)


def _elsewhere(what: str) -> Finding:
    return Finding(Kind.FILES_ELSEWHERE, "files", what)


def _unfit(inspection: Inspection) -> Finding | None:
    """Return why the tables cannot be read at all."""
    form = inspection.form
    if not form.known:
        return Finding(Kind.SCHEMA_NEWER, "database", f"the database is of a newer version (schema {form.current})")
    if form.current != form.wanted:
        has = "has no tables" if form.current is None else f"is of an earlier version (schema {form.current})"
        return Finding(Kind.SCHEMA_OLDER, "database", f"the database {has}")
    return None
