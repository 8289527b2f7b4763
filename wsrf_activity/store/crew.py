"""Threads that do what waits in one queue, each on a connection of its own."""

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any

from wsrf_activity.store.link import Link
from wsrf_activity.store.pending import Pending, fail

log = logging.getLogger(__name__)

Serve = Callable[[Link, Sequence[Pending[Any]]], None]  #: does what is pending, and hands the outcomes over


class Crew:
    """As concurrent.futures has it, but that takes ten times as long to hand work over, and takes one thing at a time.

    Its threads are there from the beginning; connections are made when they are needed.
    """

    def __init__(self, name: str, links: Sequence[Link], serve: Serve, at_once: int = 1) -> None:
        """Let a thread for each link ``serve`` up to ``at_once`` that wait."""
        self._serve = serve
        self._at_once = at_once
        self._queue: queue.SimpleQueue[Pending[Any] | None] = queue.SimpleQueue()  #: None is the end for one thread
        self._threads = [
            threading.Thread(target=self._run, args=(link,), name=f"{name}-{number}", daemon=True)
            for number, link in enumerate(links)
        ]
        for thread in self._threads:
            thread.start()

    def put(self, pending: Pending[Any]) -> None:
        """Have it done by the next thread that is free."""
        self._queue.put(pending)

    def close(self) -> None:
        """Return when all that waits is done and the connections are closed. Blocking."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def _run(self, link: Link) -> None:
        while batch := self._next():
            try:
                self._serve(link, batch)
            except Exception as error:  # of ours: nobody is to wait for ever
                log.exception("the database cannot be used")
                fail(batch, error)
        link.close()

    def _next(self) -> list[Pending[Any]]:
        """Return what waits, as soon as anything does; nothing at the end."""
        batch: list[Pending[Any]] = []
        item = self._queue.get()
        while item is not None:
            batch.append(item)
            if len(batch) == self._at_once or self._queue.empty():
                return batch
            try:
                item = self._queue.get_nowait()
            except queue.Empty:  # another thread was quicker
                return batch
        if batch:
            self._queue.put(None)  # the end comes when this is done
        return batch
