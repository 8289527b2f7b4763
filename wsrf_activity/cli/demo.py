"""The command `wsrf-activity demo`: its own server, a real pipeline on it, and each step as it happens."""

import hashlib
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from wsrf_activity.cli import envelopes, pages, quick
from wsrf_activity.cli.activities import Activity, created, progress
from wsrf_activity.cli.problems import FAILED, Problem

TOP = 8  #: how many sequences the pipeline reports
START = 60.0  #: seconds that a server may take to start on a slow machine

#: Runs in any POSIX shell with any awk. The pauses are there only so that a person sees the phases go by.
PIPELINE = r"""
say() { echo "progress $*" >> "$ACTIVITY_REPORT"; sleep 0.4; }
cat > genes.fasta
say 20 "$(grep -c '^>' genes.fasta) sequences read"
awk '/^>/ { show(); id = substr($1, 2); bases = gc = 0; next }
          { bases += length($0); gc += gsub(/[GC]/, "") }
     END  { show() }
     function show() { if (id) printf "%s\t%d\t%.2f\n", id, bases, 100 * gc / bases }' genes.fasta > table
say 60 "length and GC content of each"
LC_ALL=C sort -k3,3nr -k1,1 table > sorted
say 90 "sorted by GC content"
head -n TOP sorted
""".strip().replace("TOP", str(TOP))


def sequences() -> bytes:
    """Return the multi-FASTA file that ships with the package."""
    return Path(__file__).with_name("data").joinpath("sequences.fasta").read_bytes()


def expected(fasta: bytes) -> bytes:
    """Return what the pipeline must print, computed a second time in Python."""
    rows = []
    for record in fasta.decode("ascii").split(">")[1:]:
        head, *lines = record.splitlines()
        bases = "".join(lines)
        gc = 100 * sum(bases.count(base) for base in "GC") / len(bases)
        rows.append((head.split()[0], len(bases), f"{gc:.2f}"))
    rows.sort(key=lambda row: (-float(row[2]), row[0]))
    return "".join(f"{name}\t{length}\t{gc}\n" for name, length, gc in rows[:TOP]).encode("ascii")


def run_demo() -> int:
    """Return 0 where the pipeline's result is right. Leaves nothing behind."""
    shown = pages.console()
    shown.print(Rule("wsrf-activity demo", style="cyan") if shown.is_terminal else "wsrf-activity demo")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    temporary = tempfile.TemporaryDirectory(prefix="wsrf-activity-demo-", ignore_cleanup_errors=True)
    with temporary as folder, _server(Path(folder)) as server:
        right = _Demo(shown, server).run()
    _what_next(shown)
    return 0 if right else FAILED


