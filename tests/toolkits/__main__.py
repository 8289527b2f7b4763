"""Runs the matrix and writes what came of it: `python -m tests.toolkits [NAME...]`; without names what is installed."""

import sys
import tempfile
from pathlib import Path

from tests.server import Server, running
from tests.toolkits import pages
from tests.toolkits.matrix import Toolkit, everything
from tests.toolkits.running import SERVICES
from tests.toolkits.telling import judged


def main(names: list[str]) -> int:
    """Run these toolkits, keep the outcome of each that holds what its notes say, and return an exit code."""
    known = {toolkit.name: toolkit for toolkit in everything()}
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"no toolkit called {', '.join(unknown)}: there are {', '.join(known)}")
        return 2
    chosen = [known[name] for name in names] or list(known.values())
    with tempfile.TemporaryDirectory() as scratch, running(Server(Path(scratch) / "server", config=SERVICES)) as server:
        outcomes = [_one(toolkit, server, Path(scratch) / toolkit.anchor, bool(names)) for toolkit in chosen]
    pages.write()
    return 0 if all(outcomes) else 1


def _one(toolkit: Toolkit, server: Server, scratch: Path, wanted: bool) -> bool:
    """Run one and return whether there is nothing to complain of; what is not installed matters if it was asked for."""
    try:
        report, found = judged(toolkit, server, scratch)
    except LookupError as error:
        print(error)
        return not wanted
    print(f"{toolkit.title} {report.version}: {'; '.join(found) or 'ok'}")
    if found:
        print(report.output, report.errors, sep="\n")
    else:
        said = {step: verdict for verdict, step, _ in report.steps}
        steps = {step: said[step] for step in toolkit.steps}
        pages.write_record(pages.read_record() | {toolkit.name: {"version": report.version, "steps": steps}})
    return not found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
