"""Rounds: each act has its turn in each of them, so that whatever else the machine does meanwhile meets all of them."""

import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.base import Act, Bench, Figures, Goal, Row, Scale


@dataclass(frozen=True, slots=True)
class Found:
    """What a row's rounds have found."""

    row: Row
    bench: Bench
    rounds: Sequence[Figures]
    seconds: float  #: of each act

    def ratios(self, goal: Goal) -> list[float]:
        """Return what a goal was in each round: a slow moment is slow for both that it compares."""
        return [goal.of(figures) for figures in self.rounds]


def measure(row: Row, scale: Scale) -> Found:
    """Start what a row needs, warm up, and let all take turns."""
    began = time.monotonic()
    with row.prepare(scale) as bench:
        print(f"{row.name}: prepared after {time.monotonic() - began:.0f} s", file=sys.stderr)
        rounds = min(scale.rounds, row.rounds or scale.rounds)
        if row.rounds is None:
            once(bench.acts, min(scale.seconds, 0.5))  # what is done for the first time takes longer
        found = []
        for number in range(rounds):
            found.append(once(bench.acts, scale.seconds))
            print(f"{row.name}: round {number + 1} of {rounds}", file=sys.stderr)
    return Found(row, bench, found, scale.seconds)


def once(acts: Sequence[Act], seconds: float) -> Figures:
    """Carry out each act."""
    figures: Figures = {}
    for act in acts:
        figures = {**figures, **act(seconds)}
    return figures


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the median, and between which values the middle half lies."""
    low, _, high = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else [*values] * 3
    return statistics.median(values), low, high
