"""How a supervisor begins work: the files that it finds, its environment and limits, and its process."""

import functools
import os
import resource
import signal
import stat

from wsrf_activity.engines import attempt
from wsrf_activity.engines.forking import Forking
from wsrf_activity.engines.order import NotStarted, Order

_CATCHABLE = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
_BLOCK = 1 << 20


def begin(order: Order, forking: Forking | None) -> int:
    """Begin the work in the current folder and return its pid; raises NotStarted."""
    try:
        return _start(order, forking)
    except (OSError, ValueError) as error:
        raise NotStarted(_why(order, error)) from error


def _start(order: Order, forking: Forking | None) -> int:
    _furnish(order)
    source = os.devnull if order.input_as_file or order.stdin is None else order.stdin
    files = [os.open(source, os.O_RDONLY)]
    files += [_open_stream(order, name) for name in (attempt.STDOUT, attempt.STDERR)]
    try:
        _limit(order)
        environment = _environment(order)
        forked = None if forking is None else forking.start(order, environment, files)
        return _spawn(order, environment, files) if forked is None else forked
    finally:
        for file in files:
            os.close(file)


def _spawn(order: Order, environment: dict[str, str], files: list[int]) -> int:
    return os.posix_spawnp(
        order.argv[0],
        order.argv,
        environment,
        file_actions=[(os.POSIX_SPAWN_DUP2, file, number) for number, file in enumerate(files)],
        setsid=True,
        setsigmask=(),
        setsigdef=_changed(),
    )


def _furnish(order: Order) -> None:
    """Put the files in place that the work is to find."""
    if order.input_as_file and order.stdin is not None:
        _place(order.stdin, attempt.INPUT)
    if order.arguments is not None:
        with open(f"{order.folder}/{attempt.ARGUMENTS}", "wb") as file:  # nobody reads it before the work
            file.write(order.arguments.encode())
    if order.earlier is not None:
        _inherit(f"{order.earlier}/{attempt.CHECKPOINT}", f"{order.folder}/{attempt.CHECKPOINT}")


def _inherit(earlier: str, path: str) -> None:
    """Give this attempt the checkpoint of an earlier one, unless it has one: it may have been asked for before.

    It is the same file under two names, whatever its size: work replaces it, and the earlier attempt is over.
    """
    try:
        if not stat.S_ISREG(os.lstat(earlier).st_mode):
            return  # the work may have put there what it likes
        os.link(earlier, path, follow_symlinks=False)
    except (FileNotFoundError, FileExistsError):
        return
    except OSError:  # a file system that has no links, or allows no more
        _copy(earlier, path)


def _copy(source: str, target: str) -> None:
    temporary = f"{target}.{os.getpid()}"
    with open(source, "rb") as read, open(temporary, "wb") as write:
        while block := read.read(_BLOCK):
            write.write(block)
    os.rename(temporary, target)


def _limit(order: Order) -> None:
    for limited, value in order.rlimits:
        hard = resource.getrlimit(limited)[1]
        lower = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limited, (lower, lower))


def _open_stream(order: Order, name: str) -> int:
    return os.open(f"{order.folder}/{name}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def _place(source: str, name: str) -> None:
    try:
        os.link(source, name)
    except OSError:
        os.symlink(source, name)  # another file system


@functools.cache
def _changed() -> list[int]:
    """Return the signals that are not handled here as usual: how never changes in a supervisor."""
    return [each for each in _CATCHABLE if signal.getsignal(each) is not signal.SIG_DFL]


@functools.cache
def _inherited() -> dict[str, str]:
    """Return what all work finds: nobody changes the environment of a supervisor."""
    return dict(os.environ)


def _environment(order: Order) -> dict[str, str]:
    environment = {**_inherited(), **order.environment, **order.cookies}
    environment[attempt.ACTIVITY_SERVICE] = order.service
    environment[attempt.ACTIVITY_REPORT] = f"{order.folder}/{attempt.MESSAGES}"
    environment[attempt.ACTIVITY_CHECKPOINT] = f"{order.folder}/{attempt.CHECKPOINT}"
    environment[attempt.ACTIVITY_RESULTS] = f"{order.folder}/{attempt.RESULTS}"
    environment[attempt.ACTIVITY_FAILURE] = f"{order.folder}/{attempt.FAILURE}"
    if order.input_as_file:
        environment[attempt.ACTIVITY_INPUT] = f"{order.folder}/{attempt.WORK}/{attempt.INPUT}"
    if order.arguments is not None:
        environment[attempt.ACTIVITY_ARGUMENTS] = f"{order.folder}/{attempt.ARGUMENTS}"
    if order.place is not None:
        environment[attempt.ACTIVITY_INDEX] = str(order.place)
    return environment


def _why(order: Order, error: OSError | ValueError) -> str:
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return f"The program {order.argv[0]!r} cannot be started: {reason}."
