"""Makes the checks, one after the other, and says what came of each."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from wsrf_activity.conformance import wire
from wsrf_activity.conformance.probe import Probe
from wsrf_activity.conformance.registry import Check
from wsrf_activity.conformance.session import Options, Session
from wsrf_activity.conformance.suite import checks
from wsrf_activity.conformance.target import NotAllowed, NotReachable, Target
from wsrf_activity.conformance.verdicts import NotApplicable, NotMet, Skipped
from wsrf_activity.conformance.wire import Exchange


class Outcome(StrEnum):
    """What came of a check."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not applicable"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Result:
    """A check and what came of it, in one version of SOAP or without any."""

    check: Check
    version: str | None  #: namespace
    outcome: Outcome
    reason: str = ""  #: why it failed, was skipped or does not apply
    expected: str = ""  #: where it failed
    found: str = ""
    exchange: Exchange | None = None  #: the last one, where it failed
    seconds: float = 0.0

    @property
    def spoken(self) -> str:
        """The version of SOAP as a person calls it; "" without one."""
        return wire.NAMES[self.version] if self.version else ""


@dataclass(frozen=True, slots=True)
class Report:
    """A whole run."""

    url: str
    results: tuple[Result, ...]
    seconds: float

    @property
    def failed(self) -> bool:
        """Whether any check failed."""
        return any(result.outcome is Outcome.FAILED for result in self.results)

    def count(self, outcome: Outcome) -> int:
        """Return how often something came out."""
        return sum(result.outcome is outcome for result in self.results)

    def groups(self) -> dict[str, list[Result]]:
        """Return the results by the document that they are about, in order."""
        found: dict[str, list[Result]] = {}
        for result in self.results:
            found.setdefault(result.check.group, []).append(result)
        return found


def selected(only: Sequence[str]) -> list[Check]:
    """Return the checks that any of the patterns names; all without patterns."""
    return [check for check in checks() if not only or any(check.matches(pattern) for pattern in only)]


def run(url: str, options: Options, tell: Callable[[Result], None] = lambda result: None) -> Report:
    """Try a server; ``tell`` hears of each result as it comes.

    Raises NotReachable, NotAllowed, NoService.
    """
    began = time.monotonic()
    results: list[Result] = []
    with _session(url, options) as session:
        for check in selected(options.only):
            for version in _versions(check, session):
                results.append(_made(check, version, session))
                tell(results[-1])
        found = session.target.url
    return Report(found, tuple(results), time.monotonic() - began)


@contextmanager
def _session(url: str, options: Options) -> Iterator[Session]:
    target = Target(url, options.credentials, options.timeout)
    try:
        session = Session(target, target.discover(), options)
        try:
            yield session
        finally:
            session.close()
    finally:
        target.close()


def _versions(check: Check, session: Session) -> Sequence[str | None]:
    return session.versions if check.each_version else (None,)


def _made(check: Check, version: str | None, session: Session) -> Result:
    began = time.monotonic()
    session.exchanges.clear()
    outcome, reason, expected, found = _outcome(check, version, session)
    failed = outcome is Outcome.FAILED
    exchange = session.exchanges[-1] if failed and session.exchanges else None
    return Result(check, version, outcome, reason, expected, found, exchange, time.monotonic() - began)


def _outcome(check: Check, version: str | None, session: Session) -> tuple[Outcome, str, str, str]:
    inapplicable = _inapplicable(check, session)
    if inapplicable:
        return Outcome.NOT_APPLICABLE, inapplicable, "", ""
    if check.slow and not session.options.slow:
        return Outcome.SKIPPED, "it waits for a lifetime to pass: ask for it with --slow", "", ""
    try:
        check.body(Probe(session, version or session.versions[0]))
    except NotMet as reason:
        return Outcome.FAILED, str(reason), reason.expected, reason.found
    except NotApplicable as reason:
        return Outcome.NOT_APPLICABLE, str(reason), "", ""
    except Skipped as reason:
        return Outcome.SKIPPED, str(reason), "", ""
    except NotReachable as reason:
        session.target.discover()  # raises where the server has gone, and not the answer alone
        return Outcome.FAILED, str(reason), "an answer", str(reason)
    return Outcome.PASSED, "", "", ""


def _inapplicable(check: Check, session: Session) -> str:
    """Say why a check does not concern the service, or nothing."""
    missing = [element for element in check.operations if element not in session.description.operations]
    if missing:
        return f"the service does not offer {', '.join(map(wire.readable, missing))}"
    if check.contract and not session.description.is_ours:
        return "the service does not have the contract of activities"
    return ""


__all__ = ["NotAllowed", "Outcome", "Report", "Result", "run", "selected"]
