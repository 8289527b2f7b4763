"""Clients: each lives through one activity after another, whatever happens to the server."""

import random
import threading
import time

import httpx

from tests.server import Fault
from tests.torture.asking import Gone, Patient, Silence, seconds, text
from tests.torture.checks import Checker, ended
from tests.torture.journal import Act, Case, Journal, Plan
from tests.torture.work import KINDS
from wsrf_activity.model import ns

END = 120.0  #: seconds in which all work ends that is not endless, when nobody kills anything any more
_LATE = 2.0  #: seconds after which a database has ended what a killed server had asked of it
_ACTS: tuple[Act, ...] = ("nothing",) * 6 + ("abort", "destroy")


def plan(rng: random.Random, key: str, *, expiring: bool) -> Plan:
    """Decide what becomes of the next activity."""
    kind = rng.choice(KINDS)
    endings: tuple[Act, ...] = ("abort", "destroy")
    lifetime = rng.uniform(0.3, 4.0) if expiring and rng.random() < (0.3 if kind.endless else 0.06) else None
    act = "nothing" if lifetime else rng.choice(endings if kind.endless else _ACTS)
    by_request = lifetime is None and rng.random() < 0.75  # else a retry could come after its time, and begin anew
    return Plan(
        key=key,
        kind=kind,
        pause=round(rng.uniform(0.05, 2.5), 2),
        given=rng.randbytes(rng.choice((0, 10, 100_000))) if kind.reads else None,
        by_request=by_request,
        lost_answers=rng.choice((0, 0, 1, 2)) if by_request else 0,
        act=act,
        after=rng.uniform(0.0, 1.5),
        lifetime=lifetime,
        tidy=rng.random() < 0.4,
    )


class Client(threading.Thread):
    """One of a few that go on until they are told to stop; then each finishes what it has begun."""

    def __init__(
        self, number: int, seed: int, patient: Patient, journal: Journal, checker: Checker, expiring: bool
    ) -> None:
        super().__init__(name=f"client {number}", daemon=True)
        self._number = number
        self._rng = random.Random(f"{seed} client {number}")
        self._patient = patient
        self._journal = journal
        self._checker = checker
        self._expiring = expiring
        self.stopping = threading.Event()

    def run(self) -> None:
        """Live through activities."""
        count = 0
        while not self.stopping.is_set() and len(self._journal.violations) < 20:
            count += 1
            case = self._journal.open_case(plan(self._rng, f"c{self._number}-{count}", expiring=self._expiring))
            try:
                self._live(case)
            except Exception as error:  # whatever it is, it was not to happen
                self._journal.violation(f"{type(error).__name__}: {error}", case)
            self.stopping.wait(self._rng.uniform(0, 0.2))

    def _live(self, case: Case) -> None:
        self._create(case)
        if case.activity_id is None:
            case.refused = True
            return
        self._journal.note("accepted", case)
        try:
            if case.plan.act != "nothing":
                self.stopping.wait(case.plan.after)
                self._act(case, case.activity_id)
            if not case.gone:
                self._await_end(case, case.activity_id)
                self._checker.look(case)
            if case.plan.tidy and not case.gone:
                self._destroy(case, case.activity_id)
        except Gone:
            self._checker.vanished(case)

    def _create(self, case: Case) -> None:
        body = self._request(case.plan)
        sent = time.time()
        try:
            if case.plan.by_request:
                reply = self._patient.create(body, case.plan.lost_answers)
            else:
                reply = self._patient.wire.call(body)
        except (httpx.TransportError, Fault) as error:
            if case.plan.by_request or (isinstance(error, Fault) and error.code != "Receiver"):
                raise
            self._find(case, sent)
        else:
            case.activity_id = reply.findtext(f".//{{{ns.REF}}}Activity")
            case.terminates = seconds(text(reply, "TerminationTime")) if case.plan.lifetime else None

    def _find(self, case: Case, sent: float) -> None:
        """No answer: it was accepted, or nothing of it is there."""
        found = self._patient.listed(case.plan.key)
        if not found:
            time.sleep(_LATE)
            found = self._patient.listed(case.plan.key)
        if len(found) > 1:
            self._journal.violation(f"one request has made {len(found)} activities", case)
        if found:
            case.activity_id = found[0][0]
        if case.plan.lifetime:
            case.terminates = sent + case.plan.lifetime

    def _request(self, wanted: Plan) -> str:
        given = ""
        if wanted.given is not None:
            given = f"<act:InputReference>{self._patient.upload(wanted.given)}</act:InputReference>"
        until = f"PT{wanted.lifetime:.1f}S" if wanted.lifetime else None
        return (
            f"<act:CreateActivity><act:Service>{wanted.kind.name}</act:Service>"
            f'<act:Parameter name="key">{wanted.key}</act:Parameter>'
            f'<act:Parameter name="pause">{wanted.pause}</act:Parameter>'
            + (f'<act:Parameter name="count">{wanted.kind.members}</act:Parameter>' if wanted.kind.many else "")
            + f"{given}<act:Name>{wanted.key}</act:Name><act:RunId>{wanted.key}</act:RunId>"
            + (f"<act:InitialTerminationTime>{until}</act:InitialTerminationTime>" if until else "")
            + (f"<act:RequestId>{wanted.key}</act:RequestId>" if wanted.by_request else "")
            + "</act:CreateActivity>"
        )

    def _act(self, case: Case, activity_id: str) -> None:
        if case.plan.act == "destroy":
            self._destroy(case, activity_id)
            return
        case.abort_asked = True
        reply = self._patient.call("<act:Abort/>", activity_id)
        self._journal.note("aborted", case)
        if not ended(text(reply, "Phase")):
            self._journal.violation(f"Abort was answered in phase {text(reply, 'Phase')}", case)

    def _destroy(self, case: Case, activity_id: str) -> None:
        case.destroy_asked = True
        try:
            self._patient.call("<wsrfrl:Destroy/>", activity_id)
        except Gone:
            self._journal.note("was gone", case)
        self._journal.note("destroyed", case)
        case.gone = True

    def _await_end(self, case: Case, activity_id: str) -> None:
        """Wait until it has ended. The clock that counts stands while the server is away or stopped."""
        patience = END + case.plan.pause
        while True:
            began = time.monotonic()
            reply = self._patient.call("<act:Wait><act:Timeout>PT2S</act:Timeout></act:Wait>", activity_id)
            if ended(text(reply, "Phase")):
                case.phase, case.version = text(reply, "Phase"), text(reply, "Version")
                return
            patience -= min(time.monotonic() - began, 3.0)
            if patience < 0:
                raise Silence(f"it does not end; it is {text(reply, 'Phase')}")
