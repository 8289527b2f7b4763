"""Processes as /proc shows them: who is below whom, and what belongs to an attempt. Imported by every supervisor."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from signal import Signals
from typing import NamedTuple

_PR_SET_PDEATHSIG = 1  # of prctl(2)


class Process(NamedTuple):
    """One line of /proc/PID/stat, as far as it is of use."""

    pid: int
    state: str
    parent: int
    group: int
    session: int
    start: int  #: clock ticks after the boot: with the pid, this names a process for good
    used: int  #: clock ticks of a processor


def boot_id() -> str:
    """Return the identifier of this boot: pid and start time mean nothing after the next."""
    return _read("/proc/sys/kernel/random/boot_id").decode().strip()


def find(pid: int) -> Process | None:
    """Return the process, which may be a zombie; None if there is none."""
    try:
        stat = _read(f"/proc/{pid}/stat")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat[stat.rindex(b")") + 2 :].split()
    parent, group, session, start = (int(fields[number - 3]) for number in (4, 5, 6, 22))  # as proc(5) counts them
    used = int(fields[14 - 3]) + int(fields[15 - 3])  # in itself and in the kernel
    return Process(pid, fields[0].decode(), parent, group, session, start, used)


def everybody() -> Iterator[Process]:
    """Yield every process of the machine, as it was when its turn came."""
    for name in os.listdir("/proc"):
        if name.isdecimal() and (process := find(int(name))) is not None:
            yield process


def is_running(pid: int) -> bool:
    """Whether there is such a process, and it has not ended."""
    process = find(pid)
    return process is not None and process.state not in "ZX"


def end_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent ends, which is ``parent``; end now where that has ended."""
    import ctypes  # noqa: PLC0415 - every supervisor imports this module, and has no use for that one

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, Signals.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def below(root: int) -> Iterator[Process]:
    """Yield the processes that descend from this one, without itself, parents first.

    Those whose parent ended meanwhile are missed: they are somebody else's children by then.
    """
    if os.path.exists(f"/proc/{root}/task/{root}/children"):
        return _below_by_children(root)
    return iter(_closure(list(everybody()), {root}))


def of_attempt(cookies: tuple[bytes, ...], leader: tuple[int, int] | None) -> list[Process]:
    """Return what is left of an attempt whose supervisor is dead, zombies aside.

    That is who carries the cookies in its environment, who is in a session with such a one or with the ``leader`` (pid
    and start time), and who descends from any of them. A process that has left the session, forgotten its environment
    and lost its parents cannot be told from a stranger's.
    """
    processes = [process for process in everybody() if process.state != "Z"]
    ours = {process.pid for process in processes if _carries(process.pid, cookies)}
    sessions = {process.session for process in processes if process.pid in ours}
    sessions |= {process.session for process in processes if (process.pid, process.start) == leader}
    ours |= {process.pid for process in processes if process.session in sessions}
    return [process for process in processes if process.pid in ours] + _closure(processes, ours)


def send(processes: Iterable[Process], signal: Signals) -> bool:
    """Signal the groups of these processes as they come; return whether there was one that could be signalled.

    By group, because the kernel signals a whole group at once, while a process forks faster than it can be looked up.
    Every group must consist of such processes only; the work's do, since it began in a session of its own.
    """
    sent = False
    groups: set[int] = set()
    for process in processes:
        if process.group not in groups:
            groups.add(process.group)
            # Gone, or another user's by a set-user-id program, which nobody but root could end.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.group, signal)
                sent = True
    return sent


def _below_by_children(root: int) -> Iterator[Process]:
    parents = [root]
    while parents:
        for pid in _children(parents.pop()):
            process = find(pid)
            if process is not None:
                yield process
                parents.append(pid)


def _children(pid: int) -> list[int]:
    children: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            children += map(int, _read(f"/proc/{pid}/task/{thread}/children").split())
    except (FileNotFoundError, ProcessLookupError):
        pass  # it ended while it was looked at: its children are somebody else's now, and found with them
    return children


def _closure(processes: list[Process], roots: set[int]) -> list[Process]:
    known = set(roots)
    found: list[Process] = []
    grew = True
    while grew:
        grew = False
        for process in processes:
            if process.parent in known and process.pid not in known:
                known.add(process.pid)
                found.append(process)
                grew = True
    return found


def _carries(pid: int, cookies: tuple[bytes, ...]) -> bool:
    try:
        environment = _read(f"/proc/{pid}/environ").split(b"\0")
    except OSError:
        return False  # it ended, or is not ours to read
    return all(cookie in environment for cookie in cookies)


def _read(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:
        return file.read()
