"""An engine for wsrf-activity: work is a shell that goes on by itself and leaves its exit code in a file."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

from wsrf_activity.engines import failures, outputs
from wsrf_activity.engines.attempt import ACTIVITY_FAILURE, ACTIVITY_REPORT, FAILURE, MESSAGES, WORK
from wsrf_activity.engines.base import CannotStart, Job, Listener, Lost, Outcome, Output, Report, Run
from wsrf_activity.engines.messages import Messages
from wsrf_activity.model.tables import Table, span

#: The shell outlives the signal that ends its work, and tells how that ended. The file appears whole, or not at all.
SHELL = 'trap : TERM; cd work || exit; "$@" > ../stdout 2> ../stderr; echo $? > ../code.new; mv ../code.new ../code'


def nohup(settings: Table) -> "Nohup":
    """Return the engine that a table of the settings asks for; what is not taken here is refused."""
    return Nohup(poll=settings.take("poll", span, timedelta(seconds=0.1)))


class Nohup:
    """Runs work below a shell of its own, on this machine."""

    def __init__(self, poll: timedelta) -> None:
        self._poll = poll.total_seconds()
        self._runs: set[NohupRun] = set()

    async def open(self) -> None:
        """Nothing to make ready."""

    async def close(self) -> None:
        """Let go of what runs: it goes on."""
        for run in list(self._runs):
            run.release()

    def within_reach(self, job: Job) -> bool:
        """Whether it was begun on this machine, or nowhere."""
        claim = job.folder / "host"
        return not claim.exists() or claim.read_text() == socket.gethostname()

    async def start(self, job: Job, listener: Listener) -> Run:
        """Begin an attempt, once, or join it."""
        if shutil.which(job.argv[0]) is None:
            raise CannotStart(f"There is no program {job.argv[0]}.")
        (job.folder / WORK).mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):  # who makes it begins; all others join
            with (job.folder / "host").open("x") as claim:
                claim.write(socket.gethostname())
            self._begin(job)
        return self._watch(job, listener)

    async def attach(self, job: Job, listener: Listener) -> Run | Outcome:
        """Find an attempt, whatever became of it."""
        if not (job.folder / "host").exists():
            return Lost(False, "The work had not begun.")
        run = self._watch(job, listener)
        over = run.look()
        if over is not None:
            run.release()
        return over or run

    def _begin(self, job: Job) -> None:
        folder = job.folder.absolute()
        environ = {ACTIVITY_REPORT: str(folder / MESSAGES), ACTIVITY_FAILURE: str(folder / FAILURE)}
        shell = subprocess.Popen(
            ["sh", "-c", SHELL, "sh", *job.argv],
            cwd=folder,
            env={"PATH": os.environ["PATH"], **environ},
            stdin=job.stdin.open("rb") if job.stdin else subprocess.DEVNULL,
            start_new_session=True,
        )
        (folder / "pid").write_text(str(shell.pid))
        asyncio.get_running_loop().run_in_executor(None, shell.wait)  # so that none is left as a zombie

    def _watch(self, job: Job, listener: Listener) -> "NohupRun":
        run = NohupRun(job, Messages(job.folder, listener, job.heard), self._poll, self._runs)
        self._runs.add(run)
        return run


class NohupRun:
    """One attempt that runs, or ended since anybody looked."""

    def __init__(self, job: Job, messages: Messages, poll: float, runs: "set[NohupRun]") -> None:
        self.job_id = (job.folder / "pid").read_text()
        self._job = job
        self._messages = messages
        self._runs = runs
        self._limit = job.limit
        self._task = asyncio.create_task(self._follow(poll))

    async def outcome(self) -> Outcome:
        """Return when the shell has told how the work ended."""
        return await self._task

    async def abort(self) -> None:
        """Ask the work, all of it, to end."""
        self._end("aborted")

    async def set_limit(self, limit: timedelta | None) -> None:
        """Change the limit of work."""
        self._limit = limit

    def release(self) -> None:
        """Look no more."""
        self._task.cancel()
        self._runs.discard(self)

    def look(self) -> Outcome | None:
        """Return how the work ended, None while it runs."""
        while self._messages.read():
            continue
        folder = self._job.folder
        alive = Path(f"/proc/{self.job_id}").exists()  # looked at first: it may end, and tell so, at any moment
        if not (folder / "code").exists():
            if alive:
                return None
            if not (folder / "reason").exists():
                return Lost(True, "The work was killed before it ended.")
            (folder / "code").write_text("143")  # the signal came before the shell could tell
        while self._messages.read(last=True):
            continue
        code, reason = int((folder / "code").read_text()), folder / "reason"
        found, missing = outputs.collect(
            str(folder), self._job.media_type, {k: (r.path, r.media_type) for k, r in self._job.results.items()}
        )
        return Report(
            exit_code=code,
            reason=reason.read_text() if reason.exists() else "exited",  # type: ignore[arg-type]  # it was one of them
            started=_changed(folder / "pid"),
            ended=_changed(folder / "code"),
            outputs=tuple(Output(*each) for each in found),
            missing=tuple(missing),
            failure=failures.read(str(folder)) if code else None,
        )

    async def _follow(self, poll: float) -> Outcome:
        while (over := self.look()) is None:
            if self._limit is not None and datetime.now(UTC) > _changed(self._job.folder / "pid") + self._limit:
                self._end("limit")
            self._insist()
            await asyncio.sleep(poll)
        self._runs.discard(self)
        return over

    def _end(self, reason: str) -> None:
        if not (self._job.folder / "code").exists():
            (self._job.folder / "reason").write_text(reason)

    def _insist(self) -> None:
        """End what is to end, again and again: it may just be starting something."""
        if (self._job.folder / "reason").exists():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(int(self.job_id), signal.SIGTERM)


def _changed(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
