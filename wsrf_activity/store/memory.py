"""The twin of the databases for tests: SQLite in memory, with the same statements, gone when it is closed."""

import asyncio
from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import NullPool

from wsrf_activity.model.errors import Unavailable
from wsrf_activity.store.base import Database, Transaction
from wsrf_activity.store.connecting import unavailable
from wsrf_activity.store.notices import Heard
from wsrf_activity.store.pending import STOPPED
from wsrf_activity.store.records import Records
from wsrf_activity.store.tables import metadata

T = TypeVar("T")
#: What SQLite makes by itself has no SQL, or is this one table.
_MADE = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name <> 'sqlite_sequence'"


class Memory(Database):
    """One connection, used in the event loop alone: changes take turns, and a read sees what was changed before it."""

    def __init__(self) -> None:
        """Make an empty one."""
        self._connection = _engine().connect()
        self._closed = False
        _driver(self._connection).executescript(_tables())

    async def change(self, transaction: Transaction[T]) -> T:
        """Run in a transaction."""
        await asyncio.sleep(0)  # others have their turn, as they have where a commit takes its time
        if self._closed:
            raise Unavailable(STOPPED)
        with unavailable(), self._connection.begin():
            return transaction(Records(self._connection))

    async def read(self, transaction: Transaction[T]) -> T:
        """Run in a transaction too: there is nothing else to read from."""
        return await self.change(transaction)

    @property
    def shared(self) -> bool:
        """Return False: no other process sees it."""
        return False

    async def change_at_once(self, transaction: Transaction[T]) -> T:
        """Do as ``change``."""
        return await self.change(transaction)

    async def listen(self, heard: Heard) -> None:
        """Hear nothing: there are no others."""

    async def close(self) -> None:
        """Forget everything."""
        self._closed = True
        self._connection.close()


@lru_cache
def _engine() -> Engine:
    """Return what all of them have in common, so that each statement is compiled once; a connection is a database."""
    engine = create_engine("sqlite://", poolclass=NullPool, connect_args={"check_same_thread": False})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return engine


@lru_cache
def _tables() -> str:
    """Return what makes the tables: to work it out takes longer than all that a short test does."""
    with _engine().connect() as connection:
        with connection.begin():
            metadata.create_all(connection, checkfirst=False)
        made = _driver(connection).execute(_MADE)
        return ";\n".join(row[0] for row in made) + ";"


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection


def _prepare(connection: Any, record: object) -> None:
    """BEGIN is ours, not the driver's."""
    connection.isolation_level = None
