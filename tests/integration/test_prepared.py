"""Statements that the driver runs itself say, read and fail as SQLAlchemy's own do."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import bindparam, insert, literal_column, select, update

from tests.integration.statements import connection
from wsrf_activity.model.errors import Unavailable
from wsrf_activity.store import Database, Records, codec
from wsrf_activity.store.memory import Memory
from wsrf_activity.store.prepared import Prepared, among, bound
from wsrf_activity.store.tables import activity as activities
from wsrf_activity.store.tables import activity_group as groups
from wsrf_activity.testing.strategies import NOON, activity

_COUNT = 2_000  #: more than one statement of SQLAlchemy's could name on every SQLite


async def test_a_row_is_that_of_sqlalchemy(database: Database) -> None:
    query = select(activities).where(activities.c.id == bindparam("id"))
    added = activity(id="x", name="ein Ü\N{SNOWMAN}'%s", terminates=NOON + timedelta(microseconds=1))

    def both(records: Records) -> tuple[Any, Any]:
        on, row = connection(records), codec.activity_row(added)
        Prepared(insert(activities).values(bound(activities)).inline()).change(on, row)
        return Prepared(query).first(on, {"id": "x"}), dict(on.execute(query, {"id": "x"}).mappings().one())

    prepared, own = await database.change(both)
    assert prepared == own
    assert codec.read_activity(prepared) == added


async def test_rows_are_counted(database: Database) -> None:
    add = Prepared(insert(groups).values(bound(groups)).inline())
    rows = [{"owner": "o", "name": f"g{n}", "created": NOON, "activity_id": str(n)} for n in range(_COUNT)]
    drop = Prepared(groups.delete().where(among(groups.c.activity_id, "ids")))
    half = [row["activity_id"] for row in rows[::2]]

    def transaction(records: Records) -> tuple[int, int, list[str]]:
        on = connection(records)
        added, dropped = add.change_many(on, rows), drop.change(on, {"ids": half})
        left = Prepared(select(groups.c.activity_id).where(among(groups.c.activity_id, "ids")))
        return added, dropped, [row["activity_id"] for row in left.all(on, {"ids": [*half, "1", "3", "none", "1"]})]

    added, dropped, left = await database.change(transaction)
    assert (added, dropped) == (_COUNT, _COUNT // 2)
    assert sorted(left) == ["1", "3"]


@pytest.mark.parametrize("many", [False, True])
async def test_what_the_driver_says_is_said_as_by_sqlalchemy(database: Database, many: bool) -> None:
    wrong = Prepared(update(groups).values(owner=bindparam("of")).where(literal_column("nonsense") == 1))

    def transaction(records: Records) -> int:
        return wrong.change_many(connection(records), [{"of": "o"}] * (2 if many else 1))

    with pytest.raises(Unavailable) as caught:
        await database.change(transaction)
    assert "nonsense" in str(caught.value.__cause__)
    assert await database.read(lambda records: records.get("x")) is None  # the connection is as good as before


def test_a_list_that_grows_is_refused() -> None:
    query = Prepared(select(groups).where(groups.c.name.in_(["a", "b"])))
    with pytest.raises(AssertionError, match="among"):
        query.all(Memory()._connection, {})
