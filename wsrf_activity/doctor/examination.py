"""An examination from end to end, and the repair of what it found.

Beside a server that is up much is on its way: an upload that has its file but not its row yet, work that has ended but
is not settled. So what is found then is looked at again, and only what stays is told.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from wsrf_activity.doctor.files import examine_files, examine_leftovers, examine_uploads
from wsrf_activity.doctor.findings import Finding, Kind
from wsrf_activity.doctor.mending import Mender
from wsrf_activity.doctor.rows import examine_row
from wsrf_activity.manager.folders import Folders
from wsrf_activity.model.activity import Activity
from wsrf_activity.model.errors import Unavailable
from wsrf_activity.store.inspection import Inspection
from wsrf_activity.store.locks import DATA_LOCK, database_lock, held, is_held

_LOOKS_AGAIN = (0.5, 1.0, 3.0, 6.0)  #: seconds before each further look at what may only be on its way
_UP = "a server is up: stop it first, or leave out --repair"


@dataclass(frozen=True, slots=True)
class Examined:
    """What was looked at, and what is wrong."""

    findings: tuple[Finding, ...] = ()
    activities: int = 0
    elsewhere: int = 0  #: activities whose files must be in the data folder of another server on the same database
    served: bool = False  #: whether a server is up


def examine(data: Path, url: str, *, deep: bool = False) -> Examined:
    """Look at a data folder and its database; ``deep`` reads every file that has a checksum.

    Nothing is written, and a server that is up is not disturbed. Raises Unavailable where the database cannot be read.
    """
    with closing(Inspection(url)) as inspection:
        examined = _look(inspection, data, url, deep)
        for pause in _LOOKS_AGAIN:
            if not (examined.served and examined.findings):
                break
            time.sleep(pause)
            again = _look(inspection, data, url, deep)
            stays = set(examined.findings)
            examined = replace(again, findings=tuple(finding for finding in again.findings if finding in stays))
    return examined


def repair(data: Path, url: str, examined: Examined, tell: Callable[[Finding, str | None], None]) -> None:
    """Mend what can be mended, and tell of each finding with what hindered it, if anything did.

    No server can start meanwhile; raises locks.Taken where one is up.
    """
    with _alone(data, url), closing(Inspection(url, writable=True)) as inspection:
        mender = Mender(inspection, Folders(data))
        for finding in examined.findings:
            hindrance = None
            try:
                mender.mend(finding)
            except (Unavailable, OSError) as error:
                hindrance = str(error)
            tell(finding, hindrance)


@contextmanager
def _alone(data: Path, url: str) -> Iterator[None]:
    with ExitStack() as stack:
        for path in (data / DATA_LOCK, database_lock(url)):
            if path is not None:
                stack.enter_context(held(path, _UP))
        yield


def _look(inspection: Inspection, data: Path, url: str, deep: bool) -> Examined:
    database = database_lock(url)
    served = is_held(data / DATA_LOCK) or (database is not None and is_held(database))
    if (unfit := _unfit(inspection)) is not None:
        return Examined((unfit,), served=served)
    folders = Folders(data, make=False)
    findings = [
        Finding(Kind.DATABASE_DAMAGED, "database", f"the file of the database is damaged: {line}")
        for line in inspection.damage(deep=deep)
    ]
    # Servers of one PostgreSQL may each have a data folder of their own: what is not here need not be lost.
    alone = inspection.is_sqlite
    activities = elsewhere = 0
    for stored in inspection.stored():
        activities += 1
        findings += examine_row(stored)
        if stored.activity is not None and not alone and _is_elsewhere(stored.activity, folders):
            elsewhere += 1
        elif stored.activity is not None:
            findings += examine_files(stored.activity, folders, served=served, deep=deep)
    findings += _orphans(inspection)
    uploads = [upload for upload in inspection.uploads() if alone or folders.upload(upload.id).exists()]
    findings += examine_uploads(uploads, folders, served=served, deep=deep)
    findings += examine_leftovers(inspection, folders, served=served)
    return Examined(tuple(findings), activities, elsewhere, served)


def _unfit(inspection: Inspection) -> Finding | None:
    """Return why the tables cannot be read at all."""
    form = inspection.form
    if not form.known:
        return Finding(Kind.SCHEMA_NEWER, "database", f"the database is of a newer version (schema {form.current})")
    if form.current != form.wanted:
        has = "has no tables" if form.current is None else f"is of an earlier version (schema {form.current})"
        return Finding(Kind.SCHEMA_OLDER, "database", f"the database {has}")
    return None


def _is_elsewhere(activity: Activity, folders: Folders) -> bool:
    """Whether the files of an activity that must have some are not here, those of its last attempt above all."""
    if activity.results or activity.engine_job:
        return not folders.attempt(activity.id, activity.attempt).exists()
    return activity.has_input and not folders.activity(activity.id).exists()


def _orphans(inspection: Inspection) -> Iterator[Finding]:
    for what, ids in zip(("events", "groups"), inspection.orphans(), strict=True):
        for activity_id in ids:
            what_ = f"activity {activity_id} is gone, but {what} of it are there"
            yield Finding(Kind.ORPHANED_ROWS, activity_id, what_)
