"""`python -m benchmarks.stamped serve --data DIR ...`: the server as it is, but that it notes when a commit is done.

The times are doubles of the monotonic clock in DIR/stamps, so that other processes can tell what came after a commit.
"""

import runpy
import struct
import sys
import time
from pathlib import Path
from typing import Any

from sqlalchemy.engine.default import DefaultDialect

STAMPS = "stamps"
_DOUBLE = struct.Struct("d")


def stamps(data: Path, after: float) -> list[float]:
    """Return when commits were done after a time, in order."""
    return [when for (when,) in _DOUBLE.iter_unpack((data / STAMPS).read_bytes()) if when > after]


def main(data: Path) -> None:
    """Have each commit noted, and be the server."""
    noted = (data / STAMPS).open("ab", buffering=0)
    commit: Any = DefaultDialect.do_commit

    def do_commit(self: DefaultDialect, connection: Any) -> None:
        commit(self, connection)
        noted.write(_DOUBLE.pack(time.monotonic()))

    # Patched for this process alone: SQLAlchemy's own event comes before the commit, not after it.
    setattr(DefaultDialect, "do_commit", do_commit)  # noqa: B010 - a method of a class with types cannot be assigned
    runpy.run_module("wsrf_activity", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(Path(sys.argv[sys.argv.index("--data") + 1]))
