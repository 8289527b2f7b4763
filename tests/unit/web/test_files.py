"""Files as answers: in pieces, from memory or from where only a thread may wait for them."""

import asyncio
import os
from pathlib import Path

import pytest
from starlette.types import Message

from wsrf_activity.web.files import File, first


async def read(path: Path, size: int | None) -> list[bytes]:
    """Return the pieces."""
    return [bytes(piece) async for piece in first(path, size)]


@pytest.mark.parametrize("size", [None, 0, 1, 1 << 18, 600_000, 700_000])
def test_the_first_of_a_file(tmp_path: Path, size: int | None) -> None:
    """As much as is asked for and there is, in pieces of which none is large."""
    content = b"".join(b"%06d\n" % number for number in range(90_000))
    (tmp_path / "file").write_bytes(content)
    pieces = asyncio.run(read(tmp_path / "file", size))
    assert b"".join(pieces) == content[:size]
    assert all(0 < len(piece) <= 1 << 18 for piece in pieces)


def test_where_the_system_cannot_tell_what_is_in_memory() -> None:
    """The same bytes, read in a thread: /proc is such a file system."""
    path = Path("/proc/version")
    assert b"".join(asyncio.run(read(path, 10_000))) == path.read_bytes()


def test_where_the_system_takes_what_is_not_in_memory_for_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Linux 5.9 and 5.10 say 0 (preadv(2), Bugs): what they read at once is checked by a read that waits."""
    monkeypatch.setattr(os, "preadv", lambda *_: 0)
    (tmp_path / "file").write_bytes(bytes(600_000))
    assert sum(map(len, asyncio.run(read(tmp_path / "file", None)))) == 600_000


def test_a_file_that_grows_is_sent_as_it_was_announced(tmp_path: Path) -> None:
    """More than that would be cut off with the connection."""
    path, sent = tmp_path / "file", list[Message]()
    path.write_bytes(b"before")

    async def send(message: Message) -> None:
        sent.append(message)
        if message["type"] == "http.response.start":
            path.write_bytes(b"before and after")

    async def receive() -> Message:
        return await asyncio.Future[Message]()

    asyncio.run(File(path)({"type": "http", "method": "GET", "headers": []}, receive, send))
    assert dict(sent[0]["headers"])[b"content-length"] == b"6"
    assert b"".join(message.get("body", b"") for message in sent[1:]) == b"before"


def test_others_are_served_between_two_pieces(tmp_path: Path) -> None:
    """However fast the client: a reader that is never made to wait lets go of the loop all the same."""

    async def meanwhile() -> int:
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.ensure_future(other())
        await read(path, None)
        task.cancel()
        return turns

    path = tmp_path / "file"
    path.write_bytes(bytes(10 << 18))
    assert asyncio.run(meanwhile()) >= 10
