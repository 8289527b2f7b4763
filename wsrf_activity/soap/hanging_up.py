"""Work that may take as long as its client likes, but not longer than the client is there."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from starlette.requests import ClientDisconnect, Request

T = TypeVar("T")


async def unless_gone(request: Request, work: Awaitable[T]) -> T:
    """Return what the work comes to; raises ClientDisconnect, and gives the work up, where the client hangs up before.

    Many of those would fill the memory. The request has to be read to its end. The work is awaited here and not in a
    task beside this one, so that an answer leaves in the very turn of the event loop in which it is there.
    """
    loop = asyncio.get_running_loop()
    gone = asyncio.ensure_future(request.receive())
    presence = asyncio.timeout(None)

    def leave(_gone: object) -> None:
        presence.reschedule(loop.time())

    try:
        async with presence:
            gone.add_done_callback(leave)
            try:
                return await work
            finally:
                gone.remove_done_callback(leave)
    except TimeoutError:
        if presence.expired():
            raise ClientDisconnect from None
        raise
    finally:
        gone.cancel()
