"""How an examiner reads either database: whole, batch by batch, whatever one of the rows is like."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import NullPool

from wsrf_activity.doctor import Kind, Place, examine
from wsrf_activity.model import changes
from wsrf_activity.model.events import between
from wsrf_activity.store import inspection
from wsrf_activity.store.inspection import Entry, Inspection
from wsrf_activity.store.migrate import migrate
from wsrf_activity.store.records import Records
from wsrf_activity.testing.strategies import NOON, activity

IDS = ("a", "b", "c", "d", "e")


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """A database with five activities that execute, each in a group of its own."""
    engine = create_engine(database_url, poolclass=NullPool)
    migrate(engine)
    with engine.begin() as connection:
        records = Records(connection)
        for each in IDS:
            queued = activity(id=each, groups=(f"group {each}",))
            begun = changes.begin(queued, NOON)
            records.insert(queued, between(None, queued, NOON))
            records.save(queued, begun, between(queued, begun, NOON))
    yield engine
    engine.dispose()


@pytest.mark.parametrize("batch", [1, 2, 5, 100])
def test_each_activity_comes_once_with_all_that_hangs_on_it(
    engine: Engine, database_url: str, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspection, "_BATCH", batch)
    with closing(Inspection(database_url)) as looked_at:
        for found, wanted in ((looked_at.stored(), IDS), (looked_at.stored({"d", "b", "x"}), ("b", "d"))):
            every = list(found)
            assert [each.id for each in every] == list(wanted)
            for each in every:
                assert [(entry.phase, entry.before) for entry in each.history] == [
                    ("Queued", None),
                    ("Executing", "Queued"),
                ]
                assert {name for _, name, _ in each.groups} == {f"group {each.id}"}
        assert [type(entry) for entry in looked_at.history("c")] == [Entry, Entry]


def test_a_row_that_cannot_be_read_hides_no_other(engine: Engine, database_url: str, tmp_path: Path) -> None:
    """PostgreSQL lets in nothing that is not JSON at all."""
    broken = '{"work": ' if engine.dialect.name == "sqlite" else "[]"
    with engine.begin() as connection:
        connection.execute(text("UPDATE activity SET document = :broken WHERE id = 'c'"), {"broken": broken})
    place = Place(data=tmp_path, files=tmp_path, database=database_url)
    assert {(each.kind, each.subject) for each in examine(place).findings} == {(Kind.ROW_UNREADABLE, "c")}
