"""Nothing is forgotten: the server is killed at bad moments, its work sometimes too, and what is found is right."""

import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.commands import Gate
from tests.acceptance.conftest import CONFIG
from tests.acceptance.watching import Life, eventually, processes_of
from tests.server import Fault, Server, Wire
from wsrf_activity.model.phases import Phase

ACCEPTS_ONLY = CONFIG.replace("parallel = 8", "parallel = 0")
THREE_AT_A_TIME = CONFIG.replace("parallel = 8", "parallel = 3")


def begun(wire: Wire, command: str, gate: Gate) -> str:
    """Start a command and return its activity's id when the command is under way."""
    activity_id = wire.create(f"{gate.held}; {command}")
    gate.open()
    return activity_id


def supervisor(wire: Wire, activity_id: str) -> Life:
    """Return the process that runs the work of an activity."""
    eventually(lambda: wire.property(activity_id, "EngineJobId") is not None)
    return Life(int(wire.property(activity_id, "EngineJobId") or ""))


def properties(wire: Wire, activity_id: str, *names: str) -> list[str | None]:
    """Return properties of ours."""
    return [wire.property(activity_id, name) for name in names]


def test_what_was_answered_is_on_the_disk(own_server: Callable[..., Server]) -> None:
    """The power goes the moment the answer is there, again and again: each activity is found, and runs when it may."""
    server = own_server(ACCEPTS_ONLY)
    accepted: dict[str, bytes] = {}
    for word in (b"YQ==", b"YmI="):
        with server.client() as wire:
            activity_id = wire.create(
                "cat; echo", f"<act:Input>{word.decode()}</act:Input><act:RunId>{word.decode()}</act:RunId>"
            )
        server.kill()
        accepted[activity_id] = word
        server.start()
    with server.client() as wire:
        assert {wire.property(i, "Phase") for i in accepted} == {Phase.QUEUED.value}
        assert [properties(wire, i, "RunId", "Version") for i in accepted] == [
            [w.decode(), "1"] for w in accepted.values()
        ]
    server.kill()
    server.config = CONFIG
    server.start()
    with server.client() as wire:
        assert {wire.ended(i) for i in accepted} == {Phase.COMPLETED.value}
        assert [wire.result(i) for i in accepted] == [b"a\n", b"bb\n"]


def test_work_outlives_the_server(own_server: Callable[..., Server], gates: Callable[[], Gate]) -> None:
    """Work that goes on, that ended meanwhile, that waited, that had ended before: all as if nothing had been."""
    server, hold, well, badly = own_server(THREE_AT_A_TIME), gates(), gates(), gates()
    with server.client() as wire:
        done, destroyed = wire.create("echo done; exit 4"), wire.create("true")
        assert (wire.ended(done), wire.ended(destroyed)) == ("Failed", "Completed")
        wire.destroy(destroyed)
        report = 'echo "progress 40 half" >> "$ACTIVITY_REPORT"'
        goes_on = begun(wire, f"echo before; {report}; {hold.held}; echo after; echo error >&2", gates())
        ends_well = begun(wire, f"{well.held}; echo well", gates())
        ends_badly = begun(wire, f"echo badly; {badly.held}; exit 3", gates())
        waits = wire.create("echo waited")
        ending = [supervisor(wire, ends_well), supervisor(wire, ends_badly)]
        eventually(lambda: wire.document(goes_on).findtext("{*}Progress/{*}Percent") == "40")
        started = wire.property(goes_on, "StartTime")
        assert wire.property(waits, "Phase") == "Queued"
    server.kill()
    well.open()
    badly.open()
    for life in ending:
        life.await_end()
    server.start()
    with server.client() as wire:
        assert (wire.ended(ends_well), wire.result(ends_well)) == ("Completed", b"well\n")
        assert (wire.ended(ends_badly), wire.result(ends_badly)) == ("Failed", b"badly\n")
        assert properties(wire, ends_badly, "ExitCode", "Attempt") == ["3", "1"]
        assert (wire.ended(waits), wire.result(waits)) == ("Completed", b"waited\n")
        assert properties(wire, goes_on, "Phase", "Attempt", "StartTime") == ["Executing", "1", started]
        assert wire.document(goes_on).findtext("{*}Progress/{*}Message") == "half"
        hold.open()
        assert (wire.ended(goes_on), wire.result(goes_on)) == ("Completed", b"before\nafter\n")
        assert wire.result(goes_on, "stderr") == b"error\n"
        assert properties(wire, goes_on, "ExitCode", "Attempt", "ErrorStatus") == ["0", "1", "NoErrors"]
        assert properties(wire, done, "Phase", "ExitCode") == ["Failed", "4"]
        assert wire.result(done) == b"done\n"
        with pytest.raises(Fault) as caught:
            wire.document(destroyed)
        assert caught.value.name == "ResourceUnknownFault"


