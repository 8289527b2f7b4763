"""One of several processes that serve a port: what its parent hands it, what it says to the parent and does for it."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from types import FrameType

import uvloop

from wsrf_activity.model.errors import Unavailable
from wsrf_activity.model.tables import SettingsError
from wsrf_activity.server.place import Site
from wsrf_activity.server.process import HttpServer, serve_here
from wsrf_activity.server.settings import Settings
from wsrf_activity.server.shares import Share, Tally
from wsrf_activity.server.stopping import SIGNALS
from wsrf_activity.store import open_database

#: What a worker says; anything else is why it could not start.
READY, DRAINED = b"ready", b"drained"
#: What it hears: first to begin, then to drain, or the number of a signal to stop at.
BEGIN, DRAIN = b"!", b"\0"


@dataclass(frozen=True, slots=True)
class Order:
    """All that a worker needs. Nothing is read a second time, so that no two workers differ."""

    settings: Settings
    site: Site
    index: int  #: its place among the workers
    tally: int  #: descriptor of what all of them run
    listening: int  #: descriptor of the socket that all workers accept from
    channel: int  #: descriptor of the socket to the parent, which keeps messages apart

    def work(self) -> None:
        """Serve from when the parent says so until it says stop; leave signals to it: a Ctrl-C reaches all of us."""
        for number in SIGNALS:
            signal.signal(number, _leave_to_parent)  # unlike SIG_IGN not inherited by the work
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        with socket.socket(fileno=self.channel) as channel, socket.socket(fileno=self.listening) as listening:
            for each in (channel, listening):
                each.set_inheritable(False)
            if channel.recv(1) != BEGIN:
                return  # the parent is gone
            try:
                self._serve(channel, listening)
            except (SettingsError, Unavailable) as error:
                channel.send(str(error).encode())
                sys.exit(2)

    def _serve(self, channel: socket.socket, listening: socket.socket) -> None:
        workers = self.settings.workers
        slots = Share(self.settings.limits.parallel, workers, self.index, Tally(workers, self.tally))
        database = open_database(self.settings.database)
        if workers > 1 and not database.shared:
            raise SettingsError(f"workers: this database has one server process, not {workers}; leave --workers out")
        ready, told = partial(_say, channel, READY), partial(_told, channel)
        uvloop.run(serve_here(self.settings, self.site, listening, database, answers=ready, told=told, slots=slots))


@contextlib.contextmanager
def _told(channel: socket.socket, server: HttpServer) -> Iterator[None]:
    """Do what the parent says."""
    loop = asyncio.get_running_loop()
    drains: set[asyncio.Task[None]] = set()

    async def drain() -> None:
        await server.manager.drain()
        _say(channel, DRAINED)

    def hear() -> None:
        said = channel.recv(1)
        if not said:
            os._exit(1)  # without its parent a worker ends as a server that was killed
        if said == DRAIN:
            drains.add(asyncio.create_task(drain()))
        else:
            server.stop(said[0])

    loop.add_reader(channel.fileno(), hear)
    try:
        yield
    finally:
        loop.remove_reader(channel.fileno())
        for each in drains:
            each.cancel()


def _say(channel: socket.socket, what: bytes) -> None:
    channel.send(what)


def _leave_to_parent(number: int, frame: FrameType | None) -> None:
    """Do nothing."""
