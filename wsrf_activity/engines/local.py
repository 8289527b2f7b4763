"""The local engine: work runs on this machine, below a supervisor of its own that outlives the server.

Here is the server's side only: ``nursery.py`` gets supervisors from the zygote, ``supervisor.py`` is one, and
``attempt.py`` says what they leave for the next server.
"""

import asyncio
import base64
import json
import logging
import os
import signal
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from wsrf_activity.engines import attempt, failures, outputs, processes, supervisor
from wsrf_activity.engines.attempt import Claim
from wsrf_activity.engines.base import CannotStart, Job, Listener, Lost, Outcome, Output, Report, Run
from wsrf_activity.engines.limits import WorkLimits
from wsrf_activity.engines.messages import Messages
from wsrf_activity.engines.nursery import Functions, Keeper, Nursery
from wsrf_activity.engines.order import Order

SETTLE = 1.0  #: seconds after which work is taken to go on for long
POLL = 0.25  #: seconds between two looks at what the work says of itself
PATIENCE = 5.0  #: seconds beyond the grace that a supervisor has to end work that was aborted
#: Seconds before each try to ask a supervisor whose like were killed before they answered: a zygote that was killed
#: takes orders until it has ended, and the next one may be killed as well.
PAUSES = (0.0, 0.01, 0.05, 0.2, 0.5)

_NOTHING: Mapping[str, bytes] = MappingProxyType({})
_log = logging.getLogger(__name__)


class LocalEngine:
    """Runs work on this machine, as the server's user. Attempts of another machine count as lost with it."""

    def __init__(self, limits: WorkLimits | None = None) -> None:
        self.limits = limits or WorkLimits()
        self._boot = processes.boot_id()
        self.nursery = Nursery(self.limits.environ())
        self._functions: Functions | None = None
        self._loaded: Nursery | None = None  #: where functions begin as forks
        self._runs: set[LocalRun] = set()
        self._watcher: asyncio.Task[None] | None = None

    def prepare(self, functions: Functions) -> None:
        """Begin such work faster, where that can be; call it before ``open``.

        Memory is limited by address space, which counts all that a zygote has loaded: under such a limit each function
        is a program of its own.
        """
        self._functions = functions
        if functions.zygote and self.limits.preload and self.limits.memory is None:
            environ = {**self.limits.environ(), **functions.environment}
            self._loaded = Nursery(environ, functions.zygote, loads=True)

    async def open(self) -> None:
        """Start the process that forks supervisors, so that the first job does not wait for it."""
        self.nursery.open()
        if self._loaded is not None:
            self._loaded.open()

    async def close(self) -> None:
        """Let go of all runs: their outcomes are for a later server, and who awaits one here is cancelled."""
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.wait([self._watcher])
        for run in tuple(self._runs):
            run.release()
        self._runs.clear()
        self.nursery.close()
        if self._loaded is not None:
            self._loaded.close()

    def within_reach(self, job: Job) -> bool:
        """Whether the attempt runs or ran on this machine, has left its report, or has not begun at all."""
        folder = os.fspath(job.folder)
        claim = attempt.read_claim(folder)
        return claim is None or claim.boot == self._boot or attempt.has_report(folder)

    async def start(self, job: Job, listener: Listener) -> Run:
        """Begin an attempt, or join it where this very attempt has begun already. Raises CannotStart."""
        order = self._order(job)
        for pause in PAUSES:
            await asyncio.sleep(pause)
            answer, keeper = await self._nursery_for(job).ask(order)
            word, _, rest = answer.partition(" ")
            if word == supervisor.BEGUN:
                return self._watch(LocalRun(self, job, rest, keeper, listener))
            keeper.give_back()
            if word == supervisor.FAILED:
                raise CannotStart(rest)
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
        keeper = self._find(claim, folder)
        if keeper is None:
            await drain(Messages(job.folder, listener, job.heard), job)
            return await self.outcome(job)
        run = LocalRun(self, job, str(claim.pid), keeper, listener)
        if attempt.read_limit(folder, claim) != _seconds(job.limit):
            try:
                await run.set_limit(job.limit)  # the last server was killed before it could
            except OSError:
                _log.exception("activity %s: its limit of work cannot be changed", job.activity_id)
        return self._watch(run)

    async def outcome(self, job: Job, *, aborted: bool = False) -> Outcome:
        """Say how an attempt ended whose supervisor is gone; first end what it left, if it was killed."""
        order = self._order(job)._replace(bury=True, aborted=aborted, arguments=None)
        answer = ""
        for pause in PAUSES:
            report = _read_report(job.folder)
            if report is not None:
                claim = attempt.read_claim(os.fspath(job.folder))
                return replace(report, job_id=_job_id(claim))
            if answer == supervisor.BURIED:
                break
            await asyncio.sleep(pause)
            answer, keeper = await self.nursery.ask(order)
            keeper.give_back()
        claim = attempt.read_claim(os.fspath(job.folder))
        if claim is None:
            return Lost(False, "The work had not begun.")
        cause = "machine was restarted" if claim.boot != self._boot else "work was killed"
        return Lost(True, f"The {cause} before the work ended.", _job_id(claim))

    def forget(self, run: "LocalRun") -> None:
        """Stop looking at what a run says."""
        self._runs.discard(run)

    def over(self, run: "LocalRun") -> None:
        """Stop looking at what a run says, and let its supervisor do something else."""
        self._runs.discard(run)
        run.keeper.give_back()

    def _is_function(self, job: Job) -> bool:
        return self._functions is not None and job.argv[: len(self._functions.prefix)] == self._functions.prefix

    def _nursery_for(self, job: Job) -> Nursery:
        loaded = self._loaded
        return loaded if loaded is not None and loaded.ready and self._is_function(job) else self.nursery

    def _order(self, job: Job) -> Order:
        return Order(
            folder=os.path.abspath(job.folder),
            activity_id=job.activity_id,
            attempt=job.attempt,
            argv=job.argv,
            stdin=None if job.stdin is None else os.path.abspath(job.stdin),
            input_as_file=job.input_as_file,
            service=job.service,
            arguments=None if job.arguments is None else job.arguments.decode(),
            place=job.index,
            earlier=None if job.earlier is None else os.path.abspath(job.earlier),
            environment=self._functions.environment if self._functions and self._is_function(job) else {},
            limit=_seconds(job.limit),
            results={name: (result.path, result.media_type) for name, result in job.results.items()},
            media_type=job.media_type,
            rlimits=self.limits.rlimits(),
            cap=self.limits.output,
            grace=self.limits.grace.total_seconds(),
            reuse=self._functions.reuse.get(job.argv, 0) if self._functions else 0,
        )

    def _find(self, claim: Claim, folder: str) -> Keeper | None:
        """Return a hold on the supervisor while it runs this attempt.

        It is told to stay before the report is looked for: one that has not reported by then takes no other work, so
        that its end is the attempt's.
        """
        if claim.boot != self._boot or attempt.has_report(folder):
            return None
        try:
            keeper = Keeper(pidfd=os.pidfd_open(claim.pid))
        except ProcessLookupError:
            return None
        process = processes.find(claim.pid)
        if process is not None and process.start == claim.start:
            keeper.signal(supervisor.STAY)
            if not attempt.has_report(folder):
                return keeper
        keeper.close()  # the number is another process's by now, or the process has done with this attempt
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
                run.settle()
                read(run.messages, run.job)


