"""Activities as they are committed, kept in memory: most reads are of what was read just before.

Only for a database whose every change goes through one connection of this process. What is kept cannot be stale:

- SQLite itself says which rows change, by triggers on that connection, whatever statement does it and before it is
  committed. What is kept of such a row is dropped at once.
- Until the transaction has ended, nothing is kept of the row: what is read meanwhile may be of before or after.
- Nor is what was read while a transaction ended: it may have been read before that, and of a row that it changed.
"""

import threading
from collections.abc import Callable
from typing import Any

from wsrf_activity.model.activity import Activity

MOST = 1000  #: activities; with their small results in them most have a few KiB, none many times that


class Known:
    """The activities that were read last."""

    def __init__(self, most: int = MOST) -> None:
        """Keep ``most`` of them."""
        self._most = most
        self._kept: dict[str, Activity] = {}
        self._changing: set[str] = set()  #: what the transaction under way has changed
        self._ended = 0  #: transactions
        self._lock = threading.Lock()  #: the writer's thread changes what the event loop's thread keeps

    def watch(self, driver: Any, *_: object) -> None:
        """Hear of each activity that a connection of the driver changes: a listener to SQLAlchemy's ``checkout``."""
        driver.create_function("activity_changes", 1, self.changes)
        for change in ("UPDATE", "DELETE"):
            driver.execute(
                f"CREATE TEMP TRIGGER IF NOT EXISTS activity_{change} AFTER {change} ON main.activity"
                " BEGIN SELECT activity_changes(old.id); END"
            )

    def get(self, activity_id: str, read: Callable[[str], Activity | None]) -> Activity | None:
        """Return an activity as it is committed, with ``read`` where it is not known."""
        found = self._kept.get(activity_id)
        if found is not None:
            return found
        ended = self._ended
        found = read(activity_id)
        if found is not None:
            self._keep(found, ended)
        return found

    def changes(self, activity_id: str) -> None:
        """Forget what the transaction under way changes."""
        with self._lock:
            self._changing.add(activity_id)
            self._kept.pop(activity_id, None)

    def ended(self) -> None:
        """Begin anew, after the end of each transaction and before anybody is told of it."""
        with self._lock:
            self._ended += 1
            self._changing.clear()

    def _keep(self, activity: Activity, ended: int) -> None:
        with self._lock:
            if ended != self._ended or activity.id in self._changing:
                return
            if len(self._kept) >= self._most:
                del self._kept[next(iter(self._kept))]
            self._kept[activity.id] = activity
