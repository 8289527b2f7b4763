"""The command `wsrf-activity`: its options and subcommands. What they show is in ``pages``."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from wsrf_activity.cli import arguments, envelopes, quick
from wsrf_activity.cli.activities import entries
from wsrf_activity.cli.conformance import conformance
from wsrf_activity.cli.doctor import doctor
from wsrf_activity.cli.new import new
from wsrf_activity.cli.problems import TIMED_OUT, NoSuchActivity, Unreachable, Usage
from wsrf_activity.cli.watch import watch

PATIENCE = 600.0  #: seconds that a server may stay away while it is waited for

app = typer.Typer(
    name="wsrf-activity",
    help="Long-running activities behind a standard SOAP interface.",
    epilog="Exit codes: 0; the job's own (wait); 2 wrong usage; 69 server not reachable; 77 not allowed.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Data = Annotated[str | None, typer.Option(help="The server's data directory (WSRF_ACTIVITY_DATA).", metavar="DIR")]
Url = Annotated[str | None, typer.Option(help="The server's base URL (WSRF_ACTIVITY_URL).", metavar="BASE")]
Token = Annotated[str | None, typer.Option(help="The token to log in with (WSRF_ACTIVITY_TOKEN, else DIR/token).")]
Json = Annotated[bool, typer.Option("--json", help="Write JSON for programs.")]
Which = Annotated[
    str, typer.Argument(metavar="ID", help="The activity's id, address, or endpoint reference (XML or file).")
]


def _finish(body: Callable[[], int]) -> None:
    raise typer.Exit(arguments.run("wsrf-activity", body))


@app.command()
def serve(  # noqa: PLR0913, PLR0917 - each is an option, which Typer reads from the parameters
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TARGET",
            help="Services in Python: words.py, words:Words, package.module:Class.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Where everything is kept.", metavar="DIR", show_default=False)
    ] = None,
    host: Annotated[str | None, typer.Option(help="Where to listen (127.0.0.1).", metavar="H")] = None,
    port: Annotated[
        int | None,
        typer.Option(help="The port (8427); 0 takes the last run's again, or a free one.", min=0, max=65535),
    ] = None,
    database: Annotated[str | None, typer.Option(help="Another database than SQLite in DIR.", metavar="URL")] = None,
    files: Annotated[
        Path | None,
        typer.Option(help="Where servers that share a database keep inputs and results (DIR).", metavar="DIR"),
    ] = None,
    config: Annotated[Path | None, typer.Option(help="Settings and services in TOML.", metavar="FILE")] = None,
    base_url: Annotated[
        str | None,
        typer.Option(help="How clients reach the server, where a proxy is between.", metavar="URL"),
    ] = None,
    no_auth: Annotated[bool, typer.Option("--no-auth", help="Let everybody in; on loopback only.")] = False,
    drain: Annotated[
        bool, typer.Option("--drain", help="When told to stop, wait for the work that runs; told twice, do not.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(help="Server processes behind the port (1); several need PostgreSQL.", metavar="N")
    ] = None,
) -> None:
    """Start the server; Ctrl-C stops it, and the work under way goes on."""
    given = {"data": data, "files": files, "host": host, "port": port, "database": database, "base_url": base_url}
    options: dict[str, object] = {key: value for key, value in given.items() if value is not None}
    if workers is not None:
        options["workers"] = workers
    for name, wanted in (("no_auth", no_auth), ("drain", drain)):
        if wanted:
            options[name] = True
    _finish(lambda: _serve(config, options, targets or []))


def _serve(config: Path | None, options: dict[str, object], targets: list[str]) -> int:
    from wsrf_activity.cli.pages import announce
    from wsrf_activity.server import Settings, SettingsError
    from wsrf_activity.server import serve as run_server

    try:
        run_server(Settings.load(config=config, options=options, targets=targets), announce=announce)
    except SettingsError as error:
        raise Usage(str(error)) from None
    return 0


@app.command()
def demo() -> None:
    """Start a server of its own, run a real pipeline on it, and show each step."""
    from wsrf_activity.cli.demo import run_demo

    _finish(run_demo)


@app.command("list")
def list_(
    phase: Annotated[list[str] | None, typer.Option(help="Only these phases (repeatable).", metavar="PHASE")] = None,
    group: Annotated[str | None, typer.Option(help="Only this group.")] = None,
    service: Annotated[str | None, typer.Option(help="Only this service.")] = None,
    limit: Annotated[int | None, typer.Option(help="At most so many.", min=1)] = None,
    as_json: Json = False,
    data: Data = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """List your activities."""
    _finish(lambda: _list(quick.Options(data, url, token), phase or [], group, service, limit, as_json))


def _list(
    options: quick.Options,
    phases: list[str],
    group: str | None,
    service: str | None,
    limit: int | None,
    as_json: bool,
) -> int:
    server = quick.Server(options)
    rows = list(_rows(server, phases, group, service, limit))
    if as_json:
        print(json.dumps(rows, indent=2))
        return 0
    from wsrf_activity.cli.pages import show_list

    show_list(rows, server.base)
    return 0


def _rows(
    server: quick.Server, phases: list[str], group: str | None, service: str | None, limit: int | None
) -> Iterator[dict[str, str | None]]:
    left, cursor = limit, None
    while True:
        answer = server.call(
            None,
            envelopes.list_activities(phases=phases, group=group, service=service, limit=left, cursor=cursor),
        )
        page = list(entries(answer))[:left]
        yield from page
        left = None if left is None else left - len(page)
        cursor = answer.findtext(f"{{{envelopes.ACT}}}Cursor")
        if not cursor or left == 0:
            return


@app.command()
def show(which: Which, as_json: Json = False, data: Data = None, url: Url = None, token: Token = None) -> None:
    """Show all that is known of one activity."""
    _finish(lambda: _show(quick.Options(data, url, token), which, as_json))


def _show(options: quick.Options, which: str, as_json: bool) -> int:
    server, reference = quick.locate(options, which)
    activity = quick.Patience(server, 0.0).activity(reference.id)
    if as_json:
        print(json.dumps({"url": server.address(activity.id), **activity.as_dict()}, indent=2))
        return 0
    from wsrf_activity.cli.pages import show_activity

    show_activity(activity)
    return 0


@app.command()
def wait(
    which: Which,
    timeout: Annotated[
        float | None, typer.Option(help="Give up after so long: exit code 124.", metavar="SECONDS", min=0)
    ] = None,
    as_json: Json = False,
    data: Data = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Wait until an activity ends; the exit code is the job's own."""
    _finish(lambda: _wait(quick.Options(data, url, token), which, timeout, as_json))


