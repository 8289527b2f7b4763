"""`wsrf-activity watch` at a shell, against a real server: what it shows, when it ends, and what it leaves behind."""

import json
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from tests.acceptance.commands import TIMEOUT, Gate, Shell
from wsrf_activity.client import connect

COMMAND = "wsrf-activity"


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    server = Shell(tmp_path_factory.mktemp("shell") / "data")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path / "gate")


def started(shell: Shell, command: str, *options: str) -> str:
    """Start a command line and return the id of its activity."""
    printed = shell.run("acjob", "-t", "poll", *options, command).stdout.decode().strip()
    return printed.rstrip("/").rpartition("/")[2]


def line(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout
    return process.stdout.readline().decode()


@contextmanager
def watching(shell: Shell, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the command beside; it is over at the end in any case."""
    with shell.begin(COMMAND, "watch", *arguments) as process:
        try:
            yield process
        finally:
            process.kill()


def subscriptions(shell: Shell) -> int:
    """Return how many there are on the server."""
    with closing(sqlite3.connect(shell.data / "activities.db")) as database:
        return int(database.execute("SELECT count(*) FROM subscription").fetchone()[0])


def objects(output: bytes) -> list[dict[str, Any]]:
    return [json.loads(each) for each in output.splitlines()]


def test_a_life_from_its_start(shell: Shell) -> None:
    """For a person and for a program, by each way to name an activity."""
    report = "echo progress 42 half way >> $ACTIVITY_REPORT; echo warn careful >> $ACTIVITY_REPORT; echo ok; exit 3"
    identifier = started(shell, report, "--name", "told")
    shell.run(COMMAND, "wait", identifier, check=3)
    lines = shell.run(COMMAND, "watch", "--from-start", identifier).stdout.decode().splitlines()
    assert all("  told  " in each for each in lines), lines
    said = [each.split("  told  ")[1] for each in lines]
    assert said[:2] == ["Queued", "Executing"]
    assert {
        "42 % half way",
        "warning  careful",
        "result  stdout  3 bytes",
        "fatal  the work ended with exit code 3",
    } < set(said)
    assert said[-1] == "Failed"
    program = shell.run(COMMAND, "watch", "--from-start", "--json", f"{shell.base}/activity/{identifier}").stdout
    told = objects(program)
    assert [each["sequence"] for each in told] == sorted(each["sequence"] for each in told)
    assert {each["activity_id"] for each in told} == {identifier}
    assert (told[-1]["event"], told[-1]["old_phase"], told[-1]["phase"]) == ("StatusChanged", "Executing", "Failed")
    assert all(each["time"].endswith("Z") and each["id"] for each in told)
    [progress] = [each for each in told if each["event"] == "ProgressReported"]
    assert (progress["percent"], progress["message"]) == (42.0, "half way")
    everything = objects(shell.run(COMMAND, "watch", "--from-start", "--properties", "--json", identifier).stdout)
    [code] = [each for each in everything if each.get("property") == "act:ExitCode"]
    assert (code["old"], code["new"], code["time"]) == ([], ["3"], None)
    assert shell.run(COMMAND, "watch", identifier).stdout.decode().endswith("  told  Failed  42 % half way\n")
    assert shell.run(COMMAND, "watch", "--json", identifier).stdout == b""


def test_it_goes_on_when_the_server_is_back(shell: Shell, gate: Gate) -> None:
    identifier = started(shell, f"{gate.held}; true")
    with watching(shell, "--from-start", "--json", identifier) as process:
        begun = [json.loads(line(process))["phase"] for _ in range(2)]
        shell.kill()
        shell.start()
        gate.open()
        out, err = process.communicate(timeout=TIMEOUT)
    assert (begun, process.returncode, err) == (["Queued", "Executing"], 0, b"")
    assert objects(out)[-1]["phase"] == "Completed"
    assert len({each["sequence"] for each in objects(out)}) == len(objects(out))


def test_all_that_is_under_way_until_nothing_is(shell: Shell, gate: Gate) -> None:
    first = started(shell, f"{gate.held}; true", "--name", "first")
    with watching(shell) as process:
        assert line(process).split("  ")[1:] == ["first", "Executing\n"]
        second = started(shell, "true", "--name", "second")
        shell.run(COMMAND, "wait", second)
        gate.open()
        out, err = process.communicate(timeout=TIMEOUT)
    assert (process.returncode, err) == (0, b"")
    said = [each.split("  ")[1:3] for each in out.decode().splitlines()]
    assert [what for name, what in said if name == "second" and what != "result"] == [
        "Queued",
        "Executing",
        "Completed",
    ]
    assert said[-1] == ["first", "Completed"]
    idle = shell.run(COMMAND, "watch")
    assert (idle.stdout, idle.stderr) == (b"", b"nothing is under way\n")
    assert first != second


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_interrupts_it_leaves_nothing_on_the_server(shell: Shell, gate: Gate, number: signal.Signals) -> None:
    before = subscriptions(shell)
    identifier = started(shell, f"{gate.held}; true")
    with watching(shell) as process:
        assert line(process).endswith("  Executing\n")
        assert subscriptions(shell) == before + 1
        process.send_signal(number)
        out, err = process.communicate(timeout=TIMEOUT)
    assert (process.returncode, out, err) == (130, b"", b"")
    assert subscriptions(shell) == before
    shell.run(COMMAND, "destroy", identifier)


def test_until_the_record_is_gone(shell: Shell) -> None:
    identifier = started(shell, "true")
    with watching(shell, "--follow", "--from-start", "--json", identifier) as process:
        while json.loads(line(process))["topic"] != "act:StatusChanged/Completed":
            pass
        shell.run(COMMAND, "destroy", identifier)
        out, _ = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0
    assert objects(out)[-1]["event"] == "Terminated"


def test_what_it_cannot_do(shell: Shell, tmp_path: Path) -> None:
    for arguments, code, said in (
        (("x" * 26,), 1, "no such activity"),
        (("?",), 2, "endpoint reference"),
        (("--from-start",), 2, "wants the ids"),
        (("http://a/activity/x", "http://b/activity/y"), 2, "several servers"),
        (("--data", str(tmp_path)), 69, "no server at"),
        (("--token", "wrong"), 77, "token"),
    ):
        ended = shell.run(COMMAND, "watch", *arguments, check=code)
        assert said in ended.stderr.decode()
        assert b"Traceback" not in ended.stderr


def test_a_reference_may_be_a_file(shell: Shell, tmp_path: Path) -> None:
    with connect(data=shell.data) as service:
        activity = service.run("true")
        (tmp_path / "reference.xml").write_text(str(activity))
        assert etree.fromstring(str(activity)) is not None
        told = objects(shell.run(COMMAND, "watch", "--from-start", "--json", str(tmp_path / "reference.xml")).stdout)
    assert told[-1]["phase"] == "Completed"
