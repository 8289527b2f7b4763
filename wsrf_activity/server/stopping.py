"""What a signal means to a server, be it one process or several: stop, or with --drain, let the work end first."""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def obeyed(stop: Callable[[int], None], drain: Callable[[], Awaitable[None]] | None) -> Iterator[None]:
    """Stop at a signal. Where there is ``drain``, wait for that at the first one, and stop at the second."""
    loop = asyncio.get_running_loop()
    draining: asyncio.Task[None] | None = None

    async def drain_first(how: Callable[[], Awaitable[None]], number: int) -> None:
        await how()
        stop(number)

    def handle(number: int) -> None:
        nonlocal draining
        if drain is not None and draining is None:
            draining = asyncio.create_task(drain_first(drain, number))
        else:
            stop(number)

    for each in SIGNALS:
        loop.add_signal_handler(each, handle, each)
    try:
        yield
    finally:
        for each in SIGNALS:
            loop.remove_signal_handler(each)
        if draining is not None:
            draining.cancel()
