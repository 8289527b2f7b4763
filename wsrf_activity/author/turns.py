"""A process that serves several calls, as the author of their function has chosen: what is done between two of them.

It goes on only where a call has left the process as it found it, as far as that can be seen from outside of Python's
memory: what is in memory is what the process is kept for.
"""

import os
import resource
import signal
import sys
import threading
import time

from wsrf_activity.author.sources import Sources
from wsrf_activity.engines.keeping import Seat

_LIMITS = [getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")]
_SIGNALS = range(1, signal.SIGRTMIN)


class Turns:
    """The calls of one process."""

    def __init__(self, seat: Seat) -> None:
        """Serve the call of now, whose function is yet to be loaded."""
        self._seat = seat
        self._process = os.getpid()
        self._sources = Sources()
        self._since = time.time()
        self._place = os.getcwd()
        self._left: object = None
        self._environment: dict[str, str] = {}

    def loaded(self) -> None:
        """Note how the process is now: what modules do to it as they are imported is done for all calls."""
        if self._left is None:
            self._left = _state()
        self._environment = dict(os.environ)

    def next(self) -> bool:
        """End a call that has returned, and wait for the next; False where the process is to end as any other does."""
        if not (self._seat.alone() and self._fit()):
            return False
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if not self._seat.rest():
            return False
        if not self._sources.unchanged():
            self._seat.refuse()
            return False
        self._seat.begin()
        self._since = time.time()
        self._place = enter(self._place)
        return True

    def _fit(self) -> bool:
        return (
            os.getpid() == self._process
            and self._sources.add(self._since)
            and _where() == self._place
            and dict(os.environ) == self._environment
            and _state() == self._left
            and flush()
        )


def enter(before: str | None = None) -> str:
    """Have Python begin in the current folder, and read standard input anew; return the folder."""
    folder = os.getcwd()
    if before in sys.path:
        sys.path[sys.path.index(before)] = folder
        sys.path_importer_cache.pop(before, None)
    elif before is None:
        sys.path.insert(0, folder)
    usual = sys.__stdin__
    encoding, errors = (usual.encoding, usual.errors) if usual is not None else (None, None)
    sys.stdin = open(0, encoding=encoding, errors=errors, closefd=False)  # noqa: SIM115 - to the end
    return folder


def flush() -> bool:
    """Write out what was printed, as Python does at its end: a stream that the function has closed is no failure."""
    written = True
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and not getattr(stream, "closed", False):
                stream.flush()
        except Exception:  # a full disk, or a stream of the author's own making
            written = False
    return written


def _state() -> object:
    """Return what a function could change of a process, and a process that is kept would hand on."""
    umask = os.umask(0o077)
    os.umask(umask)
    streams = [(id(each), getattr(each, "closed", True)) for each in (sys.stdout, sys.stderr)]
    threads = [each for each in threading.enumerate() if not each.daemon]
    return (
        [umask, os.getresuid(), os.getresgid(), os.getpriority(os.PRIO_PROCESS, 0), streams, threads],
        [resource.getrlimit(each) for each in _LIMITS],
        [signal.getsignal(each) for each in _SIGNALS if each != signal.SIGTERM],
        [signal.pthread_sigmask(signal.SIG_BLOCK, ()), signal.getitimer(signal.ITIMER_REAL)],
    )


def _where() -> str | None:
    try:
        return os.getcwd()
    except FileNotFoundError:  # it was removed
        return None
