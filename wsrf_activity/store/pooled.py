"""A server database, PostgreSQL: what waits to be changed is committed together, and reads go past it.

What a transaction does is a function of ``Records``; it may be called again and must have no other effect.
"""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from wsrf_activity.model.errors import Unavailable
from wsrf_activity.store.base import Database, Transaction
from wsrf_activity.store.connecting import patience, unavailable
from wsrf_activity.store.crew import Crew
from wsrf_activity.store.link import Link, run_plain
from wsrf_activity.store.migrate import migrate
from wsrf_activity.store.notices import CHANNEL, Heard, Notice, payloads
from wsrf_activity.store.pending import STOPPED, Pending, fail, tell
from wsrf_activity.store.records import Records
from wsrf_activity.store.unwritten import Unwritten

if TYPE_CHECKING:
    from wsrf_activity.store.listener import Listener

T = TypeVar("T")

BATCH = 256  #: changes that one commit may carry
WRITERS = 2  #: threads that commit changes together; where one of them waits the other goes on
READERS = 6  #: threads that read
ALONE = 4  #: threads that do by itself what could not be done together with others: nobody else waits where these wait
_LOCK_PATIENCE = 0.25  #: seconds that a batch waits for a row; below the time after which PostgreSQL sees a deadlock
_DEADLOCKS = 10  #: in a row that a transaction may be the victim of


def prepare(url: URL) -> None:
    """Bring the tables to this version's form."""
    migrate(_engine(url))


def _engine(url: URL) -> Engine:
    return create_engine(url, poolclass=NullPool, connect_args=patience(url))


class NoAnswer(Unavailable):
    """The database cannot be reached, or did not say whether it has committed: to ask anew at once is of no use."""


