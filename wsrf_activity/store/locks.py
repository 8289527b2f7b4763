"""Files that a process holds for itself for as long as it lives: a data folder's, and a SQLite database's."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from wsrf_activity.model.errors import Unavailable

DATA_LOCK = "lock"  #: the file in a data folder


class Taken(Unavailable):
    """Another process has it."""


@contextmanager
def held(path: Path, refusal: str) -> Iterator[int]:
    """Hold the file, which is made where there is none, and say in it who does.

    Gives its descriptor: the kernel lets go of the file with the last process that has that open, however it ends.
    Raises Taken with ``refusal`` where another process holds it, and OSError where it cannot be made.
    """
    with path.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Taken(refusal) from None
        with suppress(OSError):  # on a full disk it is held all the same
            os.truncate(lock.fileno(), 0)
            os.write(lock.fileno(), str(os.getpid()).encode())
        yield lock.fileno()


def holder(path: Path) -> int | None:
    """Return the process that took the file when it was last taken; it may be gone, and have left it to others."""
    try:
        return int(path.read_text("ascii"))
    except (OSError, ValueError):
        return None


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
