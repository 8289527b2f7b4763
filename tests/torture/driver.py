"""One run from its beginning to its figures: clients live, troubles happen, then it is counted what is left."""

import math
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests import databases
from tests.acceptance.watching import eventually
from tests.server import Server
from tests.torture import remains
from tests.torture.asking import Patient
from tests.torture.checks import Checker
from tests.torture.clients import Client
from tests.torture.journal import Case, Journal
from tests.torture.options import Options
from tests.torture.places import Clock, Disk, prepared
from tests.torture.subscribers import CONFIGURATION, Subscribers
from tests.torture.targets import Scene
from tests.torture.troubles import Troubles
from tests.torture.victim import Victim
from tests.torture.work import configuration

_GLANCE = 10  #: troubles between two looks at what runs
_ENOUGH = 20  #: violations after which a run is not worth going on


@dataclass(frozen=True)
class Figures:
    """What a run comes to."""

    options: Options
    seconds: float
    kills: dict[str, int]
    activities: int
    outcomes: dict[str, int]
    recoveries: tuple[float, ...]  #: seconds from a start to the first answer
    violations: tuple[str, ...]
    told: str
    folder: Path

    def __str__(self) -> str:
        kills = ", ".join(f"{count} {name}" for name, count in sorted(self.kills.items()))
        outcomes = ", ".join(f"{count} {name}" for name, count in sorted(self.outcomes.items()))
        times = sorted(self.recoveries)
        lines = [
            f"{self.seconds:.0f} s: {self.options.command()}",
            f"troubles: {kills}",
            f"activities: {self.activities} ({outcomes})",
            f"starts: {len(times)}, median {times[len(times) // 2]:.2f} s, longest {times[-1]:.2f} s",
            f"told: {self.told}",
            f"violations: {len(self.violations)}",
        ]
        lines += [f"  {violation}" for violation in self.violations]
        if self.violations:
            lines += [f"again: {self.options.command()}", f"journal, logs and data: {self.folder}"]
        return "\n".join(lines)


def torture(options: Options, say: Callable[[str], None] = lambda line: None) -> Figures:
    """Do one run. What it left lies in ``folder`` where something was wrong, or where it was to be kept.

    Raises Unprepared where this machine lacks what such a run needs.
    """
    folder = options.keep or Path(tempfile.mkdtemp(prefix="torture-"))
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        cluster = None
        if options.database == "postgresql":
            cluster = stack.enter_context(databases.cluster(durable=True))
        place = stack.enter_context(prepared(options, folder))
        figures = _Run(options, folder, cluster, place, stack, say).run()
    if options.keep is None and not figures.violations:
        shutil.rmtree(folder)
    return figures


