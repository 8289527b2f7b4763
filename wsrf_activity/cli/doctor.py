"""`wsrf-activity doctor`: what it shows of an examination, and its options."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wsrf_activity.cli import arguments
from wsrf_activity.cli.problems import FAILED, Problem, Usage

if TYPE_CHECKING:
    from wsrf_activity.doctor import Examined, Finding


def doctor(
    data: Annotated[Path | None, typer.Option(help="The server's data directory.", metavar="DIR")] = None,
    database: Annotated[str | None, typer.Option(help="The server's database.", metavar="URL")] = None,
    files: Annotated[
        Path | None,
        typer.Option(help="Where servers that share a database keep inputs and results (DIR).", metavar="DIR"),
    ] = None,
    config: Annotated[Path | None, typer.Option(help="The server's settings in TOML.", metavar="FILE")] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Mend what can be mended; no server may be up.")] = False,
    deep: Annotated[bool, typer.Option("--deep", help="Read every file and compare its checksum, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON for programs.")] = False,
) -> None:
    """Look for what is wrong in a data folder and its database, beside a server too. Exit code 1: something is."""
    options = {"data": data, "database": database, "files": files}
    raise typer.Exit(arguments.run("wsrf-activity", lambda: _doctor(config, options, repair, deep, as_json)))


def _doctor(config: Path | None, options: dict[str, Path | str | None], mend: bool, deep: bool, as_json: bool) -> int:
    from wsrf_activity.doctor import Place, examine, repair
    from wsrf_activity.model.errors import Unavailable
    from wsrf_activity.server import Settings, SettingsError, without_password
    from wsrf_activity.store.locks import Taken

    try:
        settings = Settings.load(config=config, options=options, functions=False)
        for folder, name in ((settings.data, "data"), (settings.files, "files")):
            if not folder.is_dir():
                raise Usage(f"there is no {name} folder {folder}; name that of a server with --{name}")
        place = Place(
            data=settings.data,
            files=settings.files,
            database=settings.database,
            lease=settings.limits.lease,
            host_grace=settings.limits.host_grace,
        )
        show = _Json() if as_json else _Page(f"{settings.files} with {without_password(settings.database)}")
        examined = examine(place, deep=deep)
        if mend:
            repair(place, examined, show.mended)
            examined = examine(place, deep=deep)
    except SettingsError as error:
        raise Usage(str(error)) from None
    except Taken as error:
        raise Usage(str(error)) from None
    except Unavailable as error:
        raise Problem(error.description) from None
    show.result(examined)
    return FAILED if examined.findings else 0


class _Json:
    """For programs."""

    def __init__(self) -> None:
        self._mended: list[dict[str, str | None]] = []

    def mended(self, finding: "Finding", hindrance: str | None) -> None:
        """Keep what was tried."""
        self._mended.append({**_as_dict(finding), "hindrance": hindrance})

    def result(self, examined: "Examined") -> None:
        """Write all of it."""
        found = {
            "activities": examined.activities,
            "server_up": examined.served,
            "repairs": self._mended,
            "findings": [_as_dict(finding) for finding in examined.findings],
        }
        print(json.dumps(found, indent=2))


def _as_dict(finding: "Finding") -> dict[str, str | None]:
    kind = finding.kind
    return {
        "kind": kind.code,
        "subject": finding.subject,
        "what": finding.what,
        "meaning": kind.meaning,
        "repair": kind.remedy,
    }


class _Page:
    """For people: a line for each finding, and one for the whole."""

    def __init__(self, place: str) -> None:
        from wsrf_activity.cli.pages import console

        self._console = console()
        self._console.print(f"Examining {place}", style="dim", markup=False, soft_wrap=True)

    def mended(self, finding: "Finding", hindrance: str | None) -> None:
        """Say what was done about a finding."""
        if finding.kind.remedy is None:
            return
        if hindrance is None:
            self._line("✓", "green", f"{finding.what}: repaired ({finding.kind.remedy}).")
        else:
            self._line("!", "yellow", f"{finding.what}: could not be repaired: {hindrance}.")

    def result(self, examined: "Examined") -> None:
        """Say what is wrong now, or that nothing is."""
        for finding in examined.findings:
            remedy = finding.kind.remedy
            help_ = f"--repair {remedy}" if remedy else "--repair cannot help"
            self._line("✗", "red", f"{finding.what}: {finding.kind.meaning}; {help_}.")
        up = "a server is up" if examined.served else "no server is up"
        count = len(examined.findings)
        verdict = "all is well" if not count else f"{count} finding{'' if count == 1 else 's'}"
        looked = f"{examined.activities} activities, {up}: {verdict}."
        self._line("✗" if count else "✓", "red" if count else "green", looked)

    def _line(self, mark: str, style: str, text: str) -> None:
        from rich.text import Text

        self._console.print(Text.assemble((mark, style), " ", text), soft_wrap=True)
