"""What lies in the folder of one attempt, as the supervisor leaves it and as any later server reads it.

What has to be there whole or not at all gets its name when it is. It is imported by every supervisor, so it imports
next to nothing.
"""

import contextlib
import os
from typing import NamedTuple

SUPERVISOR = "supervisor"  #: who runs the attempt. Named once, just before the work begins: see ``Record``
REPORT = "report"  #: the same file when all of it is there
LIMIT = "limit"  #: the limit of work in seconds, where it was changed after the start
MESSAGES = "messages"  #: what the work says of itself, a line each
WORK = "work"  #: the working folder
INPUT = "input"  #: in the working folder
STDOUT = "stdout"
STDERR = "stderr"
ARGUMENTS = "arguments"  #: the request of a typed operation, for work that reads it itself
CHECKPOINT = "checkpoint"  #: what the work has kept so far, for an attempt after this one to go on from
RESULTS = "results"  #: the result files that the work names while it runs, a line each
FAILURE = "failure"  #: why it failed, as the work itself says
SPAWNED = "spawned"  #: the folder of what the work wants started, a file each
FAILURE_ROOM = 32768  #: bytes of it with a long trace, for which a function has room in the record
CRASH = "supervisor.crash"  #: the traceback of a supervisor that failed

#: Names in the work's environment, which also tell it from all other processes.
ACTIVITY_ID = "ACTIVITY_ID"
ACTIVITY_ATTEMPT = "ACTIVITY_ATTEMPT"
ACTIVITY_SERVICE = "ACTIVITY_SERVICE"
ACTIVITY_REPORT = "ACTIVITY_REPORT"
ACTIVITY_INPUT = "ACTIVITY_INPUT"
ACTIVITY_ARGUMENTS = "ACTIVITY_ARGUMENTS"
ACTIVITY_INDEX = "ACTIVITY_INDEX"
ACTIVITY_CHECKPOINT = "ACTIVITY_CHECKPOINT"
ACTIVITY_RESULTS = "ACTIVITY_RESULTS"
ACTIVITY_FAILURE = "ACTIVITY_FAILURE"


_RECORD = "record"  #: how a record is called before it is claim or report; the number of its process follows
_HEAD = 4096  #: bytes of a record that hold what stands before the report
_CLAIM, _SESSION, _END = b"claim", b"session", b"end"
_REPORT = b"report"

#: As the first version left an attempt, which may run still or wait to be read: small facts as the targets of links.
_LINKS = {_SESSION: "session", _END: "ended"}
_OLD_REPORT = "report.json"


class Claim(NamedTuple):
    """The one supervisor of an attempt."""

    pid: int
    start: int  #: clock ticks after the boot, from /proc
    boot: str  #: identifier of the boot; a process of another boot is dead
    limit: float | None  #: seconds of work, as first given


class End(NamedTuple):
    """How the main process of the work ended. Times are seconds of the epoch."""

    code: int
    reason: str
    started: float
    ended: float


class Record:
    """What a supervisor notes of one attempt, line by line, into room that is kept on the disk.

    One file is the claim, the notes and the report: to make a file costs a supervisor more than all that it writes.
    Each name is made in one system call, whole or not at all, and that of the claim by one process only.
    """

    def __init__(self, folder: str, room: int) -> None:
        """Keep room for so many bytes, since the disk may be full by the time that they are written. Raises OSError."""
        self._folder = folder
        self._path = f"{folder}/{_RECORD}.{os.getpid()}"
        self._written = 0
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)  # of a dead process that had this one's number; it may be the claim, which stays
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.posix_fallocate(self._file, 0, room)
        except BaseException:
            self.discard()
            raise

    def claim(self, claim: Claim) -> bool:
        """Claim the attempt; False where somebody has, and of the record nothing is left. Raises OSError."""
        limit = "-" if claim.limit is None else repr(claim.limit)
        self._add(_CLAIM, f"{claim.pid} {claim.start} {claim.boot} {limit}".encode())
        try:
            os.link(self._path, f"{self._folder}/{SUPERVISOR}")
        except OSError as error:
            self.discard()
            if isinstance(error, FileExistsError):
                return False
            raise
        return True

    def session(self, pid: int, start: int) -> None:
        """Note which process leads the work's session, and its start time."""
        self._add(_SESSION, f"{pid} {start}".encode())

    def end(self, end: End) -> None:
        """Note how the work ended: nothing of it runs any more, and its outputs are not hashed yet."""
        self._add(_END, f"{end.code} {end.reason} {end.started!r} {end.ended!r}".encode())

    def report(self, content: bytes) -> None:
        """Add the report, which is one line, and let it be known that all is over."""
        self._add(_REPORT, content)
        os.ftruncate(self._file, self._written)
        os.close(self._file)
        os.rename(self._path, f"{self._folder}/{REPORT}")

    def withdraw(self) -> None:
        """Take the claim back, of work that could not begin."""
        os.unlink(f"{self._folder}/{SUPERVISOR}")
        self.discard()

    def discard(self) -> None:
        """Leave nothing of it."""
        os.close(self._file)
        os.unlink(self._path)

    def _add(self, kind: bytes, content: bytes) -> None:
        self._written += os.pwrite(self._file, kind + b" " + content + b"\n", self._written)


