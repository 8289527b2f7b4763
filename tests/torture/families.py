"""What must hold of those that an activity has started, or of the members of a set, once that has ended."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from tests.torture.asking import Patient, text
from tests.torture.journal import Case, Journal
from tests.torture.work import trace
from wsrf_activity.model import ns
from wsrf_activity.model.phases import Phase

_COUNTED = ("Completed", "Failed", "Aborted")


def none_completed(document: etree._Element) -> bool:
    """Say whether an activity has members, of which none has completed."""
    return _count(document, "Total") > 0 == _count(document, "Completed")


def ran_twice(case: Case, folder: Path) -> Iterator[str]:
    """Yield which of the members ran twice, or more often than they may."""
    for path in (folder / "traces").glob(f"{case.plan.key}-*"):
        left = trace(folder, path.name)
        again = path.name.endswith("-1") and not case.plan.kind.many  # that one may be run again
        if len(set(left.starts)) != len(left.starts) or (len(left.starts) > 1 and not again):
            yield f"member {path.name} ran more often than it may: {left}"


def wrong(case: Case, document: etree._Element, patient: Patient, journal: Journal) -> Iterator[str]:
    """Yield what is wrong with the members of an activity that has ended; raises Gone where that is gone."""
    assert case.activity_id is not None
    said = {name: _count(document, name) for name in ("Total", *_COUNTED)}
    there = patient.members(case.activity_id)
    counts = Counter(phase for _, _, phase in there)
    live = [each for each in there if not Phase(each[2]).ended]
    if live:
        yield f"it has ended before its members: {live}"
    if len(there) != said["Total"] or any(counts[name] != said[name] for name in _COUNTED):
        patient.document(case.activity_id)  # else its time came between the two questions, and its members went with it
        yield f"it counts {said}, and has {there}"
    harms = journal.harms(case) + [harm for each, _, _ in there for harm in journal.harmed.get(each, ())]
    kind = case.plan.kind
    if text(document, "Phase") == "Completed":
        if said["Total"] != kind.members and not (kind.reruns and harms):
            yield f"it has {said['Total']} members, not {kind.members}"
        if not harms and said["Completed"] != kind.members - kind.many:
            yield f"nobody has harmed its members: {said}"
    for each, _, _ in there:
        yield from _outlives(patient.document(each), document)


def _outlives(member: etree._Element, document: etree._Element) -> Iterator[str]:
    ended = text(member, "EndTime") or "", text(document, "EndTime") or ""
    if max(map(len, ended)) == min(map(len, ended)) and ended[0] > ended[1]:
        yield f"a member has ended at {ended[0]}, after it, at {ended[1]}"
    if member.findtext(f"{{{ns.RL}}}TerminationTime") != document.findtext(f"{{{ns.RL}}}TerminationTime"):
        yield "a member does not stay as long as it does"


def _count(document: etree._Element, name: str) -> int:
    found = document.findtext(f"{{{ns.ACT}}}Members/{{{ns.ACT}}}{name}")
    return int(found or 0)
