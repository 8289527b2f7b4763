"""The benchmarks run and print their table; what they find is for people to read."""

import re
import subprocess
import sys
from pathlib import Path

ROWS = ("read", "shell")
NUMBER = r"\d[\d.,]*(?:e-\d+)?"  #: as those of the report: what is very small has an exponent
ROW = re.compile(
    rf"\| `(\w+)` \| [^|]+ \| \*\*{NUMBER}\*\*[^|]* \| {NUMBER} to {NUMBER} \| [^|]* \| (yes|\*\*no\*\*|) \|"
)

RECOVERY = re.compile(r"\| ([^|]+) \| [\d.]+ s \| [^|]+ s \| \*\*[\d.]+\*\* \| ([\d.]+ s)? \| (?:\*\*[\d.]+\*\*)? \|")


def test_rows_are_measured_and_told_in_one_table() -> None:
    """By real servers, against their own limits; short times are enough for the form."""
    rows = table("benchmarks", "--quick", "--rounds", "1", "--seconds", "0.05", *ROWS)
    found = [match[1] for row in rows if (match := ROW.fullmatch(row))]
    assert sorted(set(found), key=ROWS.index) == list(ROWS)


def test_recovery_is_compared_with_the_start_of_an_empty_server() -> None:
    """A few stored and running ones are enough for the form."""
    rows = table("benchmarks.recovery", "--rounds", "1", "--stored", "20", "--running", "2")
    found = [match.groups() for row in rows if (match := RECOVERY.fullmatch(row))]
    titles = ["nothing", "20 activities stored", "20 stored, 2 running"]
    assert [title for title, _ in found] == titles
    assert [bool(held) for _, held in found] == [False, False, True]


SUBSCRIPTIONS = re.compile(r"\| ([^|]+) \| \*\*[\d.]+\*\* \([\d.]+ to [\d.]+\) \|.*|\| ([^|]+) \| \d+ (?:ms)? ?\|.*")


def test_consumers_are_told_with_and_without_dead_ones() -> None:
    """A few of each are enough for the form."""
    few = ("--subscriptions", "60", "--activities", "6", "--dead", "3", "--log", "12")
    rows = table("benchmarks.subscriptions", "--rounds", "1", "--seconds", "1", *few)
    found = [match[1] or match[2] for row in rows if (match := SUBSCRIPTIONS.fullmatch(row))]
    delays = ["60, all well", "60, 3 of them dead", "with the dead to without"]
    assert found == [*delays, "bare POSTs", "each by itself (UseRaw)", "together (Notify)"]


def table(module: str, *arguments: str) -> list[str]:
    """Run a benchmark and return the rows of its table."""
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-m", module, *arguments]
    run = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=300)
    assert run.returncode == 0, run.stderr
    on, empty, _, _, *rows = run.stdout.splitlines()
    assert "Python" in on
    assert "rounds: 1" in on
    assert empty == ""
    return rows