def read_claim(folder: str) -> Claim | None:
    """Return who runs or ran the attempt; None is nobody, so that the work never began."""
    lines = _lines(f"{folder}/{SUPERVISOR}", _HEAD)
    words = _linked(folder, SUPERVISOR) if lines is None else lines.get(_CLAIM, b"").decode().split(" ")
    match words:
        case []:
            return None
        case pid, start, boot, limit:
            return Claim(int(pid), int(start), boot, None if limit == "-" else float(limit))
    return Claim(0, 0, "", None)  # its name was on the disk when the power failed, and its content was not


def read_end(folder: str) -> End | None:
    """Return how the work ended; None while it runs, or where its supervisor was killed first."""
    match _noted(folder, _END):
        case code, reason, started, ended:
            return End(int(code), reason, float(started), float(ended))
    return None


def read_session(folder: str) -> tuple[int, int] | None:
    """Return process and start time of the work's main process; None where its supervisor was killed too early."""
    match _noted(folder, _SESSION):
        case pid, start:
            return int(pid), int(start)
    return None


def read_report(folder: str) -> bytes | None:
    """Return what the supervisor has reported; None where there is nothing."""
    lines = _lines(f"{folder}/{REPORT}")
    if lines is not None:
        return lines.get(_REPORT)
    try:
        with open(f"{folder}/{_OLD_REPORT}", "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def has_report(folder: str) -> bool:
    """Whether all is over."""
    return os.path.exists(f"{folder}/{REPORT}") or os.path.exists(f"{folder}/{_OLD_REPORT}")


def read_limit(folder: str, claim: Claim) -> float | None:
    """Return the limit of work in seconds that is in force."""
    try:
        with open(f"{folder}/{LIMIT}", encoding="ascii") as file:
            text = file.read()
    except FileNotFoundError:
        return claim.limit
    return None if text == "-" else float(text)


def write_limit(folder: str, limit: float | None) -> None:
    """Change the limit of work; the supervisor looks when it gets SIGUSR1."""
    write_whole(f"{folder}/{LIMIT}", b"-" if limit is None else repr(limit).encode())


def write_whole(path: str, content: bytes) -> None:
    """Write a small file so that a reader finds all of it or none."""
    temporary = f"{path}.{os.getpid()}"
    with open(temporary, "wb") as file:
        file.write(content)
    os.rename(temporary, path)


def _noted(folder: str, kind: bytes) -> list[str]:
    lines = _lines(f"{folder}/{SUPERVISOR}", _HEAD)
    return _linked(folder, _LINKS[kind]) if lines is None else lines.get(kind, b"").decode().split(" ")


def _linked(folder: str, name: str) -> list[str]:
    try:
        return os.readlink(f"{folder}/{name}").split(" ")
    except OSError:  # nothing of that name, or no link
        return []


def _lines(path: str, size: int = -1) -> dict[bytes, bytes] | None:
    """Return the whole lines of a record by their first words; None where there is no such record."""
    try:
        with open(path, "rb", buffering=0) as file:
            content = file.read(size)
    except FileNotFoundError:
        return None
    pairs = (line.partition(b" ") for line in content.partition(b"\0")[0].split(b"\n")[:-1])
    return {kind: rest for kind, _, rest in pairs}
