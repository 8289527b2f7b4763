"""The progress protocol: lines that the work appends to a file, and how the server reads them without being fooled."""

import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from wsrf_activity.engines import attempt
from wsrf_activity.engines.base import Estimated, Said, Spawned, Warned
from wsrf_activity.model.activity import NOTHING_HEARD, Heard, Progress
from wsrf_activity.model.lifetime import parse_time

LINE = 4096  #: bytes of the longest line that is read; a longer one is ignored
BATCH = 65536  #: bytes read in one go, so that nobody's flood keeps the server from its other duties
BACKLOG = 1 << 20  #: bytes; of more, only the end is read, and the warnings before it
SKIM = 8 << 20  #: bytes that are searched for warnings in one go
FLOOD = 1 << 30  #: bytes; of more, only the end is read
WARNINGS = 1000  #: told of one attempt

_WARNING = re.compile(rb"warn[ \t][^\n]*\n")
_PERCENT = re.compile(r"(\d{1,3}(?:\.\d{1,9})?)%?", re.ASCII)


def parse(line: bytes) -> Said | None:
    """Return what a line says; None of one that says nothing that is known.

    ``progress 42``, ``progress 42.5% aligning``, ``progress aligning``, ``progress - 3 of 7 aligned``, ``warn text``,
    ``estimate 2026-01-01T00:00:00Z`` or ``spawn``. Whatever cannot stand in XML or on one line of a page is taken out
    of the text.
    """
    word, _, rest = " ".join(line.decode(errors="replace").split()).partition(" ")
    text = "".join(character for character in rest if character.isprintable())
    if word == "spawn":
        return Spawned()
    read = _SAYINGS.get(word) if text else None
    return None if read is None else read(text)


def _progress(text: str) -> Progress | None:
    first, _, message = text.partition(" ")
    if first == "-" and message:
        return Progress(None, message)
    number = _PERCENT.fullmatch(first)
    if number is None:
        return Progress(None, text)
    percent = float(number[1])
    return Progress(percent, message or None) if percent <= 100 else None


def _estimate(text: str) -> Estimated | None:
    try:
        return Estimated(parse_time(text))
    except ValueError:
        return None


_SAYINGS: dict[str, Callable[[str], Said | None]] = {"warn": Warned, "progress": _progress, "estimate": _estimate}


class Messages:
    """The messages of one attempt, from where an earlier server left off."""

    def __init__(self, folder: Path, tell: Callable[[Said], None], heard: Heard = NOTHING_HEARD) -> None:
        self._path = f"{folder}/{attempt.MESSAGES}"
        self._spawned = f"{folder}/{attempt.SPAWNED}"
        self._tell = tell
        self._changed = 0  #: of the file, nanoseconds
        self._offset, self._warnings = heard
        self._seen = self._offset  #: with what is kept of a line that is not whole
        self._skips = False  #: whether the rest of a line that is too long is still to come
        self._skipped = False  #: whether something was said that nobody reads
        self._over = False  #: whether the last word was told

    def read(self, *, last: bool = False) -> bool:
        """Tell what has come since; return whether more is to be read at once.

        Of progress, and of estimates, only the newest is told; that something is to be started once for all of it, and
        at the end in any case where there is anything: what says so may not have been read. Before the ``last`` time a
        line without its end is left alone. Raises OSError where the disk fails.
        """
        size = self._size()
        news = size != self._offset
        if size - self._offset > BACKLOG:
            self._skim(size - self._offset - BATCH // 2)
        newest: dict[type[Said], Said] = {}
        for line, end in self._lines(size, last) if news else ():
            said = parse(line)
            if isinstance(said, Warned):
                self._warn(said.message, end)
            elif said is not None:
                newest[type(said)] = said
        more = news and self._seen < size
        if (self._skipped or (last and not more and not self._over)) and os.path.isdir(self._spawned):
            newest[Spawned] = Spawned()
        self._skipped, self._over = False, last and not more
        for said in newest.values():
            self._tell(said)
        return more

    def _warn(self, message: str, end: int) -> None:
        if self._warnings < WARNINGS:
            self._warnings += 1
            self._tell(Warned(message, Heard(end, self._warnings)))

    def _size(self) -> int:
        """Return the file's size, with the offset set to where to read on."""
        try:
            status = os.lstat(self._path)
        except FileNotFoundError:
            return self._offset
        if not stat.S_ISREG(status.st_mode):
            return self._offset  # the work may put there what it likes, such as a pipe that nobody writes to
        rewritten = 0 < self._changed != status.st_mtime_ns
        if status.st_size < self._offset or (status.st_size == self._offset and rewritten):
            self._offset = 0
        if status.st_size - self._offset > (BACKLOG if self._warnings >= WARNINGS else FLOOD):
            self._offset, self._skips, self._skipped = status.st_size - BATCH, True, True
        self._changed = status.st_mtime_ns
        return status.st_size

    def _skim(self, size: int) -> None:
        """Pass over what is too much to be read while others wait, but for its warnings: of those every one counts."""
        content = self._content(min(size, SKIM))
        begin, end = content.find(b"\n") + 1 if self._skips else 0, content.rfind(b"\n") + 1
        for found in _WARNING.finditer(content, begin, end):
            whole = found.start() == begin or content[found.start() - 1] == ord("\n")
            said = parse(found[0]) if whole and len(found[0]) <= LINE else None
            if isinstance(said, Warned):
                self._warn(said.message, self._offset + found.end())
        self._skips, self._skipped = not end, True
        self._offset += end or len(content)

    def _content(self, size: int) -> bytes:
        with open(os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            file.seek(self._offset)
            return file.read(size)

    def _lines(self, size: int, last: bool) -> Iterator[tuple[bytes, int]]:
        """Yield each line, and where the next one begins."""
        content = self._content(BATCH)
        self._seen = self._offset + len(content)
        lines = content.split(b"\n")
        rest = b"" if last and self._seen >= size else lines.pop()
        end = self._offset
        for line in lines:
            end += len(line) + 1
            if not self._skips and len(line) <= LINE:
                yield line, min(end, self._seen)
            self._skips = False
        if len(rest) > LINE:
            self._skips, rest = True, b""
        self._offset += len(content) - len(rest)
