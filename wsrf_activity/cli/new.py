"""The command `wsrf-activity new`: a small, complete project of a service, with tests, to be changed into one's own."""

import keyword
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from wsrf_activity.cli import arguments
from wsrf_activity.cli.problems import Usage

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_PLACE = "NAME"  #: stands for the service's name in the project's files and in their names
_TAKEN = frozenset({"tests", "conftest", "wsrf_activity"})


def new(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="What the service, its module and the folder are called.")
    ],
    folder: Annotated[
        Path, typer.Option("--in", help="Where the folder is made.", metavar="DIR", show_default=False)
    ] = Path(),
) -> None:
    """Write a small, tested project of a service into a new folder NAME."""
    raise typer.Exit(arguments.run("wsrf-activity", lambda: _new(name, folder)))


def _new(name: str, folder: Path) -> int:
    if not _NAME.fullmatch(name) or keyword.iskeyword(name) or name in _TAKEN or name in sys.stdlib_module_names:
        wanted = "small letters, digits and _, beginning with a letter, and no name of a module of Python's"
        raise Usage(f"{name!r} cannot be the name of a service; accepted: {wanted}")
    project = folder / name
    try:
        project.mkdir()
    except FileExistsError:
        raise Usage(f"{project} exists already, and stays as it is") from None
    except OSError as error:
        raise Usage(f"{project} cannot be made: {error.strerror}") from None
    for path, text in files(name):
        (project / path).parent.mkdir(exist_ok=True)
        (project / path).write_text(text, encoding="utf-8")
    print(f"{project}: a service with its tests. What to do with it is in {project / 'README.md'}.")
    return 0


def files(name: str) -> Iterator[tuple[str, str]]:
    """Yield the files of a project: their paths in it, and their texts."""
    folder = Path(__file__).with_name("data") / "new"
    # The suffix keeps what is a template from being taken for a module, or a test, of this project.
    for template in sorted(folder.rglob("*.in")):
        path = str(template.relative_to(folder)).removesuffix(".in")
        yield path.replace(_PLACE, name), template.read_text(encoding="utf-8").replace(_PLACE, name)
