"""What can be killed: the processes of one run, told from all others by a mark in their environment. No kills of names.

The mark is a variable that work inherits (`LC_*`), so it also shows what a server has left behind.
"""

import contextlib
import os
import random
import select
import signal
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.server import TIMEOUT
from wsrf_activity.engines import attempt, processes
from wsrf_activity.engines.forking import PLACES

MARK = "LC_TORTURE"
ZYGOTE, SUPERVISOR, JOB = "zygote", "supervisor", "job"
DISK = "disk"  #: no process, but harm to all work: the disk was full while it ran


@dataclass(frozen=True)
class Target:
    """A process as it was found."""

    pid: int
    start: int
    role: str  #: zygote, supervisor or job
    activity_id: str | None = None


@dataclass
class Scene:
    """The processes and attempts of one run."""

    data: Path  #: where the files are of which work is made
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def environment(self) -> dict[str, str]:
        """What the servers of this run are to have in their environment."""
        return {MARK: self.mark}

    def targets(self, *roles: str) -> list[Target]:
        """Return the living processes of these roles, or of all."""
        found = (self._target(process) for process in processes.everybody() if process.state != "Z")
        return [target for target in found if target is not None and (not roles or target.role in roles)]

    def kill(self, target: Target) -> set[str]:
        """Kill a process and return the activities whose work that may have harmed; none where it was gone already."""
        try:
            pidfd = os.pidfd_open(target.pid)
        except ProcessLookupError:
            return set()
        with _closing(pidfd):
            process = processes.find(target.pid)
            if process is None or process.start != target.start or self._target(process) != target:
                return set()
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            assert select.select([pidfd], [], [], TIMEOUT)[0], f"process {target.pid} outlives SIGKILL"
        if target.role == JOB:
            return {target.activity_id or ""}
        return self._unfinished(target) if target.role == SUPERVISOR else set()

    def held(self, activity_id: str) -> bool:
        """Say whether a living supervisor has claimed an attempt of the activity."""
        claims = (attempt.read_claim(str(folder)) for folder in self._attempts(activity_id))
        pairs = ((claim, processes.find(claim.pid)) for claim in claims if claim is not None)
        return any(process is not None and process.start == claim.start for claim, process in pairs)

    def _unfinished(self, supervisor: Target) -> set[str]:
        """Return what a dead supervisor had claimed and not seen the end of."""
        unfinished = set()
        for folder in self._attempts("*"):
            claim = attempt.read_claim(str(folder))
            if claim is not None and (claim.pid, claim.start) == (supervisor.pid, supervisor.start):
                end = attempt.read_end(str(folder))
                if end is None or end.reason == "aborted":
                    unfinished.add(folder.parent.name)
        return unfinished

    def _attempts(self, activity_id: str) -> Iterator[Path]:
        return self.data.glob(f"activities/*/{activity_id}/[0-9]*")

    def _target(self, process: processes.Process) -> Target | None:
        try:
            environment = Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
            name = Path(f"/proc/{process.pid}/comm").read_text().strip()
        except OSError:
            return None  # it ended since it was listed
        if f"{MARK}={self.mark}".encode() not in environment:
            return None
        for entry in environment:
            if entry.startswith(b"ACTIVITY_ID=") and entry != _PLACE:
                return Target(process.pid, process.start, JOB, entry.partition(b"=")[2].decode())
        if name == "wsrf-supervisor" and not self._being_spawned(process):
            return Target(process.pid, process.start, SUPERVISOR)
        return Target(process.pid, process.start, ZYGOTE) if name == "wsrf-zygote" else None

    def _being_spawned(self, process: processes.Process) -> bool:
        """Tell a supervisor from the copy of one that is about to become work."""
        try:
            return Path(f"/proc/{process.parent}/comm").read_text().strip() == "wsrf-supervisor"
        except OSError:
            return False

    def leftovers(self, *allowed: int) -> list[str]:
        """Return all processes of this run but these."""
        found = []
        for process in processes.everybody():
            with contextlib.suppress(OSError):
                environment = Path(f"/proc/{process.pid}/environ").read_bytes()
                if self.mark.encode() in environment and process.pid not in allowed:
                    found.append(f"{process.pid} {Path(f'/proc/{process.pid}/cmdline').read_bytes()!r}")
        return found


#: What the zygote of functions and its supervisors have there, for the functions to write into.
_PLACE = f"ACTIVITY_ID={PLACES['ACTIVITY_ID']}".encode()


@contextlib.contextmanager
def _closing(descriptor: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(descriptor)


def choose(targets: list[Target], rng: random.Random) -> Target | None:
    """Return one of them; the order is by age, so that the same seed means the same."""
    return rng.choice(sorted(targets, key=lambda target: target.start)) if targets else None
