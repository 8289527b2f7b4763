"""The zygote of functions: it has loaded what they need, so that each begins as a fork and not as a new Python.

Loaded are this package and the libraries that the authors' modules import, never those modules themselves: each call
imports its own afresh, so that what they do then, and what was changed in them since, is as in a Python of its own.
"""

import atexit
import contextlib
import importlib
import json
import os
import select
import signal
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NoReturn

from wsrf_activity.author import run
from wsrf_activity.author.job import Job
from wsrf_activity.author.sources import is_library
from wsrf_activity.author.targets import Target, load
from wsrf_activity.author.turns import Turns, enter, flush
from wsrf_activity.engines import attempt, processes, zygote
from wsrf_activity.engines.forking import Forking
from wsrf_activity.engines.keeping import Seat
from wsrf_activity.engines.nursery import Functions

PREFIX = (sys.executable, "-m", "wsrf_activity.author", "run")
_ROOT = os.fspath(Path(__file__).parents[2])
_PROGRAM = """
import sys
del sys.path[0]
from wsrf_activity.author.preload import main
main(int(sys.argv[-1]), sys.argv[1:-1])
"""
_REHEARSED = "wsrf_activity_rehearsal"
_FUNCTION = """
from wsrf_activity.author import activity


@activity
def nothing(job) -> None:
    pass
"""
_REQUEST = b'<nothing xmlns="urn:rehearsal"/>'
_PATIENCE = 60.0  #: seconds that a module may take to be imported; what takes longer is not loaded beforehand
_UNFLUSHED = 120  #: Python's own exit code where standard output could not be written


def functions(
    targets: Iterable[str], environ: Mapping[str, str], reuse: Mapping[tuple[str, ...], int] | None = None
) -> Functions:
    """Return how an engine begins functions in a server with this environment, and those of the targets faster.

    They find the modules that the server finds, and this very package. ``reuse`` says, by command line, how many calls
    a process may serve where that is not one.
    """
    loaded = tuple(dict.fromkeys(targets))
    own = [] if Path(_ROOT).name in ("site-packages", "dist-packages") else [_ROOT]
    path = os.pathsep.join(own + [each for each in [environ.get("PYTHONPATH", "")] if each])
    return Functions(
        prefix=PREFIX,
        zygote=(sys.executable, "-c", _PROGRAM, *loaded) if loaded else (),
        environment={"PYTHONPATH": path} if path else {},
        reuse=reuse or {},
    )


def main(descriptor: int, targets: Sequence[str]) -> None:
    """Load what the functions of these targets need; then fork supervisors, which begin them."""
    forking = Forking(_run)
    load_libraries(targets)
    rehearse()
    zygote.main(descriptor, forking)


def rehearse() -> None:
    """Call a function that does nothing, in this process.

    What Python, and all that is loaded here, does for the first time then (to compile patterns, to fill caches, to
    specialise its own code) would be done by each fork anew, in pages of its own. The module of that function is
    forgotten again.
    """
    path = list(sys.path)
    with contextlib.suppress(OSError), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / attempt.WORK).mkdir()
        module = folder / f"{_REHEARSED}.py"
        module.write_text(_FUNCTION)
        run.perform(Job(folder, activity_id=_REHEARSED), load(os.fspath(module)), "nothing", _REQUEST)
    sys.modules.pop(_REHEARSED, None)
    sys.path[:] = path


def load_libraries(targets: Iterable[str]) -> None:
    """Import the libraries that targets use, but for those of a target that makes it unsafe to."""
    for target in targets:
        names = _elsewhere(partial(_used_by, target))
        _import(_elsewhere(partial(_harmless, names)) if names else ())


def _used_by(target: str) -> list[str]:
    """Return the libraries that a target imports, in their order; none where its import changes the environment.

    What it changes there may be meant for a library that it imports next.
    """
    known, environ = set(sys.modules), dict(os.environ)
    load(target)
    if dict(os.environ) != environ:
        return []
    own = Target.parse(target).module.partition(".")[0]
    return [
        name
        for name, module in list(sys.modules.items())
        if name not in known and name.partition(".")[0] != own and is_library(module)
    ]


def _harmless(names: list[str]) -> list[str]:
    """Return the libraries unless they have threads or connections once imported: a fork would lose or share them."""
    before = _connections()
    _import(names)
    return names if threading.active_count() == 1 and _connections() <= before else []


def _connections() -> int:
    count = 0
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            count += stat.S_ISSOCK(os.fstat(int(name)).st_mode)
    return count


def _import(names: Iterable[str]) -> None:
    for name in names:
        with contextlib.suppress(Exception):  # one that only another module can make, such as six.moves
            importlib.import_module(name)


def _elsewhere(find: Callable[[], list[str]]) -> list[str]:
    """Return what is found in a process of its own, which may do whatever it likes; nothing where that fails.

    Nobody whom it starts outlives it.
    """
    ours, theirs = os.pipe()
    parent = os.getpid()
    child = os.fork()
    if not child:
        _tell(find, theirs, parent)
    os.close(theirs)
    try:
        told = _read(ours)
    finally:
        os.close(ours)
        with contextlib.suppress(ProcessLookupError):  # it leads no group yet
            os.killpg(child, signal.SIGKILL)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    try:
        return [str(name) for name in json.loads(told)] if told.endswith(b"\n") else []
    except ValueError:  # what author code has written there, or several that it has forked
        return []


def _tell(find: Callable[[], list[str]], descriptor: int, parent: int) -> NoReturn:
    try:
        processes.end_with_parent(parent)
        os.setsid()
        os.write(descriptor, json.dumps(find()).encode() + b"\n")
    finally:
        os._exit(0)


def _read(descriptor: int) -> bytes:
    """Return a line, or what there is of it when time is up or nobody writes any more."""
    told, until = b"", time.monotonic() + _PATIENCE
    while not told.endswith(b"\n"):
        readable, _, _ = select.select([descriptor], [], [], max(0.0, until - time.monotonic()))
        part = os.read(descriptor, 65536) if readable else b""
        if not part:
            break
        told += part
    return told


def _run(argv: tuple[str, ...], seat: Seat | None) -> int:
    """Do what ``python -m wsrf_activity.author run ...`` does, in a fork of this process, to the end of it."""
    sys.argv = [str(Path(__file__).with_name("__main__.py")), *argv[len(PREFIX) - 1 :]]
    enter()
    numbers = sys.modules.get("numpy.random")
    if numbers is not None:
        numbers.seed()  # as Python's own is after a fork: or all functions would draw the same numbers
    code = run.main(argv[len(PREFIX) :], None if seat is None else Turns(seat))
    threading._shutdown()  # type: ignore[attr-defined]  # as multiprocessing does: threads end before the process
    atexit._run_exitfuncs()
    return code if flush() or code else _UNFLUSHED
