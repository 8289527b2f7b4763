"""A real PostgreSQL for the tests: a cluster of their own, thrown away at the end. What uses it is in `conftest.py`."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

_ROLE = "tests"
_START_SECONDS = 60
#: Whoever loses the race for the free port that was seen a moment ago looks for another.
_ATTEMPTS = 5


class NoPostgreSQL(Exception):
    """This machine has no PostgreSQL server programs, or nobody to run them as."""


@dataclass
class Cluster:
    """A running server, on loopback and on a socket in its own directory; anyone on this machine may log in."""

    port: int
    directory: Path
    durable: bool = False  #: whether what was committed outlives a crash of PostgreSQL, though not of the machine
    process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    def url(self, database: str) -> str:
        """As SQLAlchemy wants it."""
        return f"postgresql+psycopg://{_ROLE}@127.0.0.1:{self.port}/{database}"

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of an empty database, dropped at the end with whoever is still connected to it."""
        name = f"test_{uuid.uuid4().hex}"
        self._execute(f'CREATE DATABASE "{name}"')
        try:
            yield self.url(name)
        finally:
            self._execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def _execute(self, statement: str) -> None:
        with self._connect() as connection:
            connection.execute(statement.encode())

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user=_ROLE, dbname="postgres", autocommit=True, connect_timeout=10
        )

    def crash(self) -> None:
        """End it at once, as `pg_ctl stop -m immediate` does: nothing is tidied up."""
        assert self.process is not None
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(_START_SECONDS)

    def start(self) -> bool:
        """Start it, or start it again after a crash, and return whether it answers."""
        self.process = _start(_programs(), _account(), self)
        return _ready(self.process, self)

    def answers(self) -> bool:
        """Say whether somebody can log in."""
        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True


def available() -> bool:
    """Whether this machine can start a PostgreSQL."""
    try:
        _programs()
        _account()
    except NoPostgreSQL:
        return False
    return True


@contextmanager
def cluster(*, durable: bool = False) -> Iterator[Cluster]:
    """Start a server on a free port, and stop it at the end, or with this thread, however that ends.

    Raises NoPostgreSQL where there is none to start.
    """
    programs = _programs()
    user = _account()
    # Not below pytest's own temporary directory: that is closed to the account, and too long a path for a socket.
    directory = Path(tempfile.mkdtemp(prefix="postgresql-"))
    try:
        if user:
            shutil.chown(directory, user, user)
        _run(user, programs / "initdb", "-D", directory / "data", "-U", _ROLE, "-A", "trust", "-E", "UTF8", "-N")
        with _started(directory, durable) as running:
            yield running
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _programs() -> Path:
    """The newest server's programs: Debian keeps them off the PATH."""
    candidates = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    on_path = shutil.which("postgres")
    if on_path:
        candidates.append(Path(on_path).resolve().parent)
    for directory in reversed(candidates):
        if (directory / "initdb").exists() and (directory / "postgres").exists():
            return directory
    raise NoPostgreSQL("no PostgreSQL server programs (Debian: apt-get install postgresql)")


def _account() -> str | None:
    """PostgreSQL refuses to run as root: the account to run it as, or None for the one we have."""
    if os.geteuid() != 0:
        return None
    listed = subprocess.run(["id", "-u", "postgres"], capture_output=True, check=False)
    if listed.returncode != 0:
        raise NoPostgreSQL("PostgreSQL cannot run as root, and there is no account named postgres")
    return "postgres"


def _run(user: str | None, *command: str | Path) -> None:
    subprocess.run(command, user=user, group=user, cwd="/", check=True, capture_output=True, text=True)


@contextmanager
def _started(directory: Path, durable: bool) -> Iterator[Cluster]:
    for _ in range(_ATTEMPTS):
        running = Cluster(_free_port(), directory, durable)
        try:
            if running.start():
                yield running
                return
        finally:
            if running.process is not None:
                _stop(running.process)
    raise RuntimeError(f"PostgreSQL does not start: {(directory / 'log').read_text(errors='replace')}")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _start(programs: Path, user: str | None, running: Cluster) -> subprocess.Popen[bytes]:
    settings = {
        "port": running.port,
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": running.directory,
        "max_connections": 200,
        # Nothing of it is worth keeping beyond a crash of PostgreSQL itself.
        "fsync": "off",
        "synchronous_commit": "on" if running.durable else "off",
        "full_page_writes": "off",
    }
    command: list[str | Path] = [programs / "postgres", "-D", running.directory / "data"]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    if shutil.which("setpriv"):
        command = ["setpriv", "--pdeathsig", "INT", "--", *command]
    with (running.directory / "log").open("ab") as log:
        return subprocess.Popen(
            command, user=user, group=user, cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )


def _ready(process: subprocess.Popen[bytes], running: Cluster) -> bool:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if running.answers():
            return True
        time.sleep(0.05)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    """SIGINT is PostgreSQL's fast shutdown: it ends sessions, and leaves no shared memory behind."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
