"""Files that a process holds for itself for as long as it lives: a data folder's, and a SQLite database's."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from wsrf_activity.model.errors import Unavailable

DATA_LOCK = "lock"  #: the file in a data folder


class Taken(Unavailable):
    """Another process has it."""


@contextmanager
def held(path: Path, refusal: str) -> Iterator[None]:
    """Hold the file, which is made where there is none; the kernel lets go of it with the process.

    Raises Taken with ``refusal`` where another process holds it, and OSError where it cannot be made.
    """
    with path.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Taken(refusal) from None
        yield


def is_held(path: Path) -> bool:
    """Whether a process holds the file. The kernel's list is asked, for a look at the lock itself could be in the way
    of a server that starts at that moment.
    """
    try:
        inode = path.stat().st_ino
    except FileNotFoundError:
        return False
    # By inode alone: some file systems (btrfs, overlayfs) list another device than they tell in stat().
    held = (line.split() for line in Path("/proc/locks").read_text("ascii").splitlines())
    return any("FLOCK" in fields and any(field.endswith(f":{inode}") for field in fields) for fields in held)


def database_lock(url: str) -> Path | None:
    """Return the file whose holder has a SQLite database for itself; None for a database with a server of its own.

    It lies beside the database, whatever links lead there, and is another file: SQLite's own locks on the database
    would be lost when a second descriptor of it is closed.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return None  # who opens it says what is wrong with it
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        return None
    path = Path(str(parsed.database)).resolve()
    return path.with_name(path.name + ".lock")
