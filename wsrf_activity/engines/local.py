"""The local engine: work runs on this machine, below a supervisor of its own that outlives the server.

Here is the server's side only: ``nursery.py`` gets supervisors from the zygote, ``supervisor.py`` is one, and
``attempt.py`` says what they leave for the next server.
"""

import asyncio
import contextlib
import json
import logging
import os
import signal
from datetime import datetime, timedelta
from pathlib import Path

from wsrf_activity.engines import attempt, processes, supervisor
from wsrf_activity.engines.attempt import Claim
from wsrf_activity.engines.base import CannotStart, Job, Listener, Lost, Outcome, Output, Report, Run
from wsrf_activity.engines.limits import WorkLimits
from wsrf_activity.engines.messages import Messages
from wsrf_activity.engines.nursery import Nursery
from wsrf_activity.engines.supervisor import Order

POLL = 0.25  #: seconds between two looks at what the work says of itself
PATIENCE = 5.0  #: seconds beyond the grace that a supervisor has to end work that was aborted
TRIES = 5  #: how often something is asked of a supervisor whose like were killed before they answered

_log = logging.getLogger(__name__)


class LocalEngine:
    """Runs work on this machine, as the server's user. Attempts of another machine count as lost with it."""

    name = "local"

    def __init__(self, limits: WorkLimits | None = None) -> None:
        self.limits = limits or WorkLimits()
        self._boot = processes.boot_id()
        self._nursery = Nursery(self.limits.environ())
        self._runs: set[LocalRun] = set()
        self._watcher: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Start the process that forks supervisors, so that the first job does not wait for it."""
        self._nursery.open()

    async def close(self) -> None:
        """Let go of all runs: their outcomes are for a later server, and who awaits one here is cancelled."""
        if self._watcher is not None:
            self._watcher.cancel()
        for run in tuple(self._runs):
            run.release()
        self._runs.clear()
        self._nursery.close()

    async def start(self, job: Job, listener: Listener) -> Run:
        """Begin an attempt, or join it where this very attempt has begun already. Raises CannotStart."""
        order = self._order(job)
        for _ in range(TRIES):
            answer, pidfd = await self._nursery.ask(order)
            word, _, rest = answer.partition(" ")
            if word == supervisor.FAILED:
                raise CannotStart(rest)
            if pidfd is not None:
                return self._watch(LocalRun(self, job, rest, pidfd, listener))
            found = await self.attach(job, listener)
            if isinstance(found, Report) or (isinstance(found, Lost) and found.begun):
                return Past(found)
            if not isinstance(found, Lost):
                return found
        raise CannotStart("The process that starts all work ended before it could, again and again.")

    async def attach(self, job: Job, listener: Listener) -> Run | Outcome:
        """Find an attempt that this or an earlier server started, whatever became of it. Never starts anything."""
        folder = os.fspath(job.folder)
        claim = attempt.read_claim(folder)
        if claim is None:
            return Lost(False, "The work had not begun.")
        pidfd = self._find(claim)
        if pidfd is None:
            await drain(Messages(job.folder, listener), job)
            return await self.outcome(job)
        session = attempt.read_session(folder)
        run = LocalRun(self, job, str(claim.pid if session is None else session[0]), pidfd, listener)
        if attempt.read_limit(folder, claim) != _seconds(job.limit):
            await run.set_limit(job.limit)  # the last server was killed before it could
        return self._watch(run)

    async def outcome(self, job: Job, *, aborted: bool = False) -> Outcome:
        """Say how an attempt ended whose supervisor is gone; first end what it left, if it was killed."""
        order = self._order(job)._replace(bury=True, aborted=aborted)
        answer = ""
        for _ in range(TRIES):
            report = _read_report(job.folder)
            if report is not None:
                return report
            if answer == supervisor.BURIED:
                break
            answer, _ = await self._nursery.ask(order)
        claim = attempt.read_claim(os.fspath(job.folder))
        if claim is None:
            return Lost(False, "The work had not begun.")
        rebooted = claim.boot != self._boot
        return Lost(True, f"The {'machine was restarted' if rebooted else 'work was killed'} before the work ended.")

    def forget(self, run: "LocalRun") -> None:
        """Stop looking at what a run says."""
        self._runs.discard(run)

    def _order(self, job: Job) -> Order:
        return Order(
            folder=os.fspath(job.folder),
            activity_id=job.activity_id,
            attempt=job.attempt,
            argv=job.argv,
            stdin=None if job.stdin is None else os.fspath(job.stdin),
            input_as_file=job.input_as_file,
            limit=_seconds(job.limit),
            results={name: (result.path, result.media_type) for name, result in job.results.items()},
            media_type=job.media_type,
            rlimits=self.limits.rlimits(),
            cap=self.limits.output,
            grace=self.limits.grace.total_seconds(),
        )

    def _find(self, claim: Claim) -> int | None:
        """Return a pidfd of the supervisor if it lives."""
        if claim.boot != self._boot:
            return None
        try:
            pidfd = os.pidfd_open(claim.pid)
        except ProcessLookupError:
            return None
        process = processes.find(claim.pid)
        if process is not None and process.start == claim.start:
            return pidfd
        os.close(pidfd)  # the number is another process's by now
        return None

    def _watch(self, run: "LocalRun") -> "LocalRun":
        self._runs.add(run)
        if self._watcher is None or self._watcher.done():
            self._watcher = asyncio.create_task(self._listen(), name="progress of local work")
        return run

    async def _listen(self) -> None:
        while self._runs:
            await asyncio.sleep(POLL)
            for run in tuple(self._runs):
                read(run.messages, run.job)


class LocalRun:
    """An attempt whose supervisor lives, or has ended since anybody looked."""

    def __init__(self, engine: LocalEngine, job: Job, job_id: str, pidfd: int, listener: Listener) -> None:
        self.job_id = job_id  #: the pid of the work
        self.job = job
        self.messages = Messages(job.folder, listener)
        self._engine = engine
        self._pidfd = pidfd
        self._loop = asyncio.get_running_loop()
        self._gone: asyncio.Future[None] = self._loop.create_future()
        self._aborted = False
        self._insistence: asyncio.TimerHandle | None = None
        self._loop.add_reader(pidfd, self._end)

    async def outcome(self) -> Outcome:
        """Return when the attempt is over and nothing of it runs any more. May be awaited once."""
        await self._gone
        await drain(self.messages, self.job)
        return await self._engine.outcome(self.job, aborted=self._aborted)

    async def abort(self) -> None:
        """Ask the whole process tree to end: TERM, and KILL after the grace. ``outcome`` tells when it has."""
        self._signal(signal.SIGTERM)
        if not self._aborted and not self._gone.done():
            self._aborted = True
            self._insist_later()

    async def set_limit(self, limit: timedelta | None) -> None:
        """Change the limit of work, counted from the attempt's start."""
        with contextlib.suppress(FileNotFoundError):  # the folder was removed, and the work with it
            attempt.write_limit(os.fspath(self.job.folder), _seconds(limit))
        self._signal(signal.SIGUSR1)

    def release(self) -> None:
        """Stop watching; ``outcome`` is cancelled if it waits."""
        if self._pidfd >= 0:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1
        if self._insistence is not None:
            self._insistence.cancel()
        self._gone.cancel()

    def _end(self) -> None:
        if not self._gone.done():
            self._gone.set_result(None)
        self.release()
        self._engine.forget(self)

    def _signal(self, number: signal.Signals) -> None:
        if self._pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)

    def _insist_later(self) -> None:
        self._insistence = self._loop.call_later(self._engine.limits.grace.total_seconds() + PATIENCE, self._insist)

    def _insist(self) -> None:
        """End a supervisor that does not obey, as one that was stopped; ``outcome`` then ends the work.

        One that has ended the work already may take its time: it reads the outputs, however large.
        """
        folder = os.fspath(self.job.folder)
        claim = attempt.read_claim(folder)
        process = None if claim is None else processes.find(claim.pid)
        if process is not None and process.state not in "Tt" and attempt.read_end(folder) is not None:
            self._insist_later()
        else:
            self._signal(signal.SIGKILL)


