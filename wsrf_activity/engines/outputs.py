"""What an attempt left behind: its outputs, measured and made durable. Imported by every supervisor."""

import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from wsrf_activity.engines import attempt

_EMPTY = hashlib.sha256(b"").hexdigest()
_BLOCK = 1 << 20
_CONTENTS = 1 << 16  #: bytes of content that go with a report

SMALL = 4096  #: bytes of an output whose content goes with a report
SAID = 100  #: results of an attempt that the work may name while it runs
PATH = 700  #: bytes of the path of a result
ENTRY = 1200  #: bytes that a result takes in a report
NAME = r"(?!std(?:out|err)(?:[ \t]|\Z))[A-Za-z_][A-Za-z0-9_.-]{0,62}"  #: of a result; two names are taken
_TOKEN = r"[A-Za-z0-9!#$&^_.+-]{1,50}"
#: Media type with its parameters, which may follow a blank (RFC 9110, section 8.3.1).
MEDIA_TYPE = rf"{_TOKEN}/{_TOKEN}(?:[ ]?;[ ]?{_TOKEN}=(?:{_TOKEN}|\"[ !#-\[\]-~]{{0,50}}\")){{0,2}}"
_LINE = re.compile(rf"({NAME})[ \t]+({MEDIA_TYPE})[ \t]+(\S.*)")
_READ = 1 << 18  #: bytes of what the work has said of its results; of more, only the end is read

Measured = tuple[str, str, str, int, str]  #: the fields of base.Output, in order


class Collected(NamedTuple):
    """The outputs of an attempt."""

    found: list[Measured]
    missing: list[str]  #: the declared results that it did not leave
    contents: dict[str, bytes]  #: of small outputs, by name


def collect(folder: str, media_type: str, results: Mapping[str, tuple[str, str]]) -> tuple[list[Measured], list[str]]:
    """Return the outputs of an attempt whose processes are gone, and the declared results that it did not leave."""
    found, missing, _ = collect_all(folder, media_type, results, lambda: None)
    return found, missing


def collect_all(
    folder: str, media_type: str, results: Mapping[str, tuple[str, str]], slow: Callable[[], object]
) -> Collected:
    """Return the outputs of an attempt whose processes are gone; ``slow`` is called before what may take its time.

    A result is a regular file that lies inside the working folder, whatever links lead to it: the work may run a
    program that somebody else prepared, and no file of the server's may become a result that way. What the work has
    said of a result goes before what was declared of it.
    """
    collected = Collected([], [], {})
    left = _CONTENTS
    results = {**results, **_said(folder)}
    for name, path, kind in _candidates(folder, media_type, results):
        measured = None if path is None else _measure(f"{folder}/{path}", slow)
        if path is None or measured is None:
            collected.missing.append(name)
            continue
        size, digest, content = measured
        collected.found.append((name, path, kind, size, digest))
        if content is not None and len(content) <= left:
            collected.contents[name] = content
            left -= len(content)
    return collected


def _candidates(
    folder: str, media_type: str, results: Mapping[str, tuple[str, str]]
) -> Iterator[tuple[str, str | None, str]]:
    """Yield name, path in the folder and media type of each; the path is None of one that leads elsewhere."""
    yield attempt.STDOUT, attempt.STDOUT, media_type
    yield attempt.STDERR, attempt.STDERR, "text/plain; charset=utf-8"
    if not results:
        return
    work = os.path.realpath(f"{folder}/{attempt.WORK}")
    for name, (path, kind) in results.items():
        real = os.path.realpath(f"{work}/{path}")
        inside = real.startswith(f"{work}/") and real.isprintable() and len(os.fsencode(real)) - len(work) < PATH
        yield name, f"{attempt.WORK}/{os.path.relpath(real, work)}" if inside else None, kind


def _said(folder: str) -> dict[str, tuple[str, str]]:
    """Return path and media type of the results that the work has named, the last that it said of each."""
    said: dict[str, tuple[str, str]] = {}
    content = end_of(f"{folder}/{attempt.RESULTS}", _READ + 1)
    if len(content) > _READ:
        content = content.partition(b"\n")[2]  # what it began with may be no whole line
    for line in content.decode(errors="replace").split("\n"):
        found = _LINE.fullmatch(line.rstrip())
        if found is not None and (len(said) < SAID or found[1] in said):
            said[found[1]] = (found[3], found[2])
    return said


def end_of(path: str, size: int) -> bytes:
    """Return the last bytes of a file; nothing of what the work has put there in its place, which may never answer."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return b""
    try:
        status = os.fstat(file)
        return os.pread(file, size, max(0, status.st_size - size)) if stat.S_ISREG(status.st_mode) else b""
    except OSError:
        return b""
    finally:
        os.close(file)


def _measure(path: str, slow: Callable[[], object]) -> tuple[int, str, bytes | None] | None:
    """Return size, digest and, where it is small, content of a regular file, written to the disk; None of others."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            return None
        if status.st_size == 0:
            return 0, _EMPTY, b""
        slow()
        content = os.read(file, SMALL + 1)
        digest, size = hashlib.sha256(content), len(content)
        if size > SMALL:
            while block := os.read(file, _BLOCK):
                digest.update(block)
                size += len(block)
        os.fsync(file)
        return size, digest.hexdigest(), content if size <= SMALL else None
    finally:
        os.close(file)
