"""A long query of an archive: each slice of the table is a step, after which progress is told and the state is kept.

The archive is an SQLite file beside this one; ``python archive.py`` makes it. A query whose machine went down goes on
with the slice after the last one that it had kept.
"""

import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from wsrf_activity.author import Job, activity

ARCHIVE = Path(__file__).with_name("stars.sqlite")
STARS = 40_000
SLICE = 10_000  #: stars that are looked at before progress is told


@dataclass
class Bin:
    """How many stars there are from one whole magnitude up to the next."""

    magnitude: int
    stars: int


@activity(restart="resume")
def histogram(job: Job, faintest: float = 6.0) -> list[Bin]:
    """Count the stars of each magnitude, down to the faintest."""
    state = job.state or {"last": 0, "found": {}}
    found = Counter(state["found"])
    with closing(sqlite3.connect(f"{ARCHIVE.as_uri()}?mode=ro", uri=True)) as archive:
        while state["last"] < STARS:
            found.update(counted(archive, state["last"], faintest))
            state = {"last": state["last"] + SLICE, "found": dict(found)}
            job.checkpoint(state)
            job.progress(100 * state["last"] / STARS, f"{sum(found.values())} stars so far")
    return [Bin(int(magnitude), stars) for magnitude, stars in sorted(found.items(), key=lambda item: int(item[0]))]


def counted(archive: sqlite3.Connection, last: int, faintest: float) -> dict[str, int]:
    """Count one slice. The magnitudes are texts, as the keys of JSON are."""
    rows = archive.execute(
        "SELECT CAST(CAST(magnitude AS INTEGER) AS TEXT), count(*) FROM star"
        " WHERE id > ? AND id <= ? AND magnitude < ? GROUP BY 1",
        (last, last + SLICE, faintest),
    )
    return dict(rows.fetchall())


def build(path: Path = ARCHIVE) -> None:
    """Write an archive of stars, the same one each time."""
    path.unlink(missing_ok=True)
    stars = ((number, 12 * (number * 7919 % STARS) ** 0.25 / STARS**0.25) for number in range(1, STARS + 1))
    with closing(sqlite3.connect(path)) as archive, archive:
        archive.execute("CREATE TABLE star (id INTEGER PRIMARY KEY, magnitude REAL NOT NULL)")
        archive.executemany("INSERT INTO star VALUES (?, ?)", stars)


if __name__ == "__main__":
    build()
