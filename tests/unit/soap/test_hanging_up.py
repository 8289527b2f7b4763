"""Work is given up with the client that it is for, and with nobody else."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from wsrf_activity.soap.hanging_up import unless_gone


def asked(hung_up: "asyncio.Future[Message]") -> Request:
    """Return a request that has been read."""
    return Request({"type": "http", "method": "POST", "headers": []}, lambda: asyncio.shield(hung_up))


async def test_who_stays_has_the_answer_or_what_went_wrong() -> None:
    """Also a timeout of the work's own; nothing is left behind, though the client goes later."""
    hung_up: asyncio.Future[Message] = asyncio.get_running_loop().create_future()

    async def late() -> str:
        raise TimeoutError("of its own")

    assert await unless_gone(asked(hung_up), asyncio.sleep(0, "done")) == "done"
    with pytest.raises(TimeoutError, match="of its own"):
        await unless_gone(asked(hung_up), late())
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    hung_up.set_result({"type": "http.disconnect"})


@pytest.mark.parametrize("then", [asyncio.sleep, lambda _: asyncio.get_running_loop().create_future()])
async def test_who_hangs_up_is_not_waited_for(then: Callable[[float], Awaitable[None]]) -> None:
    """Whatever the work waits for, it is cancelled."""
    hung_up: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
    ended = asyncio.Event()

    async def work() -> None:
        hung_up.set_result({"type": "http.disconnect"})
        try:
            await then(3600)
        finally:
            ended.set()

    with pytest.raises(ClientDisconnect):
        await unless_gone(asked(hung_up), work())
    assert ended.is_set()


async def test_a_server_that_stops_cancels_both() -> None:
    """That is no client's doing."""
    hung_up: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
    waiting = asyncio.create_task(unless_gone(asked(hung_up), asyncio.sleep(3600)))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}
