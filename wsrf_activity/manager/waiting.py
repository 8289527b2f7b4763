"""Who waits for what: futures by activity, resolved when a change is committed. No thread and no query for a waiter."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from wsrf_activity.manager.following import Followers
from wsrf_activity.model.activity import Activity
from wsrf_activity.model.phases import ENDED, Phase

CHANGE = "Change"  #: beside phases: any change of the activity


@dataclass(frozen=True, slots=True)
class Condition:
    """What a Wait is for: any of these phases, or any change; both only beyond the version that the client knows."""

    phases: frozenset[Phase] = ENDED
    change: bool = False
    since_version: int | None = None

    def holds(self, activity: Activity) -> bool:
        """Whether the wait is over. The end answers every wait, since nothing follows it."""
        if activity.phase.ended:
            return True
        if self.since_version is not None and activity.version <= self.since_version:
            return False
        return activity.phase in self.phases or (self.change and self.since_version is not None)


@dataclass(slots=True, eq=False)
class Waiter:
    """One Wait under way. Its future has the activity, or None where it is gone, time is up or the server stops.

    It stands in line for as long as it is entered.
    """

    activity_id: str
    condition: Condition
    insider: bool  #: whether it hears of the work's end where the activity is being destroyed
    line: "defaultdict[str, set[Waiter]]"
    future: "asyncio.Future[Activity | None]"
    latest: Activity | None = None  #: what was published while the waiter was still reading

    def __enter__(self) -> "Waiter":
        self.line[self.activity_id].add(self)
        return self

    def __exit__(self, *_: object) -> None:
        line = self.line[self.activity_id]
        line.discard(self)
        if not line:
            del self.line[self.activity_id]

    def time_out(self) -> None:
        """Wait no longer."""
        if not self.future.done():
            self.future.set_result(None)


class Waiters:
    """All Waits of this process."""

    def __init__(self) -> None:
        """Begin with nobody waiting."""
        self._waiting: defaultdict[str, set[Waiter]] = defaultdict(set)
        self.followers = Followers()
        self.stopping = False

    def waiting(self, activity_id: str, condition: Condition, *, insider: bool = False) -> Waiter:
        """Return a place in line, to be entered before the activity is read, or a change in between is missed."""
        waiter = Waiter(activity_id, condition, insider, self._waiting, asyncio.get_running_loop().create_future())
        if self.stopping:
            waiter.future.set_result(None)
        return waiter

    def publish(self, activity: Activity) -> None:
        """Tell those whose condition now holds; of what is being destroyed only insiders hear more than that."""
        self.followers.publish(activity)
        if activity.leaving:
            self.followers.gone(activity.id)
            self._tell_gone(waiter for waiter in self._waiting.get(activity.id, ()) if not waiter.insider)
        for waiter in self._waiting.get(activity.id, ()):
            if waiter.latest is not None and waiter.latest.version >= activity.version:
                continue  # what another server did was read before this, and may be told after it
            waiter.latest = activity
            if not waiter.future.done() and waiter.condition.holds(activity):
                waiter.future.set_result(activity)

    def news(self, activity_id: str, version: int) -> bool:
        """Whether somebody waits for an activity who does not know this version of it, or looks on."""
        if self.followers:
            return True
        waiting = self._waiting.get(activity_id, ())
        return any(waiter.latest is None or waiter.latest.version < version for waiter in waiting)

    def awaited(self) -> list[str]:
        """Return all activities that somebody waits for."""
        return list(self._waiting)

    def gone(self, activity_id: str) -> None:
        """Tell all who wait for an activity that it is no more."""
        self.followers.gone(activity_id)
        self._tell_gone(self._waiting.get(activity_id, ()))

    def _tell_gone(self, waiters: Iterable[Waiter]) -> None:
        for waiter in waiters:
            if not waiter.future.done():
                waiter.future.set_result(None)

    def release(self) -> None:
        """Answer every Wait with what is known: the server stops."""
        self.stopping = True
        self.followers.release()
        for waiting in list(self._waiting.values()):
            self._tell_gone(waiting)
