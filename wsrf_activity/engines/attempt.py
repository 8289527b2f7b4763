"""What lies in the folder of one attempt, as the supervisor leaves it and as any later server reads it.

Small facts are the targets of symbolic links: such a link is made in one system call, whole or not at all, and by one
process only. It is imported by every supervisor, so it imports next to nothing.
"""

import contextlib
import os
from typing import NamedTuple

SUPERVISOR = "supervisor"  #: link: who runs the attempt. Made once, just before the work begins
SESSION = "session"  #: link: process and start time of the work's main process, which leads its session
ENDED = "ended"  #: link: how the work ended. Made when nothing of it runs any more, before its outputs are hashed
REPORT = "report.json"  #: all of it
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


class Claim(NamedTuple):
    """The one supervisor of an attempt."""

    pid: int
    start: int  #: clock ticks after the boot, from /proc
    boot: str  #: identifier of the boot; a process of another boot is dead
    limit: float | None  #: seconds of work, as first given

    def write(self, folder: str) -> None:
        """Claim the attempt. Raises FileExistsError where somebody has."""
        limit = "-" if self.limit is None else repr(self.limit)
        os.symlink(f"{self.pid} {self.start} {self.boot} {limit}", f"{folder}/{SUPERVISOR}")


class End(NamedTuple):
    """How the main process of the work ended. Times are seconds of the epoch."""

    code: int
    reason: str
    started: float
    ended: float

    def write(self, folder: str) -> None:
        """Keep it if the disk allows; who has said so first is right."""
        with contextlib.suppress(OSError):
            os.symlink(f"{self.code} {self.reason} {self.started!r} {self.ended!r}", f"{folder}/{ENDED}")


def read_claim(folder: str) -> Claim | None:
    """Return who runs or ran the attempt; None is nobody, so that the work never began."""
    words = _words(f"{folder}/{SUPERVISOR}")
    if words is None:
        return None
    pid, start, boot, limit = words
    return Claim(int(pid), int(start), boot, None if limit == "-" else float(limit))


def read_end(folder: str) -> End | None:
    """Return how the work ended; None while it runs, or where its supervisor was killed first."""
    words = _words(f"{folder}/{ENDED}")
    if words is None:
        return None
    code, reason, started, ended = words
    return End(int(code), reason, float(started), float(ended))


def has_report(folder: str) -> bool:
    """Whether all is over."""
    return os.path.exists(f"{folder}/{REPORT}")


def write_session(folder: str, pid: int, start: int) -> None:
    """Keep which process leads the work's session, if the disk allows."""
    with contextlib.suppress(OSError):
        os.symlink(f"{pid} {start}", f"{folder}/{SESSION}")


def read_session(folder: str) -> tuple[int, int] | None:
    """Return process and start time of the work's main process; None where its supervisor was killed too early."""
    words = _words(f"{folder}/{SESSION}")
    return None if words is None else (int(words[0]), int(words[1]))


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


def _words(link: str) -> list[str] | None:
    try:
        return os.readlink(link).split(" ")
    except FileNotFoundError:
        return None
