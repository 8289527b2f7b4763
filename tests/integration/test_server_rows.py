"""The rows of servers that share a PostgreSQL, one transaction against another."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import NullPool

from tests import databases
from tests.acceptance.watching import eventually
from wsrf_activity.model import changes
from wsrf_activity.model.events import between
from wsrf_activity.model.servers import Server
from wsrf_activity.store.migrate import migrate
from wsrf_activity.store.records import Records
from wsrf_activity.store.servers import Servers
from wsrf_activity.testing.strategies import NOON, activity

ME = Server(id="me", host="here", boot="now", pid=1, start=1, folder="files")


@pytest.fixture
def engine(postgresql: databases.Cluster) -> Iterator[Engine]:
    with postgresql.database() as url:
        engine = create_engine(url, poolclass=NullPool)
        migrate(engine)
        yield engine


def test_who_leaves_stays_known_for_what_it_has_just_claimed(engine: Engine) -> None:
    """Else nobody would take that over before another server starts."""
    queued = activity(id="a")
    begun = changes.begin(queued, NOON, ME.id)
    with engine.begin() as connection:
        Servers(connection).renew(ME, timedelta(minutes=1))
        Records(connection).insert(queued, between(None, queued, NOON))

    def leave() -> None:
        with engine.begin() as connection:
            Servers(connection).leave(ME.id)

    def waits() -> bool:
        with engine.connect() as connection:
            return connection.execute(text("SELECT 1 FROM pg_locks WHERE NOT granted")).first() is not None

    leaving = threading.Thread(target=leave)
    with engine.begin() as connection:
        assert Servers(connection).holds_lease(ME.id)
        leaving.start()
        eventually(waits)
        assert Records(connection).save(queued, begun, between(queued, begun, NOON))
    leaving.join()
    with engine.connect() as connection:
        [known] = Servers(connection).every()
        assert (known.server.departed, known.in_force) == (True, False)
        assert Servers(connection).lost() == []
