"""Many stored activities, made in SQLite by SQL: copies of one that the program has stored, with new ids."""

import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from wsrf_activity.model.activity import new_id

_LINKS = 10_000  #: to one file
_NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"


@contextmanager
def opened(data: Path) -> Iterator[sqlite3.Connection]:
    """Open the database of a data folder, beside its server where that runs."""
    with closing(sqlite3.connect(data / "activities.db", isolation_level=None, timeout=60)) as database:
        yield database


def multiply(data: Path, template: str, wanted: int, terminates: int | None = None) -> list[str]:
    """Store so many copies of an activity with its events and groups, and return their ids.

    Each is a second older than the one before.
    ``terminates`` is their termination time in microseconds since 1970, where it is not to be the template's.
    """
    with opened(data) as database:
        database.create_function("new_id", 0, new_id)
        database.execute(f"CREATE TEMP TABLE made AS {_NUMBERS} SELECT new_id() AS id, i FROM n", (wanted,))
        database.execute("BEGIN IMMEDIATE")
        other = {"id": "made.id", "created": "created - 1000000 * made.i"}
        if terminates is not None:
            other["terminates"] = str(terminates)
        _copy(database, "activity", "activity.id", template, other)
        created = {"activity_id": "made.id", "created": "created - 1000000 * made.i"}
        _copy(database, "activity_group", "activity_id", template, created)
        _copy(database, "event", "activity_id", template, {"id": None, "activity_id": "made.id"})
        database.execute("COMMIT")
        return [row[0] for row in database.execute("SELECT id FROM made")]


def _copy(database: sqlite3.Connection, table: str, key: str, template: str, other: Mapping[str, str | None]) -> None:
    names = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
    taken = {name: other.get(name, f"{table}.{name}") for name in names}
    columns = {name: expression for name, expression in taken.items() if expression is not None}
    database.execute(
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(columns.values())} FROM made, {table}"
        f" WHERE {key} = ? ORDER BY made.i",
        (template,),
    )


def folder(data: Path, activity_id: str) -> Path:
    """Return where an activity's files lie."""
    return data / "activities" / activity_id[:2] / activity_id


def link(data: Path, template: str, ids: list[str]) -> None:
    """Give each the template's files, by hard links: to unlink one of them is the same work.

    File systems allow so many links to a file, and no more: after those it is copied.
    """
    for start in range(0, len(ids), _LINKS):
        first, *others = ids[start : start + _LINKS]
        shutil.copytree(folder(data, template), folder(data, first), symlinks=True)
        _link(data, folder(data, first), others)


def _link(data: Path, of: Path, ids: list[str]) -> None:
    folders = [path.relative_to(of) for path in of.rglob("*") if path.is_dir() and not path.is_symlink()]
    files = [path.relative_to(of) for path in of.rglob("*") if path.is_symlink() or not path.is_dir()]
    for each in ids:
        made = folder(data, each)
        made.mkdir(parents=True)
        for name in folders:
            (made / name).mkdir(parents=True, exist_ok=True)
        for name in files:
            os.link(of / name, made / name, follow_symlinks=False)
