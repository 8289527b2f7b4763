"""Transactions: a change waits for its commit, a read never waits for a change.

SQLite has one writer, a thread that commits everything that is waiting in one go; PostgreSQL has a pool. What a
transaction does is a function of ``Records``; it may be called again and must have no other effect.
"""

import asyncio
import logging
import queue
import secrets
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

from wsrf_activity.model.errors import Unavailable
from wsrf_activity.store.base import Database, Transaction
from wsrf_activity.store.connecting import patience, unavailable
from wsrf_activity.store.migrate import migrate
from wsrf_activity.store.notices import CHANNEL, Heard, Notice, payloads
from wsrf_activity.store.records import Records

if TYPE_CHECKING:
    from wsrf_activity.store.listener import Listener

log = logging.getLogger(__name__)

T = TypeVar("T")

BATCH = 512  #: changes that one commit may carry
POOL = 8  #: connections to PostgreSQL
STOPPED = "the server is stopping; ask again when it is back"
_DEADLOCKS = 10  #: in a row that a transaction may be the victim of


def prepare(url: URL) -> None:
    """Bring the tables of a PostgreSQL to this version's form."""
    _migrate(create_engine(url, poolclass=NullPool, connect_args=patience(url)))


def _migrate(engine: Engine) -> None:
    try:
        migrate(engine)
    except BaseException:
        engine.dispose()
        raise


@dataclass(slots=True)
class _Waiting(Generic[T]):
    """A change on its way to the writer."""

    transaction: Transaction[T]
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[T]"
    result: T | None = None
    error: Exception | None = None

    def tell(self) -> None:
        """Hand the outcome over; in the loop's own thread."""
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(cast(T, self.result))


class Sqlite(Database):
    """One file, one writer thread; reads on a connection of the event loop's thread: WAL never makes them wait."""

    def __init__(self, url: URL) -> None:
        self._engine = create_engine(url, connect_args={"check_same_thread": False, "timeout": 30})
        event.listen(self._engine, "connect", _prepare_sqlite)
        event.listen(self._engine, "begin", _begin_sqlite)
        _migrate(self._engine)
        self._reader = self._engine.connect().execution_options(reads_only=True)
        self._writer = self._engine.connect()
        self._queue: queue.SimpleQueue[_Waiting[Any] | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._write, name="database-writer", daemon=True)
        self._thread.start()

    async def change(self, transaction: Transaction[T]) -> T:
        if self._closed:
            raise Unavailable(STOPPED)
        loop = asyncio.get_running_loop()
        waiting = _Waiting(transaction, loop, loop.create_future())
        self._queue.put(waiting)
        return cast(T, await waiting.future)

    async def read(self, transaction: Transaction[T]) -> T:
        with unavailable():
            return transaction(Records(self._reader))

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
            if batch:
                _commit_together(self._writer, batch)
                _tell(batch)

    def _next_batch(self) -> tuple[list[_Waiting[Any]], bool]:
        """Return all that waits, and whether there may be more."""
        batch: list[_Waiting[Any]] = []
        item = self._queue.get()
        while item is not None:
            batch.append(item)
            if len(batch) >= BATCH or self._queue.empty():
                return batch, True
            item = self._queue.get()
        return batch, False


def _commit_together(connection: Connection, batch: Sequence[_Waiting[Any]]) -> None:
    """Commit a batch at once; one that fails takes back its own part, and all where the commit itself fails."""
    try:
        with unavailable(), connection.begin():
            for waiting in batch:
                _run_apart(connection, waiting)
    except Exception as error:
        # SQLAlchemy takes a transaction whose commit has failed for over; SQLite may have it open still.
        driver: Any = connection.connection.driver_connection
        driver.rollback()
        for waiting in batch:
            waiting.error = waiting.error or error