class _Run:
    def __init__(
        self,
        options: Options,
        folder: Path,
        cluster: databases.Cluster | None,
        place: Clock | Disk | None,
        stack: ExitStack,
        say: Callable[[str], None],
    ) -> None:
        self._options = options
        self._say = say
        self._journal = Journal(folder)
        self._place = place
        url = stack.enter_context(cluster.database()) if cluster else None
        self._scene = Scene(folder / ("data" if options.servers == 1 else "files"))
        self._victims = [Victim(each, self._journal, cluster) for each in self._servers(folder, url)]
        self._server = self._victims[0].server  #: by which the database is looked at
        stack.callback(self._end_all)
        rng = random.Random(f"{options.seed} troubles")
        self._rng = rng
        self._subscribers: Subscribers | None = None
        self._troubles = Troubles(self._victims, self._scene, self._journal, rng, place)

    def _servers(self, folder: Path, url: str | None) -> Iterator[Server]:
        options, place = self._options, self._place
        config = configuration(folder, -(-options.parallel // options.servers))
        config += CONFIGURATION if options.consumers else ""
        environment = self._scene.environment | dict(place.environment if isinstance(place, Clock) else {})
        arguments: tuple[str, ...] = () if options.workers == 1 else ("--workers", str(options.workers))
        if options.servers == 1:
            yield Server(folder / "data", url, config, arguments, environment)
            return
        arguments += ("--files", str(self._scene.data), "--base-url", "http://torture.invalid")
        for number in range(1, options.servers + 1):
            yield Server(folder / f"data{number}", url, config, arguments, environment)

    def run(self) -> Figures:
        began = time.monotonic()
        self._start_all()
        with ExitStack() as stack:
            patient = Patient([stack.enter_context(victim.client()) for victim in self._victims])
            patient.listed()  # compiles the schemas, which several threads must not do at a time
            checker = Checker(patient, self._journal, self._journal.folder)
            numbers = range(1, self._options.clients + 1)
            expiring = not isinstance(self._place, Clock)
            clients = [Client(n, self._options.seed, patient, self._journal, checker, expiring) for n in numbers]
            if self._options.consumers:
                made = Subscribers(patient, self._journal, self._server, self._options.seed)
                self._subscribers = stack.enter_context(made.living())
            with self._violations(), _living(clients):
                self._torture()
            with self._violations():
                self._settle(patient, checker)
                self._clean_up(patient)
        return self._figures(time.monotonic() - began)

    @contextmanager
    def _violations(self) -> Iterator[None]:
        """Keep whatever goes wrong as a violation, so that the figures and the seed are printed."""
        try:
            yield
        except Exception as error:
            self._journal.violation(f"{type(error).__name__}: {error}")

    def _start_all(self) -> None:
        """Start the first one, which takes up what an earlier run has left when it is alone, and then the rest."""
        for some in (self._victims[:1], self._victims[1:]):
            for victim in some:
                victim.launch()
            for victim in some:
                victim.await_answers()

    def _torture(self) -> None:
        done = 0
        until = time.monotonic() + 60 * (self._options.minutes or math.inf)
        kills = self._options.kills or math.inf
        while self._troubles.kills < kills and time.monotonic() < until and len(self._journal.violations) < _ENOUGH:
            pause = self._rng.choice((self._rng.uniform(0, 0.1), self._rng.uniform(0, 1.0)))
            time.sleep(pause * min(victim.pace for victim in self._victims))
            self._troubles.next()
            done += 1
            if done % _GLANCE == 0:
                self._glance()
                self._say(f"{self._troubles.kills} kills, {len(self._journal.cases)} activities")

    def _glance(self) -> None:
        """See that nothing is said to run that nobody runs."""
        for victim in self._victims:
            victim.check_alive()
        if self._victims[0].cluster is not None:
            eventually(self._victims[0].cluster.answers)  # it may be recovering still
        for activity_id in remains.run_by_nobody(self._server, self._scene):
            self._journal.violation(f"{activity_id} is Executing, and nobody runs it")

    def _settle(self, patient: Patient, checker: Checker) -> None:
        """Check everything once more: a server just started must show what the last one has shown."""
        if isinstance(self._place, Clock):
            self._place.set("+0")
        if self._subscribers is not None:
            self._subscribers.stop()
        for victim in self._victims:
            victim.kill()
        self._start_all()
        self._glance()
        listed = patient.listed()
        known = {case.activity_id: case for case in self._journal.cases if case.activity_id is not None}
        for activity_id, name, phase in listed:
            case = known.get(activity_id)
            if case is None or case.gone:
                self._journal.violation(f"{activity_id} ({name}) is {phase}, and nobody has it, or it was destroyed")
        there = {activity_id for activity_id, _, _ in listed}
        for case in self._journal.cases:
            checker.check_trace(case)
            if case.activity_id in there and not case.gone:
                checker.look(case)
            elif case.activity_id is not None and not case.gone:
                checker.vanished(case)
        for wrong in [*remains.terminal_events(self._server), *remains.found_by_doctor(self._server, self._scene)]:
            self._journal.violation(wrong)

    def _clean_up(self, patient: Patient) -> None:
        """Destroy one half, let the other half's time come, and look for what is left of either."""
        left = [case for case in self._journal.cases if case.activity_id is not None and not case.gone]
        for activity_id in patient.orphans():
            patient.call("<wsrfrl:Destroy/>", activity_id)
        for case in left[::2]:
            patient.call("<wsrfrl:Destroy/>", case.activity_id)
        for case in left[1::2]:
            patient.call(_TERMINATE, case.activity_id)
        self._await_nothing("activities that were destroyed or have expired", patient.listed)
        if self._subscribers is not None:
            self._subscribers.finish()
        rows = partial(remains.rows, self._server)
        self._await_nothing("rows", lambda: [row for row in rows(up=True) if not row.startswith("upload")])
        self._stop_all()
        remains.expire_uploads(self._server)
        self._start_all()
        self._await_nothing("rows", lambda: rows(up=True))
        self._await_nothing("files", lambda: remains.files(self._scene))
        self._stop_all()
        self._await_nothing("rows", lambda: rows(up=False))
        self._await_nothing("processes", self._scene.leftovers)
        for wrong in remains.found_by_doctor(self._server, self._scene):
            self._journal.violation(wrong)

    def _stop_all(self) -> None:
        for victim in self._victims:
            if victim.server.stop() != 0:
                self._journal.violation(f"{victim.server.data.name} did not stop in order")

    def _await_nothing(self, what: str, left: Callable[[], Sequence[object]]) -> None:
        until = time.monotonic() + remains.SOON
        while found := left():
            if time.monotonic() > until:
                self._journal.violation(f"{len(found)} {what} are left: {found[:5]}")
                return
            time.sleep(0.05)

    def _end_all(self) -> None:
        """Leave nothing behind, whatever has happened."""
        for victim in self._victims:
            if victim.server.process is not None and victim.server.process.poll() is None:
                victim.server.kill()
        while targets := self._scene.targets():
            for target in targets:
                self._scene.kill(target)

    def _figures(self, seconds: float) -> Figures:
        cases = self._journal.cases
        return Figures(
            options=self._options,
            seconds=seconds,
            kills=dict(self._troubles.counts),
            activities=len(cases),
            outcomes=dict(Counter(_outcome(case) for case in cases)),
            recoveries=tuple(seconds for victim in self._victims for seconds in victim.recoveries),
            violations=tuple(self._journal.violations),
            told=self._subscribers.figures if self._subscribers is not None else "nobody",
            folder=self._journal.folder,
        )


_TERMINATE = (
    "<wsrfrl:SetTerminationTime><wsrfrl:RequestedLifetimeDuration>PT1S</wsrfrl:RequestedLifetimeDuration>"
    "</wsrfrl:SetTerminationTime>"
)


def _outcome(case: Case) -> str:
    if case.refused:
        return "never accepted"
    if case.phase is not None:
        return case.phase
    return "destroyed" if case.destroy_asked else "expired"


@contextmanager
def _living(clients: list[Client]) -> Iterator[None]:
    """Run the clients meanwhile; at the end each finishes what it has begun, unless that end is an error."""
    for client in clients:
        client.start()
    try:
        yield
    finally:
        for client in clients:
            client.stopping.set()
    for client in clients:
        client.join()
