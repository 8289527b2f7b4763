"""What is done to the machine: one trouble after another, chosen by a seeded generator."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence

from tests.torture.journal import Journal
from tests.torture.places import Clock, Disk
from tests.torture.targets import DISK, JOB, SUPERVISOR, ZYGOTE, Scene, choose
from tests.torture.victim import Victim
from tests.torture.work import LEASE
from wsrf_activity.engines import processes

#: How often each is chosen. Killing the server costs most: each time Python starts anew.
_WEIGHTS = {"server": 24, "recovery": 12, "together": 8, "zygote": 8, "supervisor": 14, "job": 12, "stop": 5}
_WEIGHTS_OF_POSTGRESQL = {"postgresql": 8, "backend": 10}
_WEIGHTS_OF_WORKERS = {"worker": 24}
_NO_KILLS = ("stop", "clock", "disk")


class Troubles:
    """All that can happen to servers: to one at a time, while the others live."""

    def __init__(
        self, victims: Sequence[Victim], scene: Scene, journal: Journal, rng: random.Random, place: Clock | Disk | None
    ) -> None:
        self._victims = victims
        self._victim = victims[0]  #: whose turn it is
        self._cluster = victims[0].cluster
        self._shares = len(victims) > 1 or "--workers" in victims[0].server.arguments
        self._scene = scene
        self._journal = journal
        self._rng = rng
        self._place = place
        self.counts: Counter[str] = Counter()

    @property
    def kills(self) -> int:
        """How many processes' kills were meant so far."""
        return sum(count for name, count in self.counts.items() if name not in _NO_KILLS)

    def next(self) -> None:
        """Do one thing."""
        weights = dict(_WEIGHTS) | (_WEIGHTS_OF_POSTGRESQL if self._cluster else {})
        weights |= _WEIGHTS_OF_WORKERS if "--workers" in self._victim.server.arguments else {}
        weights |= {"clock": 30} if isinstance(self._place, Clock) else {}
        weights |= {"disk": 20} if isinstance(self._place, Disk) else {}
        name = self._rng.choices(list(weights), list(weights.values()))[0]
        if len(self._victims) > 1:
            self._victim = self._rng.choice(self._victims)
        self._victim.check_alive()
        self._journal.note("trouble", None, f"{name} {self._victim.server.data.name}")
        doing: dict[str, Callable[[], int]] = {
            "server": self._server,
            "recovery": self._recovery,
            "together": self._together,
            "zygote": lambda: self._one(ZYGOTE),
            "supervisor": lambda: self._one(SUPERVISOR),
            "job": lambda: self._one(JOB),
            "worker": lambda: self._victim.kill_worker(self._rng),
            "stop": self._stop,
            "postgresql": self._postgresql,
            "backend": self._backend,
            "clock": self._clock,
            "disk": self._disk,
        }
        self.counts[name] += doing[name]()

    def _server(self) -> int:
        self._victim.kill()
        time.sleep(self._rng.choice((0.0, self._rng.uniform(0, 1.5))))
        self._victim.recover(self._rng, 0)
        return 1

    def _recovery(self) -> int:
        times = self._rng.choice((1, 1, 2))
        self._victim.kill()
        self._victim.recover(self._rng, times)
        return 1 + times

    def _together(self) -> int:
        """What the kernel does when memory runs out, at its worst."""
        self._victim.kill()
        count = 1 + sum(self._one(self._rng.choice((ZYGOTE, SUPERVISOR, SUPERVISOR, JOB))) for _ in range(3))
        self._victim.recover(self._rng, self._rng.choice((0, 0, 1)))
        return count

    def _one(self, role: str) -> int:
        target = choose(self._scene.targets(role), self._rng)
        if target is None:
            return 0
        with self._journal.harming:
            for activity_id in self._scene.kill(target):
                self._journal.harm(activity_id, role)
        return 1

    def _stop(self) -> int:
        """Stop it for a moment, or where others may take it for dead for longer than that needs."""
        seconds = (LEASE, 3 * LEASE) if self._shares else (0.3, 2.0)
        self._victim.stop_and_go(self._rng, self._rng.uniform(*seconds))
        return 1

    def _clock(self) -> int:
        assert isinstance(self._place, Clock)
        self._place.step(self._rng)
        return 1

    def _disk(self) -> int:
        """Fill the disk. Whatever is under way may fail of it, but not be forgotten."""
        assert isinstance(self._place, Disk)
        with self._journal.harming:
            self._place.fill(self._rng)
            self._journal.disasters.append((DISK, time.time()))
        return 1

    def _postgresql(self) -> int:
        assert self._cluster is not None
        self._cluster.crash()
        time.sleep(self._rng.uniform(0, 1.0))
        if not self._cluster.start():
            raise RuntimeError("PostgreSQL does not start again")
        return 1

    def _backend(self) -> int:
        """Kill one of PostgreSQL's processes: it ends all the others, and recovers by itself."""
        assert self._cluster is not None
        assert self._cluster.process is not None
        found = sorted(child.pid for child in processes.below(self._cluster.process.pid))
        if not found:
            return 0
        os.kill(self._rng.choice(found), signal.SIGKILL)
        return 1
