"""What the commands show a person, with rich: a page on a terminal, plain lines where there is none."""

import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from wsrf_activity.cli.activities import PLAIN, Activity
from wsrf_activity.cli.quick import default_data

#: How each phase looks.
STYLES: Mapping[str, str] = {
    "Pending": "dim",
    "Queued": "yellow",
    "Executing": "cyan",
    "Completed": "green",
    "Failed": "red",
    "Aborted": "magenta",
}
_MOST_SERVICES = 8  #: whose WSDLs are shown at the start


class Started(Protocol):
    """What a server tells of itself once it listens."""

    @property
    def base_url(self) -> str: ...
    @property
    def wsdl_url(self) -> str: ...
    @property
    def services(self) -> tuple[tuple[str, str], ...]: ...
    @property
    def data(self) -> Path: ...
    @property
    def token_file(self) -> Path | None: ...
    @property
    def database(self) -> str: ...


def console() -> Console:
    """Return a console for standard output; without a terminal lines are as long as what they say."""
    shown = Console(highlight=False, soft_wrap=False)
    if not shown.is_terminal:
        shown = Console(highlight=False, width=400, force_terminal=False)
    return shown


def announce(started: Started) -> None:
    """Say where a new server is and how to use it."""
    login = "not wanted (--no-auth)"
    if started.token_file:
        login = f"Authorization: Bearer $(cat {shlex.quote(str(started.token_file))})"
    where = "" if started.data == Path(default_data()) else f" --data {shlex.quote(str(started.data))}"
    facts = {
        "listens at": started.base_url,
        "WSDL": started.wsdl_url,
        **_services(started),
        "data": str(started.data),
        "database": started.database,
        "log in with": login,
        "try": f'acjob{where} "echo hello; date"',
    }
    shown = console()
    if shown.is_terminal:
        shown.print(Panel(_pairs(facts), title="wsrf-activity", expand=False))
    else:
        _print_pairs(shown, facts)


def _services(started: Started) -> dict[str, str]:
    """Return where a person sees the services, and their WSDLs if they are few."""
    if not started.services:
        return {}
    few = started.services if len(started.services) <= _MOST_SERVICES else ()
    return {**{f"of {name}": wsdl for name, wsdl in few}, "services": f"{started.base_url}/service"}


def _print_pairs(shown: Console, facts: Mapping[str, str]) -> None:
    if shown.is_terminal:
        shown.print(_pairs(facts))
        return
    for name, value in facts.items():
        shown.print(f"{name:<14} {escape(value)}", soft_wrap=True)


def _pairs(facts: Mapping[str, str]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(name, escape(value))
    return table


def phase_text(phase: str | None) -> Text:
    """Return a phase in its colour."""
    return Text(phase or "", style=STYLES.get(phase or "", ""))


def show_list(rows: Iterable[Mapping[str, str | None]], base: str) -> None:
    """Show activities, one a line."""
    shown = console()
    rows = list(rows)
    if not rows:
        shown.print(f"no activities at {base}")
        return
    table = Table(box=None if not shown.is_terminal else SIMPLE_HEAD, pad_edge=False)
    table.add_column("ID", no_wrap=True)
    for title in ("phase", "what", "created", "ended", "expires"):
        table.add_column(title, overflow="fold" if title == "what" else "ellipsis", no_wrap=title != "what")
    for row in rows:
        what = Text(row.get("name") or row.get("service") or "")
        times = [_short(row.get(key)) for key in ("created", "ended", "expires")]
        table.add_row(row.get("id") or "", phase_text(row.get("phase")), what, *times)
    shown.print(table)


def _short(time: str | None) -> str:
    """Return an xs:dateTime to the second, which is what a person wants of it."""
    if not time:
        return "-"
    return time.partition(".")[0].removesuffix("Z").replace("T", " ") + " UTC"


def show_activity(activity: Activity) -> None:
    """Show all that is known of one activity."""
    shown = console()
    facts = {key.replace("_", " "): activity.text(name) for key, name in PLAIN.items()}
    facts |= {
        "groups": ", ".join(activity.groups),
        "expires": activity.terminates,
        "progress": _progress(activity),
    }
    facts["exit code"] = None if activity.exit_code is None else str(activity.exit_code)
    _print_pairs(shown, {key: value for key, value in facts.items() if value})
    if activity.errors:
        shown.print("\n[bold]errors[/]")
    for entry in activity.errors:
        shown.print(f"  {escape(entry.time)}  {escape(entry.severity)}: {escape(entry.description)}")
        for line in (entry.trace or "").splitlines():
            shown.print(f"    {escape(line)}", soft_wrap=True)
    if activity.results:
        shown.print("\n[bold]results[/]")
    for result in activity.results:
        shown.print(f"  {escape(result.name)}  {result.size or 0:,} bytes  {escape(result.media_type)}")
        shown.print(f"    {escape(result.href)}", soft_wrap=True)
        shown.print(f"    sha256 {escape(result.sha256)}", soft_wrap=True)


def _progress(activity: Activity) -> str:
    percent = "" if activity.percent is None else f"{activity.percent:g} %"
    return " ".join(part for part in (percent, activity.message) if part)
