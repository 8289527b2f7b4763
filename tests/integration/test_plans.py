"""No read that serves a caller or the queue looks at every activity, however many are stored: the databases say so."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from functools import partial
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