@contextmanager
def _server(folder: Path) -> Iterator[quick.Server]:
    """Run a server as its own process, as `wsrf-activity serve` would, with none of the person's settings."""
    data = folder / "data"
    log = folder / "log"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("WSRF_ACTIVITY_")}
    arguments = [sys.executable, "-m", "wsrf_activity", "serve", "--data", str(data), "--port", "0"]
    with log.open("wb") as output:
        # A session of its own: Ctrl-C is for us, who then stop the server in order.
        process = subprocess.Popen(
            arguments,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _await_start(process, data / "server.json", log)
        yield quick.Server(_options(data))
    finally:
        _stop(process)


def _options(data: Path) -> quick.Options:
    options = quick.Options(str(data))
    options.url = options.shared_token = None
    return options


def _await_start(process: subprocess.Popen[bytes], announced: Path, log: Path) -> None:
    until = time.monotonic() + START
    while not announced.exists():
        if process.poll() is not None or time.monotonic() > until:
            said = " / ".join(log.read_text("utf-8", "replace").strip().splitlines()[-3:])
            raise Problem(f"the server did not start: {said or 'it said nothing'}")
        time.sleep(0.05)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class _Demo:
    """The steps, in the order in which a person sees them."""

    def __init__(self, shown: Console, server: quick.Server) -> None:
        self._shown = shown
        self._server = server
        self._step = 0

    def run(self) -> bool:
        """Go through all steps; True where the result is right."""
        fasta = sequences()
        self._server_is_up()
        uploaded = self._upload(fasta)
        identifier = self._create(uploaded)
        try:
            self._watch(identifier)
        except BaseException:
            # The work would outlive its server: that is what the product is for, but not this demo.
            with suppress(Problem):
                self._server.call(identifier, envelopes.abort("the demo was interrupted"))
            raise
        return self._result(identifier, fasta)

    def _say(self, title: str, detail: str = "") -> None:
        self._step += 1
        self._shown.print(f"\n[bold cyan]{self._step}[/] [bold]{escape(title)}[/]")
        if detail:
            self._shown.print(f"  {escape(detail)}", soft_wrap=True)

    def _server_is_up(self) -> None:
        self._say("A server of our own", self._server.base)
        self._shown.print(f"  [dim]its WSDL:[/] {escape(self._server.base)}/activity?wsdl", soft_wrap=True)

    def _upload(self, fasta: bytes) -> str:
        uploaded = self._server.put_input([fasta])
        self._say("The input goes up", f"PUT sequences.fasta, {fasta.count(b'>')} sequences, {len(fasta):,} bytes")
        self._shown.print(f"  [dim]it is now:[/] {escape(uploaded)}", soft_wrap=True)
        return uploaded

    def _create(self, uploaded: str) -> str:
        self._say("CreateActivity: this pipeline, please")
        self._shown.print(_code(PIPELINE) if self._shown.is_terminal else Text(_indented(PIPELINE)))
        request = envelopes.create_activity(
            envelopes.command(PIPELINE),
            request_id=os.urandom(16).hex(),
            input_reference=uploaded,
            name="GC content",
        )
        asked = time.monotonic()
        reference, address = created(self._server.call(None, request))
        took = 1000 * (time.monotonic() - asked)
        self._say(f"Accepted and stored in {took:.0f} ms: here is the endpoint reference", address)
        self._shown.print("  [dim]the client may go away now, for a month if it likes; we stay and watch[/]")
        return reference.id

    def _watch(self, identifier: str) -> None:
        self._say("Wait, answered at each change")
        watch = _Watch()
        version = "0"
        with Live(console=self._shown, refresh_per_second=12, transient=False) as live:
            while True:
                body = envelopes.wait(quick.WAIT, "Change", version)
                answer = self._server.call(identifier, body, within=quick.WAIT)
                version = answer.findtext(f"{{{envelopes.ACT}}}Version") or "0"
                phase = answer.findtext(f"{{{envelopes.ACT}}}Phase") or ""
                line = watch.note(phase, *progress(answer))
                if self._shown.is_terminal:
                    live.update(watch.page())
                elif line:
                    self._shown.print(f"  {line}")
                if answer.findtext(f"{{{envelopes.ACT}}}Status") == "Ended":
                    return

    def _result(self, identifier: str, fasta: bytes) -> bool:
        activity = quick.Patience(self._server, 0.0).activity(identifier)
        output = self._fetch(activity, "stdout")
        self._say(f"The result: the {TOP} sequences richest in GC")
        self._shown.print(_table(output))
        checks = {
            "phase Completed, exit code 0": (activity.phase, activity.exit_code) == ("Completed", 0),
            f"SHA-256 {_digest(activity)[:16]}... as the server says": hashlib.sha256(output).hexdigest()
            == _digest(activity),
            "the same bytes as computed in Python": output == expected(fasta),
        }
        for name, held in checks.items():
            self._shown.print(f"  {'[green]ok[/]' if held else '[bold red]WRONG[/]'} {escape(name)}")
        for entry in activity.errors:
            self._shown.print(f"  [red]{escape(entry.severity)}:[/] {escape(entry.description)}")
        if activity.phase != "Completed":
            self._shown.print(escape(self._fetch(activity, "stderr").decode("utf-8", "replace")))
        return all(checks.values())

    def _fetch(self, activity: Activity, name: str) -> bytes:
        with self._server.open("GET", f"/activity/{activity.id}/result/{name}") as response:
            read = self._server.read(response)
        if response.status != 200:
            raise Problem(f"{name} was not given: HTTP {response.status}")
        return read


class _Watch:
    """What was seen of the activity so far."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._seen: list[tuple[float, str, str]] = []
        self._percent = 0.0

    def note(self, phase: str, percent: float | None, message: str | None) -> str:
        """Take in one answer, and return it as a line; an empty one where it says nothing new."""
        if phase == "Completed":
            percent, message = 100.0, None
        self._percent = percent if percent is not None else self._percent
        what = f"{percent:3.0f} %  {message or ''}".rstrip() if percent is not None else ""
        if self._seen and self._seen[-1][1:] == (phase, what):
            return ""
        at = time.monotonic() - self._began
        self._seen.append((at, phase, what))
        return f"{at:5.1f} s  {phase:<10} {what}".rstrip()

    def page(self) -> Group:
        """Return all of it as a person likes to see it."""
        lines = Table.grid(padding=(0, 2))
        for at, phase, what in self._seen:
            lines.add_row(Text(f"  {at:5.1f} s", style="dim"), pages.phase_text(phase), Text(what))
        bar = Table.grid()
        bar.add_row("  ", ProgressBar(total=100, completed=self._percent, width=50))
        return Group(lines, bar)


def _digest(activity: Activity) -> str:
    result = activity.result("stdout")
    return result.sha256 if result else "missing"


def _table(output: bytes) -> Table:
    table = Table(box=None, padding=(0, 2))
    table.add_column("sequence", style="bold")
    table.add_column("bases", justify="right")
    table.add_column("GC %", justify="right")
    table.add_column("")
    for line in output.decode("ascii", "replace").splitlines():
        name, bases, gc = [*line.split("\t"), "", ""][:3]
        share = float(gc) if gc else 0.0
        table.add_row(name, bases, gc, Text("#" * round(share / 2), style="green"))
    return table


def _code(source: str) -> Panel:
    return Panel(Syntax(source, "bash", background_color="default", word_wrap=True), style="dim", expand=False)


def _indented(source: str) -> str:
    return "".join(f"    {line}\n" for line in source.splitlines()).rstrip("\n")


def _what_next(shown: Console) -> None:
    program = shlex.quote(_program("wsrf-activity"))
    job = shlex.quote(_program("acjob"))
    poll = shlex.quote(_program("acpoll"))
    python = shlex.quote(sys.executable)
    steps = (
        ("start a server that stays", f"{program} serve"),
        ("in a second terminal, a pipeline as if it ran there", f'{job} "tr a-z A-Z" < /etc/hostname'),
        ("leave work there, and come back for it", f'{job} -t poll "sleep 5; date" | {poll} -i 10'),
        ("see what there is", f"{program} list"),
        ("what a SOAP toolkit sees", f'{python} -m zeep "http://127.0.0.1:8427/activity?wsdl"'),
    )
    shown.print("\n[bold]The demo's server is stopped and its files are gone. Next:[/]")
    for title, command in steps:
        shown.print(f"  [dim]# {title}[/]")
        shown.print(f"  {escape(command)}", soft_wrap=True)


def _program(name: str) -> str:
    """Return how to call one of our commands from here: by its path where it is not on the search path."""
    beside = Path(sys.argv[0]).with_name(name)
    return str(beside) if beside.is_file() and "/" in sys.argv[0] else name
