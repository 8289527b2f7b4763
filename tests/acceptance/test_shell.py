"""People at a shell: acjob, acpoll and the small commands against a real server process, killed where it hurts."""

import random
import signal
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.acceptance.commands import TIMEOUT, Gate, Shell, await_connection


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    server = Shell(tmp_path_factory.mktemp("shell") / "data")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def doomed(tmp_path: Path) -> Iterator[Shell]:
    """A server that the test may kill and start again."""
    server = Shell(tmp_path / "data")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path / "gate")


def read_line(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout
    return process.stdout.readline()


# acjob -t pipe


def test_a_pipeline_runs_there_as_it_would_run_here(shell: Shell) -> None:
    ended = shell.script(
        """set -o pipefail; tree="$WSRF_ACTIVITY_DATA/tree.ph"
        printf '>b\\nGATTACA\\n>a\\nCCGG\\n' | acjob -t pipe "grep -v '>' | sort | tr ACGT TGCA" | tr A-Z a-z > "$tree"
        echo $?; cat "$tree" """
    )
    assert ended.stdout == b"0\nggcc\nctaatgt\n", ended.stderr


def test_both_streams_and_the_exit_code_come_through(shell: Shell) -> None:
    command = r"printf 'out\000\377'; printf 'err\000\376' >&2; exit 3"
    ended = shell.run("acjob", "-t", "pipe", command, check=3)
    assert (ended.stdout, ended.stderr) == (b"out\0\xff", b"err\0\xfe")


@pytest.mark.parametrize(
    ("command", "code"), [("true", 0), ("false", 1), ("exit 42", 42), ("no-such-program-here", 127)]
)
def test_the_exit_code_is_the_jobs(shell: Shell, command: str, code: int) -> None:
    assert shell.run("acjob", command, check=code).stdout == b""


def test_a_signal_is_an_exit_code_with_a_line(shell: Shell) -> None:
    ended = shell.run("acjob", "kill -9 $$", check=137)
    assert ended.stderr.startswith(b"acjob: ")


def test_five_megabytes_of_anything_come_back_the_same(shell: Shell) -> None:
    data = random.Random(8427).randbytes(5_000_000)
    assert shell.run("acjob", "cat", stdin=data).stdout == data


@pytest.mark.parametrize("stdin", [b"", None])
def test_no_input_reads_as_empty(shell: Shell, stdin: bytes | None) -> None:
    assert shell.run("acjob", "wc -c", stdin=stdin).stdout.strip() == b"0"


def test_output_comes_while_the_work_still_runs(shell: Shell, gate: Gate) -> None:
    with shell.begin("acjob", f"echo first; {gate.held}; echo second") as process:
        assert read_line(process) == b"first\n"
        gate.open()
        assert process.communicate(timeout=TIMEOUT)[0] == b"second\n"
    assert process.returncode == 0


def test_a_command_line_of_every_kind_of_character(shell: Shell) -> None:
    text = '<&>"]]> \t ünïcödé \U0001f9ec \\ $HOME\r\n line two'
    ended = shell.run("acjob", f"cat <<'END'\n{text}\nEND")
    assert ended.stdout.decode() == f"{text}\n"


def test_a_work_limit_ends_the_work_with_a_line(shell: Shell) -> None:
    ended = shell.run("acjob", "--limit", "1s", "echo before; exec sleep 1000", check=None)
    assert ended.returncode > 0
    assert ended.stdout == b"before\n"
    assert ended.stderr.startswith(b"acjob: ")
    assert ended.stderr.count(b"\n") == 1


def test_a_lifetime_that_was_asked_for_is_kept(shell: Shell) -> None:
    shell.run("acjob", "--keep", "2h", "--group", "kept", "--name", "two hours", "true")
    row = shell.of_group("kept")
    shown = shell.json("show", row["id"])
    assert isinstance(shown, dict)
    assert (shown["name"], shown["groups"], shown["exit_code"]) == ("two hours", ["kept"], 0)
    created, expires = (datetime.fromisoformat(str(shown[each])) for each in ("created", "expires"))
    assert timedelta(hours=2) <= expires - created < timedelta(hours=3)


def test_control_c_aborts_the_work(shell: Shell) -> None:
    with shell.begin("acjob", "--group", "interrupted", "echo started; exec sleep 1000") as process:
        assert read_line(process) == b"started\n"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=TIMEOUT)
    assert (process.returncode, said) == (130, b"")
    ended = shell.run("wsrf-activity", "wait", shell.of_group("interrupted")["id"], check=None)
    assert ended.stdout == b"Aborted\n"


