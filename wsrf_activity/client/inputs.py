"""What an activity is to read: few bytes go with the request, many go ahead of it as a stream of constant memory."""

import hashlib
import os
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import IO, Any, Final, TypeGuard

from wsrf_activity.client.ports import BLOCK, Port

INLINE: Final = 1 << 16  #: bytes that go with the request itself


Input = bytes | os.PathLike[str] | IO[bytes] | Iterable[bytes] | AsyncIterable[bytes]


class InputStream:
    """An input as a stream; ``sha256`` is of what was read so far."""

    def __init__(self, port: Port, given: Any) -> None:
        """Raises TypeError for a text, which could be meant as content or as the name of a file."""
        self._port = port
        self._given: Input = given
        self._file: IO[bytes] | None = None
        self._start: int | None = None
        self._blocks: Iterator[bytes] | AsyncIterator[bytes] | None = None
        self._head = b""
        self.sha256 = hashlib.sha256()
        known = isinstance(given, bytes | os.PathLike | Iterable | AsyncIterable) or _is_file(given)
        if isinstance(given, str) or not known:
            raise TypeError("input is bytes, a pathlib.Path, a binary file, or an iterable of bytes")

    async def open(self) -> bytes | None:
        """Look at the beginning: return all of it where it is short, else None and keep it as the first block."""
        if isinstance(self._given, bytes):
            self._file = BytesIO(self._given)
        elif isinstance(self._given, os.PathLike):
            path = Path(self._given)
            self._file = await self._port.work(lambda: path.open("rb"))
        elif _is_file(self._given):
            self._file = self._given
        elif isinstance(self._given, AsyncIterable):
            self._blocks = aiter(self._given)
        else:
            self._blocks = iter(self._given)
        self._start = _place(self._file)
        head = b""
        while len(head) <= INLINE and (block := await self._next()):
            head += block
        self._head = head
        return head if len(head) <= INLINE else None

    async def block(self) -> bytes:
        """Return some bytes, none at the end."""
        block, self._head = self._head, b""
        block = block or await self._next()
        self.sha256.update(block)
        return block

    async def rewind(self) -> bool:
        """Go back to the beginning; False where that cannot be done."""
        if self._file is None or self._start is None:
            return False
        self._file.seek(self._start)
        self._head = b""
        self.sha256 = hashlib.sha256()
        return True

    async def close(self) -> None:
        """Close the file, where it was opened here."""
        if isinstance(self._given, os.PathLike) and self._file is not None:
            await self._port.work(self._file.close)

    async def _next(self) -> bytes:
        while True:
            block = await self._some()
            if block is None:
                return b""
            if not isinstance(block, bytes | bytearray | memoryview):
                raise TypeError("an input is of bytes: open the file in binary mode, or encode the text")
            if block or self._file is not None:
                return bytes(block)

    async def _some(self) -> bytes | None:
        """Return the next block, which may be empty, or None at the end of an iterable."""
        file, blocks = self._file, self._blocks
        if file is not None:
            return await self._port.work(lambda: file.read(BLOCK))
        if isinstance(blocks, AsyncIterator):
            return await anext(blocks, None)
        assert blocks is not None
        return await self._port.work(lambda: next(blocks, None))


def _is_file(given: Any) -> TypeGuard[IO[bytes]]:
    """Whether it reads like a file; many a thing does that is no IO."""
    return hasattr(given, "read")


def _place(file: IO[bytes] | None) -> int | None:
    """Return where a file is, None where it cannot be gone back to."""
    try:
        return file.tell() if file is not None and file.seekable() else None
    except (AttributeError, OSError):
        return None