def test_work_that_was_killed_too(own_server: Callable[..., Server], gates: Callable[[], Gate], tmp_path: Path) -> None:
    """As after a power cut: aborted with an error that says so, or run again where the service says that it may be."""
    server, hold, first = own_server(), gates(), gates()
    script = tmp_path / "script"
    script.write_text(f"test $ACTIVITY_ATTEMPT -gt 1 || {{ {first.held}; {hold.held}; }}\n")
    with server.client() as wire:
        lost = begun(wire, f"echo so far; {hold.held}", gates())
        orphaned = begun(wire, hold.held, gates())
        parameter = f'<act:Parameter name="script">{script}</act:Parameter>'
        again = wire.start(f"<act:Service>again</act:Service>{parameter}")
        first.open()
        supervisors = {i: supervisor(wire, i) for i in (lost, orphaned, again)}
        [orphan] = [Life(pid) for pid in processes_of(orphaned)]
    server.kill()
    for activity_id, life in supervisors.items():
        life.kill()
        for pid in processes_of(activity_id) if activity_id != orphaned else ():
            Life(pid).kill()
    assert not orphan.over()
    server.start()
    with server.client() as wire:
        for activity_id in (lost, orphaned):
            assert wire.ended(activity_id) == "Aborted"
            [(severity, _, description)] = wire.errors(activity_id)
            assert (severity, "was killed" in description) == ("aborted", True)
            assert properties(wire, activity_id, "ErrorStatus", "Attempt") == ["FatalErrors", "1"]
        assert orphan.over()
        assert (wire.ended(again), wire.result(again)) == ("Completed", b"attempt 2\nover\n")
        assert properties(wire, again, "Attempt", "ErrorStatus") == ["2", "ErrorsHandled"]
        assert [code for _, code, _ in wire.errors(again)] == ["WorkLost"]


def test_work_that_brings_down_its_own_host(own_server: Callable[..., Server]) -> None:
    """Work that takes its supervisor with it each time is not run for ever, and says why."""
    poison = '[services.poison]\nshell = "kill -9 $PPID; sleep 60"\nrestart = "rerun"\n'
    server = own_server(CONFIG.replace("[limits]", "[limits]\nrecoveries = 1") + poison)
    with server.client() as wire:
        activity_id = wire.start("<act:Service>poison</act:Service>")
        assert wire.ended(activity_id) == "Failed"
        assert properties(wire, activity_id, "Attempt", "ErrorStatus") == ["2", "FatalErrors"]
        (_, first, _), (severity, last, description) = wire.errors(activity_id)
        assert (first, severity, last) == ("WorkLost", "fatal", "LostTooOften")
        assert "lost 2 times" in description


def test_a_server_that_is_killed_while_it_recovers(
    own_server: Callable[..., Server], gates: Callable[[], Gate]
) -> None:
    """It may be killed at any point of its start: the next one finds the same."""
    server, hold = own_server(), gates()
    with server.client() as wire:
        held = begun(wire, f"echo before; {hold.held}; echo after", gates())
        holds = [gates() for _ in range(8)]
        queued = [wire.create(f"{gate.held}; echo {number}") for number, gate in enumerate(holds)]
    server.kill()
    for _ in range(4):
        _kill_while_it_starts(server)
    server.start()
    with server.client() as wire:
        phases = [wire.property(activity_id, "Phase") for activity_id in (held, *queued)]
        assert set(phases) <= {"Executing", "Queued"}
        for gate in (hold, *holds):
            gate.open()
        assert (wire.ended(held), wire.result(held)) == ("Completed", b"before\nafter\n")
        assert [(wire.ended(i), wire.result(i)) for i in queued] == [("Completed", b"%d\n" % n) for n in range(8)]
        assert {wire.property(i, "Attempt") for i in (held, *queued)} == {"1"}


def _kill_while_it_starts(server: Server) -> None:
    """The wait is no wait for a state: any moment is as good."""
    command = [sys.executable, "-m", "wsrf_activity", "serve", "--data", str(server.data), "--port", "0"]
    command += ["--database", server.database] if server.database else []
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    time.sleep(random.uniform(0.3, 2.0))
    process.kill()
    process.wait()


def test_a_server_that_stops_in_order_leaves_the_work_alone(
    own_server: Callable[..., Server], gates: Callable[[], Gate]
) -> None:
    """As with a kill: an operator who restarts the server ends nobody's work."""
    server, hold = own_server(), gates()
    with server.client() as wire:
        activity_id = begun(wire, f"echo before; {hold.held}; echo after", gates())
    assert server.stop() == 0
    assert not (server.data / "server.json").exists()
    hold.open()
    server.start()
    with server.client() as wire:
        assert (wire.ended(activity_id), wire.result(activity_id)) == ("Completed", b"before\nafter\n")
        assert wire.property(activity_id, "Attempt") == "1"
