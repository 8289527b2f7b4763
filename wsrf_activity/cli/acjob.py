"""The command `acjob`: runs a command line on the server as if it ran here, or leaves it to be polled."""

import argparse
import os
import signal
import stat
import sys
from collections.abc import Iterator
from types import FrameType

from wsrf_activity.cli import arguments, envelopes
from wsrf_activity.cli.activities import Reference, created
from wsrf_activity.cli.problems import BROKEN_PIPE, FAILED, INTERRUPTED, TERMINATED, Problem, Usage
from wsrf_activity.cli.quick import Patience, Server
from wsrf_activity.cli.relay import BLOCK, SinkClosed, Streams

EXAMPLES = """\
examples:
  acjob -t pipe "sort | uniq -c" < words.txt > counts.txt
  acjob -t poll "make -C /data all" | acpoll -i 180 > log.txt
  acjob --service blast -p database=uniprot < query.fasta
"""


DESCRIPTION = """\
Run a command line on a wsrf-activity server. With -t pipe (the default) this
works like the command itself: standard input goes in, the output comes out as
it is made, and the exit code is the job's; the server may even be restarted
meanwhile. With -t poll the activity's address is printed at once, for acpoll.
"""


class _Terminated(BaseException):
    """SIGTERM arrived."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="acjob",
        description=DESCRIPTION,
        epilog=f"{EXAMPLES}\n{arguments.EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-t", dest="feedback", choices=("pipe", "poll", "email"), default="pipe", help="how to answer")
    parser.add_argument("words", nargs="*", metavar="COMMAND LINE", help="one argument, run by a shell on the server")
    parser.add_argument("--service", metavar="NAME", help="run this configured service instead of a command line")
    parser.add_argument(
        "-p",
        dest="parameters",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="a parameter of the service",
    )
    parser.add_argument("--name", help="a name for people")
    parser.add_argument("--group", metavar="GROUP", dest="groups", action="append", default=[], help="repeatable")
    parser.add_argument(
        "--keep",
        metavar="DURATION",
        type=arguments.as_duration,
        help="when the record is removed, from now (2h, 7d)",
    )
    parser.add_argument("--limit", metavar="DURATION", type=arguments.as_duration, help="how long the work may take")
    parser.add_argument(
        "--patience",
        metavar="SECONDS",
        type=arguments.as_seconds,
        default=600.0,
        help="how long to wait for a server that went away (600)",
    )
    parser.add_argument(
        "--detach-on-interrupt",
        action="store_true",
        help="Ctrl-C leaves the activity running and prints its address",
    )
    arguments.add_server_options(parser)
    return parser


def _work(asked: argparse.Namespace) -> str:
    """Return the part of the request that says what to run. Raises Usage."""
    if asked.feedback == "email":
        raise Usage("-t email is not offered by this server yet: use -t pipe or -t poll")
    if asked.service is not None:
        if asked.words:
            raise Usage("give either a command line or --service, not both")
        return envelopes.service(asked.service, [_parameter(text) for text in asked.parameters])
    if asked.parameters:
        raise Usage("-p is for --service: a command line has no parameters")
    if len(asked.words) != 1 or not asked.words[0].strip():
        raise Usage('give the command line as one argument, in quotes: acjob -t pipe "sort | uniq -c"')
    return envelopes.command(asked.words[0])


def _parameter(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise Usage(f"{text!r} is no parameter: write -p key=value")
    return key, value


def _has_input() -> bool:
    """Tell whether standard input is meant for the job: not where it is a terminal, /dev/null or closed."""
    try:
        mode = os.fstat(0)
    except OSError:
        return False
    if not stat.S_ISCHR(mode.st_mode):
        return True
    return not os.isatty(0) and mode.st_rdev != os.stat(os.devnull).st_rdev


def _standard_input() -> Iterator[bytes]:
    while block := os.read(0, BLOCK):
        yield block


class _Job:
    """One activity from its request to its end."""

    def __init__(self, server: Server, asked: argparse.Namespace, request: str) -> None:
        self._server = server
        self._asked = asked
        self._request = request
        self._patience = Patience(server, asked.patience)
        self._reference: Reference | None = None
        self._address = ""

    def start(self) -> str:
        """Start it and return its address. Repeating this is harmless: the request carries an identity."""
        answer = self._patience.call(None, self._request)
        self._reference, self._address = created(answer)
        return self._address

    def follow(self) -> int:
        """Pass its output on until it ends, and return the exit code."""
        assert self._reference is not None
        activity = Streams(self._server, self._reference.id, self._asked.patience).follow()
        complaint = activity.complaint()
        if complaint:
            arguments.complain("acjob", complaint)
        return activity.outcome()

    def abort(self, reason: str) -> None:
        """Abort it, also where the interruption came before its address was known; complain if it cannot."""
        try:
            if self._reference is None:
                self.start()
            assert self._reference is not None
            self._server.call(self._reference.id, envelopes.abort(reason))
        except Problem as problem:
            arguments.complain("acjob", f"could not abort {self._address or 'the activity'}: {problem}")

    def interrupted(self) -> None:
        """Do on Ctrl-C what was asked for: abort, or leave it and say where it is."""
        if not self._asked.detach_on_interrupt:
            self.abort("interrupted at the shell")
            return
        if self._reference is None:
            self.start()
        arguments.complain("acjob", f"goes on without us: acpoll {self._address}")


def _pipe(job: _Job) -> int:
    try:
        job.start()
        return job.follow()
    except KeyboardInterrupt:
        job.interrupted()
        return INTERRUPTED
    except _Terminated:
        job.abort("acjob was terminated")
        return TERMINATED
    except SinkClosed as closed:
        job.abort("nobody reads the output any more")
        if isinstance(closed.__cause__, BrokenPipeError):
            return BROKEN_PIPE
        arguments.complain("acjob", f"cannot write the output: {closed.__cause__}")
        return FAILED


def _run(argv: list[str] | None) -> int:
    parser = _parser()
    asked = parser.parse_args(argv)
    work = _work(asked)
    # Whatever XML cannot carry is found before anything is sent.
    identity = os.urandom(16).hex()
    envelopes.create_activity(work, request_id=identity, name=asked.name, groups=asked.groups)
    server = Server(arguments.options_from(asked))
    uploaded = server.put_input(_standard_input()) if _has_input() else None
    request = envelopes.create_activity(
        work,
        request_id=identity,
        input_reference=uploaded,
        name=asked.name,
        groups=asked.groups,
        keep=asked.keep,
        limit=asked.limit,
    )
    job = _Job(server, asked, request)
    if asked.feedback == "pipe":
        return _pipe(job)
    print(job.start())
    return 0


def _on_terminate(signum: int, frame: FrameType | None) -> None:
    raise _Terminated


def main(argv: list[str] | None = None) -> None:
    """Run `acjob` and exit."""
    signal.signal(signal.SIGTERM, _on_terminate)
    try:
        code = arguments.run("acjob", lambda: _run(argv))
    except _Terminated:
        code = TERMINATED
    sys.exit(code)


if __name__ == "__main__":
    main()
