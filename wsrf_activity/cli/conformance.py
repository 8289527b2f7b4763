"""The command `wsrf-activity conformance`: its options, and what it shows a person at a terminal."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wsrf_activity.cli import arguments, quick
from wsrf_activity.cli.problems import FAILED, Denied, Problem, Unreachable, Usage
from wsrf_activity.model import ns

if TYPE_CHECKING:
    from rich.console import Console

    from wsrf_activity.conformance.runner import Report, Result
    from wsrf_activity.conformance.session import Options

_SOAP = {"1.1": (ns.S11,), "1.2": (ns.S12,), "both": (ns.S11, ns.S12)}
_LOOKS = {"passed": "green", "failed": "bold red", "not applicable": "dim", "skipped": "yellow"}
_WORST = ("failed", "passed", "skipped", "not applicable")  #: what a line says of several versions
_INDENT = " " * 27
_SHOWN = 12  #: lines of a message that are shown with a failure; the files have more
_WIDTH = 800  #: characters of such a line


def conformance(  # noqa: PLR0913  # each is an option of the command line
    url: Annotated[
        str | None, typer.Argument(metavar="URL", help="The service's address; without one the server of --data.")
    ] = None,
    *,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Only these checks, by id or document, such as 'RP-*' (repeatable).", metavar="PATTERN"),
    ] = None,
    list_: Annotated[
        bool, typer.Option("--list", help="List the checks and what they cite; no server is asked.")
    ] = False,
    soap: Annotated[str, typer.Option(help="Which version to speak: 1.1, 1.2 or both.", metavar="VERSION")] = "both",
    create: Annotated[
        Path | None,
        typer.Option(
            help="What starts a resource on a server that is not ours: the content of a SOAP Body.", metavar="FILE"
        ),
    ] = None,
    service: Annotated[
        str | None, typer.Option(help="The service to start where command lines are not permitted.", metavar="NAME")
    ] = None,
    callback: Annotated[
        str | None, typer.Option(help="How the server can call this machine, for replies sent there.", metavar="HOST")
    ] = None,
    slow: Annotated[bool, typer.Option("--slow", help="Make the checks that wait for lifetimes too.")] = False,
    timeout: Annotated[float, typer.Option(help="Seconds that an answer may take.", metavar="SECONDS", min=0.1)] = 10.0,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML too.", metavar="FILE")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page of HTML too.", metavar="FILE")] = None,
    json: Annotated[Path | None, typer.Option(help="Write JSON too.", metavar="FILE")] = None,
    data: Annotated[str | None, typer.Option(help="The data directory of a server of ours.", metavar="DIR")] = None,
    token: Annotated[str | None, typer.Option(help="A token to log in with.")] = None,
    user: Annotated[str | None, typer.Option(help="A user name to log in with.")] = None,
    password: Annotated[str | None, typer.Option(help="The password of --user.")] = None,
) -> None:
    """Check a running server, ours or not, against the standards; exit code 1 where it fails any check."""
    files = {"junit": junit, "html": html, "json": json}

    def body() -> int:
        if list_:
            return _list(only or [])
        from wsrf_activity.conformance.session import Options
        from wsrf_activity.conformance.target import Credentials

        where, found = _server(url, data, token, anonymous=user is not None)
        options = Options(
            credentials=Credentials(found, user, password),
            timeout=timeout,
            versions=_versions(soap),
            create=_read(create),
            service=service,
            callback=callback,
            slow=slow,
            only=_known(only or []),
        )
        return _run(where, options, files)

    raise typer.Exit(arguments.run("wsrf-activity", body))


def _server(url: str | None, data: str | None, token: str | None, anonymous: bool) -> tuple[str, str | None]:
    """Return the address, and the token that belongs to it; a server of ours is found by its data directory."""
    options = quick.Options(data, url, token)
    where = options.url or options.announced()
    if where is None:
        raise Usage(f"no server at {options.data}: give the address of a service, or --data of a server of ours")
    quick.split_base(where)
    return where, None if anonymous else options.token_for(where)


def _versions(soap: str) -> tuple[str, ...]:
    if soap not in _SOAP:
        raise Usage(f"--soap {soap}: accepted are {', '.join(_SOAP)}")
    return _SOAP[soap]


def _read(create: Path | None) -> str | None:
    """Return the content of the person's file, which must be what a Body can hold."""
    if create is None:
        return None
    from lxml import etree

    from wsrf_activity.conformance.wire import parse

    try:
        return etree.tostring(parse(create.read_bytes()), encoding="unicode", with_tail=False)
    except (OSError, etree.XMLSyntaxError) as error:
        raise Usage(f"--create {create}: {error}") from None


