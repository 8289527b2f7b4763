"""What every part of the store's contract stands on: the store under test, and how it is asked."""

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import pytest
import pytest_asyncio

from wsrf_activity.model.activity import Activity, new_id
from wsrf_activity.model.events import between
from wsrf_activity.store import Database, Records, open_database
from wsrf_activity.testing.strategies import NOON, activity


class Subject:
    """A store, opened anew and empty for each test."""

    pytestmark = pytest.mark.asyncio

    several = True  #: whether it can be opened twice at a time; False of one that lives in its own process alone
    lasting = True  #: whether it is there when it is opened again; False of one that is gone when it is closed
    concurrent = True  #: whether reads go on while a change takes its time; False where all take turns in the loop

    @pytest.fixture
    def store_url(self) -> str | Iterator[str]:
        """Return the URL of an empty store, or yield it and tidy the store away; other fixtures can be asked for."""
        raise NotImplementedError

    def open(self, url: str) -> Database:
        """Return the store, by default as a server opens it; what is not installed yet can be opened in its own way."""
        return open_database(url)

    @pytest_asyncio.fixture
    async def database(self, store_url: str) -> AsyncIterator[Database]:
        """The store."""
        database = self.open(store_url)
        yield database
        await database.close()

    @pytest_asyncio.fixture
    async def other(self, database: Database, store_url: str) -> AsyncIterator[Database]:
        """The same store, as another one who has it open at the same time."""
        other = self.open(store_url) if self.several else database
        yield other
        await other.close()


def new(**fixed: Any) -> Activity:
    """Return an activity with an id of its own."""
    return activity(**{"id": new_id(), **fixed})


async def add(database: Database, *added: Activity) -> None:
    """Add activities, with the events of their creation."""

    def transaction(records: Records) -> None:
        for each in added:
            assert records.insert(each, between(None, each, NOON))

    await database.change(transaction)


async def get(database: Database, activity_id: str) -> Activity | None:
    """Return an activity."""
    return await database.read(lambda records: records.get(activity_id))


async def save(database: Database, old: Activity, changed: Activity) -> bool:
    """Write a change with its events."""
    return await database.change(lambda records: records.save(old, changed, between(old, changed, NOON)))


async def topics(database: Database, activity_id: str) -> Sequence[str]:
    """Return the topics of an activity's events, in order."""
    logged = await database.read(lambda records: records.subscriptions.of_activity(activity_id, 0, 1000))
    assert [each.sequence for each in logged] == list(range(1, len(logged) + 1))
    return [each.event.topic for each in logged]
