"""What work may use of the machine, and what it sees of the server's environment."""

import fnmatch
import os
import resource
from dataclasses import dataclass
from datetime import timedelta

from wsrf_activity.model.tables import Table, flag, size, span, whole

ENVIRONMENT = ("PATH", "LANG", "LC_*", "TZ", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkLimits:
    """The same for all work of an engine. Raises ValueError of a limit that the supervisor could not live with."""

    output: int = 8 << 30  #: bytes that each file may have, standard output among them; at least 1 MiB
    memory: int | None = None  #: bytes of address space of each process; at least 128 MiB
    processes: int | None = None  #: of this user, the server's own and those of all other work included
    open_files: int | None = None  #: of each process; at least 64
    grace: timedelta = timedelta(seconds=5)  #: between TERM and KILL
    preload: bool = True  #: whether functions begin as forks of a process that has loaded what they need
    environment: tuple[str, ...] = ENVIRONMENT  #: variables that work gets from the server; all others are withheld

    def __post_init__(self) -> None:
        least = (("output", 1 << 20), ("memory", 128 << 20), ("processes", 1), ("open_files", 64))
        for name, least_value in least:
            value = getattr(self, name)
            if value is not None and value < least_value:
                raise ValueError(f"{name} is {value}; accepted: {least_value} or more")
        if self.grace < timedelta(0):
            raise ValueError("grace is negative; accepted: zero or more")

    def rlimits(self) -> tuple[tuple[int, int], ...]:
        """Return the limits for setrlimit(2), of which no work leaves a core."""
        wanted = (
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_FSIZE, self.output),
            (resource.RLIMIT_AS, self.memory),
            (resource.RLIMIT_NPROC, self.processes),
            (resource.RLIMIT_NOFILE, self.open_files),
        )
        return tuple((which, value) for which, value in wanted if value is not None)

    def environ(self) -> dict[str, str]:
        """Return what is passed of this process's environment."""
        return {
            name: value
            for name, value in os.environ.items()
            if any(fnmatch.fnmatchcase(name, pattern) for pattern in self.environment)
        }


def read_limits(table: Table, usual: WorkLimits | None = None) -> WorkLimits:
    """Return the limits that a table sets, and for the rest the ``usual`` ones; raises SettingsError."""
    usual = usual or WorkLimits()
    output = table.take("output", size, usual.output)
    memory = table.take("memory", size, usual.memory)
    processes = table.take("processes", whole, usual.processes)
    open_files = table.take("open_files", whole, usual.open_files)
    grace = table.take("grace", span, usual.grace)
    preload = table.take("preload", flag, usual.preload)
    return table.checked(
        lambda: WorkLimits(
            output=output, memory=memory, processes=processes, open_files=open_files, grace=grace, preload=preload
        )
    )
