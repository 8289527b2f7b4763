"""The statements behind a transaction of ours, for tests that look past what stores promise."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from sqlalchemy import Connection, event

from wsrf_activity import store
from wsrf_activity.store import Database, pooled
from wsrf_activity.store.prepared import Prepared, Values
from wsrf_activity.store.records import Records


def statements(records: store.Records) -> Records:
    """Return what a transaction on a database of ours gets, as what it is."""
    assert isinstance(records, Records)
    return records


def connection(records: store.Records) -> Connection:
    """Return the connection that a transaction runs on."""
    return statements(records)._connection


async def together(database: Database, *transactions: Any) -> list[Any]:
    """Run them in one batch: the writers are kept busy until all of them are waiting."""
    loop, release = asyncio.get_running_loop(), threading.Event()
    first = []
    for _ in range(pooled.WRITERS if database.shared else 1):
        busy = asyncio.Event()

        def keep_busy(records: store.Records, busy: asyncio.Event = busy) -> None:
            loop.call_soon_threadsafe(busy.set)
            assert release.wait(30)

        first.append(asyncio.create_task(database.change(keep_busy)))
        await busy.wait()
    tasks = [asyncio.create_task(database.change(transaction)) for transaction in transactions]
    await asyncio.sleep(0)
    release.set()
    await asyncio.gather(*first)
    return await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def noted(connection: Connection) -> Iterator[list[tuple[str, Any]]]:
    """Yield the list of what runs on a connection meanwhile, prepared or not, with its values."""
    seen: list[tuple[str, Any]] = []
    run = Prepared._run

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        seen.append((statement, tuple(parameters) if isinstance(parameters, list) else parameters))

    def note_prepared(prepared: Prepared, on: Connection, values: Values, *rest: Any) -> Any:
        compiled = prepared._for(on.dialect)
        note(on, None, compiled.sql, compiled.parameters(values))
        return run(prepared, on, values, *rest)

    event.listen(connection, "before_cursor_execute", note)
    try:
        with patch.object(Prepared, "_run", note_prepared):
            yield seen
    finally:
        event.remove(connection, "before_cursor_execute", note)
