"""What the README shows is run as it stands there, against a server that was started as it says."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.acceptance.commands import TIMEOUT, Shell
from tests.server import Server, running
from wsrf_activity.client import Reference, connect
from wsrf_activity.soap import contract

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
BLOCK = re.compile(r"<!-- (command|run): (\w+) -->\n```(\w+)\n(.*?)\n```", re.DOTALL)
BLOCKS: dict[str, str] = {name: code for _, name, _, code in BLOCK.findall(README)}
OUTPUT = "      1 a\n      2 b\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A server started without any option but the port: its data lies where the README says."""
    folder = tmp_path_factory.mktemp("home")
    server = Shell(folder / ".local" / "share" / "wsrf-activity")
    server.log = folder / "log"
    del server.environment["WSRF_ACTIVITY_DATA"]
    server.environment["HOME"] = str(folder)
    server.start()
    yield server
    server.stop()


def here(block: str, server: Shell) -> str:
    """Return a block of the README with the address of this server in the place of the usual one."""
    return BLOCKS[block].replace("http://127.0.0.1:8427", server.base)


def python(code: str, server: Shell) -> subprocess.CompletedProcess[str]:
    """Run a program of Python, to which a warning is an error."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=server.environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )


def test_every_block_of_code_is_one_that_is_run() -> None:
    assert set(BLOCKS) == {"demo", "tests", "service", "shell", "client", "zeep", "curl"}
    fences = re.findall(r"^```(\w+)$", README, re.MULTILINE)
    assert len([language for language in fences if language != "text"]) == len(BLOCKS)


def test_the_two_commands_are_one_line_each() -> None:
    assert "\n" not in BLOCKS["demo"] + BLOCKS["tests"]


def test_the_shell_block(home: Shell) -> None:
    ended = home.script(here("shell", home))
    assert (ended.returncode, ended.stderr) == (0, b"")
    lines = ended.stdout.decode().splitlines()
    assert [line.split() for line in lines[:2]] == [["2", "b"], ["1", "a"]]
    assert sum("Completed" in line for line in lines) == 2


def test_the_service_block(tmp_path: Path) -> None:
    """It is served as the README says, and has a WSDL with its operation."""
    assert len([line for line in BLOCKS["service"].splitlines() if line.strip()]) == 4
    (tmp_path / "words.py").write_text(BLOCKS["service"] + "\n", "utf-8")
    with running(Server(tmp_path / "server", arguments=(str(tmp_path / "words.py"),))) as server:
        counted = connect(data=server.data).start("words.count", text="a rose is a rose")
        assert (counted.wait(TIMEOUT).phase, counted.result().read()) == ("Completed", b"5")
        wsdl = httpx.get(f"{server.base}/service/words?singleWsdl").text
        assert 'operation name="count"' in wsdl


def test_the_zeep_block(home: Shell) -> None:
    code = here("zeep", home)
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    ended = python(code, home)
    assert (ended.stdout, ended.stderr) == (f"{OUTPUT}\n", "")


def test_the_client_block(home: Shell) -> None:
    code = here("client", home)
    assert len([line for line in code.splitlines() if line.strip()]) <= 6
    ended = python(code, home)
    reference, _, rest = ended.stdout.partition("\n")
    assert (rest, ended.stderr) == (f"{OUTPUT}\n", "")
    assert Reference.parse(reference, home.base).address.startswith(f"{home.base}/activity/")


@pytest.mark.skipif(shutil.which("curl") is None and os.environ.get("CI") != "true", reason="no curl here")
def test_the_curl_block(home: Shell) -> None:
    ended = home.script(here("curl", home))
    assert (ended.stdout.decode(), ended.stderr) == (OUTPUT, b"")


def test_the_table_places_every_operation_of_the_contract() -> None:
    table = README[README.index("## What is supported") : README.index("## Words")]
    words = set(re.findall(r"[A-Za-z]+", table))
    assert {operation.name for operation in contract.operations().values()} - words == set()


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\(((?!https?:)[^)#]+)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
