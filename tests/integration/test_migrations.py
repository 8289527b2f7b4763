"""The tables' form on both databases: made once, whoever starts, and never touched where it is of a later version."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, insert, inspect

from tests.integration.house import ADA, House, until
from wsrf_activity.engines.base import Job
from wsrf_activity.model import changes
from wsrf_activity.model.activity import new_id
from wsrf_activity.model.errors import Unavailable
from wsrf_activity.model.phases import Phase
from wsrf_activity.store import codec, open_database
from wsrf_activity.store.migrate import configuration
from wsrf_activity.store.tables import activity as activities
from wsrf_activity.store.tables import metadata
from wsrf_activity.testing.strategies import NOON, activity


async def test_the_migrations_make_what_the_tables_say(database_url: str) -> None:
    await open_database(database_url).close()
    engine = create_engine(database_url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        # What the comparison leaves out: that indexes lead with the same columns in the same order.
        for table in metadata.tables.values():
            made = {index["name"]: index["column_names"] for index in inspect(connection).get_indexes(table.name)}
            assert made == {index.name: [column.name for column in index.columns] for index in table.indexes}
    engine.dispose()


async def test_a_second_start_changes_nothing(database_url: str) -> None:
    for _ in range(2):
        await open_database(database_url).close()
    assert set(_tables(create_engine(database_url))) == {*metadata.tables, "alembic_version"}


async def test_a_later_version_is_left_alone(database_url: str) -> None:
    await open_database(database_url).close()
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    for _ in range(2):
        with pytest.raises(Unavailable, match=r"newer version \(schema 9999\).*later one$"):
            open_database(database_url)
    with engine.begin() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == "9999"
    engine.dispose()


#: What the first versions wrote of an activity even where it was as with most.
WHOLE: dict[str, Any] = {
    "groups": [],
    "attempt": 1,
    "errors": [],
    "results": [],
    "has_input": False,
    "request_digest": None,
    **dict.fromkeys(("started", "work_limit", "progress", "engine_job", "exit_code")),
}


async def test_work_under_way_outlives_an_upgrade(database_url: str, tmp_path: Path) -> None:
    """What was accepted by the first version, and what it had begun, is found by this one."""
    begun, queued = (replace(activity(), id=new_id(), owner=ADA.name) for _ in range(2))
    begun = changes.begin(begun, NOON)
    engine = create_engine(database_url)
    with engine.begin() as connection:
        command.upgrade(configuration(connection), "0001")
        for each in (begun, queued):
            row = codec.activity_row(each)
            for later in ("holder", "parent", "begins"):
                del row[later]
            row["document"] = {**WHOLE, **row["document"]}
            connection.execute(insert(activities), row)
    engine.dispose()
    house = House(database_url, tmp_path / "data")
    earlier = Job(activity_id=begun.id, attempt=1, folder=tmp_path, argv=())
    await house.engine.start(earlier, lambda said: None)
    await house.open()
    await house.begun(queued.id)
    await until(lambda: house.held(begun.id))
    for each in (begun, queued):
        house.engine.finish(each.id)
        assert (await house.wait(each.id)).phase is Phase.COMPLETED
    assert (await house.get(begun.id)).fence == begun.fence + 1
    await house.close()


def test_servers_that_start_at_once_take_turns(database_url: str) -> None:
    program = (
        "import asyncio, sys\n"
        "from wsrf_activity.store import open_database\n"
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
        "database = open_database(sys.argv[1])\n"
        "asyncio.run(database.close())\n"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program, database_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in started:
        assert process.communicate(timeout=120)[1] == ""
        assert process.returncode == 0
    assert set(_tables(create_engine(database_url))) == {*metadata.tables, "alembic_version"}


def _tables(engine: Engine) -> list[str]:
    try:
        return inspect(engine).get_table_names()
    finally:
        engine.dispose()
