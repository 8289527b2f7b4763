"""What the quick commands share on their command lines, and how each of them ends."""

import argparse
import os
import sys
from collections.abc import Callable

from wsrf_activity.cli.envelopes import duration
from wsrf_activity.cli.problems import BROKEN_PIPE, INTERRUPTED, Problem
from wsrf_activity.cli.quick import Options

EXIT_CODES = "exit codes: the job's own; 2 wrong usage; 69 server not reachable; 77 not allowed; 130 Ctrl-C"


def add_server_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where the server is."""
    group = parser.add_argument_group("where the server is")
    group.add_argument("--data", metavar="DIR", help="its data directory (WSRF_ACTIVITY_DATA)")
    group.add_argument("--url", metavar="BASE", help="its base URL (WSRF_ACTIVITY_URL)")
    group.add_argument("--token", help="the token to log in with (WSRF_ACTIVITY_TOKEN, else DIR/token)")


def options_from(arguments: argparse.Namespace) -> Options:
    """Return what the options of ``add_server_options`` said."""
    return Options(arguments.data, arguments.url, arguments.token)


def as_duration(text: str) -> str:
    """Read a duration for argparse."""
    try:
        return duration(text)
    except Problem as problem:
        raise argparse.ArgumentTypeError(str(problem)) from None


def as_seconds(text: str) -> float:
    """Read a number of seconds above zero for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above zero")
    return value


def complain(program: str, message: object) -> None:
    """Say one line on standard error, if anybody still reads it."""
    if sys.stderr is None:
        return  # closed by whoever started us; print() would take standard output in its place
    try:
        print(f"{program}: {message}", file=sys.stderr, flush=True)
    except OSError:
        _point_at_null(2)


def run(program: str, body: Callable[[], int]) -> int:
    """Return the exit code of ``body``, turning what can go wrong into one line and a code."""
    _occupy_standard_descriptors()
    try:
        code = body()
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except Problem as problem:
        complain(program, problem)
        return problem.code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The interpreter flushes once more at its end, which must not complain.
        _point_at_null(1)
        return BROKEN_PIPE


def _occupy_standard_descriptors() -> None:
    """Open what was closed (``2>&-``): else a socket gets that number, and the server the job's output."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _point_at_null(descriptor: int) -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, descriptor)
    os.close(null)
