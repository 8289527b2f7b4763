"""What a test sees of a server from outside: rows and files, processes of its work, requests under way. No tests."""

import http.client
import os
import select
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from lxml import etree
from sqlalchemy import create_engine, update
from sqlalchemy import select as sql_select
from sqlalchemy.engine import Engine
from sqlalchemy.pool import NullPool

from tests.server import Server, Wire
from tests.wire_validation import check_envelope
from wsrf_activity.model import ns
from wsrf_activity.store import tables

TIMEOUT = 60.0  #: seconds after which something hangs


def eventually(holds: Callable[[], bool]) -> None:
    """Return as soon as something holds that nobody tells us of."""
    until = time.monotonic() + TIMEOUT
    while not holds():
        assert time.monotonic() < until, "it never came to hold"
        time.sleep(0.01)


def database(server: Server) -> Engine:
    """Return a way of our own to a server's tables."""
    return create_engine(server.database or f"sqlite:///{server.data / 'activities.db'}", poolclass=NullPool)


def traces(server: Server, activity_id: str) -> list[str]:
    """Return all rows and files that still have to do with an activity."""
    with database(server).connect() as connection:
        found = [
            f"{table.name}: {row}"
            for table in tables.metadata.sorted_tables
            for row in connection.execute(sql_select(table))
            if activity_id in str(tuple(row))
        ]
    return found + [str(path) for path in server.data.rglob(f"*{activity_id}*")]


def rewind(server: Server, activity_id: str) -> None:
    """Let an activity's time have run out a minute ago, behind the server's back."""
    past = datetime.now(UTC) - timedelta(minutes=1)
    with database(server).begin() as connection:
        table = tables.activity
        connection.execute(update(table).where(table.c.id == activity_id).values(terminates=past))


def processes_of(activity_id: str) -> list[int]:
    """Return the processes whose environment says that they work for an activity."""
    cookie = f"ACTIVITY_ID={activity_id}".encode()
    return [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/environ") if cookie in _entries(path)]


def _entries(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().split(b"\0")
    except OSError:
        return []  # it ended since it was listed


class Life:
    """A process that a test wants to see end, whoever's child it is."""

    def __init__(self, pid: int) -> None:
        self._pidfd = os.pidfd_open(pid)

    def __del__(self) -> None:
        """Keep no number of a test that is over."""
        os.close(self._pidfd)

    def over(self) -> bool:
        """Say whether it has ended."""
        return bool(select.select([self._pidfd], [], [], 0)[0])

    def await_end(self) -> None:
        """Return when it has ended."""
        assert select.select([self._pidfd], [], [], TIMEOUT)[0], "it goes on and on"

    def kill(self) -> None:
        """End it as the kernel does when memory runs out, and return when it has ended."""
        signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        self.await_end()


class Asked:
    """A request that the server has, on a connection of its own, and whose answer is read when it is wanted."""

    def __init__(
        self, wire: Wire, body: str, activity_id: str | None = None, *, headers: str = "", url: str | None = None
    ) -> None:
        sent = wire.envelope(body, headers)
        assert check_envelope(sent) == []
        self._wire = wire
        at = urlsplit(url or wire.address(activity_id))
        self._connection = http.client.HTTPConnection(str(at.hostname), at.port, timeout=TIMEOUT)
        kind = "text/xml" if wire.version == ns.S11 else "application/soap+xml"
        fields = {"content-type": f"{kind}; charset=utf-8", "authorization": wire.http.headers["authorization"]}
        self._connection.request("POST", at.path, sent, fields)

    def __del__(self) -> None:
        """Hang up after a test that failed before it had the answer."""
        self._connection.close()

    @property
    def port(self) -> int:
        """Our end of the connection."""
        return int(self._connection.sock.getsockname()[1])

    def answered(self) -> bool:
        """Say whether an answer has come, or the connection was closed."""
        return bool(select.select([self._connection.sock], [], [], 0)[0])

    def hang_up(self) -> None:
        """Leave before the answer."""
        self._connection.close()

    def reply(self) -> etree._Element:
        """Wait for the answer and return the child of its Body; raises Fault."""
        response = self._connection.getresponse()
        content = response.read()
        self._connection.close()
        return self._wire.read(httpx.Response(response.status, content=content))[-1][0]
