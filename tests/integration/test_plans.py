"""No read that serves a caller or the queue looks at every activity, however many are stored: the databases say so."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from tests.integration import statements
from wsrf_activity.model.activity import new_id
from wsrf_activity.model.listing import Filter
from wsrf_activity.model.phases import Phase
from wsrf_activity.store import Database, Records, codec, open_database
from wsrf_activity.store.tables import activity as activities
from wsrf_activity.store.tables import activity_group
from wsrf_activity.testing.strategies import NOON, activity

STORED = 6_000
AFTER = (NOON + timedelta(seconds=STORED // 2), "m")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Twenty owners with 300 activities each, of which nearly all have ended."""
    database = open_database(database_url)
    await database.change(_fill)
    if database_url.startswith("postgresql"):
        await database.change(lambda records: statements.connection(records).exec_driver_sql("ANALYZE").close())
    yield database
    await database.close()


def _fill(records: Records) -> None:
    phases = [Phase.QUEUED, Phase.EXECUTING, *[Phase.COMPLETED] * 198]
    stored = [
        activity(
            id=new_id(),
            owner=f"owner{number % 20}",
            service=f"service{number % 7}",
            run_id=f"run{number // 40}",
            phase=phases[number // 20 % 200],
            created=NOON + timedelta(seconds=number),
            terminates=None if number % 50 == 0 else NOON + timedelta(days=1, seconds=number),
            groups=(f"group{number % 11}",),
        )
        for number in range(STORED)
    ]
    statements.connection(records).execute(insert(activities), [codec.activity_row(each) for each in stored])
    rows = ({"owner": a.owner, "name": a.groups[0], "created": a.created, "activity_id": a.id} for a in stored)
    statements.connection(records).execute(insert(activity_group), list(rows))


def _list(**said: Any) -> Callable[[Records], object]:
    wanted = Filter(limit=100, **said)
    return lambda records: records.list("owner3", wanted, NOON)


READS: dict[str, Callable[[Records], object]] = {
    "get": lambda records: records.get("x"),
    "get_to_change": lambda records: records.get_to_change("x"),
    "get_many": lambda records: records.get_many(["x", "y"]),
    "by_request": lambda records: records.by_request("owner3", "x"),
    "list": _list(),
    "list_after": _list(after=AFTER),
    "list_phase": _list(phases=(Phase.EXECUTING,)),
    "list_phases": _list(phases=(Phase.QUEUED, Phase.EXECUTING), after=AFTER),
    "list_service": _list(service="service3"),
    "list_run": _list(run_id="run7"),
    "list_group": _list(group="group5"),
    "list_created_after": _list(created_after=NOON + timedelta(seconds=STORED // 2)),
    "next_queued": lambda records: records.next_queued("owner3", 4, NOON),
    "owners_queued": lambda records: records.owners_queued(),
    "in_phase": lambda records: records.in_phase(Phase.EXECUTING),
    "expired": lambda records: records.expired(NOON + timedelta(days=1, seconds=50), 200),
    "over": lambda records: records.over(NOON + timedelta(days=1, seconds=50), 200),
    "next_deadline": lambda records: records.next_deadline(),
    "next_begin": lambda records: records.next_begin(NOON),
    "list_phases_of_service": _list(service="service3", phases=(Phase.FAILED, Phase.ABORTED)),
    "list_phase_of_run": _list(run_id="run7", phases=(Phase.FAILED,)),
    "list_run_of_service": _list(run_id="run7", service="service3"),
    "list_phase_of_group": _list(group="group5", phases=(Phase.FAILED,)),
    "list_parent": _list(parent="x", after=AFTER),
    "live_below": lambda records: records.families.live_below("x"),
    "members": lambda records: records.families.members("x", AFTER, 100),
    "dependants": lambda records: records.families.dependants(["x"]),
}


async def test_no_read_looks_at_every_activity(database: Database) -> None:
    for name, read in READS.items():
        plans = await database.change(partial(_plans, read=read))
        assert plans, name
        for plan in plans:
            for step in plan:
                assert "Seq Scan on activity" not in step, (name, plan)
                assert not step.startswith("SCAN activity"), (name, plan)
                assert "SCAN activities" not in step, (name, plan)


def _plans(records: Records, read: Callable[[Records], object]) -> list[list[str]]:
    """Return how the database goes about each statement that a read consists of."""
    connection = statements.connection(records)
    with statements.noted(connection) as seen:
        read(records)
    explain = "EXPLAIN" if connection.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
    return [
        [str(row[-1]) for row in connection.exec_driver_sql(f"{explain} {statement}", parameters)]
        for statement, parameters in seen
    ]


#: What is asked for of an owner who has a lot that is not.
RARE: dict[str, dict[str, Any]] = {
    "phase": {"phases": (Phase.FAILED,)},
    "phases": {"phases": (Phase.FAILED, Phase.ABORTED, Phase.EXECUTING)},
    "service": {"service": "rare"},
    "service, many of a phase": {"service": "rare", "phases": (Phase.COMPLETED,)},
    "phases, many of a service": {"service": "common", "phases": (Phase.FAILED, Phase.QUEUED)},
    "run": {"run_id": "rare"},
    "run, many of a service": {"run_id": "rare", "service": "common"},
    "run, many of a phase": {"run_id": "rare", "phases": (Phase.COMPLETED,)},
    "phase, many of a run": {"run_id": "common", "phases": (Phase.FAILED,)},
    "group, many of all else": {"group": "rare", "service": "common", "phases": (Phase.COMPLETED, Phase.FAILED)},
}


async def test_what_is_not_on_a_page_is_not_looked_at(tmp_path: Path) -> None:
    """SQLite counts the steps of its own program: some thousands for a page, millions for what is stored."""
    database = open_database(f"sqlite:///{tmp_path / 'activities.db'}")

    def fill(records: Records) -> None:
        common = {"owner": "ada", "service": "common", "run_id": "common", "phase": Phase.COMPLETED}
        stored = [activity(id=new_id(), **common, created=NOON + timedelta(seconds=n)) for n in range(3000)]
        each = ({"service": "rare"}, {"run_id": "rare"}, {"phase": Phase.FAILED}, {"groups": ("rare",)})
        stored += [activity(**{"id": new_id(), **common, **rare, "created": NOON}) for rare in each]
        records.insert_many(stored, [])

    await database.change(fill)
    for name, wanted in {"all": {}, **RARE}.items():
        found, steps = await database.change(partial(_steps, wanted=Filter(limit=10, **wanted)))
        assert found == (10 if name == "all" else 1), name
        assert steps < 5_000, name
    await database.close()


def _steps(records: Records, wanted: Filter) -> tuple[int, int]:
    """Return how many are listed, and how many steps that took."""
    driver = statements.connection(records).connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    steps = 0

    def step() -> None:
        nonlocal steps
        steps += 100

    driver.set_progress_handler(step, 100)
    try:
        return len(records.list("ada", wanted, NOON).activities), steps
    finally:
        driver.set_progress_handler(None, 0)
