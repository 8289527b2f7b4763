"""How many files a process may have open: a server as many as it is allowed, what it starts as many as is usual.

A program that calls select(2) fails with descriptors from 1024 on, which is what the usual limit keeps it from.
"""

import functools
import resource


@functools.cache
def _usual() -> tuple[int, int]:
    """Return this process's limits as they were when it was first asked."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)


def raise_limit() -> None:
    """Let this process have as many open as it may: each client that waits is one."""
    _, hard = _usual()
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def give_usual(pid: int) -> None:
    """Let a process that was started just now have as many as this one had before."""
    resource.prlimit(pid, resource.RLIMIT_NOFILE, _usual())
