"""An engine that calls functions in threads of this process: what a test sees is what the function did, at once.

All else is as elsewhere: a real job on a real folder, whose files say what became of the work. What a thread cannot
have is left out: a current folder, an environment, output and limits of its own.
"""

import asyncio
import contextlib
import ctypes
import os
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from wsrf_activity.author import run as running
from wsrf_activity.author.job import Cancelled
from wsrf_activity.author.job import Job as AuthorsJob
from wsrf_activity.author.targets import Loaded
from wsrf_activity.engines import attempt, failures, outputs
from wsrf_activity.engines.base import CannotStart, Job, Listener, Lost, Outcome, Output, Report, Run, Said
from wsrf_activity.engines.messages import Messages

GRACE = 5.0  #: seconds that an aborted function has to return, as with a local engine
_CANCELLED = 143  #: as after SIGTERM
_KILLED = "The worker was killed."


class Killed(BaseException):
    """The end of a function whose worker is killed: nothing that it does from here on counts."""


class ThreadEngine:
    """Runs functions of services that are loaded here, by the command line that would call them in a process."""

    def __init__(self) -> None:
        self.runs: dict[tuple[str, int], ThreadRun] = {}  #: by activity and attempt
        self._services: dict[str, Loaded] = {}
        self._armed: list[int] = []  #: for the next attempts, the checkpoint after which each is killed

    def serve(self, loaded: Loaded) -> None:
        """Have the functions of a service called."""
        self._services[str(loaded.target)] = loaded

    def kill_after(self, checkpoints: int) -> None:
        """Kill the next attempt that begins, behind those that are armed already, after so many of its checkpoints."""
        self._armed.append(checkpoints)

    def kill(self, activity_id: str) -> None:
        """Lose the newest attempt of an activity, as where its worker is killed."""
        self.runs[max(key for key in self.runs if key[0] == activity_id)].kill()

    async def open(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing: the work goes on."""

    def end(self) -> None:
        """Kill what is left: a function would go on in the tests that come."""
        for run in self.runs.values():
            run.kill()

    def within_reach(self, job: Job) -> bool:
        """Return True: nothing here is anywhere else."""
        return True

    async def start(self, job: Job, listener: Listener) -> Run:
        """Call a function, or join the call. Raises CannotStart for anything else."""
        known = self.runs.get((job.activity_id, job.attempt))
        if known is not None:
            known.listener = listener
            return known
        loaded = self._services.get(job.argv[4]) if job.argv[1:4] == _RUN and len(job.argv) == 6 else None
        if loaded is None:
            raise CannotStart(f"In a test only functions are run, and not {' '.join(job.argv)}.")
        run = ThreadRun(job, listener, loaded, self._armed.pop(0) if self._armed else None)
        self.runs[job.activity_id, job.attempt] = run
        run.begin()
        return run

    async def attach(self, job: Job, listener: Listener) -> Run | Outcome:
        """Find a call that was begun here."""
        known = self.runs.get((job.activity_id, job.attempt))
        if known is None:
            return Lost(False, "The work had not begun.")
        if known.over.done():
            return known.over.result()
        known.listener = listener
        return known


_RUN = ("-m", "wsrf_activity.author", "run")


class ThreadRun:
    """One call of a function."""

    def __init__(self, job: Job, listener: Listener, loaded: Loaded, killed_after: int | None) -> None:
        self.job = job
        self.job_id = f"thread-{job.activity_id}-{job.attempt}"
        self.listener = listener
        self.over: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._loop = asyncio.get_running_loop()
        self._loaded = loaded
        self._killed_after = killed_after
        self._began = datetime.now(UTC)
        self._reason: Any = "exited"
        self._limit: asyncio.TimerHandle | None = None
        self._grace: asyncio.TimerHandle | None = None
        self._lock = threading.Lock()
        self._calling = False  #: whether the thread is where something may be raised in it
        self._checkpoints = 0
        self._dead = False
        self._messages = Messages(job.folder, self._tell, job.heard)
        self._thread = threading.Thread(target=self._work, name=self.job_id, daemon=True)

    def begin(self) -> None:
        """Furnish the folder of the attempt and call the function."""
        _furnish(self.job)
        self._author = _Job(self)
        self._calling = True
        self._set_limit(self.job.limit)
        self._thread.start()

    async def outcome(self) -> Outcome:
        """Return when the function has returned, or was killed."""
        return await asyncio.shield(self.over)

    async def abort(self) -> None:
        """Ask the function to end; after the grace it counts as killed, and its thread is left to itself."""
        self._end("aborted")

    async def set_limit(self, limit: timedelta | None) -> None:
        """Change the limit of work, counted from the start."""
        self._set_limit(limit)

    def release(self) -> None:
        """Say nothing more."""
        self.listener = _deaf

    def kill(self) -> None:
        """Lose the work, as where its worker is killed: what it has not said or kept by now is lost with it."""
        if not self.over.done():
            self._finish(Lost(True, _KILLED))
        self._dead = True
        self._raise(Killed)

    # In the function's thread.

    def check(self) -> None:
        """Raise Killed in a function whose worker is no more."""
        if self._dead:
            raise Killed

    def said(self) -> None:
        """Have what the function said told before it goes on."""
        self.check()
        told = asyncio.run_coroutine_threadsafe(self._read(), self._loop)
        told.result()

    def kept(self) -> None:
        """Count a checkpoint, which may be the function's last."""
        self._checkpoints += 1
        if self._checkpoints == self._killed_after:
            self._dead = True
            raise Killed

    def _work(self) -> None:
        try:
            try:
                code = self._called()
            finally:  # also where it was killed: whatever has this thread's number next is not to be hit
                with self._lock:
                    self._calling = False
            time.sleep(0)  # what was raised in this thread at the last moment arrives here
        except Cancelled:
            code = _CANCELLED
        except Killed:
            code = None
        with contextlib.suppress(RuntimeError):  # the test is over, and the loop with it
            self._loop.call_soon_threadsafe(self._returned, code)

    def _called(self) -> int:
        job = self.job
        try:
            running.perform(self._author, self._loaded, job.argv[5], job.arguments or b"")
        except (Cancelled, Killed):
            raise
        except SystemExit as ended:
            return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        except BaseException as error:  # whatever it is, it is why the work failed
            running.explain(error, job.folder)
            return 1
        return 0

    # In the event loop.

    def _returned(self, code: int | None) -> None:
        if self.over.done():
            return
        self._finish(Lost(True, _KILLED) if code is None else self._report(code))

    def _finish(self, outcome: Outcome) -> None:
        for timer in (self._limit, self._grace):
            if timer is not None:
                timer.cancel()
        while self._messages.read(last=True):
            continue
        self.over.set_result(outcome)

    def _report(self, code: int) -> Report:
        job, folder = self.job, os.fspath(self.job.folder)
        declared = {name: (each.path, each.media_type) for name, each in job.results.items()}
        found, missing = outputs.collect(folder, job.media_type, declared)
        return Report(
            exit_code=code,
            reason=self._reason,
            started=self._began,
            ended=datetime.now(UTC),
            outputs=tuple(Output(*each) for each in found),
            missing=tuple(missing),
            failure=failures.read(folder) if code else None,
        )

    async def _read(self) -> None:
        if not self.over.done():
            self._messages.read()

    def _tell(self, said: Said) -> None:
        self.listener(said)

    def _set_limit(self, limit: timedelta | None) -> None:
        if self._limit is not None:
            self._limit.cancel()
        if limit is not None and not self.over.done():
            left = (self._began + limit - datetime.now(UTC)).total_seconds()
            self._limit = self._loop.call_later(max(0.0, left), self._end, "limit")

    def _end(self, reason: str) -> None:
        if self.over.done() or self._reason != "exited":
            return
        self._reason = reason
        self._grace = self._loop.call_later(GRACE, self._give_up)
        try:
            self._author.cancel()
        except Cancelled:
            self._raise(Cancelled)

    def _give_up(self) -> None:
        if not self.over.done():
            self._finish(self._report(137))
        self._dead = True
        self._raise(Killed)

    def _raise(self, error: type[BaseException]) -> None:
        """Raise something in the function's thread, where that stands."""
        with self._lock:
            if self._calling and self._thread.ident is not None and self._thread.is_alive():
                number = ctypes.c_ulong(self._thread.ident)
                ctypes.pythonapi.PyThreadState_SetAsyncExc(number, ctypes.py_object(error))


class _Job(AuthorsJob):
    """A job whose words are told at once, and which is of no use to a function that was killed."""

    def __init__(self, run: ThreadRun) -> None:
        job = run.job
        source = job.folder / attempt.WORK / attempt.INPUT
        super().__init__(
            job.folder,
            activity_id=job.activity_id,
            attempt=job.attempt,
            service=job.service,
            index=job.index,
            input=source if job.input_as_file and job.stdin is not None else None,
        )
        self._run = run

    def progress(self, percent: float | str | None = None, message: str | None = None) -> None:
        self._telling(super().progress, percent, message)

    def warn(self, text: str) -> None:
        self._telling(super().warn, text)

    def estimate(self, end: float | timedelta | datetime) -> None:
        self._telling(super().estimate, end)

    def checkpoint(self, state: Any) -> None:
        self._run.check()
        super().checkpoint(state)
        self._run.kept()

    def result(self, name: str, content: Any, media_type: str | None = None) -> None:
        self._run.check()
        super().result(name, content, media_type)

    def spawn(self, operation: str | Callable[..., Any], /, **said: Any) -> Any:
        self._run.check()
        child = super().spawn(operation, **said)
        self._run.said()
        return child

    def _telling(self, say: Callable[..., None], *said: Any) -> None:
        self._run.check()
        say(*said)
        self._run.said()


def _furnish(job: Job) -> None:
    """Make what a supervisor makes before it begins the work."""
    (job.folder / attempt.WORK).mkdir(parents=True)
    for name in (attempt.STDOUT, attempt.STDERR):
        (job.folder / name).touch()
    kept: Mapping[str, Path | None] = {
        attempt.CHECKPOINT: job.earlier and job.earlier / attempt.CHECKPOINT,
        f"{attempt.WORK}/{attempt.INPUT}": job.stdin if job.input_as_file else None,
    }
    for name, source in kept.items():
        if source is not None and source.exists():
            shutil.copyfile(source, job.folder / name)


def _deaf(said: Said) -> None:
    pass