def test_control_c_detaches_where_that_was_asked_for(shell: Shell, gate: Gate) -> None:
    command = f"echo started; {gate.held}; echo finished"
    with shell.begin("acjob", "--detach-on-interrupt", "--group", "detached", command) as process:
        assert read_line(process) == b"started\n"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=TIMEOUT)
    address = shell.of_group("detached")["url"]
    assert process.returncode == 130
    assert said.decode().rstrip().endswith(f"acpoll {address}")
    gate.open()
    assert shell.run("acpoll", address).stdout == b"started\nfinished\n"


def test_terminating_acjob_aborts_the_work(shell: Shell) -> None:
    with shell.begin("acjob", "--group", "terminated", "echo started; exec sleep 1000") as process:
        assert read_line(process) == b"started\n"
        process.terminate()
        process.communicate(timeout=TIMEOUT)
    assert process.returncode == 143
    ended = shell.run("wsrf-activity", "wait", shell.of_group("terminated")["id"], check=None)
    assert ended.stdout == b"Aborted\n"


def test_a_reader_that_has_enough_ends_the_work(shell: Shell) -> None:
    ended = shell.script('acjob --group broken yes | head -n 1; echo "${PIPESTATUS[0]}"')
    assert (ended.stdout, ended.stderr) == (b"y\n141\n", b"")
    waited = shell.run("wsrf-activity", "wait", shell.of_group("broken")["id"], check=None)
    assert waited.stdout == b"Aborted\n"


def test_a_closed_standard_error_disturbs_nothing(shell: Shell) -> None:
    ended = shell.script('acjob "echo out; seq 1 100000 >&2; echo more" 2>&-')
    assert (ended.returncode, ended.stdout) == (0, b"out\nmore\n")


def test_an_unknown_service_is_wrong_usage(shell: Shell) -> None:
    ended = shell.run("acjob", "--service", "never-heard-of", check=2)
    assert ended.stderr.startswith(b"acjob: ")


# acjob -t poll, acpoll


def test_poll_prints_one_address_that_acpoll_takes(shell: Shell) -> None:
    ended = shell.script(
        """acjob -t poll "echo out; echo err >&2; exit 7" > "$WSRF_ACTIVITY_DATA/handle"; echo $?
        cat "$WSRF_ACTIVITY_DATA/handle"; acpoll -i 180 < "$WSRF_ACTIVITY_DATA/handle"; echo $?"""
    )
    code, address, output, jobs_code = ended.stdout.decode().splitlines()
    assert (code, output, jobs_code, ended.stderr) == ("0", "out", "7", b"err\n")
    assert address.startswith(f"{shell.base}/activity/")


def test_poll_returns_before_the_work_ends(shell: Shell, gate: Gate) -> None:
    address = shell.run("acjob", "-t", "poll", f"{gate.held}; echo done").stdout.decode().strip()
    with shell.begin("acpoll", "-i", "0.5", address) as process:
        gate.open()
        output, _ = process.communicate(timeout=TIMEOUT)
    assert (process.returncode, output) == (0, b"done\n")


def test_the_whole_pipe_of_submitting_waiting_and_using(shell: Shell) -> None:
    ended = shell.script('acjob -t poll "seq 5" | acpoll -i 180 | tac')
    assert (ended.returncode, ended.stdout) == (0, b"5\n4\n3\n2\n1\n")


def test_interrupting_acpoll_leaves_the_work_alone(shell: Shell, gate: Gate) -> None:
    address = shell.run("acjob", "-t", "poll", f"{gate.held}; echo done").stdout.decode().strip()
    with shell.begin("acpoll", address) as process:
        # It can be interrupted from the moment that it is there; nothing of it need have happened.
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=TIMEOUT)
    assert process.returncode in (130, -signal.SIGINT)
    gate.open()
    assert shell.run("acpoll", address.rpartition("/")[2]).stdout == b"done\n"


