"""Results for programs that block: each method drives the coroutine of the same name over a port that blocks."""

import io
import os
from pathlib import Path
from typing import Any, BinaryIO, cast

from wsrf_activity.client import activities
from wsrf_activity.client.ports import BLOCK, run


class Result:
    """One result of an activity that has ended."""

    def __init__(self, core: activities.Result) -> None:
        """Take it from an activity."""
        self.core = core

    @property
    def name(self) -> str:
        """Its name, the only one of its activity's."""
        return self.core.name

    @property
    def media_type(self) -> str:
        """What kind of data it is, as far as the service says."""
        return self.core.media_type

    @property
    def size(self) -> int | None:
        """How many bytes it has."""
        return self.core.size

    @property
    def sha256(self) -> str | None:
        """Their SHA-256, in lower-case hex."""
        return self.core.sha256

    @property
    def href(self) -> str:
        """Where it is, for whatever speaks HTTP."""
        return self.core.href

    def read(self) -> bytes:
        """Return all of it; a small one came with its description. Raises CorruptResult, Unreachable."""
        return run(self.core.read())

    def open(self) -> BinaryIO:
        """Return a binary file of its bytes."""
        return file_of(self.core.open())

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it to a file, as `Activity.save` does."""
        return run(self.core.save(path))


class _Raw(io.RawIOBase):
    """A stream as Python's files read from it."""

    def __init__(self, stream: activities.Stream) -> None:
        super().__init__()
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any, /) -> int:  # collections.abc has its type, Buffer, from 3.12 on
        view = memoryview(into).cast("B")
        data = run(self._stream.block(len(view)))
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            run(self._stream.close())
        super().close()


def file_of(stream: activities.Stream) -> BinaryIO:
    """Return a stream as a binary file."""
    return cast(BinaryIO, io.BufferedReader(_Raw(stream), BLOCK))
