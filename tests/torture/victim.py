"""The server under torture, with its database: killed, stopped, started again, and watched for ends of its own."""

import contextlib
import json
import os
import random
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.databases import Cluster
from tests.server import Server, Wire
from tests.torture.journal import Journal
from wsrf_activity.engines import processes

_START = 300.0  #: seconds after which a start hangs, on a machine that is busy


@dataclass
class Victim:
    """One server. It stays dead only as long as it takes to start it again."""

    server: Server
    journal: Journal
    cluster: Cluster | None = None
    recoveries: list[float] = field(default_factory=list)  #: seconds from a start to the first answer
    launched: float = 0.0  #: on the monotonic clock

    @property
    def pid(self) -> int:
        """Its process."""
        assert self.server.process is not None
        return self.server.process.pid

    @property
    def serving(self) -> list[int]:
        """The processes that answer: itself, or its workers where it has some."""
        children = (child.pid for child in processes.below(self.pid) if child.parent == self.pid)
        return sorted(children) if "--workers" in self.server.arguments else [self.pid]

    def client(self) -> Wire:
        """Return a client of this very server, whatever address it gives to the world."""
        return Wire(f"http://127.0.0.1:{(self.server.data / 'port').read_text()}", self.server.token)

    @property
    def pace(self) -> float:
        """How much slower than a usual machine this one is just now: clients are to have their turn between kills."""
        return max(1.0, self.recoveries[-1] / 2)

    def launch(self) -> None:
        """Start it and return at once."""
        self.launched = time.monotonic()
        self.server.launch()

    def await_answers(self) -> None:
        """Return when it answers. One that ended since its database was away is started again, as systemd would."""
        until = time.monotonic() + _START
        while not self._answers():
            if self.server.process is None or self.server.process.poll() is not None:
                if self.cluster is None:
                    self.journal.violation(f"the server does not start: {self._last_words()}")
                    raise RuntimeError("the server does not start")
                self.launch()
            if time.monotonic() > until:
                self.journal.violation(f"the server does not answer after its start: {self._last_words()}")
                raise RuntimeError("the server does not answer")
            time.sleep(0.02)
        self.recoveries.append(time.monotonic() - self.launched)

    def kill(self) -> None:
        """Kill it. It must have been there."""
        self.check_alive()
        self.server.kill()

    def recover(self, rng: random.Random, kills: int) -> None:
        """Start it again; kill it so often while it recovers."""
        for _ in range(kills):
            self.launch()
            # Most of a start is Python's imports: the moments behind them are the ones that matter.
            with contextlib.suppress(TimeoutError):
                self._sleep_while_it_runs(rng.choice((rng.uniform(0.0, 0.3), rng.uniform(0.6, 2.5))))
            self.server.kill()
        self.launch()
        self.await_answers()

    def stop_and_go(self, rng: random.Random, seconds: float) -> None:
        """Stop it, or one of its workers, for a while, as a laptop that sleeps."""
        pidfd = os.pidfd_open(rng.choice(self.serving))
        try:
            signal.pidfd_send_signal(pidfd, signal.SIGSTOP)
            time.sleep(seconds)
            with contextlib.suppress(ProcessLookupError):  # a worker, and its server has given it up
                signal.pidfd_send_signal(pidfd, signal.SIGCONT)
        finally:
            os.close(pidfd)

    def kill_worker(self, rng: random.Random) -> int:
        """Kill one of its workers, if there is one just now; another one takes its place."""
        serving = self.serving
        if serving:
            with contextlib.suppress(ProcessLookupError):  # it came to its end by itself
                os.kill(rng.choice(serving), signal.SIGKILL)
        return len(serving[:1])

    def check_alive(self) -> None:
        """See that it has not ended by itself; start it again where it has, and say so."""
        assert self.server.process is not None
        if self.server.process.poll() is not None:
            self.journal.violation(f"the server ended by itself: {self._last_words()}")
            self.launch()
            self.await_answers()

    def _sleep_while_it_runs(self, seconds: float) -> None:
        assert self.server.process is not None
        until = time.monotonic() + seconds
        while self.server.process.poll() is None and time.monotonic() < until:
            time.sleep(0.005)

    def _answers(self) -> bool:
        path: Path = self.server.data / "server.json"
        with contextlib.suppress(OSError, ValueError):
            return bool(json.loads(path.read_text())["pid"] == self.pid)
        return False

    def _last_words(self) -> str:
        return self.server.log.read_text(errors="replace")[-2000:]