def test_an_unknown_activity_is_told_in_one_line(shell: Shell) -> None:
    ended = shell.run("acpoll", "a" * 26, check=1)
    assert ended.stderr.decode() == f"acpoll: no such activity: {'a' * 26}\n"


# Who is let in, and who is there


@pytest.mark.parametrize("stdin", [None, b"x" * 3_000_000])
def test_a_wrong_token_is_not_allowed(shell: Shell, stdin: bytes | None) -> None:
    ended = shell.run("acjob", "--token", "wrong", "cat", stdin=stdin, check=77)
    assert b"token" in ended.stderr


def test_the_token_stays_at_home_when_only_an_address_is_given(shell: Shell, tmp_path: Path) -> None:
    ended = shell.run("wsrf-activity", "list", "--data", str(tmp_path), "--url", shell.base, check=77)
    assert b"--token" in ended.stderr


def test_a_server_that_is_gone_is_not_reachable(doomed: Shell) -> None:
    announced = (doomed.data / "server.json").read_text()
    doomed.kill()
    (doomed.data / "server.json").write_text(announced)
    for program, argument in (("acjob", "true"), ("acpoll", "a" * 26), ("wsrf-activity", "list")):
        ended = doomed.run(program, argument, check=69)
        assert ended.stderr.count(b"\n") == 1
    doomed.start()


# Restarts


def test_a_killed_server_costs_the_pipe_nothing(doomed: Shell, gate: Gate, tmp_path: Path) -> None:
    second = Gate(tmp_path / "second")
    command = f"seq 1 200000; echo warned >&2; {gate.held}; seq 200001 400000; {second.held}; exit 5"
    with doomed.begin("acjob", command) as process:
        first = read_line(process)
        doomed.kill()
        gate.open()
        doomed.start()
        second.open()
        rest, said = process.communicate(timeout=TIMEOUT)
    assert first + rest == b"".join(b"%d\n" % number for number in range(1, 400001))
    assert (process.returncode, said) == (5, b"warned\n")


def test_acpoll_outlives_the_server(doomed: Shell, gate: Gate) -> None:
    address = doomed.run("acjob", "-t", "poll", f"{gate.held}; echo done").stdout.decode().strip()
    with doomed.begin("acpoll", "-i", "180", address) as process:
        await_connection(process)
        doomed.kill()
        doomed.start()
        gate.open()
        output, said = process.communicate(timeout=TIMEOUT)
    assert (process.returncode, output) == (0, b"done\n"), said


# The small commands


def test_the_small_commands_from_start_to_destruction(shell: Shell) -> None:
    address = shell.run("acjob", "-t", "poll", "--group", "small", "exec sleep 1000").stdout.decode().strip()
    identifier = address.rpartition("/")[2]
    row = shell.of_group("small")
    assert (row["id"], row["url"], row["status"]) == (identifier, address, "Running")
    waited = shell.run("wsrf-activity", "wait", "--timeout", "0.1", identifier, check=124)
    assert waited.stdout in (b"Queued\n", b"Executing\n")
    shell.run("wsrf-activity", "abort", address)
    assert shell.run("wsrf-activity", "wait", identifier, check=None).stdout == b"Aborted\n"
    assert identifier.encode() in shell.run("wsrf-activity", "show", address).stdout
    assert identifier.encode() in shell.run("wsrf-activity", "list", "--phase", "Aborted").stdout
    shell.run("wsrf-activity", "destroy", identifier)
    ended = shell.run("wsrf-activity", "show", identifier, check=1)
    assert ended.stderr.decode() == f"wsrf-activity: no such activity: {identifier}\n"


def test_the_list_goes_through_all_pages(shell: Shell) -> None:
    for _ in range(5):
        shell.run("acjob", "-t", "poll", "--group", "pages", "true")
    everything = shell.json("list", "--group", "pages")
    assert isinstance(everything, list)
    assert len({row["id"] for row in everything}) == 5
    assert shell.json("list", "--group", "pages", "--limit", "3") == everything[:3]


def test_the_server_says_where_it_is(shell: Shell) -> None:
    said = shell.log.read_text()
    for part in (shell.base, f"{shell.base}/activity?wsdl", str(shell.data), "token"):
        assert part in said
