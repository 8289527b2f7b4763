"""What figures depend on, and what processes take of the machine: read from /proc."""

import importlib.metadata
import os
import platform
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

_PACKAGES = ("wsrf-activity", "spyne", "lxml", "sqlalchemy", "starlette", "uvicorn", "uvloop")
_TICK = os.sysconf("SC_CLK_TCK")


def machine(packages: Iterable[str] = ()) -> str:
    """Return the machine and the versions, with those of further packages that are installed."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    model = models[0] if models else platform.machine()
    versions = [found for found in map(version, (*_PACKAGES, *packages)) if found]
    on = f"{os.cpu_count()} x {model}, Linux {platform.release()}, Python {platform.python_version()}"
    return ", ".join([on, f"SQLite {sqlite3.sqlite_version}", *versions])


def version(package: str) -> str | None:
    """Return a package with its version, or None where it is not installed."""
    try:
        return f"{package} {importlib.metadata.version(package)}"
    except importlib.metadata.PackageNotFoundError:
        return None


def cpu_seconds(*pids: int) -> float:
    """Return what processes, all below them, and those that ended below them have taken of the processors."""
    return sum(_ticks(each) for pid in pids for each in family(pid)) / _TICK


def own_seconds(pid: int) -> float:
    """Return what one process alone has taken of the processors."""
    return _ticks(pid, ended=False) / _TICK


def _ticks(pid: int, *, ended: bool = True) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0  # it has just ended, and its parent's account has it
    return sum(map(int, fields[11 : 15 if ended else 13]))


def family(pid: int) -> Iterator[int]:
    """Yield a process and all below it."""
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = task.read_text().split()
        except OSError:
            continue
        for child in children:
            yield from family(int(child))


def memory(pid: int) -> int:
    """Return how many bytes a process has written and shares with nobody: what others map changes nothing of that."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith("Private_Dirty:")))


def peak(pid: int) -> int:
    """Return how many bytes a process has held at most since ``forget_peak``."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith("VmHWM:")))


def forget_peak(pid: int) -> None:
    """Count the peak from what the process holds now (proc(5), clear_refs)."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
