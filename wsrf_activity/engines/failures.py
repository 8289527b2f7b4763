"""Why work failed, as it says itself: a small file, written by whoever runs a function, read without being fooled."""

import contextlib
import json
import os
import stat
from typing import Any

from wsrf_activity.engines import attempt
from wsrf_activity.engines.base import Failure

TRACE = 16384  #: bytes of a trace that are kept, of its end
_CODE = 200  #: characters
_MESSAGE = 4000  #: characters
_FILE = 1 << 18  #: bytes; what is larger was not written by ``write``


def make_room(folder: str) -> None:
    """Give back the room in an attempt's record that is kept for saying why it failed, as on a disk that is full.

    For the process of a function, once: its supervisor does not need that room.
    """
    record = f"{folder}/{attempt.SUPERVISOR}"
    with contextlib.suppress(OSError):
        os.truncate(record, max(0, os.path.getsize(record) - attempt.FAILURE_ROOM))


def write(path: str, failure: Failure) -> None:
    """Say why the work failed. Raises OSError."""
    trace = None if failure.trace is None else _ending(failure.trace)
    content = {"code": failure.code[:_CODE], "message": failure.message[:_MESSAGE], "trace": trace}
    attempt.write_whole(path, json.dumps(content).encode())


def read(folder: str) -> Failure | None:
    """Return what the work says in an attempt's folder of why it failed; None where it says nothing of use."""
    try:
        file = os.open(f"{folder}/{attempt.FAILURE}", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _FILE:
            return None
        return _parsed(os.read(file, _FILE))
    except OSError:
        return None
    finally:
        os.close(file)


def _parsed(content: bytes) -> Failure | None:
    try:
        said: Any = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    code, message, trace = (said.get(name) for name in ("code", "message", "trace"))
    if not isinstance(message, str) or not (message := _line(message)[:_MESSAGE]):
        return None
    code = _line(code)[:_CODE] if isinstance(code, str) else ""
    return Failure(code or "Error", message, _ending(_lines(trace)) or None if isinstance(trace, str) else None)


def _ending(text: str) -> str:
    """Return the end of a trace, where it says what happened, beginning with a whole line."""
    content = text.encode("utf-8", "replace")
    if len(content) <= TRACE:
        return text
    return content[-TRACE:].partition(b"\n")[2].decode("utf-8", "replace") or content[-TRACE:].decode("utf-8", "ignore")


def _line(text: str) -> str:
    """Return a text on one line, without what cannot stand in XML."""
    return "".join(c if c.isprintable() else " " for c in text).strip()


def _lines(text: str) -> str:
    return "".join(c if c.isprintable() or c in "\n\t" else " " for c in text).strip("\n")
