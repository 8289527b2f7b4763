"""An examination from end to end, and the repair of what it found.

Beside a server that is up much is on its way: an upload that has its file but not its row yet, work that has ended but
is not settled. So what is found then is looked at again, and only what stays is told.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace

from wsrf_activity.doctor.findings import Finding, Kind
from wsrf_activity.doctor.look import Examined, Look, Place, is_leased
from wsrf_activity.doctor.mending import Mender
from wsrf_activity.manager.folders import Folders
from wsrf_activity.model.errors import Unavailable
from wsrf_activity.store.inspection import Inspection
from wsrf_activity.store.locks import DATA_LOCK, Taken, database_lock, held

_LOOKS_AGAIN = (0.5, 1.0, 3.0, 6.0)  #: seconds before each further look at what may only be on its way
#: What servers mend by themselves, but not before they have renewed their leases a few times.
_SLOWLY_MENDED = {Kind.HOLDER_UNKNOWN, Kind.HOLDER_GONE}
_LEASES = 2  #: after which they have
_UP = "a server is up: stop it first, or leave out --repair"


def examine(place: Place, *, deep: bool = False) -> Examined:
    """Look at files and database; ``deep`` reads every file that has a checksum.

    Nothing is written, and a server that is up is not disturbed. Raises Unavailable where the database cannot be read.
    """
    with closing(Inspection(place.database)) as inspection:
        look = Look(inspection, place, deep=deep)
        examined = look.at_all()
        for pause in _LOOKS_AGAIN:
            examined = _again(look, examined, pause)
        if any(finding.kind in _SLOWLY_MENDED for finding in examined.findings):
            examined = _again(look, examined, _LEASES * place.lease.total_seconds())
    return examined


def _again(look: Look, before: Examined, pause: float) -> Examined:
    """Return what still is as it was found before; without a server nothing is on its way."""
    if not (before.served and before.findings):
        return before
    time.sleep(pause)
    if not any(finding.kind is Kind.FILES_ELSEWHERE for finding in before.findings):
        return _staying(before, look.at_these(before.findings))
    now = look.at_all()
    still = any(finding.kind is Kind.FILES_ELSEWHERE for finding in now.findings)
    return _staying(before, now) if still else now  # which has findings that could not be told before


def _staying(before: Examined, now: Examined) -> Examined:
    stays = set(before.findings)
    left = tuple(finding for finding in now.findings if finding in stays)
    return replace(now, activities=before.activities, findings=left)


def repair(place: Place, examined: Examined, tell: Callable[[Finding, str | None], None]) -> None:
    """Mend what can be mended, and tell of each finding with what hindered it, if anything did.

    No server can start meanwhile; raises locks.Taken where one is up.
    """
    with _locked(place), closing(Inspection(place.database, writable=True)) as inspection, _unleased(inspection):
        mender = Mender(inspection, Folders(place.files))
        for finding in examined.findings:
            hindrance = None
            try:
                mender.mend(finding)
            except (Unavailable, OSError) as error:
                hindrance = str(error)
            tell(finding, hindrance)


@contextmanager
def _locked(place: Place) -> Iterator[None]:
    """Keep servers of this data folder and of a SQLite database away."""
    with ExitStack() as stack:
        for path in (place.data / DATA_LOCK, database_lock(place.database)):
            if path is not None:
                stack.enter_context(held(path, _UP))
        yield


@contextmanager
def _unleased(inspection: Inspection) -> Iterator[None]:
    """Keep all servers of a PostgreSQL away, wherever they are."""
    if is_leased(inspection):
        raise Taken(_UP)
    with inspection.exclusive():
        if is_leased(inspection):
            raise Taken(_UP)
        yield
