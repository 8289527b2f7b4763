"""The benchmarks run and print their table; what they find is for people to read."""

import re
import subprocess
import sys
from pathlib import Path

from benchmarks.measures import RATIOS

ROW = re.compile(r"\| ([^|]+) \| \d+ \| ([^|]+) \| \d+ \| \*\*\d+\.\d{3}\*\* \| \S+ to \S+ \| \d+%, \d+% \|")


def test_every_ratio_has_its_line() -> None:
    """Each is measured against its own limit, by real servers; short times are enough for the form."""
    command = [sys.executable, "-m", "benchmarks", "--rounds", "1", "--seconds", "0.05"]
    root = Path(__file__).resolve().parents[2]
    run = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=300)
    assert run.returncode == 0, run.stderr
    machine, empty, _, _, *rows = run.stdout.splitlines()
    assert "Python" in machine
    assert "rounds: 1" in machine
    assert empty == ""
    found = [match.groups() for row in rows if (match := ROW.fullmatch(row))]
    assert found == [(ratio.title, ratio.limit) for ratio in RATIOS.values()]
