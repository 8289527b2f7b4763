"""Several server processes behind one port, on PostgreSQL: one service to whoever talks to it, kills it or stops it."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests import databases
from tests.acceptance.commands import Gate
from tests.acceptance.watching import Asked, Life, eventually
from tests.server import TIMEOUT, Server, Wire, running
from wsrf_activity.store import locks

#: One slot for each of two processes. No lease runs out while the machine is busy with something else.
CONFIG = """
[limits]
parallel = 2
grace = "PT1S"
lease = "PT30S"
"""
TWO = ("--workers", "2")


@pytest.fixture(scope="module")
def url(postgresql: databases.Cluster) -> Iterator[str]:
    with postgresql.database() as name:
        yield name


@pytest.fixture(scope="module")
def server(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A service of two processes, which each test leaves running."""
    with running(Server(tmp_path_factory.mktemp("data") / "server", url, CONFIG, TWO)) as server:
        yield server


def workers(server: Server) -> list[int]:
    """Return the processes that serve."""
    assert server.process is not None
    parent = server.process.pid
    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


def worker_of(server: Server, port: int) -> int | None:
    """Return who has accepted the connection from this port of ours."""
    ends = (f":{int(server.base.rpartition(':')[2]):04X}", f":{port:04X}")
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    inodes = {f"socket:[{row[9]}]" for row in rows if (row[1][8:], row[2][8:]) == ends}
    for pid in workers(server):
        links = (os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink())
        if inodes.intersection(links):
            return pid
    return None


@contextmanager
def past(server: Server, pid: int) -> Iterator[Wire]:
    """Give a client whose connection another process than this one has taken."""
    with server.client() as wire:
        os.kill(pid, signal.SIGSTOP)
        try:
            assert wire.http.get(f"{wire.base}/health").status_code == 200
        finally:
            os.kill(pid, signal.SIGCONT)
        yield wire


def begun(wire: Wire, gate: Gate) -> str:
    """Start work that is under way when this returns, held by the gate."""
    activity_id = wire.create(f"echo begun; {gate.held}; echo over")
    eventually(lambda: wire.http.get(f"{wire.address(activity_id)}/result/stdout").content == b"begun\n")
    return activity_id


def runner_of(url: str, activity_id: str) -> int:
    """Return the process that sees the work through."""
    query = "SELECT pid FROM server JOIN activity ON activity.holder = server.id WHERE activity.id = %s"
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        found = connection.execute(query, (activity_id,)).fetchone()
    assert found is not None
    return int(found[0])


def everybody(server: Server, number: int) -> None:
    """Signal all processes of the service, as a terminal does."""
    assert server.process is not None
    for pid in (*workers(server), server.process.pid):
        os.kill(pid, number)


def test_they_are_one_service(server: Server) -> None:
    assert server.process is not None
    assert json.loads((server.data / "server.json").read_text())["pid"] == server.process.pid
    assert len(workers(server)) == 2
    eventually(lambda: "try " in server.log.read_text())
    assert server.log.read_text().count("listens at") == 1
    with server.client() as wire:
        made = [wire.create("sort | uniq -c", "<act:Input>YQphCg==</act:Input>") for _ in range(4)]
        assert {(wire.ended(each), wire.result(each)) for each in made} == {("Completed", b"      2 a\n")}


def test_a_wait_ends_with_what_another_process_was_told(server: Server, gates: Callable[[], Gate]) -> None:
    with server.client() as wire:
        held = begun(wire, gates())
        wait = Asked(wire, "<act:Wait/>", held)
        eventually(lambda: worker_of(server, wait.port) is not None)
        waits_at = worker_of(server, wait.port)
        assert waits_at is not None
        with past(server, waits_at) as other:
            other.call("<act:Abort/>", held)
        assert wait.reply().findtext("{*}Phase") == "Aborted"


