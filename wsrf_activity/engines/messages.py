"""The progress protocol: lines that the work appends to a file, and how the server reads them without being fooled."""

import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from wsrf_activity.engines import attempt
from wsrf_activity.engines.base import Said, Warned
from wsrf_activity.model.activity import NOTHING_HEARD, Heard, Progress

LINE = 4096  #: bytes of the longest line that is read; a longer one is ignored
BATCH = 65536  #: bytes read in one go, so that nobody's flood keeps the server from its other duties
BACKLOG = 1 << 20  #: bytes; of more, only the end is read
WARNINGS = 1000  #: told of one attempt

_PERCENT = re.compile(r"(\d{1,3}(?:\.\d{1,9})?)%?", re.ASCII)


def parse(line: bytes) -> Said | None:
    """Return what a line says; None of one that says nothing that is known.

    ``progress 42``, ``progress 42.5% aligning``, ``progress aligning`` or ``warn text``. Whatever cannot stand in XML
    or on one line of a page is taken out of the text.
    """
    word, _, rest = " ".join(line.decode(errors="replace").split()).partition(" ")
    text = "".join(character for character in rest if character.isprintable())
    if word == "warn" and text:
        return Warned(text)
    return _progress(text) if word == "progress" and text else None


def _progress(text: str) -> Progress | None:
    first, _, message = text.partition(" ")
    number = _PERCENT.fullmatch(first)
    if number is None:
        return Progress(None, text)
    percent = float(number[1])
    return Progress(percent, message or None) if percent <= 100 else None


class Messages:
    """The messages of one attempt, from where an earlier server left off."""

    def __init__(self, folder: Path, tell: Callable[[Said], None], heard: Heard = NOTHING_HEARD) -> None:
        self._path = os.fspath(folder / attempt.MESSAGES)
        self._tell = tell
        self._changed = 0  #: of the file, nanoseconds
        self._offset, self._warnings = heard
        self._seen = self._offset  #: with what is kept of a line that is not whole
        self._skips = False  #: whether the rest of a line that is too long is still to come

    def read(self, *, last: bool = False) -> bool:
        """Tell what has come since, of progress only the newest; return whether more is to be read at once.

        Before the ``last`` time a line without its end is left alone. Raises OSError where the disk fails.
        """
        size = self._size()
        if size == self._offset:
            return False
        newest: Progress | None = None
        for line, end in self._lines(size, last):
            said = parse(line)
            if isinstance(said, Progress):
                newest = said
            elif isinstance(said, Warned) and self._warnings < WARNINGS:
                self._warnings += 1
                self._tell(Warned(said.message, Heard(end, self._warnings)))
        if newest is not None:
            self._tell(newest)
        return self._seen < size

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
        if status.st_size - self._offset > BACKLOG:
            self._offset, self._skips = status.st_size - BATCH, True
        self._changed = status.st_mtime_ns
        return status.st_size

    def _lines(self, size: int, last: bool) -> Iterator[tuple[bytes, int]]:
        """Yield each line, and where the next one begins."""
        with open(os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            file.seek(self._offset)
            content = file.read(BATCH)
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
