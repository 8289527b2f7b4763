"""The command `acpoll`: waits for an activity to end, however long that takes, and then gives its output."""

import argparse
import sys

from wsrf_activity.cli import arguments
from wsrf_activity.cli.problems import BROKEN_PIPE, FAILED, Usage
from wsrf_activity.cli.quick import Patience, locate
from wsrf_activity.cli.relay import SinkClosed, Streams

DESCRIPTION = """\
Wait for an activity to end, then write its standard output and standard error
to ours and exit with its exit code. It goes on asking while the server is
restarted; interrupting it leaves the activity alone.
"""
PATIENCE = 86400.0  #: seconds: a server that is down over night is no reason to give up


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="acpoll",
        description=DESCRIPTION,
        epilog=f"example: acjob -t poll 'sleep 600; date' | acpoll -i 180\n\n{arguments.EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "-i",
        dest="interval",
        metavar="SECONDS",
        type=arguments.as_seconds,
        default=60.0,
        help="ask at least so often (60); the end is noticed at once in any case",
    )
    parser.add_argument(
        "reference",
        nargs="?",
        metavar="ID",
        help="its id, address or endpoint reference; read from standard input where it is not given",
    )
    parser.add_argument(
        "--patience",
        metavar="SECONDS",
        type=arguments.as_seconds,
        default=PATIENCE,
        help="how long to wait for a server that went away (86400)",
    )
    arguments.add_server_options(parser)
    return parser


def _reference(given: str | None) -> str:
    if given is not None and given != "-":
        return given
    if sys.stdin is None or sys.stdin.isatty():
        raise Usage("which activity? Give its id or address, or pipe in what `acjob -t poll` printed")
    read = sys.stdin.buffer.read(1 << 20).decode("utf-8", "replace").strip()
    if not read:
        raise Usage("nothing came in on standard input: was the activity started?")
    return read


def _run(argv: list[str] | None) -> int:
    asked = _parser().parse_args(argv)
    server, reference = locate(arguments.options_from(asked), _reference(asked.reference))
    Patience(server, asked.patience).wait_for_end(reference.id, asked.interval)
    try:
        activity = Streams(server, reference.id, asked.patience).follow()
    except SinkClosed as closed:
        if isinstance(closed.__cause__, BrokenPipeError):
            return BROKEN_PIPE
        arguments.complain("acpoll", f"cannot write the output: {closed.__cause__}")
        return FAILED
    complaint = activity.complaint()
    if complaint:
        arguments.complain("acpoll", complaint)
    return activity.outcome()


def main(argv: list[str] | None = None) -> None:
    """Run `acpoll` and exit."""
    sys.exit(arguments.run("acpoll", lambda: _run(argv)))


if __name__ == "__main__":
    main()
