"""Work is given up with the client that it is for, and with nobody else."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from starlette.requests import ClientDisconnect

from wsrf_activity.soap.hanging_up import unless_gone


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
