"""The database's own limit: rows of a size, inserted and committed one at a time as durably as the server commits."""

import sqlite3
import sys
import tempfile
import time
from pathlib import Path


def main(folder: Path, size: int, seconds: float) -> float:
    """Return how many rows per second there are, on the disk of a folder."""
    with tempfile.TemporaryDirectory(dir=folder) as own:
        database = sqlite3.connect(Path(own) / "inserts.db", isolation_level=None)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        database.execute("CREATE TABLE inserted (id INTEGER PRIMARY KEY, content TEXT)")
        began, done = time.monotonic(), 0
        while done == 0 or time.monotonic() - began < seconds:
            database.execute("INSERT INTO inserted (content) VALUES (?)", ("x" * size,))
            done += 1
        elapsed = time.monotonic() - began
        database.close()
    return done / elapsed


if __name__ == "__main__":
    print(main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
