"""The tables of the page on Grassroots are what the code does."""

import re
from pathlib import Path

from wsrf_activity.model.grassroots import PHASES, JobStatus, merge

PAGE = (Path(__file__).parents[2] / "docs" / "grassroots.md").read_text("utf-8")


def rows(first: str) -> list[list[str]]:
    """Return the cells of the rows of tables whose first cell matches."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line[:1] == "|"]
    return [row for row in cells if re.fullmatch(first, row[0])]


def test_the_statuses() -> None:
    assert [(row[0], row[1]) for row in rows(r"-?\d")] == [(str(int(each)), each.text) for each in JobStatus]
    for code, _, words in rows(r"-?\d"):
        phase = PHASES.get(JobStatus.parse(code))
        assert words.startswith(phase or "does not occur"), words


def test_the_rules() -> None:
    found = {row[0]: row[1:] for row in rows(r"-?\d [A-Z].*")}
    assert found == {
        f"{int(known)} {known.text}": [str(int(merge(known, added))) for added in JobStatus] for known in JobStatus
    }
