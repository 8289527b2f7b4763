"""What the pages for authors show is what runs: their services are served, their programs print what they say."""

import configparser
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer.main

from tests.acceptance.commands import TIMEOUT, Shell
from wsrf_activity.cli.main import app
from wsrf_activity.server import Settings

FOLDER = Path(__file__).parents[2] / "docs" / "author"
PAGES = ["function", "values", "durable", "deploy"]
FENCE = re.compile(r"(?:<!-- (\w+)(?:: (\S+))? -->\n)?```(\w+)\n(.*?)\n```", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A block of code and what is to be done with it."""

    page: str
    kind: str  #: file, run, test, config, unit or shown
    name: str
    language: str
    text: str


BLOCKS = [
    Block(page, kind, name, language, text + "\n")
    for page in PAGES
    for kind, name, language, text in FENCE.findall((FOLDER / f"{page}.md").read_text("utf-8"))
]


def blocks(*kinds: str) -> list[Block]:
    """Return the blocks with which that is to be done."""
    return [block for block in BLOCKS if block.kind in kinds]


def write(folder: Path) -> None:
    """Write all files that the pages show."""
    for block in blocks("file"):
        (folder / block.name).write_text(block.text, "utf-8")


def configuration(folder: Path) -> str:
    """Return one configuration of all services that the pages show."""
    parts = [block.text for block in blocks("file") if block.language == "toml"]
    for block in blocks("file"):
        if block.language == "python":
            found = re.search(r"^class (\w+)\(Service\)", block.text, re.MULTILINE)
            target = f"{folder / block.name}:{found.group(1)}" if found else str(folder / block.name)
            parts.append(f'[services.{Path(block.name).stem}]\npython = "{target}"')
    return "\n".join(parts)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A server of all services that the pages show, with its data where a person's is."""
    folder = tmp_path_factory.mktemp("home")
    write(folder)
    server = Shell(folder / ".local" / "share" / "wsrf-activity")
    server.log = folder / "log"
    server.data.mkdir(parents=True)
    (server.data / "config.toml").write_text(configuration(folder), "utf-8")
    del server.environment["WSRF_ACTIVITY_DATA"]
    server.environment["HOME"] = str(folder)
    server.start()
    yield server
    server.stop()


def test_every_block_says_what_is_done_with_it() -> None:
    assert [(block.page, block.text) for block in BLOCKS if not block.kind and block.language != "text"] == []
    assert {block.kind for block in BLOCKS} - {""} <= {"file", "run", "test", "config", "unit", "shown"}
    names = [block.name for block in blocks("file")]
    assert len(names) == len(set(names)) > 0


@pytest.mark.parametrize("page", PAGES)
def test_the_programs(page: str, home: Shell) -> None:
    """Each prints what it says that it prints, and nothing else."""
    for block in blocks("run"):
        if block.page == page:
            ended = subprocess.run(
                [sys.executable, "-W", "error", "-c", block.text.replace("http://127.0.0.1:8427", home.base)],
                env=home.environment,
                capture_output=True,
                text=True,
                timeout=TIMEOUT,
                check=False,
            )
            assert (ended.stdout.splitlines(), ended.stderr) == (re.findall(r"# prints: (.*)", block.text), "")


def test_the_tests(tmp_path: Path) -> None:
    """The tests that the pages show pass, beside the files that they show."""
    write(tmp_path)
    for block in blocks("test"):
        (tmp_path / block.name).write_text(block.text, "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:asyncio", "-p", "no:cacheprovider", str(tmp_path)]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_the_configurations_are_read(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "alice").write_text("alice-0123456789abcdef")
    for block in blocks("config"):
        path = tmp_path / "config.toml"
        path.write_text(re.sub(r"/(etc|srv)/wsrf-activity", str(tmp_path), block.text), "utf-8")
        Settings.load(config=path, options={"data": tmp_path / "data"})


def test_the_tables_that_are_shown_are_tables() -> None:
    for block in blocks("shown"):
        if block.language == "toml":
            assert tomllib.loads(block.text)


def test_the_commands_have_their_options() -> None:
    """Those of the shell, and those that a unit of systemd starts."""
    known: Any = typer.main.get_command(app)
    lines = [line for block in blocks("shown") if block.language == "sh" for line in block.text.splitlines()]
    for block in blocks("unit"):
        unit = configparser.ConfigParser(interpolation=None)
        unit.read_string(block.text)
        program, _, rest = unit["Service"]["ExecStart"].partition(" ")
        lines.append(f"{Path(program).name} {rest}")
    commands = [line.split("#")[0].split() for line in lines if line.startswith("wsrf-activity ")]
    assert len(commands) > 3
    for _, command, *arguments in commands:
        options = {name for parameter in known.commands[command].params for name in parameter.opts}
        assert {argument for argument in arguments if argument.startswith("-")} <= options, command
