"""The benchmarks run; what they find is for people to read."""

import json
import subprocess
import sys
from pathlib import Path


def test_each_server_is_measured_in_each_round() -> None:
    command = [sys.executable, "-m", "benchmarks", "--rounds", "2", "--requests", "3", "--json"]
    root = Path(__file__).resolve().parents[2]
    run = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=120)
    assert (run.returncode, run.stderr) == (0, "")
    medians = json.loads(run.stdout)
    assert {name: len(times) for name, times in medians.items()} == {"GetResourceProperty": 2, "canned answer": 2}
    assert all(seconds > 0 for times in medians.values() for seconds in times)