def _known(only: list[str]) -> tuple[str, ...]:
    from wsrf_activity.conformance.runner import selected

    for pattern in only:
        if not selected([pattern]):
            raise Usage(f"--only {pattern}: no check and no document is called so; see --list")
    return tuple(only)


def _run(where: str, options: "Options", files: Mapping[str, Path | None]) -> int:
    from wsrf_activity.cli.pages import console
    from wsrf_activity.conformance.runner import run
    from wsrf_activity.conformance.target import NoService, NotAllowed, NotReachable

    shown = console()
    try:
        with shown.status("checking ...") as status:
            report = run(where, options, lambda result: status.update(f"{result.check.id} {result.check.title}"))
    except NotReachable as problem:
        raise Unreachable(str(problem)) from None
    except NotAllowed as problem:
        raise Denied(str(problem)) from None
    except NoService as problem:
        raise Usage(str(problem)) from None
    for name, results in report.groups().items():
        _show_group(shown, name, results)
    _show_sum(shown, report)
    _write(report, files)
    return FAILED if report.failed else 0


def _write(report: "Report", files: Mapping[str, Path | None]) -> None:
    from wsrf_activity.conformance import reports

    writers: dict[str, Callable[[Report], bytes]] = {
        "junit": reports.junit,
        "html": reports.page,
        "json": reports.json_text,
    }
    for kind, path in files.items():
        if path is None:
            continue
        try:
            path.write_bytes(writers[kind](report))
        except OSError as error:
            raise Problem(f"--{kind} {path}: {error.strerror}") from None


def _list(only: list[str]) -> int:
    from rich.markup import escape

    from wsrf_activity.cli.pages import console
    from wsrf_activity.conformance.runner import selected

    shown, group = console(), ""
    for check in selected(_known(only)):
        if check.group != group:
            group = check.group
            shown.print(f"\n[bold cyan]{escape(group)}[/]")
        level = f"{check.level}{', slow' if check.slow else ''}"
        shown.print(f"  {check.id:<8} {escape(check.title)} [dim]{escape(check.cites)} ({level})[/]", soft_wrap=True)
    return 0


def _show_group(shown: "Console", name: str, results: "list[Result]") -> None:
    """Show one line a check, whatever the number of versions; what failed is shown at length."""
    from rich.markup import escape

    shown.print(f"\n[bold cyan]{escape(name)}[/]")
    rows: dict[str, list[Result]] = {}
    for result in results:
        rows.setdefault(result.check.id, []).append(result)
    for row in rows.values():
        _show_check(shown, row)


def _show_check(shown: "Console", row: "list[Result]") -> None:
    from rich.markup import escape

    check, outcomes = row[0].check, list(dict.fromkeys(result.outcome.value for result in row))
    worst = min(outcomes, key=list(_WORST).index)
    said = f"{escape(check.title)} [dim]({escape(check.cites)})[/]"
    shown.print(f"  [{_LOOKS[worst]}]{worst:<14}[/]  {check.id:<8} {said}", soft_wrap=True)
    if worst in ("not applicable", "skipped"):
        shown.print(f"{_INDENT}[dim]{escape(row[0].reason)}[/]", soft_wrap=True)
    for result in row:
        if result.outcome.value == "failed":
            _show_failure(shown, result)


def _show_failure(shown: "Console", result: "Result") -> None:
    from rich.markup import escape

    where = f"{result.spoken}, " if result.spoken else ""
    lines = {f"{where}expected": result.expected, "found": result.found}
    for label, text in lines.items():
        shown.print(f"{_INDENT}[red]{label}:[/] {escape(text)}", soft_wrap=True)
    if result.exchange is None:
        return
    for label, text in (("sent", result.exchange.sent.shown()), ("received", result.exchange.answer.shown())):
        shown.print(f"{_INDENT}[red]{label}:[/]")
        for line in text.splitlines()[:_SHOWN]:
            shown.print(f"{_INDENT}  [dim]{escape(line[:_WIDTH])}[/]", soft_wrap=True)


def _show_sum(shown: "Console", report: "Report") -> None:
    from wsrf_activity.conformance.runner import Outcome

    counted = ", ".join(
        f"[{_LOOKS[outcome.value]}]{report.count(outcome)} {outcome}[/]" for outcome in Outcome if report.count(outcome)
    )
    checks = len({result.check.id for result in report.results})
    shown.print(f"\n{report.url}\n{checks} checks: {counted} in {report.seconds:.1f} s", soft_wrap=True)
