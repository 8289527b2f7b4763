"""The job: what a function is given to know of its activity, and to say of itself while it runs.

All of it is files in the attempt's folder, so that it serves a function in any process: see ``engines/attempt.py``.
"""

import contextlib
import errno
import json
import math
import mimetypes
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from wsrf_activity.author import spawning
from wsrf_activity.author.spawning import Child, Known, Output
from wsrf_activity.engines import attempt as files
from wsrf_activity.engines import messages, outputs
from wsrf_activity.model.lifetime import stamp

_NAME = re.compile(outputs.NAME)
_MEDIA_TYPE = re.compile(outputs.MEDIA_TYPE)
_CONTENT = ".results"  #: the folder, in the working folder, of results whose content was given
_TEXT = "text/plain; charset=utf-8"
_BYTES = "application/octet-stream"


class Cancelled(BaseException):
    """The activity is to end. It is raised where a function stands that has never asked `Job.cancelled`.

    It is no ``Exception``, so that code which catches all errors does not stop it; ``finally`` and ``with`` clean up. A
    coroutine gets ``asyncio.CancelledError`` instead, as ever.
    """


class Job:
    """One attempt at an activity, as its function sees it: the first argument of every operation.

    Its methods may be called in any thread. What they write is read by the server within a quarter of a second.
    """

    def __init__(
        self,
        folder: Path,
        *,
        activity_id: str,
        attempt: int = 1,
        service: str = "",
        index: int | None = None,
        input: Path | None = None,
        state: Any = None,
        known: Known | None = None,
    ) -> None:
        """Take the attempt's folder, in which there is a working folder; ``state`` is the class of its checkpoints."""
        self._folder = folder
        self._id = activity_id
        self._attempt = attempt
        self._service = service
        self._index = index
        self._input = input
        self._known = known or Known()
        self._state_class = state
        self._state: tuple[Any] | None = None  #: as it was read
        self._said: dict[str, str] = {}  #: by result, the line that says what it is
        self._spawned: list[Path] = []  #: not yet synced
        self._torn: set[str] = set()  #: the files whose last line a full disk has cut
        self._asks = False
        self._cancelled = False

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """Return the job that this process was begun for; raises KeyError where it was begun for none."""
        index, source = environment.get(files.ACTIVITY_INDEX), environment.get(files.ACTIVITY_INPUT)
        return cls(
            Path(environment[files.ACTIVITY_REPORT]).parent,
            activity_id=environment[files.ACTIVITY_ID],
            attempt=int(environment[files.ACTIVITY_ATTEMPT]),
            service=environment.get(files.ACTIVITY_SERVICE, ""),
            index=None if index is None else int(index),
            input=None if source is None else Path(source),
        )

    def declared(self, state: Any, known: Known) -> None:
        """Take what the function's declaration says: the class of its checkpoints, and the operations beside it."""
        self._state_class, self._known = state, known

    @property
    def id(self) -> str:
        """The identifier of the activity."""
        return self._id

    @property
    def attempt(self) -> int:
        """Which attempt at the activity this is, from 1."""
        return self._attempt

    @property
    def service(self) -> str:
        """What callers have started: the name of the service and that of the operation, "NAME.OPERATION"."""
        return self._service

    @property
    def index(self) -> int | None:
        """Its place, from 0, where one request has started several activities; None where it has started one."""
        return self._index

    @property
    def folder(self) -> Path:
        """The folder of the attempt, which is the engine's: a function has no business there."""
        return self._folder

    @property
    def workdir(self) -> Path:
        """The working folder: empty at first, the current one, and kept as long as the activity is."""
        return self._folder / files.WORK

    @property
    def input(self) -> Path | None:
        """The file that the caller has sent as input, of any size; None where there is none."""
        return self._input

    @property
    def cancelled(self) -> bool:
        """Whether the activity is to end: it was aborted, or its time is over.

        Who asks gets no `Cancelled`, and has the engine's grace (5 s where nothing else is set) to return; after it the
        process is killed. What a function leaves behind then is kept with the aborted activity.
        """
        self._asks = True
        return self._cancelled

    def cancel(self) -> None:
        """Ask the function to end, as SIGTERM does. Raises Cancelled where it has never asked whether it is to."""
        self._cancelled = True
        if not self._asks:
            raise Cancelled

    @property
    def ending(self) -> bool:
        """What `cancelled` says, for whoever runs the function: it counts as no question of its."""
        return self._cancelled

    def progress(self, percent: float | str | None = None, message: str | None = None) -> None:
        """Say how far the work is: a percentage from 0 to 100, a text, or both; ``progress("sorting")`` is a text.

        What is beyond either end counts as the end. A text has one line, of which some 1,000 characters are kept. It is
        lost, without an error, where the disk is full. Raises ValueError for what is no number.
        """
        if isinstance(percent, str):
            percent, message = None, percent if message is None else f"{percent} {message}"
        text = _one_line(message or "")
        if percent is not None:
            if math.isnan(percent):
                raise ValueError("percent is not a number; accepted: from 0 to 100")
            bounded = f"{min(100.0, max(0.0, float(percent))):.4f}".rstrip("0").rstrip(".")
            self._say(f"progress {bounded} {text}")
        elif text:
            self._say(f"progress - {text}")

    def warn(self, text: str) -> None:
        """Add an error that was handled to the activity's list: a warning. Of one attempt the first 1,000 count.

        A text has one line, of which some 1,000 characters are kept. It is lost, without an error, where the disk is
        full.
        """
        self._say(f"warn {_one_line(text) or 'a warning without a text'}")

    def estimate(self, end: float | timedelta | datetime) -> None:
        """Say when the work is likely to end: in so many seconds, or at a time, which has to have a time zone.

        Raises ValueError for a time without one, or beyond the calendar.
        """
        if isinstance(end, datetime):
            if end.tzinfo is None:
                raise ValueError("a time without a time zone; accepted: such as datetime.now(UTC) + timedelta(hours=1)")
            moment = end.astimezone(UTC)
        else:
            try:
                moment = datetime.now(UTC) + (end if isinstance(end, timedelta) else timedelta(seconds=end))
            except OverflowError:
                raise ValueError("an end beyond the calendar; accepted: seconds from now") from None
        self._say(f"estimate {stamp(moment)}")

    def checkpoint(self, state: Any) -> None:
        """Keep what a later attempt is to go on from, in place of what was kept before.

        It is on the disk when this returns, and either the old or the new one is there whenever the machine stops. It
        is JSON, or an object whose ``to_json()`` returns what JSON can hold. A later attempt finds it as `state` where
        the operation says ``restart="resume"``. Large data belong into files in `workdir`, which stay: keep their
        names, whole, since a later attempt has a working folder of its own. Raises TypeError for what JSON cannot hold,
        OSError where the disk is full.
        """
        to_json = getattr(state, "to_json", None)
        try:
            text = json.dumps(to_json() if callable(to_json) else state)
        except (TypeError, ValueError) as error:
            accepted = "what JSON can hold, or an object with to_json()"
            raise TypeError(f"a checkpoint cannot be made of this: {error}; accepted: {accepted}") from error
        spawned, self._spawned = self._spawned, []
        for path in spawned:  # what the state may tell of has to be as durable as the state
            with contextlib.suppress(FileNotFoundError):  # the server has it by now
                _sync(path)
        if spawned:
            _sync(self._folder / files.SPAWNED)
        _write_durably(self._folder / files.CHECKPOINT, text.encode())
        self._state = None

    @property
    def state(self) -> Any:
        """What the last `checkpoint` has kept, by this attempt or by an earlier one; None where there is none.

        It is what JSON makes of it: tuples are lists, keys are texts. Where the operation says ``state=Class``, it is
        what ``Class.from_json`` makes of what ``to_json`` returned. Raises ValueError for a checkpoint that cannot be
        read, and what ``from_json`` raises.
        """
        if self._state is None:
            self._state = (self._read_state(),)
        return self._state[0]

    def result(
        self, name: str, content: Path | bytes | bytearray | memoryview | str, media_type: str | None = None
    ) -> None:
        """Add a result, or say anew what it is: a file (a Path), or its content (bytes, or str for text).

        A file in the working folder is a result as it is when the function has ended; another one is copied now.
        Without a media type it is what the file's suffix says, ``application/octet-stream``, or for a text
        ``text/plain; charset=utf-8``. Names have up to 63 letters, digits, ``_``, ``.`` and ``-``, and begin with a
        letter or ``_``; an activity has at most 100 of these results. The one called ``result`` is what the function
        returns, where it returns anything. Raises ValueError, FileNotFoundError, OSError where the disk is full.
        """
        if not _NAME.fullmatch(name):
            accepted = "up to 63 letters, digits, _, . and -, and not stdout or stderr"
            raise ValueError(f"a result cannot have the name {name!r}; accepted: {accepted}")
        if name not in self._said and len(self._said) >= outputs.SAID:
            raise ValueError(f"an activity has at most {outputs.SAID} results; put several into one archive")
        kind = media_type or _kind_of(content)
        if not _MEDIA_TYPE.fullmatch(kind):
            raise ValueError(f"{kind!r} is no media type; accepted: such as text/csv; charset=utf-8")
        path = self._placed(name, content) if isinstance(content, Path) else self._written(name, content)
        line = f"{name} {kind} {path}\n"
        if self._said.get(name) != line:
            self._append(files.RESULTS, line.encode())
            self._said[name] = line

    def has_result(self, name: str) -> bool:
        """Whether a result of that name was added."""
        return name in self._said

    def spawn(
        self,
        operation: str | Callable[..., Any],
        /,
        *,
        name: str | None = None,
        after: Iterable[Child | str] = (),
        input: Output | None = None,
        **parameters: Any,
    ) -> Child:
        """Have another activity started, as this one's child: an operation of this service, by its function
        or its name, or any "SERVICE.OPERATION".

        Nobody waits here: the function goes on, and its activity ends when it has returned and all children have ended.
        Where a parameter is the `Output` of an earlier child, the new one begins when that has completed, and gets the
        content of the result; ``input`` is one that becomes the input. ``after`` are activities, by child or id, that
        have to have completed before. ``name`` is for people. An attempt that resumes asks anew: keep in the
        checkpoint which children there are. Raises TypeError or ValueError for parameters that this service's
        operation cannot take; what is wrong with those of another service is an entry of the list of errors. OSError
        where the disk is full.
        """
        child, path = spawning.spawn(
            self._folder, self._known, operation, parameters, name=name, after=after, source=input
        )
        self._spawned.append(path)
        self._say("spawn")
        return child

    def _say(self, line: str) -> None:
        with contextlib.suppress(OSError):
            self._append(files.MESSAGES, f"{line}\n".encode("utf-8", "replace"))

    def _append(self, name: str, content: bytes) -> None:
        """Append a line. One that a full disk has cut is ended by the next."""
        content = b"\n" + content if name in self._torn else content
        file = os.open(self._folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            written = os.write(file, content)
        finally:
            os.close(file)
        if written < len(content):
            self._torn.add(name)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name)
        self._torn.discard(name)

    def _read_state(self) -> Any:
        try:
            content = (self._folder / files.CHECKPOINT).read_bytes()
        except FileNotFoundError:
            return None
        try:
            kept = json.loads(content)
        except ValueError as error:
            raise ValueError(f"the checkpoint cannot be read: {error}") from None
        return kept if self._state_class is None else self._state_class.from_json(kept)

    def _placed(self, name: str, path: Path) -> str:
        """Return a file's path in the working folder, which it is brought into if it is elsewhere."""
        work = Path(os.path.realpath(self.workdir))
        real = Path(os.path.realpath(work / path))
        if not real.is_file():
            raise FileNotFoundError(f"there is no file {path} that could be the result {name!r}")
        within = str(real.relative_to(work)) if real.is_relative_to(work) else ""
        sayable = within.isprintable() and within == within.strip() and len(os.fsencode(within)) < outputs.PATH
        if within and sayable:
            return within
        target = self._content_of(name)
        unfinished = _unfinished(target)
        shutil.copyfile(real, unfinished)
        os.replace(unfinished, target)
        return str(target.relative_to(self.workdir))

    def _written(self, name: str, content: bytes | bytearray | memoryview | str) -> str:
        target = self._content_of(name)
        data = content.encode() if isinstance(content, str) else content
        try:
            _write(target, data, os.O_EXCL)  # it is no result until the line is there that says so
        except FileExistsError:
            unfinished = _unfinished(target)
            _write(unfinished, data)
            os.replace(unfinished, target)
        return f"{_CONTENT}/{name}"

    def _content_of(self, name: str) -> Path:
        folder = self.workdir / _CONTENT
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder)
        return folder / name


def _kind_of(content: object) -> str:
    if isinstance(content, Path):
        guessed, encoding = mimetypes.guess_type(content.name)
        return guessed if guessed and not encoding else _BYTES
    if isinstance(content, str):
        return _TEXT
    if isinstance(content, bytes | bytearray | memoryview):
        return _BYTES
    raise TypeError(f"a result cannot be made of {type(content).__name__}; accepted: a Path, bytes or str")


def _one_line(text: str) -> str:
    """Return a text as a message holds it, with room for the rest of its line."""
    return " ".join(text.split()).encode("utf-8", "replace")[: messages.LINE // 4].decode("utf-8", "ignore")


def _unfinished(path: Path) -> Path:
    """Return where a file is written before it takes its name: no other thread or process writes there."""
    return path.with_name(f".{path.name}.{threading.get_native_id()}")


def _write(path: Path, content: bytes | bytearray | memoryview, flags: int = 0) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | flags, 0o666), "wb", buffering=0) as file:
        left = memoryview(content).cast("B")
        while left:
            left = left[file.write(left) :]


def _write_durably(path: Path, content: bytes) -> None:
    unfinished = _unfinished(path)
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
