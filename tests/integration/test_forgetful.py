"""A database that commits and is gone before it can say so: what it did is found again, and not done twice."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.house import House, until
from wsrf_activity.engines.base import Lost, Warned
from wsrf_activity.manager import Limits, running
from wsrf_activity.model.activity import Heard, RestartPolicy
from wsrf_activity.model.errors import Unavailable
from wsrf_activity.model.phases import Phase
from wsrf_activity.model.services import Service
from wsrf_activity.store import Database

AGAIN = Service(name="again", command=("true",), restart=RestartPolicy.RERUN)


class Forgetful:
    """Stands before a database's ``change``, and loses some of its answers."""

    def __init__(self, database: Database) -> None:
        self._change = database.change
        self.losing = 0  #: answers that are still to be lost
        self.refusing = 0  #: changes that are still to be refused
        database.change = self.change  # type: ignore[method-assign]  # the database goes with the test

    async def change(self, transaction: Any) -> Any:
        """Commit, and say so if that is not to be lost."""
        if self.refusing:
            self.refusing -= 1
            raise Unavailable("the database does not answer")
        result = await self._change(transaction)
        if self.losing:
            self.losing -= 1
            raise Unavailable("the database does not answer")
        return result


@pytest.fixture
async def house(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr(running, "_RETRY", 0.001)
    house = House(database_url, tmp_path / "data", services={"again": AGAIN}, limits=Limits(parallel=1))
    await house.open()
    yield house
    await house.close()


async def test_a_claim_whose_commit_was_not_answered_is_not_forgotten(house: House) -> None:
    first = await house.running()
    waiting = await house.create()
    database = Forgetful(house.database)
    house.manager._runner._slots.parallel = 2
    database.losing = 1
    house.manager._runner.wake()
    await house.begun(waiting)
    for activity_id in (first, waiting):
        house.engine.finish(activity_id)
        ended = await house.wait(activity_id)
        assert (ended.phase, ended.attempt) == (Phase.COMPLETED, 1)
    assert house.engine.asked == [(first, 1), (waiting, 1)]


async def test_an_attempt_is_queued_anew_once_though_that_was_not_answered(house: House) -> None:
    activity_id = await house.running(service="again", command=None)
    Forgetful(house.database).losing = 1
    house.engine.finish(activity_id, Lost(True, "The work was killed."))
    await house.begun(activity_id, 2)
    house.engine.finish(activity_id)
    ended = await house.wait(activity_id)
    assert (ended.phase, ended.attempt, [error.code for error in ended.errors]) == (Phase.COMPLETED, 2, ["WorkLost"])


async def test_a_warning_that_the_database_was_not_there_for_is_kept_once(house: House) -> None:
    activity_id = await house.running()
    database = Forgetful(house.database)
    database.refusing, database.losing = 3, 1
    house.engine.tell(activity_id, Warned("three sequences skipped", Heard(29, 1)))
    house.engine.finish(activity_id)
    await until(lambda: database.refusing + database.losing == 0)
    ended = await house.wait(activity_id)
    assert [error.description for error in ended.errors] == ["three sequences skipped"]
