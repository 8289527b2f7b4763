"""Inputs on their way in: whole or not at all, with nothing left open or half written."""

import asyncio
import hashlib
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from wsrf_activity.manager import inputs
from wsrf_activity.manager.inputs import receive
from wsrf_activity.model.errors import TooLarge, Unavailable

MIB = 1 << 20


async def blocks(*data: bytes) -> AsyncIterator[bytes]:
    for block in data:
        yield block


@pytest.mark.parametrize(
    "data", [(), (b"",), (b"a", b"bc"), (bytes(MIB),), (bytes(MIB - 1), b"xy", bytes(3 * MIB))], ids=len
)
async def test_what_comes_is_stored_and_hashed(tmp_path: Path, data: tuple[bytes, ...]) -> None:
    whole = b"".join(data)
    target = tmp_path / "input"
    assert await receive(blocks(*data), target, len(whole)) == (len(whole), hashlib.sha256(whole).hexdigest())
    assert target.read_bytes() == whole
    assert target.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["input"]


async def test_too_much_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(TooLarge, match="at most 2 bytes"):
        await receive(blocks(b"ab", b"c"), tmp_path / "input", 2)
    assert os.listdir(tmp_path) == []


async def test_a_sender_who_fails_leaves_nothing(tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield bytes(2 * MIB)
        raise ConnectionResetError

    with pytest.raises(Unavailable):
        await receive(broken(), tmp_path / "input", 9 * MIB)
    assert os.listdir(tmp_path) == []


async def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be stored: No such file"):
        await receive(blocks(b"a"), tmp_path / "no" / "input", 9)


async def test_a_file_stays_open_until_its_thread_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Closed under the thread, its descriptor could by then be another file's, which would get the bytes."""
    loop, writing, release = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
    real = inputs._append
    written: list[int] = []

    def slow(descriptor: int, block: bytes, digest: "hashlib._Hash") -> None:
        loop.call_soon_threadsafe(writing.set)
        assert release.wait(30)
        real(descriptor, block, digest)
        written.append(os.fstat(descriptor).st_size)

    monkeypatch.setattr(inputs, "_append", slow)
    task = asyncio.create_task(receive(blocks(bytes(MIB)), tmp_path / "input", MIB))
    await writing.wait()
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    release.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert written == [MIB]
    assert os.listdir(tmp_path) == []
