"""The limit of reaping: rows deleted in batches, each committed as the server commits, then their files unlinked."""

import os
import sys
import time
from pathlib import Path

from benchmarks.stored import folder, opened

_BATCH = 200  #: as the server's


def main(data: Path, due: int) -> float:
    """Return how many activities per second go whose termination time is ``due``."""
    with opened(data) as database:
        database.execute("PRAGMA synchronous=FULL")
        began, done = time.monotonic(), 0
        while ids := [row[0] for row in database.execute(_DUE, (due, _BATCH))]:
            marks = ",".join("?" * len(ids))
            database.execute("BEGIN IMMEDIATE")
            database.execute(f"DELETE FROM event WHERE activity_id IN ({marks})", ids)
            database.execute(f"DELETE FROM activity WHERE id IN ({marks})", ids)
            database.execute("COMMIT")
            for each in ids:
                _unlink(folder(data, each))
            done += len(ids)
        return done / (time.monotonic() - began)


_DUE = "SELECT id FROM activity WHERE terminates <= ? ORDER BY terminates LIMIT ?"


def _unlink(path: Path) -> None:
    for above, folders, files in os.walk(path, topdown=False):
        for name in files:
            os.unlink(os.path.join(above, name))
        for name in folders:
            os.rmdir(os.path.join(above, name))
    os.rmdir(path)


if __name__ == "__main__":
    print(main(Path(sys.argv[1]), int(sys.argv[2])))
