"""What the benchmarks write: verdicts, the page between its marks, and plots that are well-formed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from lxml import etree

from benchmarks.base import Bench, Curve, Figure, Goal, Row, Scale, at, milliseconds
from benchmarks.plot import svg
from benchmarks.report import BEGIN, END, table, write
from benchmarks.turns import Found

SVG = "{http://www.w3.org/2000/svg}"
GOALS = (
    Goal("ours to theirs", at("ours", 16), "theirs", 0.25),
    Goal("memory", "memory", target=20, most=True),
    Goal("for comparison", at("ours", 16), at("ours", 1)),
)
CURVE = Curve("Cost", "connections", "ms", ("ours",), (1, 16), milliseconds)


@contextmanager
def nothing(_scale: Scale) -> Iterator[Bench]:
    """Prepare nothing."""
    yield Bench((), ())


def found(name: str, *rates: float) -> Found:
    """Return what rounds have found whose rates these are, where the limit always does 100."""
    rounds = [
        {
            at("ours", 1): Figure(2 * rate),
            at("ours", 16): Figure(rate, load=0.1, cpu=0.002),
            "theirs": Figure(100.0),
            "memory": Figure(10.5, " KiB"),
        }
        for rate in rates
    ]
    return Found(Row(name, "a row", nothing), Bench((), GOALS, (CURVE,)), rounds, 1.0)


def test_a_row_is_the_median_of_the_ratios_of_its_rounds_and_says_whether_that_is_enough() -> None:
    """One slow round does not decide."""
    _, _, ours, memory, comparison = table([found("a", 10, 30, 40)]).splitlines()
    assert ours == "| `a` | ours to theirs | **0.3** | 0.2 to 0.35 | at least 0.25 | yes |"
    assert memory == "| `a` | memory | **10.5** KiB | 10.5 to 10.5 | at most 20 KiB | yes |"
    assert comparison == "| `a` | for comparison | **0.5** | 0.5 to 0.5 |  |  |"


def test_what_is_not_reached_is_said() -> None:
    """In bold."""
    assert "| at least 0.25 | **no** |" in table([found("a", 10)])


def test_requests_for_each_second_of_processor_are_compared_by_processor() -> None:
    """And not by what came through in a second."""
    goal = Goal("", "two", "one", 0.85, cpu=True)
    assert goal.of({"two": Figure(9.0, cpu=0.004), "one": Figure(5.0, cpu=0.002)}) == pytest.approx(0.5)


def test_a_page_keeps_the_rows_that_were_not_measured_again(tmp_path: Path) -> None:
    """What stands around the marks stays, and rows come in the order of all."""
    page = tmp_path / "page.md"
    page.write_text(f"before\n\n{BEGIN}\n{END}\n\n## after\n")
    write(page, [found("b", 30)], ["a", "b"])
    write(page, [found("a", 40)], ["a", "b"])
    write(page, [found("b", 50)], ["a", "b"])
    lines = page.read_text().splitlines()
    assert (lines[0], lines[-1]) == ("before", "## after")
    shares = [line.split("**")[1] for line in lines if "ours to theirs" in line]
    assert shares == ["0.4", "0.5"]
    assert [line for line in lines if line.startswith("###")] == ["### `a`: a row", "### `b`: a row"]
    assert "![Cost](page/a.svg)" in lines
    assert etree.parse(tmp_path / "page" / "a.svg").getroot().tag == f"{SVG}svg"


def test_a_page_that_is_not_there_is_made(tmp_path: Path) -> None:
    """With the marks, so that it can be written again; also in a folder that is not there."""
    page = tmp_path / "of" / "mine.md"
    write(page, [found("b", 30)], ["a", "b"])
    write(page, [found("a", 40)], ["a", "b"])
    lines = page.read_text().splitlines()
    assert (lines[0], lines[-1]) == (BEGIN, END)
    assert [line for line in lines if line.startswith("###")] == ["### `a`: a row", "### `b`: a row"]


def test_a_page_without_marks_is_refused(tmp_path: Path) -> None:
    """Rather than written over."""
    page = tmp_path / "page.md"
    page.write_text("before\n")
    with pytest.raises(ValueError, match="lacks the marks"):
        write(page, [found("a", 1)], ["a"])
    assert page.read_text() == "before\n"


def test_a_plot_has_each_point_and_rises_with_the_cost() -> None:
    """On axes where a factor is always as long."""
    root = etree.fromstring(svg("T<", "load", "cost", {"a": [(1, 1.0), (10, 10.0), (100, 100.0)], "b": [(1, 5.0)]}))
    circles = [(float(each.get("cx", "")), float(each.get("cy", ""))) for each in root.iter(f"{SVG}circle")]
    assert len(circles) == 4
    (x1, y1), (x2, y2), (x3, y3), _ = circles
    assert x3 - x2 == pytest.approx(x2 - x1, abs=0.2)
    assert y2 - y3 == pytest.approx(y1 - y2, abs=0.2)
    assert y1 > y2
    assert root.findtext(f"{SVG}title") == "T<"
