"""Connections on which a client falls silent, over real sockets with a short patience."""

import asyncio
import contextlib
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import uvicorn
from websockets.asyncio.client import connect

from wsrf_activity.server.connections import BoundedProtocol

SOON = 30.0  #: seconds after which something hangs
GONE = asyncio.Event()  #: set when /gone hears that its client is
GROWN = asyncio.Event()  #: lets /growing go on
KEPT = 5.0  #: seconds for which a connection is kept after an answer, as uvicorn has it


class Impatient(BoundedProtocol):
    """One that waits hardly at all."""

    silence = 0.2


async def application(
    scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
) -> None:
    """Say how long the body was: at once, or for /slow after five times the silence that is allowed to clients.

    That is also how long a websocket is silent before it says something.
    """
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await asyncio.sleep(5 * Impatient.silence)
        await send({"type": "websocket.send", "text": "still here"})
        await send({"type": "websocket.close"})
        return
    if scope["path"] == "/gone":
        async with asyncio.timeout(SOON / 3):
            while (await receive())["type"] != "http.disconnect":
                pass
        GONE.set()
        return
    read, more = 0, True
    while more:
        message = await receive()
        read, more = read + len(message.get("body", b"")), message.get("more_body", False)
    if scope["path"] == "/slow":
        await asyncio.sleep(5 * Impatient.silence)
    headers = [(b"content-length", b"2"), (b"read", str(read).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if scope["path"] == "/growing":
        await GROWN.wait()
    await send({"type": "http.response.body", "body": b"ok"})


@contextlib.asynccontextmanager
async def serving(protocol: type[BoundedProtocol], kept: float = KEPT) -> AsyncIterator[int]:
    """Serve with such connections; ``kept`` are the seconds for which they are after an answer."""
    config = uvicorn.Config(application, http=protocol, lifespan="off", log_config=None, ws="wsproto")
    config.timeout_keep_alive = kept  # type: ignore[assignment]  # whole seconds are too long for a test
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config.load()
        server.lifespan = config.lifespan_class(config)
        await server.startup([listening])
        yield listening.getsockname()[1]
        server.should_exit = True
        await server.shutdown([listening])


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """The port of a server with such connections."""
    async with serving(Impatient) as number:
        yield number


async def talk(port: int, *parts: bytes) -> bytes:
    """Send the parts and return all that comes until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.closing(writer), contextlib.suppress(ConnectionError):
        for part in parts:
            writer.write(part)
            await writer.drain()
        return await asyncio.wait_for(reader.read(), SOON)
    return b""


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"GE",
        b"\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: ",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nbody",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbo",
    ],
)
async def test_a_client_that_falls_silent_is_let_go(port: int, said: bytes) -> None:
    """Without an answer to what it has not asked."""
    assert await talk(port, said) == b""


async def test_after_an_answer_too(port: int) -> None:
    """Half of the next request, or a line break that ends the usual patience."""
    whole = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    for rest in (b"GET / HT", b"\r\n"):
        assert (await talk(port, whole, rest)).count(b"200 OK") == 1


async def test_what_follows_the_last_request_does_not_take_its_answer(port: int) -> None:
    """A client that says it closes, and sends more all the same, is answered what it asked first, and no more."""
    last = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
    answer = await talk(port, last + b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.count(b"HTTP/1.1 ") == 1


async def test_who_works_for_a_client_hears_that_it_is_gone_though_it_has_asked_for_more(port: int) -> None:
    """uvicorn tells the last request that has come; the one before it would be worked on for nobody."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /gone HTTP/1.1\r\nhost: a\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n")
    await writer.drain()
    writer.close()
    await asyncio.wait_for(GONE.wait(), SOON / 3)


async def test_a_client_that_has_asked_may_wait(port: int) -> None:
    """As long as the answer takes."""
    assert b"200 OK" in await talk(port, b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")


async def test_a_websocket_may_be_silent(port: int) -> None:
    """Its pings show whether the client is there."""
    async with connect(f"ws://127.0.0.1:{port}/") as websocket:
        assert await websocket.recv() == "still here"


@pytest.mark.parametrize("part", [b"x" * 1000, b"x: y\r\n" * 200, b"a" * 999 + b"\r"])
async def test_a_head_has_a_limit(port: int, part: bytes) -> None:
    """431, and no more is read."""
    answer = await talk(port, b"GET / HTTP/1.1\r\nHost: x\r\nX: y", *[part] * 200)
    assert answer == b"" or answer.startswith((b"HTTP/1.1 431", b"HTTP/1.1 400"))


async def test_bodies_and_requests_in_a_row_have_none(port: int) -> None:
    """The limit is one head's."""
    one = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000
    answer = await talk(port, *[one] * 30, one.replace(b"Host", b"Connection: close\r\nHost"))
    assert answer.count(b"200 OK") == 31


@pytest.mark.parametrize("connection", [b"Upgrade, HTTP2-Settings", b"close, Upgrade"])
@pytest.mark.parametrize(
    "body",
    [
        [b"Content-Length: 4\r\n\r\n", b"bo", b"dy"],
        [b"Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"],
    ],
)
async def test_a_body_is_read_though_another_protocol_is_offered(
    port: int, connection: bytes, body: list[bytes]
) -> None:
    """As Java's HttpClient does with its first request."""
    offer = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: " + connection + b"\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEA\r\n"
    last = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = await talk(port, offer, *body, *([] if b"close" in connection else [last]))
    assert re.findall(rb"read: (\d+)", answer) == ([b"4"] if b"close" in connection else [b"4", b"0"])


async def test_many_offers_at_once(port: int) -> None:
    """Each is declined, and answered in turn."""
    one = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 1\r\n\r\nx"
    answer = await talk(port, one * 300, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert re.findall(rb"read: (\d+)", answer) == [b"1"] * 300 + [b"0"]


async def test_head_and_body_come_together(port: int) -> None:
    """In one piece, which wakes the client once."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.closing(writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = await asyncio.wait_for(reader.read(1 << 16), SOON)
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"\r\n\r\nok")


async def test_who_holds_a_body_back_is_asked_for_it(port: int) -> None:
    """Before there is an answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.closing(writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SOON) == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"ok")
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\nok"), SOON)
    assert answer.startswith(b"HTTP/1.1 200")


async def test_a_head_does_not_wait_for_a_body_that_takes_long(port: int) -> None:
    """Who follows what grows hears at once that it is there."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.closing(writer):
        writer.write(b"GET /growing HTTP/1.1\r\nHost: x\r\n\r\n")
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SOON)
        assert head.startswith(b"HTTP/1.1 200")
        GROWN.set()
        assert await asyncio.wait_for(reader.readexactly(2), SOON) == b"ok"


async def test_an_answer_without_a_body_comes(port: int) -> None:
    """And so does the next one."""
    last = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = await talk(port, b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n" + last)
    assert answer.count(b"HTTP/1.1 200") == 2
    assert answer.endswith(b"\r\n\r\nok")


async def test_a_connection_is_kept_for_a_while_after_each_answer() -> None:
    """Counted from the last one; what takes longer than that is not cut off by the one before."""
    loop = asyncio.get_running_loop()
    async with serving(BoundedProtocol, kept=0.3) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.closing(writer):
            asked = 0.0
            for path in (b"/", b"/slow"):
                writer.write(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n")
                asked = loop.time()
                await asyncio.wait_for(reader.readuntil(b"\r\n\r\nok"), SOON)
            assert await asyncio.wait_for(reader.read(), SOON) == b""
        assert loop.time() - asked >= 5 * Impatient.silence + 0.25
