"""Runs the torture: `python -m tests.torture --kills N --seed S`. Exits 1 on a violation."""

import argparse
import random
import signal
import sys
import time
from pathlib import Path

from tests.torture.driver import torture
from tests.torture.options import Options
from tests.torture.places import Unprepared


def asked() -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--kills", type=int, default=None, help="30, unless --minutes are given")
    parser.add_argument("--minutes", type=float, default=None, help="stop then, however many were killed")
    parser.add_argument("--seed", type=int, default=None, help="of the decisions; a random one is printed")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument(
        "--trouble",
        choices=("kills", "clock", "disk"),
        default="kills",
        help="beside kills: nothing, a clock that is set, a disk that is full",
    )
    parser.add_argument("--servers", type=int, default=1, help="that share one PostgreSQL")
    parser.add_argument("--workers", type=int, default=1, help="processes of each server, on PostgreSQL")
    parser.add_argument("--consumers", action="store_true", help="also subscriptions, and consumers that fail at times")
    parser.add_argument("--keep", type=Path, default=None, help="a folder for journal, logs and data")
    given = parser.parse_args()
    if given.servers * given.workers > 1 and (given.database != "postgresql" or given.trouble != "kills"):
        parser.error("--servers and --workers need --database postgresql, and no --trouble beside kills")
    if given.consumers and given.trouble == "clock":
        parser.error("--consumers needs a clock that goes its way: what is sent again later waits for it")
    seed = random.randrange(1 << 32) if given.seed is None else given.seed
    return Options(
        30 if given.kills is None and given.minutes is None else given.kills,
        seed,
        given.database,
        given.trouble,
        given.keep,
        minutes=given.minutes,
        servers=given.servers,
        workers=given.workers,
        consumers=given.consumers,
    )


def main() -> int:
    """Run, print the figures."""
    options = asked()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))  # so that nothing is left behind then either
    began = time.monotonic()
    print(options.command(), flush=True)
    try:
        figures = torture(options, lambda line: print(f"{time.monotonic() - began:6.0f} s  {line}", flush=True))
    except Unprepared as reason:
        print(f"skipped: {reason}")
        return 0
    print(figures)
    return 1 if figures.violations else 0


if __name__ == "__main__":
    sys.exit(main())
