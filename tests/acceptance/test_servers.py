"""Several real servers on one PostgreSQL: killed and paused, and yet all work has one holder and one end."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from tests import databases
from tests.acceptance.commands import Gate
from tests.acceptance.watching import eventually, processes_of
from tests.server import Fault, Server, running
from wsrf_activity.doctor import Examined, Place, examine

pytestmark = pytest.mark.skipif(
    os.environ.get("SERVERS") != "all", reason="several servers at once: runs where SERVERS=all, as in .ci/nightly"
)

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


def holders(url: str) -> dict[str, str]:
    """Return who holds what executes."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        found = connection.execute("SELECT id, holder FROM activity WHERE phase = 'Executing'")
        return dict(found.fetchall())


def name_of(server: Server, url: str) -> str:
    """Return how a server is called among others."""
    assert server.process is not None
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        found = connection.execute("SELECT id FROM server WHERE pid = %s", (server.process.pid,)).fetchone()
    assert found is not None
    return str(found[0])


def test_the_work_of_killed_and_paused_servers_goes_on(
    make: Callable[..., Server], gates: Callable[[], Gate], url: str
) -> None:
    front, first, second = make("front", ACCEPTS_ONLY), make("first"), make("second", ACCEPTS_ONLY)
    holds = [gates() for _ in range(3)]
    with front.client(token=ALICE) as wire:
        made = [wire.create(f"cat; {gate.held}; echo over", "<act:Input>aW4K</act:Input>") for gate in holds]
        for each in made:
            wire.wait(each, "<act:For>Executing</act:For>")
        [owner] = set(holders(url).values())
        assert first.process is not None
        first.process.kill()  # within the lease: its process is seen to be gone
        eventually(lambda: owner not in holders(url).values() and len(holders(url)) == 3)
        holds[0].open()
        assert (wire.ended(made[0]), wire.result(made[0])) == ("Completed", b"in\nover\n")
    paused, other = (front, second) if name_of(front, url) in holders(url).values() else (second, front)
    assert paused.process is not None
    paused.process.send_signal(signal.SIGSTOP)
    name = name_of(paused, url)
    assert name in holders(url).values()
    eventually(lambda: name not in holders(url).values())  # its lease has run out
    with other.client(token=ALICE) as wire:
        holds[1].open()
        assert (wire.ended(made[1]), wire.result(made[1])) == ("Completed", b"in\nover\n")
        paused.process.send_signal(signal.SIGCONT)
        with paused.client(token=ALICE) as late:
            wait = late.wait(made[2], "<act:Timeout>PT0S</act:Timeout>")
            assert wait.findtext("{*}Phase") == "Executing"
            holds[2].open()
            assert (late.ended(made[2]), late.result(made[2])) == ("Completed", b"in\nover\n")
        assert {wire.property(each, "Attempt") for each in made} == {"1"}
        place = Place(data=front.data, files=front.data.with_name("files"), database=url)
        assert examine(place, deep=True) == Examined(activities=3, served=True)


def test_an_abort_and_a_destroy_reach_the_server_that_runs_the_work(
    make: Callable[..., Server], gates: Callable[[], Gate]
) -> None:
    front = make("front", ACCEPTS_ONLY)
    make("worker")
    with front.client(token=ALICE) as wire:
        aborted, destroyed = (wire.create(gates().held) for _ in range(2))
        for each in (aborted, destroyed):
            eventually(lambda each=each: wire.property(each, "EngineJobId") is not None)  # type: ignore[misc]  # as it is now
        assert all(processes_of(each) for each in (aborted, destroyed))
        wire.call("<act:Abort><act:Reason>enough</act:Reason></act:Abort>", aborted)
        assert wire.property(aborted, "Phase") == "Aborted"
        wire.destroy(destroyed)
        with pytest.raises(Fault):
            wire.document(destroyed)
        assert processes_of(aborted) + processes_of(destroyed) == []
