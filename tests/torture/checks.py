"""What must hold of each activity, whatever was killed: judged from the journal, the traces and the answers."""

import time
from pathlib import Path

from lxml import etree

from tests.torture import families
from tests.torture.asking import Gone, Patient, text
from tests.torture.journal import Case, Journal
from tests.torture.targets import DISK, JOB, SUPERVISOR
from tests.torture.work import Trace, digest, trace
from wsrf_activity.model import ns
from wsrf_activity.model.activity import RECOVERIES
from wsrf_activity.model.phases import Phase

_AGAIN = (
    "WorkLost",
    "ExitCode",
    "Signal",
    "WorkLimit",
    "LostTooOften",
)  #: codes of errors that are followed by another attempt
_ANY = frozenset({"Completed", "Failed", "Aborted"})


def ended(phase: str | None) -> bool:
    """Say whether that is the phase of an activity that has ended."""
    return phase is not None and Phase(phase).ended


class Checker:
    """Looks at one activity after another."""

    def __init__(self, patient: Patient, journal: Journal, folder: Path) -> None:
        self._patient = patient
        self._journal = journal
        self._folder = folder

    def look(self, case: Case) -> None:
        """Check an activity that has ended; raises Gone."""
        assert case.activity_id is not None
        document = self._patient.document(case.activity_id)
        phase = text(document, "Phase")
        if case.phase not in (None, phase) or case.version not in (None, text(document, "Version")):
            told = f"{case.phase} in version {case.version}"
            self._say(case, f"it had ended as {told} and is {phase} in version {text(document, 'Version')}")
        case.phase, case.version = phase, text(document, "Version")
        if not ended(phase):
            self._say(case, f"it has not ended: it is {phase}")
            return
        self._check_phase(case, document)
        if case.plan.kind.members:
            self._check_members(case, document)
        if not case.plan.kind.many:
            self._check_attempts(case, document)
            self._check_results(case, document)

    def vanished(self, case: Case) -> None:
        """Check an activity that is not there (any more)."""
        due = case.terminates is not None and case.terminates <= time.time()
        if not case.destroy_asked and not due:
            self._say(case, "it was accepted and is not there, though nobody destroyed it and its time is not over")
        case.gone = True

    def check_trace(self, case: Case) -> Trace:
        """Check that nothing ran that may not, nor twice; for any activity, at any time."""
        left = trace(self._folder, case.plan.key)
        if case.refused and left.starts:
            self._say(case, f"it was not accepted, and ran: {left}")
        if len(set(left.starts)) != len(left.starts):
            self._say(case, f"an attempt began twice: {left}")
        once = not case.plan.kind.reruns and case.plan.kind.attempts == 1
        if once and len(left.starts) > 1:
            self._say(case, f"it may not run again and did: {left}")
        for what in families.ran_twice(case, self._folder) if case.plan.kind.members else ():
            self._say(case, what)
        return left

    def _check_phase(self, case: Case, document: etree._Element) -> None:
        harms, kind, phase = self._journal.harms(case), case.plan.kind, text(document, "Phase") or ""
        allowed = set() if kind.endless else {kind.phase}
        if case.abort_asked or case.destroy_asked:
            allowed.add("Aborted")
        if SUPERVISOR in harms and not kind.reruns:
            allowed.add("Aborted")
        if harms.count(SUPERVISOR) > RECOVERIES:
            allowed.add("Failed")
        if kind.members and families.none_completed(document):
            allowed.add("Failed")
        if JOB in harms:
            allowed |= {"Completed", "Failed"}
        if DISK in harms:
            allowed |= _ANY
        code, status = text(document, "ExitCode"), text(document, "ErrorStatus")
        said = f"it ended as {phase}, exit code {code}, {status}, {harms=}: {self._errors(document)}"
        if phase not in allowed:
            self._say(case, f"{said}; expected {sorted(allowed)}")
        elif not harms and phase == kind.phase and kind.exit_code is not None and code != str(kind.exit_code):
            self._say(case, f"{said}; expected exit code {kind.exit_code}")
        if (status == "FatalErrors") != (phase != "Completed"):
            self._say(case, said)

    def _check_members(self, case: Case, document: etree._Element) -> None:
        if DISK in self._journal.harms(case):
            return
        try:
            for what in families.wrong(case, document, self._patient, self._journal):
                self._say(case, f"{what}: {self._errors(document)}")
        except Gone:
            assert case.activity_id is not None
            self._patient.document(case.activity_id)  # gone too, which is another question
            self._say(case, "one of its members is gone")

    def _check_attempts(self, case: Case, document: etree._Element) -> None:
        left, harms, kind = self.check_trace(case), self._journal.harms(case), case.plan.kind
        attempt = int(text(document, "Attempt") or 0)
        errors = self._errors(document)
        said = f"attempt {attempt}, {left}, {harms=}: {errors}"
        if left.starts and max(left.starts) > attempt:
            self._say(case, f"it ran more often than it says: {said}")
        lost = sum(code == "WorkLost" for code, _ in errors)
        if lost > harms.count(SUPERVISOR) + harms.count(DISK):
            self._say(case, f"its work was lost though nobody had harmed it: {said}")
        own = text(document, "Phase") == "Failed" and errors[-1][0] != "Members"
        again = sum(code in _AGAIN for code, _ in errors) - own
        if text(document, "Phase") != "Aborted" and DISK not in harms and again < attempt - 1:
            self._say(case, f"not every attempt is told of: {said}")
        if harms or text(document, "Phase") != kind.phase or kind.endless:
            return
        numbers = tuple(range(1, kind.attempts + 1))
        if attempt != kind.attempts or left.starts != numbers or (kind.name != "limited" and left.ends != numbers):
            self._say(case, f"it did not run as it should: {said}")
        if kind.name == "speaks" and sum(f"of {case.plan.key}" in description for _, description in errors) != 1:
            self._say(case, f"its warning is not there once: {said}")

    def _check_results(self, case: Case, document: etree._Element) -> None:
        kind, given = case.plan.kind, case.plan.given or b""
        exact = text(document, "Phase") == kind.phase and not self._journal.harms(case) and not kind.endless
        wanted = {"result": kind.stdout(case.plan.key, given)}
        if kind.name == "files" and exact:
            wanted["out"] = given
        results = {node.get("name", ""): node for node in document.iterfind(f"{{{ns.ACT}}}Result")}
        for name, must in wanted.items():
            if name not in results:
                if exact:
                    self._say(case, f"it has no result {name}")
                continue
            content = self._content(case, name)
            node = results[name]
            if (node.get("size"), node.get("sha256")) != (str(len(content)), digest(content)):
                self._say(case, f"result {name} is not what it says: {node.attrib}, {len(content)} bytes")
            if content != must if exact else kind.attempts == 1 and not must.startswith(content):
                self._say(case, f"result {name} is wrong: {len(content)} of {len(must)} bytes, {content[:80]!r}")

    def _content(self, case: Case, name: str) -> bytes:
        assert case.activity_id is not None
        try:
            return self._patient.result(case.activity_id, name)
        except Gone:
            self._patient.document(case.activity_id)  # gone too, which is another question
            self._say(case, f"result {name} is listed and not there")
            return b""

    def _errors(self, document: etree._Element) -> list[tuple[str, str]]:
        names = (f"{{{ns.BF}}}ErrorCode", f"{{{ns.BF}}}Description")
        listed = document.iterfind(f"{{{ns.ACT}}}Error")
        return [(error.findtext(names[0]) or "", error.findtext(names[1]) or "") for error in listed]

    def _say(self, case: Case, what: str) -> None:
        self._journal.violation(f"{case.plan.kind.name}, {case.plan.act}: {what}", case)
