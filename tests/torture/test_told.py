"""What is checked of what consumers were told finds each fault that there can be."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.torture.journal import Journal
from tests.torture.told import Books, Told, Wish
from wsrf_activity.model import ns


def status(row: int, old: str | None, phase: str) -> Told:
    before = f"<OldPhase>{old}</OldPhase>" if old else ""
    said = f'<StatusChange xmlns="{ns.ACT}">{before}<Phase>{phase}</Phase></StatusChange>'
    return Told(str(row), row, f"act:StatusChanged/{phase}", said.encode())


LIFE = [
    status(1, None, "Queued"),
    status(2, "Queued", "Executing"),
    Told("2.1", 2, "act:StartTime", b"<now/>"),
    status(3, "Executing", "Completed"),
    Told("4", 4, "act:Terminated", b"<end/>"),
]


def books(folder: Path) -> Books:
    """Return the books of one activity, of which one was told everything, and one its phases from the second on."""
    made = Books(Journal(folder), activities={told.event_id: "a" for told in LIFE})
    for wish in (Wish(), Wish("a", "status", first=2)):
        made.begin(wish).subscription_id = "s"
    made.came["s1"] += [*LIFE, *LIFE[2:]]  # what was sent again is in order
    made.came["s2"] += [LIFE[1], LIFE[3]]
    return made


def test_nothing_is_wrong_with_what_is_right(tmp_path: Path) -> None:
    assert list(books(tmp_path).wrong()) == []


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda came: came["s1"].__delitem__(slice(3, None)), "are missing"),
        (lambda came: came["s2"].pop(0), "are missing"),
        (lambda came: came["s2"].clear(), "are missing"),
        (lambda came: came["s2"].reverse(), "out of order"),
        (lambda came: came["s2"].append(LIFE[4]), "was not wanted"),
        (lambda came: came["s2"].append(Told("3", 3, LIFE[3].topic, b"<other/>")), "not what others were told"),
        (lambda came: [each.remove(LIFE[1]) for each in (came["s1"], came["s2"])], "after Queued comes"),
        (lambda came: [came["s2"].pop(0), came["s1"].__setitem__(slice(None), [LIFE[0], *LIFE[3:]])], "gaps"),
        (lambda came: came["s1"].__setitem__(slice(None), LIFE[:4]), "its end"),
    ],
)
def test_a_fault_is_found(tmp_path: Path, harm: Callable[[dict[str, list[Told]]], object], said: str) -> None:
    harmed = books(tmp_path)
    harm(harmed.came)
    assert any(said in wrong for wrong in harmed.wrong())
