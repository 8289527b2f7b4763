"""The connection of one thread to a server database: made when it is first needed, and again where it was lost."""

from sqlalchemy import Connection, Engine

from wsrf_activity.store.prepared import driver_of, failed, keep_cursor


class Link:
    """Its thread alone uses it: so it is taken from no pool, and not asked whether it still lives before each use."""

    def __init__(self, engine: Engine, lock_patience: float | None = None) -> None:
        """Connect by an engine that has no pool.

        With ``lock_patience``, in seconds, a statement fails that waits longer for a row which another one holds.
        """
        self._engine = engine
        self._lock_patience = lock_patience
        self._connection: Connection | None = None

    def connect(self, *, reads: bool = False) -> Connection:
        """Return the connection. One that ``reads`` has no transactions: each statement sees what is committed then.

        Raises what SQLAlchemy raises where there is none to be had.
        """
        connection = self._connection
        if connection is None or self.is_lost():  # SQLAlchemy would replace it by one that is not set up
            connection = self._connection = self._set_up(self._engine.connect())
        driver = driver_of(connection)
        if driver.autocommit is not reads:
            driver.autocommit = reads
        return connection

    def _set_up(self, connection: Connection) -> Connection:
        try:
            keep_cursor(connection)
            if self._lock_patience is not None:
                run_plain(connection, f"SET lock_timeout = {round(1000 * self._lock_patience)}; COMMIT")
        except BaseException:
            connection.close()
            raise
        return connection

    def is_lost(self) -> bool:
        """Whether the connection has broken; the next one is new then."""
        connection = self._connection
        if connection is not None and (connection.invalidated or driver_of(connection).closed):
            self.close()
        return self._connection is None

    def close(self) -> None:
        """Disconnect."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()  # nothing is said any more to what may be silent
            connection.close()


def run_plain(connection: Connection, sql: str) -> None:
    """Run statements without values, several in one message: they cannot be prepared."""
    try:
        driver_of(connection).execute(sql, prepare=False)
    except connection.dialect.loaded_dbapi.Error as error:
        raise failed(connection, sql, error) from error