def _wait(options: quick.Options, which: str, timeout: float | None, as_json: bool) -> int:
    server, reference = quick.locate(options, which)
    patience = quick.Patience(server, PATIENCE)
    ended = patience.wait_for_end(reference.id, limit=timeout)
    activity = patience.activity(reference.id)
    if as_json:
        print(json.dumps({"url": server.address(activity.id), **activity.as_dict()}, indent=2))
    else:
        print(activity.phase)
    if not ended:
        arguments.complain("wsrf-activity", f"not ended after {timeout:g} seconds")
        return TIMED_OUT
    return activity.outcome()


@app.command()
def abort(
    which: Which,
    reason: Annotated[str, typer.Option(help="Why, for the activity's error list.")] = "aborted at the shell",
    data: Data = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Stop the work of an activity; its record and what it wrote so far stay."""
    _finish(lambda: _abort(quick.Options(data, url, token), which, reason))


def _abort(options: quick.Options, which: str, reason: str) -> int:
    server, reference = quick.locate(options, which)
    answer = server.call(reference.id, envelopes.abort(reason))
    print(answer.findtext(f"{{{envelopes.ACT}}}Phase"))
    return 0


@app.command()
def destroy(which: Which, data: Data = None, url: Url = None, token: Token = None) -> None:
    """Remove an activity with all its results; its work is stopped first."""
    _finish(lambda: _destroy(quick.Options(data, url, token), which))


def _destroy(options: quick.Options, which: str) -> int:
    server, reference = quick.locate(options, which)
    try:
        server.call(reference.id, envelopes.destroy())
    except Unreachable:
        # The answer was lost; whether the request was, too, is what asking once more tells.
        with suppress(NoSuchActivity):
            server.call(reference.id, envelopes.destroy())
    print("Destroyed")
    return 0


app.command()(doctor)
app.command()(conformance)
app.command()(watch)
app.command()(new)


def main() -> None:
    """Run `wsrf-activity` and exit."""
    app()


if __name__ == "__main__":
    main()
