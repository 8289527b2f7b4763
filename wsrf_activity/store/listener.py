"""Hearing what other servers on one PostgreSQL announce. Apart from all else, since psycopg comes with an extra."""

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.pq.abc import PGconn

from wsrf_activity.store.notices import CHANNEL, Heard, read_payload

log = logging.getLogger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0  #: seconds between two attempts to connect
#: A connection that only listens would not learn by itself that the other end is gone.
_KEEPALIVES = {"keepalives": 1, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}


class Listener:
    """A connection of its own that listens, and is made again, with growing pauses, whenever it is lost."""

    def __init__(self, parameters: Mapping[str, Any], own: str, heard: Heard) -> None:
        """Connect with ``parameters``, as psycopg takes them; what ``own`` says itself is not told."""
        self._parameters = {**_KEEPALIVES, **parameters}
        self._own = own
        self._heard = heard
        self._task: asyncio.Task[None] | None = None
        self._pause = _FIRST_PAUSE
        self._tried = asyncio.Event()  #: whether the first attempt to connect is over

    async def start(self) -> None:
        """Return when it listens, or has failed for the first time: then it tells when it does."""
        self._task = asyncio.create_task(self._run(), name="changes of other servers")
        await self._tried.wait()

    async def stop(self) -> None:
        """Listen no more."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            try:
                await self._listen()
            except (psycopg.Error, OSError) as error:
                log.warning("changes of other servers cannot be heard; trying again: %s", str(error).partition("\n")[0])
            except Exception:  # whatever it is, a server that hears nothing any more would be worse
                log.exception("changes of other servers cannot be heard; trying again")
            self._tried.set()
            await asyncio.sleep(self._pause)
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    async def _listen(self) -> None:
        """Hear until the connection is lost; raises what is wrong with it then."""
        async with await psycopg.AsyncConnection.connect(**self._parameters, autocommit=True) as connection:
            await connection.execute(f"LISTEN {CHANNEL}".encode())
            self._pause = _FIRST_PAUSE
            if self._tried.is_set():
                self._heard(None)
            self._tried.set()
            await self._follow(connection.pgconn)

    async def _follow(self, connection: PGconn) -> None:
        """Hear what comes, by a reader of the event loop: psycopg's own way takes several turns of it for each."""
        loop = asyncio.get_running_loop()
        lost: asyncio.Future[None] = loop.create_future()

        def come() -> None:
            try:
                connection.consume_input()
                while notification := connection.notifies():
                    self._hear(notification.extra.decode())
            except Exception as error:
                loop.remove_reader(descriptor)
                lost.set_exception(error)

        descriptor = connection.socket
        loop.add_reader(descriptor, come)
        try:
            come()  # what came with the answer to LISTEN is not announced again
            await lost
        finally:
            loop.remove_reader(descriptor)

    def _hear(self, payload: str) -> None:
        if payload.startswith(f"{self._own} "):
            return
        try:
            _, notices = read_payload(payload)
        except ValueError:
            log.warning("what another server says cannot be understood; is it of another version?")
            self._heard(None)
            return
        self._heard(notices)