def test_a_process_that_is_killed_is_replaced(server: Server, url: str, gates: Callable[[], Gate]) -> None:
    gate = gates()
    with server.client() as wire:
        held = begun(wire, gate)
    victim, before = runner_of(url, held), workers(server)
    with past(server, victim) as wire:
        life = Life(victim)
        life.kill()
        assert wire.ended(wire.create("echo on")) == "Completed"  # the other one goes on
        eventually(lambda: victim not in workers(server) and len(workers(server)) == len(before))
        assert f"(pid {victim}) was ended by signal 9; starting another at once" in server.log.read_text()
        eventually(lambda: runner_of(url, held) != victim)
        gate.open()
        assert (wire.ended(held), wire.result(held)) == ("Completed", b"begun\nover\n")
        assert wire.property(held, "Attempt") == "1"


def test_when_the_parent_is_killed_nothing_is_left_but_the_work(server: Server, gates: Callable[[], Gate]) -> None:
    """And the next start finds it. All of it is for the first process, and yet no more runs than may."""
    holds, base = [gates(), gates()], server.base
    with server.client() as wire:
        made = [begun(wire, gate) for gate in holds]
        queued = wire.create("echo third")
    lives = [Life(pid) for pid in workers(server)]
    server.kill()
    for life in lives:
        life.await_end()
    assert not locks.is_held(server.data / locks.DATA_LOCK)
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", int(base.rpartition(":")[2])))
    server.start()
    assert server.base == base
    with server.client() as wire:
        waited = wire.wait(queued, "<act:Timeout>PT2S</act:Timeout><act:For>Executing</act:For>")
        assert waited.findtext("{*}Phase") == "Queued"
        for gate in holds:
            gate.open()
        assert {(wire.ended(each), wire.result(each)) for each in made} == {("Completed", b"begun\nover\n")}
        assert {wire.property(each, "Attempt") for each in made} == {"1"}
        assert (wire.ended(queued), wire.result(queued)) == ("Completed", b"third\n")


def test_a_signal_stops_all_of_them_in_order(server: Server, gates: Callable[[], Gate]) -> None:
    gate = gates()
    with server.client() as wire:
        held = begun(wire, gate)
        waits = [Asked(wire, "<act:Wait/>", held) for _ in range(4)]
        eventually(lambda: all(worker_of(server, wait.port) for wait in waits))
        lives = [Life(pid) for pid in workers(server)]
        assert server.stop() == 0
        assert {(reply.findtext("{*}TimedOut"), reply.findtext("{*}Phase")) for reply in map(Asked.reply, waits)} == {
            ("true", "Executing")
        }
    assert all(life.over() for life in lives)
    assert not (server.data / "server.json").exists()
    assert "Traceback" not in server.log.read_text()
    server.start()
    gate.open()
    with server.client() as wire:
        assert (wire.ended(held), wire.property(held, "Attempt")) == ("Completed", "1")


def test_a_service_that_cannot_start_says_why_once(server: Server, url: str, tmp_path: Path) -> None:
    """Here one that would keep files elsewhere than those who share its database; and one on SQLite."""
    for database, said in (((), "workers: SQLite has one"), (("--database", url), "in another folder")):
        command = [sys.executable, "-m", "wsrf_activity", "serve", "--port", "0", "--data", str(tmp_path / "other")]
        refused = subprocess.run(
            [*command, *TWO, *database], capture_output=True, text=True, timeout=TIMEOUT, check=False
        )
        assert (refused.returncode, refused.stdout) == (2, "")
        assert said in refused.stderr
        assert len(refused.stderr.splitlines()) == 1


def test_a_drain_ends_when_none_of_them_has_work(
    postgresql: databases.Cluster, tmp_path: Path, gates: Callable[[], Gate]
) -> None:
    """Ctrl-C reaches all of them, and counts once: the second time they stop."""
    gate = gates()
    with (
        postgresql.database() as url,
        running(Server(tmp_path / "server", url, CONFIG, (*TWO, "--drain"))) as server,
        server.client() as wire,
    ):
        held = begun(wire, gate)
        everybody(server, signal.SIGINT)
        eventually(lambda: "a second signal" in server.log.read_text())
        assert len(workers(server)) == 2  # who has no work answers, too
        accepted = wire.create("echo next")
        wait = Asked(wire, "<act:Wait/>", held)
        gate.open()
        assert wait.reply().findtext("{*}Phase") == "Completed"
        assert server.process is not None
        assert server.process.wait(TIMEOUT) == 0
        assert not (server.data / "activities" / accepted[:2] / accepted / "1").exists()
        assert "Traceback" not in server.log.read_text()
