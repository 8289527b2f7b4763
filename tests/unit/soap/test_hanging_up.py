"""Work is given up with the client that it is for, and with nobody else."""

import asyncio
import warnings
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from wsrf_activity.model import ns
from wsrf_activity.model.addresses import Addresses, Resource
from wsrf_activity.model.identity import Principal
from wsrf_activity.soap.hanging_up import CONNECTION, unless_gone
from wsrf_activity.soap.replies import Replies
from wsrf_activity.soap.transport import SoapServer
from wsrf_activity.testing.strategies import NOON


class Line:
    """A connection."""

    def __init__(self) -> None:
        self.gone = False
        self.on_gone: Callable[[], None] | None = None

    def hang_up(self) -> None:
        """Hear that the client is gone."""
        self.gone = True
        if self.on_gone:
            self.on_gone()


async def test_who_stays_has_the_answer_or_what_went_wrong() -> None:
    """Also a timeout of the work's own; nothing is left behind, though the client goes later."""
    line = Line()

    async def late() -> str:
        raise TimeoutError("of its own")

    assert await unless_gone(line, asyncio.sleep(0, "done")) == "done"
    with pytest.raises(TimeoutError, match="of its own"):
        await unless_gone(line, late())
    line.hang_up()
    await asyncio.sleep(0)


@pytest.mark.parametrize("then", [asyncio.sleep, lambda _: asyncio.get_running_loop().create_future()])
async def test_who_hangs_up_is_not_waited_for(then: Callable[[float], Awaitable[None]]) -> None:
    """Whatever the work waits for, it is cancelled, and nothing else is."""
    line = Line()
    ended = asyncio.Event()

    async def work() -> None:
        asyncio.get_running_loop().call_soon(line.hang_up)
        try:
            await then(3600)
        finally:
            ended.set()

    with pytest.raises(ClientDisconnect):
        await unless_gone(line, work())
    assert ended.is_set()
    await asyncio.sleep(0)


async def test_for_who_has_gone_nothing_is_begun() -> None:
    """The client may have hung up while its request was read."""
    line = Line()
    line.hang_up()
    begun = False

    async def work() -> None:
        nonlocal begun
        begun = True

    with pytest.raises(ClientDisconnect):
        await unless_gone(line, work())
    assert not begun


async def test_the_wait_of_who_has_gone_is_let_go_of_as_well() -> None:
    """Nothing that was made for it is left, never awaited."""
    body = f'<Wait xmlns="{ns.ACT}"/>'
    message = f'<e:Envelope xmlns:e="{ns.S11}"><e:Body>{body}</e:Body></e:Envelope>'.encode()
    line = Line()
    line.hang_up()
    headers = [(b"content-type", b"text/xml"), (b"content-length", str(len(message)).encode())]
    scope = {"type": "http", "method": "POST", "path": "/activity/1", "headers": headers, CONNECTION: line}

    async def receive() -> Message:
        return {"type": "http.request", "body": message}

    async def send(said: Message) -> None:
        raise AssertionError(said)

    manager: Any = SimpleNamespace(clock=lambda: NOON)
    unused: Any = None
    server = SoapServer(manager, Addresses("http://here"), 10_000, unused, Replies(unused), unused)
    answer = await server.answer(Request(scope, receive), Principal("ada"), Resource.ACTIVITY, "1")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        await answer(scope, receive, send)
        del answer
    assert said == []


async def test_a_server_that_stops_cancels_both() -> None:
    """That is no client's doing, even where the client goes at the same moment."""
    for gone in (False, True):
        line = Line()
        waiting = asyncio.create_task(unless_gone(line, asyncio.sleep(3600)))
        await asyncio.sleep(0)
        waiting.cancel()
        if gone:
            line.hang_up()
        with pytest.raises(asyncio.CancelledError):
            await waiting
