"""SQLite: one writer, a thread that commits everything that is waiting in one go; a read never waits for a change.

What a transaction does is a function of ``Records``; it may be called again and must have no other effect.
"""

import asyncio
import logging
import queue
import threading
from collections.abc import Sequence
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from wsrf_activity.model.errors import Unavailable
from wsrf_activity.store.base import Database, Transaction
from wsrf_activity.store.connecting import unavailable
from wsrf_activity.store.known import Known
from wsrf_activity.store.migrate import migrate
from wsrf_activity.store.notices import Heard
from wsrf_activity.store.pending import STOPPED, Pending, fail, tell
from wsrf_activity.store.prepared import Prepared
from wsrf_activity.store.records import Records
from wsrf_activity.store.unwritten import Unwritten

T = TypeVar("T")
log = logging.getLogger(__name__)

BATCH = 512  #: changes that one commit may carry


class Sqlite(Database):
    """One file, one writer thread; reads on a connection of the event loop's thread: WAL never makes them wait."""

    def __init__(self, url: URL) -> None:
        self._engine = create_engine(url, connect_args={"check_same_thread": False, "timeout": 30})
        event.listen(self._engine, "connect", _prepare_sqlite)
        event.listen(self._engine, "begin", _begin_sqlite)
        migrate(self._engine)
        self._known = Known()
        event.listen(self._engine, "checkout", self._known.watch)
        self._reader = self._engine.connect().execution_options(reads_only=True)
        self._writer = self._engine.connect()
        self._queue: queue.SimpleQueue[Pending[Any] | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._write, name="database-writer", daemon=True)
        self._thread.start()

    async def change(self, transaction: Transaction[T]) -> T:
        if self._closed:
            raise Unavailable(STOPPED)
        loop = asyncio.get_running_loop()
        waiting = Pending(transaction, loop, loop.create_future())
        self._queue.put(waiting)
        return cast(T, await waiting.future)

    async def read(self, transaction: Transaction[T]) -> T:
        with unavailable():
            return transaction(Records(self._reader, known=self._known))

    @property
    def shared(self) -> bool:
        return False

    async def change_at_once(self, transaction: Transaction[T]) -> T:
        return await self.change(transaction)

    async def listen(self, heard: Heard) -> None:
        """Hear nothing: there are no others."""

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)
        self._reader.close()
        self._writer.close()
        self._engine.dispose()

    def _write(self) -> None:
        open_ = True
        while open_:
            batch, open_ = self._next_batch()
            try:
                if batch:
                    _commit_together(self._writer, batch)
                    self._known.ended()
                    tell(batch)
            except Exception as error:  # of ours: nobody is to wait for ever, nor is this to be the last batch
                log.exception("changes cannot be committed")
                fail(batch, error)

    def _next_batch(self) -> tuple[list[Pending[Any]], bool]:
        """Return all that waits, and whether there may be more."""
        batch: list[Pending[Any]] = []
        item = self._queue.get()
        while item is not None:
            batch.append(item)
            if len(batch) >= BATCH or self._queue.empty():
                return batch, True
            item = self._queue.get()
        return batch, False


class _Spoilt(Exception):
    """A change has failed and left something of it in its transaction."""


def _commit_together(connection: Connection, batch: Sequence[Pending[Any]]) -> None:
    """Commit a batch at once; one that fails takes back its own part, and all where the commit itself fails.

    Hardly one fails once it has changed something, while a savepoint for each would copy every page that it touches,
    and what each adds would be written by itself. So that is done only where one has failed: then all is taken back,
    and done once more.
    """
    try:
        try:
            _commit(connection, batch)
        except _Spoilt:
            _commit_apart(connection, batch)
    except Exception as error:
        # SQLAlchemy takes a transaction whose commit has failed for over; SQLite may have it open still.
        _driver(connection).rollback()
        for waiting in batch:
            waiting.error = waiting.error or error


def _commit(connection: Connection, batch: Sequence[Pending[Any]]) -> None:
    unwritten = Unwritten(connection)
    with unavailable(), connection.begin():
        for waiting in batch:
            waiting.error = None
            _run(connection, waiting, unwritten)
        try:
            unwritten.write()
        except Exception as error:
            raise _Spoilt from error


def _commit_apart(connection: Connection, batch: Sequence[Pending[Any]]) -> None:
    with unavailable(), connection.begin():
        for waiting in batch:
            waiting.error = None
            _run_apart(connection, waiting)


def _run(connection: Connection, waiting: Pending[Any], unwritten: Unwritten) -> None:
    """Run one change of a batch; raises _Spoilt where it fails, unless it is seen to have changed nothing.

    What another one has added may have been written meanwhile, which is no change of its own.
    """
    driver = _driver(connection)
    before = driver.total_changes - unwritten.written, unwritten.added
    try:
        waiting.result = waiting.transaction(Records(connection, unwritten=unwritten))
    except SQLAlchemyError as error:
        raise _Spoilt from error  # a full disk, for one, may have cost the whole transaction
    except Exception as error:
        if unwritten.failed or (driver.total_changes - unwritten.written, unwritten.added) != before:
            raise _Spoilt from error
        waiting.error = error


def _run_apart(connection: Connection, waiting: Pending[Any]) -> None:
    """Run one change of a batch. Its failure is its own unless that has cost the whole transaction.

    The savepoint is plain SQL: those of SQLAlchemy are compiled anew each time.
    """
    driver = _driver(connection)
    connection.exec_driver_sql("SAVEPOINT change")
    try:
        with unavailable():
            waiting.result = waiting.transaction(Records(connection))
        connection.exec_driver_sql("RELEASE change")
    except Exception as error:
        if not driver.in_transaction:
            raise
        connection.exec_driver_sql("ROLLBACK TO change")
        connection.exec_driver_sql("RELEASE change")
        waiting.error = error


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection


def _prepare_sqlite(connection: Any, record: object) -> None:
    """WAL lets reads pass the writer; FULL makes a commit outlive a power cut; BEGIN is ours, not the driver's."""
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-65536"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    """Take the writer's place at once: a transaction that begins as a reader can fail where it first writes.

    A reader begins none: each of its statements sees what is committed by then.
    """
    if not connection.get_execution_options().get("reads_only"):
        _BEGIN.change(connection, {})


_BEGIN = Prepared(text("BEGIN IMMEDIATE"))