class Pooled(Database):
    """A server database, used by threads that have a connection each."""

    def __init__(self, url: URL) -> None:
        self._patience = patience(url)
        self._engine = _engine(url)
        migrate(self._engine)
        self._writers = Crew("database-writer", self._links(WRITERS, _LOCK_PATIENCE), self._commit_together, BATCH)
        self._alone = Crew("database-alone", self._links(ALONE), self._serve)
        self._readers = Crew("database-reader", self._links(READERS), self._serve)
        self._hurried = Crew("database-at-once", self._links(1), self._serve)
        self._closed = False
        self._name = secrets.token_hex(8)  #: what tells our notices from those of others
        self._listener: Listener | None = None
        self._doubt: Callable[[], object] = lambda: None  #: called where a commit was not answered; from any thread

    async def change(self, transaction: Transaction[T]) -> T:
        return await self._done(transaction, self._writers)

    async def read(self, transaction: Transaction[T]) -> T:
        return await self._done(transaction, self._readers, reads=True)

    @property
    def shared(self) -> bool:
        return True

    async def change_at_once(self, transaction: Transaction[T]) -> T:
        return await self._done(transaction, self._hurried)

    async def _done(self, transaction: Transaction[T], crew: Crew, *, reads: bool = False) -> T:
        if self._closed:
            raise Unavailable(STOPPED)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        crew.put(Pending(transaction, loop, future, reads=reads))
        return await future

    async def listen(self, heard: Heard) -> None:
        from wsrf_activity.store.listener import Listener  # noqa: PLC0415 - psycopg is there only with its extra

        loop = asyncio.get_running_loop()
        self._doubt = lambda: loop.call_soon_threadsafe(heard, None)
        _, parameters = self._engine.dialect.create_connect_args(self._engine.url)
        self._listener = Listener({**self._patience, **parameters}, self._name, heard)
        await self._listener.start()

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._listener is not None:
            await self._listener.stop()
        for crew in (self._writers, self._alone, self._readers, self._hurried):  # what writers give up comes alone
            await asyncio.to_thread(crew.close)

    def _links(self, count: int, lock_patience: float | None = None) -> list[Link]:
        return [Link(self._engine, lock_patience) for _ in range(count)]

    def _commit_together(self, link: Link, batch: Sequence[Pending[Any]]) -> None:
        """Commit changes together. One that fails is tried again by itself and has its own error, while those before
        it are committed, and then those behind it: what one of them does, or waits for, is no concern of the others.
        """
        parts = [batch]
        while parts:
            part = parts.pop()
            results: list[Any] = []
            try:
                _retrying(link, partial(self._commit, [each.transaction for each in part], results))
            except NoAnswer as error:
                fail([*part, *(each for other in parts for each in other)], error)
                return
            except Exception as error:
                failed = len(results)  # or all of them, where what they have put off cannot be written, or told of
                if len(part) == 1 and not isinstance(error, SQLAlchemyError):
                    fail(part, error)
                    continue
                for each in part[failed : failed + 1] or part:
                    self._alone.put(each)
                parts += [some for some in (part[failed + 1 :], part[:failed]) if some and failed < len(part)]
            else:
                for each, result in zip(part, results, strict=True):
                    each.result = result
                tell(part)

    def _serve(self, link: Link, batch: Sequence[Pending[Any]]) -> None:
        """Read, and change by itself."""
        for each in batch:
            try:
                each.result = (_read if each.reads else self._change_alone)(link, each.transaction)
            except Exception as error:
                each.error = error
        tell(batch)

    def _change_alone(self, link: Link, transaction: Transaction[T]) -> T:
        """Run a transaction; once more where the database has ended it since it and another waited for each other."""
        results: list[T] = []
        commit = partial(_retrying, link, partial(self._commit, [transaction], results))
        with unavailable():
            for _ in range(_DEADLOCKS):
                try:
                    commit()
                except SQLAlchemyError as error:
                    if not _is_deadlock(error):
                        raise
                else:
                    return results[0]
            commit()
            return results[0]

    def _commit(self, transactions: Sequence[Transaction[T]], results: list[T], connection: Connection) -> None:
        """Commit what these do, and put into ``results`` what each has returned: so many did not fail."""
        notices: list[Notice] = []
        results.clear()
        with connection.begin() as begun:
            unwritten = Unwritten(connection)
            records = Records(connection, notices, unwritten=unwritten)
            for transaction in transactions:
                results += [transaction(records)]
            unwritten.write()
            try:
                with unavailable():
                    self._announce(connection, notices)
                    begun.commit()
            except Unavailable as error:
                # It may be committed all the same. Others hear of it then; here nobody would.
                if notices and not self._closed:
                    self._doubt()
                raise NoAnswer(str(error)) from error.__cause__

    def _announce(self, connection: Connection, notices: Sequence[Notice]) -> None:
        """Tell other servers, and commit in the same message to the database."""
        quoted = (payload.replace("'", "''") for payload in payloads(self._name, notices))
        said = [f"NOTIFY {CHANNEL}, '{each}';" for each in quoted]
        if said:
            run_plain(connection, " ".join([*said, "COMMIT"]))


def _read(link: Link, transaction: Transaction[T]) -> T:
    def read(connection: Connection) -> T:
        with connection.begin():  # SQLAlchemy's own: the driver begins none
            return transaction(Records(connection))

    with unavailable():
        return _retrying(link, read, reads=True)


def _retrying(link: Link, work: Callable[[Connection], T], *, reads: bool = False) -> T:
    """Do something on a connection; once more on a new one where that was lost while nobody used it, or before the
    commit.
    """
    try:
        try:
            return work(_connect(link, reads))
        except SQLAlchemyError:
            if not link.is_lost():
                raise
        return work(_connect(link, reads))
    except NoAnswer:
        link.close()
        raise


def _connect(link: Link, reads: bool) -> Connection:
    try:
        with unavailable():
            return link.connect(reads=reads)
    except Unavailable as error:
        raise NoAnswer(str(error)) from error.__cause__


def _is_deadlock(error: BaseException) -> bool:
    """Whether PostgreSQL has ended a transaction for another one's sake (SQLSTATE 40P01)."""
    return getattr(getattr(error, "orig", None), "sqlstate", None) == "40P01"
