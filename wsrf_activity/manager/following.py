"""Who looks on: connections that are shown each change of an owner's activities, the newest of each, as they come."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from wsrf_activity.model.activity import Activity


@dataclass(slots=True, eq=False)
class Follower:
    """One who looks on. What it has not yet taken is kept once for each activity, however often that changes."""

    owner: str
    group: str | None
    known: set[str] = field(default_factory=set)  #: what it was shown
    _changed: dict[str, Activity | None] = field(default_factory=dict)
    _ready: asyncio.Event = field(default_factory=asyncio.Event)
    ended: bool = False

    def publish(self, activity: Activity) -> None:
        """Hear of a change."""
        if activity.owner != self.owner or activity.leaving:
            return
        if activity.id in self.known or self.group is None or self.group in activity.groups:
            waiting = self._changed.get(activity.id)
            if waiting is None or waiting.version < activity.version:
                self._changed[activity.id] = activity
                self._ready.set()

    def gone(self, activity_id: str) -> None:
        """Hear that an activity is no more."""
        if activity_id in self.known or activity_id in self._changed:
            self._changed[activity_id] = None
            self._ready.set()

    def end(self) -> None:
        """Hear that nothing more comes: the server stops."""
        self.ended = True
        self._ready.set()

    async def changes(self) -> list[tuple[str, Activity | None]]:
        """Return what has changed since the last time, by id, as soon as there is something; None is gone.

        At the end there is nothing.
        """
        await self._ready.wait()
        self._ready.clear()
        changed, self._changed = self._changed, {}
        return list(changed.items())


class Followers:
    """All who look on in this process."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._all: set[Follower] = set()
        self._stopping = False

    def __bool__(self) -> bool:
        """Whether there is anybody."""
        return bool(self._all)

    @contextmanager
    def following(self, owner: str, group: str | None) -> Iterator[Follower]:
        """Look on; of a group, if one is named."""
        follower = Follower(owner, group)
        self._all.add(follower)
        if self._stopping:
            follower.end()
        try:
            yield follower
        finally:
            self._all.discard(follower)

    def publish(self, activity: Activity) -> None:
        """Tell of a change that was committed."""
        for follower in self._all:
            follower.publish(activity)

    def gone(self, activity_id: str) -> None:
        """Tell that an activity is no more."""
        for follower in self._all:
            follower.gone(activity_id)

    def release(self) -> None:
        """Let everybody go: the server stops."""
        self._stopping = True
        for follower in self._all:
            follower.end()
