"""The disk is full, the database is away or only reads: callers get a fault, nothing is lost, no restart is needed."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from tests import databases
from tests.acceptance.commands import Gate
from tests.acceptance.conftest import CONFIG
from tests.acceptance.test_doctor import found
from tests.acceptance.test_stopping import begun
from tests.acceptance.watching import Asked, eventually
from tests.server import Fault, Server, Wire, running
from wsrf_activity.model import ns


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[Path]:
    """Mount something on a folder; the test is skipped where this account may not."""
    folder.mkdir()
    command = ["mount", *options, str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("this account may not mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill_up(path: Path) -> None:
    """Write until the disk takes no more."""
    with path.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MiB."""
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=16m", "tmpfs") as folder:
        yield folder


@pytest.fixture
def on_postgresql(tmp_path: Path, postgresql: databases.Cluster) -> Iterator[Server]:
    """A server on a PostgreSQL whose database the test may disturb."""
    with postgresql.database() as url, running(Server(tmp_path / "server", url, CONFIG)) as server:
        yield server


def tell(server: Server, *statements: str) -> None:
    """Have PostgreSQL do something about the server's database, which is called {name}."""
    url = make_url(server.database or "")
    with psycopg.connect(
        host=url.host, port=url.port, user=url.username, dbname="postgres", autocommit=True
    ) as connection:
        for statement in statements:
            connection.execute(statement.format(name=url.database).encode())


HANG_UP = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"


def refused(wire: Wire) -> None:
    """See that nothing can be started just now, through no fault of the caller."""
    with pytest.raises(Fault) as caught:
        wire.create("true")
    assert (caught.value.name, caught.value.code) == ("ResourceUnavailableFault", "Receiver")


def accepted(wire: Wire) -> bool:
    """Say whether work can be started again, and see that it ends."""
    try:
        activity_id = wire.create("true")
    except Fault as fault:
        if fault.name != "ResourceUnavailableFault":
            raise
        return False
    return wire.ended(activity_id) == "Completed"


def test_a_full_disk(small_disk: Path, gates: Callable[[], Gate]) -> None:
    """What ends while the disk is full is told when it no longer is; what is stored can be read all the time."""
    gate, fill = gates(), small_disk / "fill"
    with ExitStack() as stack:
        server = stack.enter_context(running(Server(small_disk / "server", None, CONFIG)))
        wire = stack.enter_context(server.client())
        held = begun(wire, gate)
        wait = Asked(wire, "<act:Wait/>", held)
        with pytest.raises(OSError, match="No space left"):
            fill_up(fill)
        refused(wire)
        assert wire.http.put(f"{wire.base}/input", content=b"x" * 100_000).status_code == 503
        assert wire.property(held, "Phase") == "Executing"
        gate.open()
        assert wire.http.get(f"{wire.base}/health").status_code == 200
        fill.unlink()
        assert wait.reply().findtext(f"{{{ns.ACT}}}Phase") == "Completed"
        eventually(lambda: accepted(wire))
        assert wire.property(held, "Attempt") == "1"
        assert found(server, deep=True) == set()


def test_a_read_only_disk_at_the_start(tmp_path: Path) -> None:
    """It is said in a line, and not by a traceback."""
    (tmp_path / "source").mkdir()
    with mounted(tmp_path / "target", "--bind", "-o", "ro", str(tmp_path / "source")) as folder:
        command = [sys.executable, "-m", "wsrf_activity", "serve", "--port", "0", "--data", str(folder)]
        said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (said.returncode, len(said.stderr.splitlines())) == (2, 1)
    assert "Read-only file system" in said.stderr


def test_a_database_that_is_away(on_postgresql: Server, gates: Callable[[], Gate]) -> None:
    """As when PostgreSQL is started anew: all connections end, and for a while there are no new ones."""
    server, gate = on_postgresql, gates()
    with server.client() as wire:
        held = begun(wire, gate)
        wait = Asked(wire, "<act:Wait/>", held)
        Asked(wire, "<act:ListActivities/>").reply()  # on a connection made after its: it has been read
        tell(server, 'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false', HANG_UP)
        refused(wire)
        with pytest.raises(Fault, match="does not answer"):
            wire.document(held)
        gate.open()
        assert not wait.answered()
        tell(server, 'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        assert wait.reply().findtext(f"{{{ns.ACT}}}Phase") == "Completed"
        assert wire.result(held) == b"begun\nover\n"
        eventually(lambda: accepted(wire))
        tell(server, HANG_UP)
        assert accepted(wire), "connections that ended unseen are the server's business, not the caller's"
    assert found(server, deep=True) == set()


def test_a_database_that_only_reads(on_postgresql: Server, gates: Callable[[], Gate]) -> None:
    """Reads are answered, and what has ended is written when it can be."""
    server, gate = on_postgresql, gates()
    with server.client() as wire:
        held = begun(wire, gate)
        tell(server, 'ALTER DATABASE "{name}" SET default_transaction_read_only = on', HANG_UP)
        refused(wire)
        gate.open()
        assert wire.property(held, "Phase") == "Executing"
        tell(server, 'ALTER DATABASE "{name}" RESET default_transaction_read_only', HANG_UP)
        assert wire.ended(held) == "Completed"
        eventually(lambda: accepted(wire))
    assert found(server, deep=True) == set()