class LocalRun:
    """An attempt whose supervisor lives, or has ended since anybody looked."""

    def __init__(self, engine: LocalEngine, job: Job, job_id: str, keeper: Keeper, listener: Listener) -> None:
        self.job_id = job_id  #: the pid of the supervisor; the work is below it
        self.job = job
        self.messages = Messages(job.folder, listener, job.heard)
        self._engine = engine
        self.keeper = keeper
        self._loop = asyncio.get_running_loop()
        self._gone: asyncio.Future[str] = self._loop.create_future()  #: what the supervisor has said of the end
        self._aborted = False
        self._insistence: asyncio.TimerHandle | None = None
        self._settles = self._loop.time() + SETTLE
        keeper.watch(self._end)

    async def outcome(self) -> Outcome:
        """Return when the attempt is over and nothing of it runs any more. May be awaited once."""
        said = await self._gone
        report, spoke = _told_report(said, self.job.folder) if said else (None, True)
        if spoke:
            await drain(self.messages, self.job)
        return report or await self._engine.outcome(self.job, aborted=self._aborted)

    async def abort(self) -> None:
        """Ask the whole process tree to end: TERM, and KILL after the grace. ``outcome`` tells when it has."""
        if self._gone.done():
            return  # the supervisor may have other work by now
        self.keeper.signal(supervisor.ABORT)
        if not self._aborted:
            self._aborted = True
            self._insist_later()

    async def set_limit(self, limit: timedelta | None) -> None:
        """Change the limit of work, counted from the attempt's start."""
        if not self._gone.done():
            attempt.write_limit(os.fspath(self.job.folder), _seconds(limit))
            self.keeper.signal(supervisor.LOOK)

    def release(self) -> None:
        """Stop watching; ``outcome`` is cancelled if it waits."""
        if self._gone.done():
            return  # the supervisor may have other work by now
        self._engine.forget(self)
        self._gone.cancel()
        self.keeper.close()
        if self._insistence is not None:
            self._insistence.cancel()

    def settle(self) -> None:
        """Keep less of work that takes its time."""
        if not self._gone.done() and self._loop.time() > self._settles:
            self.keeper.settle()

    def _end(self, said: str) -> None:
        if not self._gone.done():
            self._gone.set_result(said)
        if self._insistence is not None:
            self._insistence.cancel()
        self._engine.over(self)

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
            self.keeper.signal(signal.SIGKILL)


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

    def release(self) -> None:
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
    content = attempt.read_report(os.fspath(folder))
    return None if content is None else _report(json.loads(content), folder)


def _told_report(said: str, folder: Path) -> tuple[Report, bool]:
    """Return the report that a supervisor sends, and whether the work has left messages."""
    told = json.loads(said)
    contents = {name: base64.b64decode(content) for name, content in told["contents"].items()}
    report = _report(told["report"], folder, contents)
    small = (output for output in report.outputs if output.size <= outputs.SMALL)
    complete = not told["wishes"] and all(output.content is not None for output in small)
    return replace(report, complete=complete), told["spoke"] or told["wishes"]


def _report(content: Any, folder: Path, contents: Mapping[str, bytes] = _NOTHING) -> Report:
    return Report(
        exit_code=content["code"],
        reason=content["reason"],
        started=datetime.fromisoformat(content["started"]),
        ended=datetime.fromisoformat(content["ended"]),
        outputs=tuple(replace(Output(*each), content=contents.get(each[0])) for each in content["outputs"]),
        missing=tuple(content["missing"]),
        failure=failures.read(os.fspath(folder)) if content["code"] else None,
    )


def _job_id(claim: Claim | None) -> str | None:
    """Return what a run of this claim is called; None of one that the disk has not kept."""
    return str(claim.pid) if claim is not None and claim.pid else None


def _seconds(time: timedelta | None) -> float | None:
    return None if time is None else time.total_seconds()
