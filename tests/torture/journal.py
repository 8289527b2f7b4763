"""The observer's own book: what was asked for, what was answered, what was done to it. It believes no server."""

import json
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tests.torture.work import Kind

Act = Literal["nothing", "abort", "destroy"]


@dataclass(frozen=True)
class Plan:
    """What a client is going to do with one activity."""

    key: str  #: of the trace; the activity's name and run id
    kind: Kind
    pause: float  #: seconds that the work takes
    given: bytes | None  #: its input, sent by PUT
    by_request: bool  #: whether it is created with a RequestId, so that a lost answer can be asked for again
    lost_answers: int  #: how often the client hangs up before it has read the answer
    act: Act
    after: float  #: seconds until it acts
    lifetime: float | None  #: seconds until the termination time, where one is asked for
    tidy: bool  #: whether it destroys the activity as soon as it has ended


@dataclass
class Case:
    """What is known of one activity."""

    plan: Plan
    planned: float = field(default_factory=time.time)
    activity_id: str | None = None
    terminates: float | None = None  #: seconds of the epoch
    abort_asked: bool = False
    destroy_asked: bool = False
    gone: bool = False  #: Destroy was answered, or it has expired
    refused: bool = False  #: never accepted, for sure
    phase: str | None = None  #: in which it was seen ended
    version: str | None = None

    def __str__(self) -> str:
        return f"{self.plan.key} ({self.activity_id})"


@dataclass
class Journal:
    """All cases of a run, what was found wrong, and what was done to the machine; safe between threads."""

    folder: Path
    cases: list[Case] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    harmed: dict[str, list[str]] = field(default_factory=dict)  #: by activity, what was done to its work itself
    disasters: list[tuple[str, float]] = field(default_factory=list)  #: harm to all that there is, and when it ended
    harming: threading.Lock = field(default_factory=threading.Lock)  #: held from a kill until its harm is written
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def open_case(self, plan: Plan) -> Case:
        """Begin a case."""
        case = Case(plan)
        with self._lock:
            self.cases.append(case)
        self.note("plan", case, f"{plan.kind.name} {plan.act} after {plan.after:.2f} s, lifetime {plan.lifetime}")
        return case

    def violation(self, what: str, case: Case | None = None) -> None:
        """Keep what is wrong."""
        with self._lock:
            self.violations.append(f"{case}: {what}" if case is not None else what)
        self.note("VIOLATION", case, what)

    def harm(self, activity_id: str, what: str) -> None:
        """Keep what was done to the work of an activity itself: it explains an end that is not its own.

        Whoever calls this holds ``harming``.
        """
        with self._lock:
            self.harmed.setdefault(activity_id, []).append(what)
        self.note("harm", None, f"{activity_id} {what}")

    def harms(self, case: Case) -> list[str]:
        """Return what was done to the work of an activity itself by now."""
        with self.harming:
            to_all = [what for what, ended in self.disasters if ended > case.planned]
            return [*self.harmed.get(case.activity_id or "", ()), *to_all]

    def note(self, what: str, case: Case | None, text: str = "") -> None:
        """Write a line for whoever has to find out what happened."""
        line = {"time": round(time.time(), 3), "what": what, "case": str(case) if case else None, "text": text}
        with self._lock, (self.folder / "journal.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")
