"""Whatever work leaves to be started, its own activity ends: what cannot be started is told."""

from typing import Any

import pytest

from tests.integration.house import ADA, House, until
from tests.integration.kinship import SERVICES, spawned, wishes
from wsrf_activity.manager import running
from wsrf_activity.model.activity import Members, new_id
from wsrf_activity.model.phases import ErrorStatus, Phase


@pytest.mark.parametrize(
    "said",
    [
        {"service": "one\0"},
        {"service": "one", "name": "a\ud800"},
        {"service": "one", "name": "a\0b"},
        {"service": "one", "parameters": {"text": ["a\ud800"]}},
        {"service": "one", "parameters": {"text": ["a\0b"]}},
        {"service": "one", "parameters": {"text\0": ["a"]}},
        {"service": "one", "after": ["\ud800"]},
        {"service": "one", "after": ["\0"]},
        {"service": "one", "outputs": [["text", "\0", "result"]]},
        {"service": "one", "document": "\ud800"},
        {"service": "one", "document": "\0"},
        {"service": "one", "name": "x" * 5000},
    ],
)
async def test_what_no_database_takes(house: House, said: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "_RETRY", 0.01)
    monkeypatch.setattr(running, "_PAUSES", (0.001,))
    house.services.update(SERVICES)
    parent = await house.running()
    wishes(house, parent, **said)
    house.engine.finish(parent)
    over = await house.wait(parent)
    assert (over.phase, over.error_status) == (Phase.COMPLETED, ErrorStatus.ERRORS_HANDLED)


async def test_what_was_started_before_a_crash_is_known_before_anybody_can_destroy_it(house: House) -> None:
    house.services.update(SERVICES)
    parent = await house.running()
    child = await spawned(house, parent, "one")
    taken = house.manager._folders.attempt(parent, 1) / "spawned" / f"{child}.taken"
    await until(taken.exists)
    taken.rename(taken.with_suffix(".json"))  # as where the server was killed right after the commit
    await house.restart()
    await until(taken.exists)
    await house.manager.destroy(ADA, child)
    house.engine.finish(parent)
    assert (await house.wait(parent)).members == Members(1, 0, 0, 1)


async def test_more_than_a_statement_can_name(house: House) -> None:
    """Work may want tens of thousands started, of which it gets as many as there may be."""
    one = await house.create()
    wanted = [*(new_id() for _ in range(70_000)), one]
    assert list(await house.database.read(lambda records: records.get_many(wanted))) == [one]
