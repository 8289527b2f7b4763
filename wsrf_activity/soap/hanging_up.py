"""Work that may take as long as its client likes, but not longer than the client is there."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

CONNECTION = "wsrf_activity.connection"  #: where the scope of a request has its connection

T = TypeVar("T")


class Connection(Protocol):
    """What a request came on, as the server knows it. A task that receives for each who waits would cost a kilobyte."""

    gone: bool  #: whether the client has hung up
    on_gone: Callable[[], None] | None  #: what is called when it does


class Patient:
    """An answer that may be long in coming, and is given up with the client.

    It is awaited as the application that answers, when all that led to it has returned: of ten thousand who wait
    each has this, and what the work holds.
    """

    def __init__(self, work: Coroutine[Any, Any, ASGIApp]) -> None:
        """Answer with what ``work`` returns, which deals with its own problems."""
        self._work = work

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait and answer."""
        try:
            answer = await unless_gone(scope[CONNECTION], self._work)
        except ClientDisconnect:
            return
        await answer(scope, receive, send)


async def unless_gone(connection: Connection, work: Coroutine[Any, Any, T]) -> T:
    """Return what the work comes to; raises ClientDisconnect, and gives the work up, where the client hangs up before.

    Many of those would fill the memory. The work is awaited here and not in a task beside this one, so that an answer
    leaves in the very turn of the event loop in which it is there.
    """
    if connection.gone:
        work.close()
        raise ClientDisconnect
    task = asyncio.current_task()
    assert task is not None
    left = False

    def leave() -> None:
        nonlocal left
        left = True
        task.cancel()

    connection.on_gone = leave
    try:
        return await work
    except asyncio.CancelledError:
        if left and task.cancelling() == 1:  # nobody else has cancelled it: a server that stops, say
            raise ClientDisconnect from None
        raise
    finally:
        connection.on_gone = None
        if left:
            task.uncancel()
