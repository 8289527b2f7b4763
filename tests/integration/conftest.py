"""The databases, and on them a manager with all that it needs."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.house import USUAL, House
from tests.integration.kinship import SERVICES
from tests.integration.local_jobs import QUICK, abort_all
from wsrf_activity.engines.local import LocalEngine
from wsrf_activity.manager import Limits, running
from wsrf_activity.store import Database, open_database


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """On either database, with nothing in it."""
    database = open_database(database_url)
    yield database
    await database.close()


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[Database]:
    """On SQLite alone, with nothing in it."""
    database = open_database(f"sqlite:///{tmp_path / 'activities.db'}")
    yield database
    await database.close()


@pytest.fixture
def limits() -> Limits:
    """What a house has room for: a module that asks for something else has a fixture of this name."""
    return USUAL


@pytest.fixture
async def house(database_url: str, limits: Limits, tmp_path: Path) -> AsyncIterator[House]:
    """On either database."""
    house = House(database_url, tmp_path / "data", limits=limits)
    await house.open()
    yield house
    await house.close()


@pytest.fixture
async def small(tmp_path: Path) -> AsyncIterator[House]:
    """On SQLite alone, for what does not depend on the database."""
    house = House(f"sqlite:///{tmp_path / 'small.db'}", tmp_path / "data")
    await house.open()
    yield house
    await house.close()


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[LocalEngine]:
    """Open; what a failed test has left running ends."""
    engine = LocalEngine(QUICK)
    await engine.open()
    yield engine
    abort_all(tmp_path)
    await engine.close()


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for lost work at once."""
    monkeypatch.setattr(running, "_RETRY", 0.001)
    monkeypatch.setattr(running, "_PAUSES", (0.0, 0.0, 0.0))


@pytest.fixture
def services(request: pytest.FixtureRequest) -> None:
    """Have the services of kinship, and room for all that is started."""
    for name in ("house", "small"):
        if name in request.fixturenames:
            house: House = request.getfixturevalue(name)
            house.services.update(SERVICES)
            house.manager._runner._slots.parallel = 8
