"""One connection: answers in all the forms that HTTP has, and which of them let the next message be sent on it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import h11
import pytest

from wsrf_activity.notify.posting import MAX_ANSWER, MAX_HEAD, Answer, Broken, Connection, Place, Unreachable, opened

ACCEPTED = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n"


@asynccontextmanager
async def connected(*answers: bytes, hangs_up: bool = False) -> AsyncIterator[Connection]:
    """Open a connection to somebody who says one of these whenever anything has come, and at last hangs up or not."""

    over = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            for answer in answers:
                await reader.readuntil(b"</x>")
                writer.write(answer)
            if hangs_up:
                writer.write_eof()
            await reader.read()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        over.set()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        connection = await opened(Place("http", "a", server.sockets[0].getsockname()[1], "127.0.0.1"), None)
        try:
            yield connection
        finally:
            connection.close()
            await over.wait()


async def post(connection: Connection) -> Answer:
    return await connection.post(b"/", {"host": "a"}, b"<x></x>")


@pytest.mark.parametrize(
    ("answer", "content", "lasts"),
    [
        (ACCEPTED, b"", True),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + ACCEPTED, b"", True),
        (b"HTTP/1.1 202 A\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", b"abc", True),
        (b"HTTP/1.1 202 A\r\ncontent-length: 3\r\nconnection: close\r\n\r\nabc", b"abc", False),
        (b"HTTP/1.0 202 A\r\ncontent-length: 3\r\n\r\nabc", b"abc", False),
        (ACCEPTED + ACCEPTED, b"", False),
        (b"HTTP/1.1 202 A\r\ncontent-length: 999999\r\n\r\n" + b"x" * 999_999, b"x" * MAX_ANSWER, False),
    ],
    ids=["whole", "continue", "chunked", "close", "old", "two at once", "long"],
)
async def test_forms_of_an_answer(answer: bytes, content: bytes, lasts: bool) -> None:
    """After what leaves a doubt where the next answer begins, nothing more is sent."""
    async with connected(answer, ACCEPTED) as connection:
        assert await post(connection) == Answer(202, content)
        assert connection.lasts is lasts
        if lasts:
            assert await post(connection) == Answer(202, b"")
        else:
            with pytest.raises(Broken):
                await post(connection)


async def test_an_answer_that_ends_with_the_connection() -> None:
    async with connected(b"HTTP/1.1 202 A\r\n\r\nabc", hangs_up=True) as connection:
        assert await post(connection) == Answer(202, b"abc")
        assert not connection.lasts


@pytest.mark.parametrize(
    ("answers", "unheard"),
    [
        ([b""], True),
        ([b"HTTP/1.1 202 A\r\ncontent-length: 3\r\n\r\nab"], False),
        ([b"HTTP/1.1 2"], False),
        ([b"nonsense\r\n\r\n"], False),
        ([b"HTTP/1.1 101 Other\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"], False),
        ([b"HTTP/1.1 202 A\r\nx: " + b"x" * 2 * MAX_HEAD], False),
    ],
    ids=["nothing", "half a body", "half a head", "nonsense", "another protocol", "endless head"],
)
async def test_what_is_no_answer(answers: list[bytes], unheard: bool) -> None:
    """Only where not a byte came may it be that nobody was there any more."""
    async with connected(*answers, hangs_up=True) as connection:
        with pytest.raises(Broken) as broken:
            await post(connection)
        assert broken.value.unheard is unheard
        assert not connection.lasts


async def test_what_http_cannot_carry_is_not_sent() -> None:
    async with connected(ACCEPTED) as connection:
        with pytest.raises(h11.LocalProtocolError):
            await connection.post(b"/", {"host": "a", "authorization": "x\r\ny: z"}, b"<x></x>")
        assert await post(connection) == Answer(202, b"")


async def test_nobody_is_there() -> None:
    async with connected() as connection:
        place = connection.place
    with pytest.raises(Unreachable):
        await opened(place, None)


async def test_who_gives_up_leaves_the_connection_to_nobody() -> None:
    """The late answer would be taken for that to the next message."""
    async with connected(b"HTTP/1.1 2") as connection:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(post(connection), 0.05)
        assert not connection.lasts
