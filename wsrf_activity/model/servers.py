"""What a server is to others on the same database: who, where, and for how long it may be taken to live. No I/O."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One run of a server process."""

    id: str
    host: str  #: where processes can be looked up by their number
    boot: str  #: of that host; a process of another boot is dead
    pid: int  #: 0 once it has left
    start: int  #: clock ticks after the boot, which with the pid names the process for good
    folder: str  #: identifies the folder of inputs and results, by whatever path it is reached

    @property
    def departed(self) -> bool:
        """Whether it has stopped in order."""
        return self.pid == 0


@dataclass(frozen=True, slots=True)
class Registered:
    """A server as the database knows it."""

    server: Server
    left: timedelta  #: of its lease, by the database's clock; negative once that has run out

    @property
    def in_force(self) -> bool:
        """Whether its lease runs."""
        return self.left > timedelta(0)