class Past:
    """An attempt that was to be joined but is over."""

    job_id = ""

    def __init__(self, outcome: Outcome) -> None:
        self._outcome = outcome

    async def outcome(self) -> Outcome:
        """Return at once."""
        return self._outcome

    async def abort(self) -> None:
        """Do nothing."""

    async def set_limit(self, limit: timedelta | None) -> None:
        """Do nothing."""


def read(messages: Messages, job: Job, *, last: bool = False) -> bool:
    """Read on; whatever is wrong with the messages of one activity, those of the others are read."""
    try:
        return messages.read(last=last)
    except Exception:
        _log.exception("activity %s: its messages cannot be read", job.activity_id)
        return False


async def drain(messages: Messages, job: Job) -> None:
    """Read what is left, a batch at a time so that others have their turn."""
    more = True
    while more:
        more = read(messages, job, last=True)
        await asyncio.sleep(0)


def _read_report(folder: Path) -> Report | None:
    try:
        content = json.loads((folder / attempt.REPORT).read_bytes())
    except FileNotFoundError:
        return None
    return Report(
        exit_code=content["code"],
        reason=content["reason"],
        started=datetime.fromisoformat(content["started"]),
        ended=datetime.fromisoformat(content["ended"]),
        outputs=tuple(Output(*fields) for fields in content["outputs"]),
        missing=tuple(content["missing"]),
    )


def _seconds(time: timedelta | None) -> float | None:
    return None if time is None else time.total_seconds()