def _run_apart(connection: Connection, waiting: _Waiting[Any]) -> None:
    """Run one change of a batch. Its failure is its own unless that has cost the whole transaction: a full disk may.

    The savepoint is plain SQL: those of SQLAlchemy are compiled anew each time, for a third of the writer's time.
    """
    connection.exec_driver_sql("SAVEPOINT change")
    try:
        with unavailable():
            waiting.result = waiting.transaction(Records(connection))
        connection.exec_driver_sql("RELEASE change")
    except Exception as error:
        driver: Any = connection.connection.driver_connection
        if not driver.in_transaction:
            raise
        connection.exec_driver_sql("ROLLBACK TO change")
        connection.exec_driver_sql("RELEASE change")
        waiting.error = error


def _tell(batch: Sequence[_Waiting[Any]]) -> None:
    for waiting in batch:
        try:
            waiting.loop.call_soon_threadsafe(waiting.tell)
        except RuntimeError:
            continue  # its loop has closed: nobody waits for the answer any more


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
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _is_deadlock(error: BaseException | None) -> bool:
    """Whether PostgreSQL has ended a transaction for another one's sake (SQLSTATE 40P01)."""
    return getattr(getattr(error, "orig", None), "sqlstate", None) == "40P01"


_NOTIFY = text(f"SELECT pg_notify('{CHANNEL}', :payload)")


class Pooled(Database):
    """A server database: each change is a transaction of its own, on a connection of the pool."""

    def __init__(self, url: URL) -> None:
        self._patience = patience(url)
        self._engine: Engine = create_engine(
            url, pool_size=POOL + 1, max_overflow=0, pool_pre_ping=True, connect_args=self._patience
        )
        _migrate(self._engine)
        self._threads = ThreadPoolExecutor(POOL, thread_name_prefix="database")
        self._hurried = ThreadPoolExecutor(1, thread_name_prefix="database-at-once")
        self._closed = False
        self._name = secrets.token_hex(8)  #: what tells our notices from those of others
        self._listener: Listener | None = None
        self._doubt: Callable[[], object] = lambda: None  #: called where a commit was not answered; from any thread

    async def change(self, transaction: Transaction[T]) -> T:
        if self._closed:
            raise Unavailable(STOPPED)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: self._run(transaction))

    async def read(self, transaction: Transaction[T]) -> T:
        return await self.change(transaction)

    @property
    def shared(self) -> bool:
        return True

    async def change_at_once(self, transaction: Transaction[T]) -> T:
        if self._closed:
            raise Unavailable(STOPPED)
        return await asyncio.get_running_loop().run_in_executor(self._hurried, lambda: self._run(transaction))

    async def listen(self, heard: Heard) -> None:
        from wsrf_activity.store.listener import Listener  # noqa: PLC0415 - psycopg is there only with its extra

        loop = asyncio.get_running_loop()
        self._doubt = lambda: loop.call_soon_threadsafe(heard, None)
        _, parameters = self._engine.dialect.create_connect_args(self._engine.url)
        self._listener = Listener({**self._patience, **parameters}, self._name, heard)
        await self._listener.start()

    async def close(self) -> None:
        self._closed = True
        if self._listener is not None:
            await self._listener.stop()
        for threads in (self._threads, self._hurried):
            await asyncio.to_thread(threads.shutdown)
        self._engine.dispose()

    def _run(self, transaction: Transaction[T]) -> T:
        """Run a transaction; once more where the database has ended it since it and another waited for each other."""
        for _ in range(_DEADLOCKS):
            try:
                return self._run_once(transaction)
            except Unavailable as error:
                if not _is_deadlock(error.__cause__):
                    raise
        return self._run_once(transaction)

    def _run_once(self, transaction: Transaction[T]) -> T:
        notices: list[Notice] = []
        committing = False
        try:
            with unavailable(), self._engine.begin() as connection:
                result = transaction(Records(connection, notices))
                for payload in payloads(self._name, notices):
                    connection.execute(_NOTIFY, {"payload": payload})
                committing = True
            return result
        except Unavailable:
            # It may be committed all the same. Others hear of it then; here nobody would.
            if committing and notices and not self._closed:
                self._doubt()
            raise
