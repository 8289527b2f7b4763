"""Inputs on their way in: streamed to a file with constant memory, checked against the limit, hashed as they pass."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from wsrf_activity.model.errors import TooLarge, Unavailable

_BLOCK = 1 << 20  #: bytes handed to the disk at once


@dataclass(frozen=True, slots=True)
class UploadInput:
    """An input that was sent ahead, or beside the request: then ``sha256`` tells a retried one from another."""

    upload_id: str
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class ResultInput:
    """A result of another activity of the same owner."""

    activity_id: str
    name: str


Input = bytes | UploadInput | ResultInput | None


async def receive(chunks: AsyncIterator[bytes], target: Path, limit: int) -> tuple[int, str]:
    """Write a stream to a file, durably, and return its size in bytes and SHA-256.

    The file appears under its name only when it is whole. Raises TooLarge beyond ``limit`` bytes, and Unavailable
    where the disk does not take it.
    """
    try:
        return await _receive(chunks, target, limit)
    except OSError as error:
        raise Unavailable(f"the input cannot be stored: {error.strerror or type(error).__name__}") from error


async def _receive(chunks: AsyncIterator[bytes], target: Path, limit: int) -> tuple[int, str]:
    part = target.with_name(target.name + ".part")
    digest = hashlib.sha256()
    size = 0
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        async for block in _blocks(chunks):
            size += len(block)
            if size > limit:
                raise TooLarge(f"an input may have at most {limit} bytes")
            await _finish(_append, descriptor, block, digest)
        await _finish(os.fsync, descriptor)
        os.rename(part, target)
    finally:
        os.close(descriptor)
        part.unlink(missing_ok=True)
    return size, digest.hexdigest()


async def _blocks(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Gather what the network brings into blocks that are worth a thread's time."""
    gathered = bytearray()
    async for chunk in chunks:
        gathered += chunk
        if len(gathered) >= _BLOCK:
            yield bytes(gathered)
            gathered.clear()
    if gathered:
        yield bytes(gathered)


async def _finish(function: Callable[..., object], *arguments: object) -> None:
    """Run in a thread and stay until it is done, cancelled or not: a descriptor that is closed under a thread may be
    another file's by the time it writes.
    """
    done = asyncio.ensure_future(asyncio.to_thread(function, *arguments))
    try:
        await asyncio.shield(done)
    except asyncio.CancelledError:
        await asyncio.wait([done])
        raise


def _append(descriptor: int, block: bytes, digest: "hashlib._Hash") -> None:
    digest.update(block)
    view = memoryview(block)
    while view:
        view = view[os.write(descriptor, view) :]
