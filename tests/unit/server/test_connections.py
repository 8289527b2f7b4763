"""Connections on which a client falls silent, over real sockets with a short patience."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import uvicorn

from wsrf_activity.server.connections import BoundedProtocol

SOON = 30.0  #: seconds after which something hangs


class Impatient(BoundedProtocol):
    """One that waits hardly at all."""

    silence = 0.2


async def application(
    scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
) -> None:
    """Read the body; answer at once, or for /slow after five times the silence that is allowed to clients."""
    while (await receive()).get("more_body"):
        pass
    if scope["path"] == "/slow":
        await asyncio.sleep(5 * Impatient.silence)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """The port of a server with such connections."""
    config = uvicorn.Config(application, http=Impatient, lifespan="off", log_config=None, ws="none")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config.load()
        server.lifespan = config.lifespan_class(config)
        await server.startup([listening])
        yield listening.getsockname()[1]
        server.should_exit = True
        await server.shutdown([listening])


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


async def test_a_client_that_has_asked_may_wait(port: int) -> None:
    """As long as the answer takes."""
    assert b"200 OK" in await talk(port, b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")


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
