"""`python -m benchmarks`: ratios of what the service does to its own limits, measured in turns in one run."""

import argparse
import importlib.metadata
import platform
import sqlite3
import statistics
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from benchmarks.load import Load
from benchmarks.measures import RATIOS, Ratio, measures

Rounds = Mapping[str, Sequence[Load]]  #: of each measure, one for each round

_PACKAGES = ("wsrf-activity", "spyne", "lxml", "sqlalchemy", "starlette", "uvicorn", "uvloop")
_HEADER = """\
| measured | per second | limit | per second | ratio | half of the rounds | CPU of the load |
|---|---|---|---|---|---|---|"""


def take_turns(ratios: Collection[Ratio], rounds: int, seconds: float) -> Rounds:
    """Carry out each measure in each round.

    They take turns, so that whatever else the machine does meanwhile meets all of them.
    """
    wanted = {name for ratio in ratios for name in (ratio.measured, ratio.limit)}
    with measures(wanted) as made:
        found: dict[str, list[Load]] = {name: [] for name in made}
        for measure in made.values():
            measure(min(seconds, 1.0))  # what is done for the first time takes longer
        for number in range(rounds):
            for name, measure in made.items():
                found[name].append(measure(seconds))
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
    return found


def row(ratio: Ratio, found: Rounds) -> str:
    """Return a line of the table; the ratio is the median of the rounds', since a slow moment is slow for both."""
    own, limit = found[ratio.measured], found[ratio.limit]
    ratios = [one.rate / other.rate for one, other in zip(own, limit, strict=True)]
    low, _, high = statistics.quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
    spread = f"{low:.3f} to {high:.3f}"
    cpu = f"{max(load.cpu for load in own):.0%}, {max(load.cpu for load in limit):.0%}"
    cells = (ratio.title, _rate(own), ratio.limit, _rate(limit), f"**{statistics.median(ratios):.3f}**", spread, cpu)
    return f"| {' | '.join(cells)} |"


def _rate(loads: Sequence[Load]) -> str:
    return f"{statistics.median(load.rate for load in loads):.0f}"


def machine() -> str:
    """Return what the figures depend on."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    model = models[0].partition(":")[2].strip() if models else platform.machine()
    versions = [f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES]
    kernel, python = platform.release(), platform.python_version()
    return f"{len(models)} x {model}, Linux {kernel}, Python {python}, SQLite {sqlite3.sqlite_version}, " + ", ".join(
        versions
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measure in each round")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument(
        "--only", nargs="+", choices=RATIOS, default=list(RATIOS), metavar="RATIO", help="of %(choices)s"
    )
    given = parser.parse_args()
    ratios = [RATIOS[name] for name in given.only]
    found = take_turns(ratios, given.rounds, given.seconds)
    print(f"{machine()}; rounds: {given.rounds}, of {given.seconds:g} s for each measure.\n\n{_HEADER}")
    for ratio in ratios:
        print(row(ratio, found))


if __name__ == "__main__":
    main()
