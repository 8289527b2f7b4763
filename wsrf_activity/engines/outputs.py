"""What an attempt left behind: its outputs, measured and made durable. Imported by every supervisor."""

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping

from wsrf_activity.engines import attempt

_EMPTY = hashlib.sha256(b"").hexdigest()
_BLOCK = 1 << 20

Measured = tuple[str, str, str, int, str]  #: the fields of base.Output, in order


def collect(folder: str, media_type: str, results: Mapping[str, tuple[str, str]]) -> tuple[list[Measured], list[str]]:
    """Return the outputs of an attempt whose processes are gone, and the declared results that it did not leave.

    A result is a regular file that lies inside the working folder, whatever links lead to it: the work may run a
    program that somebody else prepared, and no file of the server's may become a result that way.
    """
    found: list[Measured] = []
    missing: list[str] = []
    for name, path, kind in _candidates(folder, media_type, results):
        measured = None if path is None else _measure(f"{folder}/{path}")
        if path is None or measured is None:
            missing.append(name)
        else:
            found.append((name, path, kind, *measured))
    return found, missing


def _candidates(
    folder: str, media_type: str, results: Mapping[str, tuple[str, str]]
) -> Iterator[tuple[str, str | None, str]]:
    """Yield name, path in the folder and media type of each; the path is None of one that leads elsewhere."""
    yield attempt.STDOUT, attempt.STDOUT, media_type
    yield attempt.STDERR, attempt.STDERR, "text/plain; charset=utf-8"
    work = os.path.realpath(f"{folder}/{attempt.WORK}")
    for name, (path, kind) in results.items():
        real = os.path.realpath(f"{work}/{path}")
        inside = real.startswith(f"{work}/")
        yield name, f"{attempt.WORK}/{os.path.relpath(real, work)}" if inside else None, kind


def _measure(path: str) -> tuple[int, str] | None:
    """Return size and digest of a regular file, written to the disk; None of anything else."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            return None
        if status.st_size == 0:
            return 0, _EMPTY
        digest = hashlib.sha256()
        size = 0
        while block := os.read(file, _BLOCK):
            digest.update(block)
            size += len(block)
        os.fsync(file)
        return size, digest.hexdigest()
    finally:
        os.close(file)
