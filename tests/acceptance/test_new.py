"""`wsrf-activity new`: what it writes passes its own tests, is served as its README says, and replaces nothing."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.commands import COMMANDS, TIMEOUT, Shell
from wsrf_activity.client import connect

NAME = "poems"


def run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a command in a folder."""
    return subprocess.run(
        arguments,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that was just made."""
    folder = tmp_path_factory.mktemp("projects")
    made = run(folder, *COMMANDS["wsrf-activity"], "new", NAME)
    assert (made.returncode, made.stderr) == (0, "")
    return folder / NAME


def test_it_is_complete(project: Path) -> None:
    files = sorted(str(path.relative_to(project)) for path in project.rglob("*") if path.is_file())
    assert files == ["README.md", "config.toml", f"{NAME}.py", "pyproject.toml", f"tests/test_{NAME}.py"]
    assert [name for name in files if "NAME" in (project / name).read_text("utf-8")] == []
    commands = re.findall(r"```sh\n(.*)\n```", (project / "README.md").read_text("utf-8"))
    assert len(commands) == 2


def test_its_tests_pass(project: Path) -> None:
    ended = run(
        project, sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:asyncio", "-p", "no:cacheprovider"
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert " passed" in ended.stdout


def test_it_is_served(project: Path, tmp_path: Path) -> None:
    shell = Shell(tmp_path / "data")
    shell.environment["WSRF_ACTIVITY_CONFIG"] = str(project / "config.toml")
    shell.start()
    try:
        with connect(data=shell.data) as service:
            counted = service.start(f"{NAME}.count", text="a rose is a rose")
            common = service.start(f"{NAME}.common", texts=["a rose", "is a rose"], most=2)
            assert [each.wait(TIMEOUT).phase for each in (counted, common)] == ["Completed", "Completed"]
            assert counted.result().read() == b"5"
            assert re.findall(rb">(\w+)<", common.result().read()) == [b"a", b"rose"]
    finally:
        shell.stop()


def test_what_is_there_stays(project: Path) -> None:
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    ended = run(project.parent, *COMMANDS["wsrf-activity"], "new", NAME)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "exists already" in ended.stderr
    assert {path: path.read_bytes() for path in before} == before
