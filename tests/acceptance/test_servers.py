"""Several real servers on one PostgreSQL: killed and paused, and yet all work has one holder and one end."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from tests import databases
from tests.acceptance.commands import Gate
from tests.acceptance.updates import frames, socket
from tests.acceptance.watching import eventually, processes_of
from tests.server import Fault, Server, running
from wsrf_activity.doctor import Examined, Place, examine

CONFIG = """
[limits]
parallel = 3
grace = "PT1S"
lease = "PT6S"
wait = "PT20S"
[principals.alice]
token = "alice-0123456789abcdef"
commands = true
"""
ACCEPTS_ONLY = CONFIG.replace("parallel = 3", "parallel = 0")
ALICE = "alice-0123456789abcdef"


@pytest.fixture
def url(postgresql: databases.Cluster) -> Iterator[str]:
    with postgresql.database() as name:
        yield name


@pytest.fixture
def make(tmp_path: Path, url: str) -> Iterator[Callable[..., Server]]:
    """Starts servers that share all but their own folders."""
    with ExitStack() as stack:

        def start(name: str, config: str = CONFIG) -> Server:
            files = ("--files", str(tmp_path / "files"))
            return stack.enter_context(running(Server(tmp_path / name, url, config, files)))

        yield start


class Holders:
    """Who holds what executes, by the database. On a busy machine that may change without a cause of ours."""

    def __init__(self, url: str, servers: Sequence[Server]) -> None:
        self._url = url.replace("+psycopg", "")
        self._servers = servers

    def pids(self) -> dict[str, int]:
        """Return the process of each holder, by activity."""
        with psycopg.connect(self._url) as connection:
            found = connection.execute(
                "SELECT activity.id, pid FROM activity JOIN server ON server.id = holder WHERE phase = 'Executing'"
            )
            return dict(found.fetchall())

    def of(self, activity_id: str) -> Server:
        """Return the server that holds the activity."""
        pid = self.pids()[activity_id]
        return next(each for each in self._servers if pid_of(each) == pid)

    def without(self, server: Server, count: int) -> bool:
        """Say whether so many activities execute, and the server holds none of them."""
        held = self.pids()
        return len(held) == count and pid_of(server) not in held.values()


def pid_of(server: Server) -> int:
    assert server.process is not None
    return server.process.pid


def test_the_work_of_killed_and_paused_servers_goes_on(
    make: Callable[..., Server], gates: Callable[[], Gate], url: str
) -> None:
    servers = [make("front", ACCEPTS_ONLY), make("worker"), make("other", ACCEPTS_ONLY)]
    holders = Holders(url, servers)
    holds = [gates() for _ in servers]
    with servers[0].client(token=ALICE) as wire:
        made = [wire.create(f"cat; {gate.held}; echo over", "<act:Input>aW4K</act:Input>") for gate in holds]
        for each in made:
            wire.wait(each, "<act:For>Executing</act:For>")
    killed = holders.of(made[0])
    os.kill(pid_of(killed), signal.SIGKILL)  # within the lease: its process is seen to be gone
    eventually(lambda: holders.without(killed, 3))
    holds[0].open()
    paused = holders.of(made[1])
    [other] = [each for each in servers if each not in (killed, paused)]
    with other.client(token=ALICE) as wire, paused.client(token=ALICE) as late:
        assert (wire.ended(made[0]), wire.result(made[0])) == ("Completed", b"in\nover\n")
        os.kill(pid_of(paused), signal.SIGSTOP)
        eventually(lambda: holders.without(paused, 2))  # its lease has run out
        holds[1].open()
        assert (wire.ended(made[1]), wire.result(made[1])) == ("Completed", b"in\nover\n")
        os.kill(pid_of(paused), signal.SIGCONT)
        wait = late.wait(made[2], "<act:Timeout>PT0S</act:Timeout>")
        assert wait.findtext("{*}Phase") == "Executing"
        holds[2].open()
        assert (late.ended(made[2]), late.result(made[2])) == ("Completed", b"in\nover\n")
        assert {wire.property(each, "Attempt") for each in made} == {"1"}
        place = Place(data=other.data, files=other.data.with_name("files"), database=url)
        assert examine(place, deep=True) == Examined(activities=3, served=True)


def test_an_abort_and_a_destroy_reach_the_server_that_runs_the_work(
    make: Callable[..., Server], gates: Callable[[], Gate]
) -> None:
    front = make("front", ACCEPTS_ONLY)
    make("worker")
    with front.client(token=ALICE) as wire:
        aborted, destroyed = (wire.create(gates().held) for _ in range(2))
        for each in (aborted, destroyed):
            eventually(lambda each=each: processes_of(each) != [])  # type: ignore[misc]  # as it is now
        wire.call("<act:Abort><act:Reason>enough</act:Reason></act:Abort>", aborted)
        assert wire.property(aborted, "Phase") == "Aborted"
        wire.destroy(destroyed)
        with pytest.raises(Fault):
            wire.document(destroyed)
        assert processes_of(aborted) + processes_of(destroyed) == []


def test_who_looks_on_at_one_server_sees_what_the_other_does(make: Callable[..., Server]) -> None:
    one, two = make("one"), make("two")
    with socket(one, ALICE) as shown, two.client(token=ALICE) as client:
        started = client.create("true")
        told = frames(shown, lambda verb, job: job["status"] == "Success")
        assert {job["id"] for _, job in told} == {started}
        client.destroy(started)
        assert frames(shown, lambda verb, job: verb == "remove")[-1] == ("remove", {"id": started})
