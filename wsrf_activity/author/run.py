"""``run TARGET OPERATION``: one call of a function, in the process that the engine has begun for it.

It is a command as any other: what it needs it finds in its environment, and what it leaves are files and an exit code.
"""

import asyncio
import contextlib
import functools
import inspect
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from wsrf_activity.author.declare import Declaration
from wsrf_activity.author.job import Cancelled, Job
from wsrf_activity.author.spawning import Known
from wsrf_activity.author.targets import Loaded, TargetError, load
from wsrf_activity.author.turns import Turns
from wsrf_activity.engines import attempt, failures
from wsrf_activity.engines.base import Failure
from wsrf_activity.types.errors import Unfit
from wsrf_activity.types.results import write_result
from wsrf_activity.types.signatures import namespace_of, read_arguments

_CANCELLED = 128 + signal.SIGTERM
_FAILED = 1
_UNUSABLE = 2  #: the exit code of whoever was called as nobody calls it
_OURS = "wsrf_activity."
_OWN = (os.path.dirname(__file__), "<frozen")  #: where frames are that tell an author nothing


def main(argv: Sequence[str], turns: Turns | None = None) -> int:
    """Call the operation of a target and return the exit code: 0, 1 with why it failed, or 143 where it was to end.

    A function that ends the process itself (``sys.exit``) has its own. With ``turns`` other calls of the operation
    follow one that has succeeded.
    """
    if len(argv) != 2 or attempt.ACTIVITY_REPORT not in os.environ:
        sys.stderr.write("usage: run TARGET OPERATION, as the server does: functions are called for an activity only\n")
        return _UNUSABLE
    os.register_at_fork(after_in_child=_be_ended)  # as other programs are
    _forget_own_path()
    find = functools.cache(load)
    target, operation = argv
    code = _call(find, target, operation, turns)
    while code == 0 and turns is not None and turns.next():
        code = _call(find, target, operation, turns)
    return code


def _call(find: Callable[[str], Loaded], target: str, operation: str, turns: Turns | None) -> int:
    job, process = Job.of(os.environ), os.getpid()
    _end_on_signal(job)
    try:
        loaded = find(target)
        if os.getpid() != process:
            return 0  # a child that the module forked as it was imported: the function is called once
        if turns is not None:
            turns.loaded()
        perform(job, loaded, operation, (job.folder / attempt.ARGUMENTS).read_bytes(), signals=True)
    except Cancelled:
        return _CANCELLED
    except SystemExit as ended:
        return _own_code(ended)
    except BaseException as error:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it ends anyway, and is to say why
        if os.getpid() == process:
            failures.make_room(os.fspath(job.folder))
            explain(error, job.folder)
        else:
            traceback.print_exception(error)
        return _FAILED
    return 0


def perform(job: Job, loaded: Loaded, operation: str, request: bytes, *, signals: bool = False) -> None:
    """Call an operation with the arguments of its request, and leave what it returns as a result.

    It touches nothing but the job, so that it can be done in any process and thread. A coroutine is run to its end;
    with ``signals``, which is for the main thread, SIGTERM cancels it. Raises what the function raises, Cancelled,
    TargetError where there is no such operation, and ValueError for arguments or a returned value that are not what it
    says.
    """
    declaration = loaded.declarations.get(operation)
    if declaration is None:
        raise TargetError(f"{loaded.target} has no operation {operation} any more")
    namespace = namespace_of(request)
    offered = {name: each.offered for name, each in loaded.declarations.items()}
    functions = {each.function: name for name, each in loaded.declarations.items()}
    job.declared(declaration.state, Known(job.service.rpartition(".")[0], namespace, offered, functions))
    process = os.getpid()
    returned = _returned(job, declaration, read_arguments(declaration.signature, request), signals)
    if os.getpid() != process:
        raise SystemExit(0)  # the function has forked, and what the child of that returns is not the activity's
    if returned is None and declaration.signature.result is None and job.has_result("result"):
        return
    written = write_result(declaration.signature, returned, namespace, declaration.policies.media_type)
    job.result("result", written.content, written.media_type)


