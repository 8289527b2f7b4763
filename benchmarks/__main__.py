"""`python -m benchmarks [ROW...]`: what the service costs against its own limits and against its peers, in one run."""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.base import Scale, Unable
from benchmarks.machine import machine
from benchmarks.report import section, table, write
from benchmarks.rows import ROWS
from benchmarks.turns import Found, measure

_PAGE = Path(__file__).resolve().parents[1] / "docs" / "performance.md"


def take(names: Sequence[str], scale: Scale, page: Path | None) -> tuple[list[Found], list[str]]:
    """Measure rows, one after the other, and write each at once; return what was found and what failed.

    A row that fails does not cost the others.
    """
    found, failed = [], []
    for name in names:
        try:
            found.append(measure(ROWS[name], scale))
            if page:
                write(page, found[-1:], ROWS)
        except (Unable, RuntimeError, OSError, subprocess.SubprocessError) as error:
            failed.append(f"{name}: {error}")
            print(failed[-1], file=sys.stderr)
    return found, failed


def main() -> int:
    """Measure, print and write; return an exit code."""
    rows = "\n".join(f"  {name:11}{row.title}" for name, row in ROWS.items())
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        epilog=f"rows:\n{rows}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("rows", nargs="*", metavar="ROW", help="which to measure, see below; all by default")
    parser.add_argument("--quick", action="store_true", help="few and small: to see that it works; nothing is written")
    parser.add_argument("--rounds", type=int, help="10, or 2 if quick")
    parser.add_argument("--seconds", type=float, help="of each measure in each round: 2, or 0.5 if quick")
    parser.add_argument(
        "--write", type=Path, metavar="PAGE", help="a page with the marks, or a new one; by default that of the docs"
    )
    given = parser.parse_args()
    if unknown := [name for name in given.rows if name not in ROWS]:
        parser.error(f"no row called {', '.join(unknown)}: there are {', '.join(ROWS)}")
    quick = given.quick
    scale = Scale(quick, given.rounds or (2 if quick else 10), given.seconds or (0.5 if quick else 2.0))
    page = given.write or (None if quick else _PAGE)
    found, failed = take(given.rows or list(ROWS), scale, page)
    print(f"{machine()}; rounds: {scale.rounds} of {scale.seconds:g} s{', quick' if quick else ''}.\n\n{table(found)}")
    for each in found:
        print(f"\n{section(each)}", end="")
    for line in failed:
        print(f"not measured: {line}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
