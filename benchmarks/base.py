"""What a row of the table is made of: acts that give figures, goals that compare them, curves over a load."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.util import find_spec


def missing(*modules: str) -> tuple[str, ...]:
    """Return a sentence for each that is not installed: what is compared with it is left out."""
    hint = 'pip install "wsrf-activity[benchmarks]"'
    return tuple(
        f"Not compared with {name}, which is not installed: {hint}." for name in modules if not find_spec(name)
    )


class Unable(Exception):
    """What this machine lacks to measure a row."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What one measure found in one round."""

    value: float
    unit: str = "/s"
    load: float | None = None  #: share of one processor that the load itself took; near 1 it is the bottleneck
    cpu: float | None = None  #: seconds of the servers' processors for each piece


Figures = Mapping[str, Figure]  #: by the measure's name

Act = Callable[[float], Figures]  #: one turn; takes about so many seconds as it is given, unless it cannot be cut short


@dataclass(frozen=True, slots=True)
class Goal:
    """Two measures to be compared, or one that has a bound of its own; reached where the median of the rounds is."""

    title: str
    measured: str
    limit: str | None = None  #: the measure that it is divided by; None: the value itself counts
    target: float | None = None  #: None: told for comparison only
    most: bool = False  #: the target is a bound from above
    cpu: bool = False  #: pieces per second of the servers' processors are compared, not pieces per second

    def of(self, figures: Figures) -> float:
        """Return what it is in one round."""
        return self._take(figures[self.measured]) / (self._take(figures[self.limit]) if self.limit else 1.0)

    def _take(self, figure: Figure) -> float:
        return 1.0 / figure.cpu if self.cpu and figure.cpu else figure.value

    def holds(self, found: float) -> bool | None:
        """Say whether it is reached; None where nothing is to be."""
        if self.target is None:
            return None
        return found <= self.target if self.most else found >= self.target


@dataclass(frozen=True, slots=True)
class Curve:
    """A plot: each series has a measure at each point, named by ``at``."""

    title: str
    load: str  #: what the x axis counts
    cost: str  #: what the y axis counts
    series: Sequence[str]
    points: Sequence[int]
    take: Callable[[Figure], float]  #: the cost


def at(series: str, point: int) -> str:
    """Return the name of a measure of a curve."""
    return f"{series}, {point:,}"


def milliseconds(figure: Figure) -> float:
    """Return what one piece costs, of a rate per second."""
    return 1000.0 / figure.value


def value(figure: Figure) -> float:
    """Return a cost that is measured as such; none at all would be nowhere on a logarithmic axis."""
    return max(figure.value, 0.01)


@dataclass(frozen=True, slots=True)
class Bench:
    """All that a row needs is started: what is to be done in each round, and what is to be said of it."""

    acts: Sequence[Act]
    goals: Sequence[Goal]
    curves: Sequence[Curve] = ()
    notes: Sequence[str] = ()  #: sentences on what this machine could not measure


@dataclass(frozen=True, slots=True)
class Scale:
    """How long and how large."""

    quick: bool
    rounds: int
    seconds: float  #: of each act in each round

    def size(self, full: int, quick: int) -> int:
        """Return how many."""
        return quick if self.quick else full


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table; a module of ``benchmarks.rows`` has one as ``ROW``."""

    name: str
    title: str
    prepare: Callable[[Scale], AbstractContextManager[Bench]]
    packages: Sequence[str] = ()  #: whose versions matter, beside those of the server
    rounds: int | None = None  #: at most so many, where a round takes long