def explain(error: BaseException, folder: Path) -> None:
    """Say why the function failed: the traceback, without frames of ours, to standard error and to the server."""
    if isinstance(error, TargetError):
        code, message, shown = "CannotLoad", str(error), error.__cause__ or error
    else:
        code, message, shown = _kind(error), _sentence(error), error
    told = traceback.TracebackException(type(shown), shown, _of_the_author(shown.__traceback__))
    trace = "".join(told.format())
    with contextlib.suppress(OSError):  # a full disk: the exit code says that it has failed
        failures.write(str(folder / attempt.FAILURE), Failure(code, message, trace))
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(trace)


def _returned(job: Job, declaration: Declaration, arguments: Mapping[str, Any], signals: bool) -> Any:
    """Call the function; one that leaves by ``sys.exit()`` returns nothing, which may not be what it says."""
    try:
        return _called(job, declaration, arguments, signals)
    except SystemExit as ended:
        if ended.code not in (None, 0) or job.has_result("result"):
            raise
        if declaration.signature.result is not None:
            raise Unfit(
                f"{declaration.name} was ended by sys.exit and has returned nothing, where it says that it does"
            ) from None
        return None


def _called(job: Job, declaration: Declaration, arguments: Mapping[str, Any], signals: bool) -> Any:
    if inspect.iscoroutinefunction(declaration.function):
        return asyncio.run(_awaited(job, declaration, arguments, signals))
    return declaration.function(job, **arguments)


async def _awaited(job: Job, declaration: Declaration, arguments: Mapping[str, Any], signals: bool) -> Any:
    task = asyncio.current_task()

    def end() -> None:
        try:
            job.cancel()
        except Cancelled:
            if task is not None:
                task.cancel()

    if signals:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end)
    try:
        return await declaration.function(job, **arguments)
    except asyncio.CancelledError:
        if job.ending:
            raise Cancelled from None
        raise


def _be_ended() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _end_on_signal(job: Job) -> None:
    """Have SIGTERM end the function."""

    def end(number: int, frame: FrameType | None) -> None:
        job.cancel()

    signal.signal(signal.SIGTERM, end)


def _forget_own_path() -> None:
    """Let programs that the function starts not find this package: it is only there for this process."""
    first, _, rest = os.environ.get("PYTHONPATH", "").partition(os.pathsep)
    if first == str(Path(__file__).parents[2]):
        os.environ.pop("PYTHONPATH")
        if rest:
            os.environ["PYTHONPATH"] = rest


def _own_code(ended: SystemExit) -> int:
    """Return what Python makes of an exit (``sys.exit``)."""
    if ended.code is None or isinstance(ended.code, int):
        return (ended.code or 0) & 0xFF
    sys.stderr.write(f"{ended.code}\n")
    return _FAILED


def _of_the_author(trace: TracebackType | None) -> TracebackType | None:
    """Return a traceback without what called the function, and without our own frames that begin it then."""
    frame = called = trace
    while frame is not None:
        if frame.tb_frame.f_code.co_filename == __file__:
            called = frame.tb_next
        frame = frame.tb_next
    found = called
    while found is not None and found.tb_frame.f_code.co_filename.startswith(_OWN):
        found = found.tb_next
    return found or called or trace


def _kind(error: BaseException) -> str:
    """Return the class of an exception as an author knows it: of ours, and of Python's own, by its name alone."""
    kind = type(error)
    plain = kind.__module__.startswith(_OURS) or kind.__module__ in ("builtins", "__main__")
    return kind.__qualname__ if plain else f"{kind.__module__}.{kind.__qualname__}"


def _sentence(error: BaseException) -> str:
    try:
        text = str(error)
    except BaseException:  # an exception of the author's, whose text is code of theirs
        text = ""
    return f"{_kind(error)}: {text}" if text else _kind(error)
