"""A NotificationConsumer of this process (WS-BaseNotification 1.3, section 3): one for asyncio and one that blocks."""

import asyncio
import ssl
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from types import TracebackType
from typing import Final, Self

from wsrf_activity.client.events import Event
from wsrf_activity.client.inbox import Inbox
from wsrf_activity.client.listening import At, Listener

LOOPBACK: Final = "http://127.0.0.1:0/"
MOST: Final = 10_000  #: events that wait to be looked at


class _Consumer:
    """What both have."""

    def __init__(
        self,
        address: str = LOOPBACK,
        *,
        bind: str | None = None,
        secret: str | None = None,
        most: int = MOST,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Say where to be told: at ``address``, as the server reaches it, where port 0 is a free one.

        Without a path the address gets one that nobody can guess. ``bind`` is the host, or host:port, to listen on
        where that is another than in ``address``, because of a proxy, say. With a ``secret``, of which
        `Activity.subscribe` tells the server, only messages that are signed with it are taken. When ``most`` events
        wait to be looked at, the server is asked to send others again later. ``tls`` is for https without a proxy that
        speaks it. Raises ValueError for an address that is none.
        """
        self._inbox = Inbox(most, secret)
        self._listener = Listener(At.of(address, bind), self._inbox, tls)

    @property
    def address(self) -> str:
        """Where messages are to be sent; there once it listens."""
        if not self._listener.address:
            raise RuntimeError("a consumer listens from `with` on")
        return self._listener.address

    @property
    def secret(self) -> str | None:
        """What messages are signed with."""
        return self._inbox.secret


class AwaitedConsumer(_Consumer):
    """A web service that takes notifications, on the running event loop; to be used with ``async with``.

    An event is acknowledged when it is in the queue that `events` empties, and comes out of it once, however often it
    was sent. What was not looked at when the process dies is lost: `Activity.events` loses nothing then.
    """

    async def __aenter__(self) -> Self:
        self._filled = asyncio.Event()
        self._inbox.filled = self._filled.set
        await self._listener.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Listen no more; `events` ends when those that came have been looked at."""
        self._inbox.close()
        await self._listener.stop()

    async def next(self, timeout: float | None = None) -> Event | None:
        """Return the next event; None when it is closed, or none came within ``timeout`` seconds."""
        try:
            async with asyncio.timeout(timeout):
                while (event := self._inbox.take()) is None and not self._inbox.closed:
                    self._filled.clear()
                    await self._filled.wait()
                return event
        except TimeoutError:
            return None

    async def events(self, timeout: float | None = None) -> AsyncIterator[Event]:
        """Yield what comes, of all subscriptions, until it is closed, or for ``timeout`` seconds nothing has come."""
        while (event := await self.next(timeout)) is not None:
            yield event


class Consumer(_Consumer):
    """A web service that takes notifications, in a thread of its own; to be used with ``with``.

    An event is acknowledged when it is in the queue that `events` empties, and comes out of it once, however often it
    was sent. What was not looked at when the process dies is lost: `Activity.events` loses nothing then.
    """

    def __enter__(self) -> Self:
        self._filled = threading.Condition()
        self._inbox.filled = self._notify
        started: Future[asyncio.Event] = Future()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, args=(started,), name="consumer", daemon=True)
        self._thread.start()
        self._over = started.result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Listen no more; `events` ends when those that came have been looked at."""
        if self._inbox.closed:
            return
        self._inbox.close()
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    def next(self, timeout: float | None = None) -> Event | None:
        """Return the next event; None when it is closed, or none came within ``timeout`` seconds."""
        until = None if timeout is None else time.monotonic() + timeout
        with self._filled:
            while (event := self._inbox.take()) is None and not self._inbox.closed:
                if not self._filled.wait(None if until is None else max(0.0, until - time.monotonic())):
                    return self._inbox.take()
            return event

    def events(self, timeout: float | None = None) -> Iterator[Event]:
        """Yield what comes, of all subscriptions, until it is closed, or for ``timeout`` seconds nothing has come."""
        while (event := self.next(timeout)) is not None:
            yield event

    def _notify(self) -> None:
        with self._filled:
            self._filled.notify_all()

    def _run(self, started: "Future[asyncio.Event]") -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._listen(started))

    async def _listen(self, started: "Future[asyncio.Event]") -> None:
        try:
            await self._listener.start()
        except OSError as error:
            started.set_exception(error)
            return
        over = asyncio.Event()
        started.set_result(over)
        await over.wait()
        await self._listener.stop()
