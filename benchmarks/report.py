"""What was found, as Markdown: one table of goals, and for each row its plots and all that was measured."""

import re
import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path

from benchmarks.base import Curve, Figure, Goal, at
from benchmarks.machine import machine
from benchmarks.plot import svg
from benchmarks.turns import Found, spread

_HEADER = """\
| row | measured | median | half of the rounds | target | reached |
|---|---|---|---|---|---|"""
_MEASURES = """\
| measure | median | half of the rounds | CPU of the servers for each | CPU of the load |
|---|---|---|---|---|"""
_MARK = "<!-- {} of the figures: python -m benchmarks writes what lies between these marks -->"
BEGIN, END = _MARK.format("Begin"), _MARK.format("End")
_SECTION = re.compile(r"^### `(?P<name>[^`]+)`.*?(?=^### |\Z)", re.MULTILINE | re.DOTALL)


def table(found: Iterable[Found]) -> str:
    """Return the table of all goals."""
    return "\n".join([_HEADER, *(line for each in found for line in goals(each))])


def goals(found: Found) -> list[str]:
    """Return a row's lines of the table."""
    return [_goal(found, goal) for goal in found.bench.goals]


def _goal(found: Found, goal: Goal) -> str:
    unit = "" if goal.limit else found.rounds[0][goal.measured].unit
    median, low, high = spread(found.ratios(goal))
    sign = "at most" if goal.most else "at least"
    target = "" if goal.target is None else f"{sign} {number(goal.target)}{unit}"
    verdict = {None: "", True: "yes", False: "**no**"}[goal.holds(median)]
    half = f"{number(low)} to {number(high)}"
    return f"| `{found.row.name}` | {goal.title} | **{number(median)}**{unit} | {half} | {target} | {verdict} |"


def section(found: Found, plots: str | None = None) -> str:
    """Return what is to be said of a row alone; its plots are linked from the folder ``plots``, where there is one."""
    parts = [f"### `{found.row.name}`: {found.row.title}", *found.bench.notes]
    parts += [f"![{curve.title}]({plots}/{name})" for name, curve in curves(found).items() if plots]
    parts += ["\n".join([_MEASURES, *(_measure(found, name) for name in found.rounds[0])])]
    rounds = f"{len(found.rounds)} round{'s' if len(found.rounds) > 1 else ''}"
    if found.row.rounds is None:
        rounds += f" of {found.seconds:g} s for each measure"
    return "\n\n".join([*parts, f"{rounds}; {machine(found.row.packages)}.", ""])


def _measure(found: Found, name: str) -> str:
    figures = [figures[name] for figures in found.rounds]
    median, low, high = spread([figure.value for figure in figures])
    unit = figures[0].unit
    half = f"{number(low)} to {number(high)}"
    return f"| {name} | {number(median)}{unit} | {half} | {_cpu(figures)} | {_load(figures)} |"


def _cpu(figures: list[Figure]) -> str:
    known = [figure.cpu for figure in figures if figure.cpu is not None]
    return f"{1000 * statistics.median(known):.2f} ms" if known else ""


def _load(figures: list[Figure]) -> str:
    """Return the busiest round's: in that one it may have been the bottleneck."""
    known = [figure.load for figure in figures if figure.load is not None]
    return f"{max(known):.0%}" if known else ""


def curves(found: Found) -> Mapping[str, Curve]:
    """Return the curves by the names of their files."""
    several = len(found.bench.curves) > 1
    return {
        f"{found.row.name}{f'-{place + 1}' if several else ''}.svg": curve
        for place, curve in enumerate(found.bench.curves)
    }


def plot(found: Found, curve: Curve) -> str:
    """Return a curve of medians as SVG."""

    def cost(series: str, point: int) -> float:
        return statistics.median(curve.take(figures[at(series, point)]) for figures in found.rounds)

    drawn = {
        series: [(point, cost(series, point)) for point in curve.points if at(series, point) in found.rounds[0]]
        for series in curve.series
    }
    return svg(curve.title, curve.load, curve.cost, {name: points for name, points in drawn.items() if points})


def write(page: Path, found: Iterable[Found], order: Iterable[str]) -> None:
    """Put what was found into a page between its marks, in place of what it says of the same rows.

    ``order`` has the names of all rows: those that were not measured keep what is there. A page that does not exist is
    made.
    """
    text = page.read_text() if page.exists() else f"{BEGIN}\n{END}\n"
    before, begin, rest = text.partition(BEGIN)
    old, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} lacks the marks {BEGIN} and {END}")
    folder = page.with_suffix("")
    lines = _by_row(old)
    sections = {match["name"]: match.group() for match in _SECTION.finditer(old)}
    for each in found:
        lines[each.row.name] = goals(each)
        sections[each.row.name] = section(each, folder.name)
        folder.mkdir(parents=True, exist_ok=True)
        for name, curve in curves(each).items():
            (folder / name).write_text(plot(each, curve))
    named = list(order)
    rows = "\n".join([_HEADER, *(line for name in named for line in lines.get(name, []))])
    told = "\n".join(sections[name].rstrip() + "\n" for name in named if name in sections)
    page.write_text(f"{before}{begin}\n\n{rows}\n\n{told}\n{end}{after}")


def _by_row(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if match := re.match(r"\| `([^`]+)` \|", line):
            found.setdefault(match[1], []).append(line)
    return found


def number(found: float) -> str:
    """Return a number as a reader wants it: three figures."""
    if abs(found) >= 100:
        return f"{found:,.0f}"
    return f"{found:.3g}"
