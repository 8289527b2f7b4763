"""Writes `docs/examples.md`: the programs of `examples/`, and what they print on a server that serves them.

Their output is the real one, and the same each time: a test runs them again and compares.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.server import TIMEOUT, Server, running

_ROOT = Path(__file__).resolve().parents[1]
PAGE = _ROOT / "docs" / "examples.md"
EXAMPLES = _ROOT / "examples"

_INTRODUCTION = """\
# Examples

*Made from the programs in `examples/` and what they print, by `docs/generate_examples.py`: change those, not this.*

Each example is a service and a program that uses it. In a checkout, start the service, and run the program in another
terminal. Both are on one machine here, so that the program finds the server and its token by itself.
"""


@dataclass(frozen=True)
class Example:
    """One folder of `examples/`."""

    folder: str
    service: str  #: the file that is served
    title: str
    before: str | None = None  #: a program to be run once, before


EXAMPLES_SHOWN = (
    Example("database_query", "archive.py", "A long database query", before="archive.py"),
    Example("batch_job", "config.toml", "A batch job"),
    Example("workflow", "reads.py", "A workflow of several steps"),
    Example("many_data_sets", "stations.py", "One workflow, many data sets"),
    Example("long_running", "long_running.py", "Grassroots' long-running service"),
    Example("hello", "hello.py", "moi's hello"),
)


def outputs(folder: Path) -> Mapping[str, str]:
    """Serve all examples from copies in a folder, which stays clean in the checkout, and return what each prints."""
    copies = folder / "examples"
    shutil.copytree(EXAMPLES, copies, ignore=shutil.ignore_patterns("__pycache__", "*.sqlite"))
    for example in EXAMPLES_SHOWN:
        if example.before is not None:
            _run(copies / example.folder / example.before, {})
    with running(Server(folder / "server", None, configuration(copies))) as server:
        environment = {"WSRF_ACTIVITY_DATA": str(server.data)}
        return {example.folder: _run(copies / example.folder / "client.py", environment) for example in EXAMPLES_SHOWN}


def configuration(copies: Path) -> str:
    """Return one configuration that serves all examples."""
    parts = []
    for example in EXAMPLES_SHOWN:
        path = copies / example.folder / example.service
        own = path.read_text(encoding="utf-8") if path.suffix == ".toml" else f'python = "{path}"\n'
        parts.append(own if path.suffix == ".toml" else f"[services.{path.stem}]\n{own}")
    return "\n".join(parts)


def page(printed: Mapping[str, str]) -> str:
    """Return the page, in Markdown."""
    return _INTRODUCTION + "".join(_section(example, printed[example.folder]) for example in EXAMPLES_SHOWN)


def _section(example: Example, printed: str) -> str:
    folder = EXAMPLES / example.folder
    served = f"examples/{example.folder}/{example.service}"
    option = "--config " if served.endswith(".toml") else ""
    before = f"python examples/{example.folder}/{example.before}\n" if example.before else ""
    commands = f"{before}wsrf-activity serve {option}{served}\npython examples/{example.folder}/client.py\n"
    return (
        f"\n## {example.title}\n"
        + _block("sh", commands)
        + _file(folder / example.service)
        + _file(folder / "client.py")
        + "\nIt prints:\n"
        + _block("text", printed)
    )


def _file(path: Path) -> str:
    language = {".py": "python", ".toml": "toml"}[path.suffix]
    return f"\n`{path.name}`\n" + _block(language, path.read_text(encoding="utf-8"))


def _block(language: str, text: str) -> str:
    return f"\n```{language}\n{text.rstrip()}\n```\n"


def _run(program: Path, environment: Mapping[str, str]) -> str:
    """Run a program, to which a warning is an error, and return what it prints."""
    ended = subprocess.run(
        [sys.executable, "-W", "error", str(program)],
        env={**os.environ, "PYTHONPATH": str(_ROOT), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    if ended.returncode or ended.stderr:
        raise RuntimeError(f"{program} ended with {ended.returncode}:\n{ended.stdout}{ended.stderr}")
    return ended.stdout


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        PAGE.write_text(page(outputs(Path(scratch))), encoding="utf-8")
