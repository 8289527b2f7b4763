"""A server is told to stop: in order within seconds whatever is under way, or with --drain when the work has ended."""

import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.commands import Gate
from tests.acceptance.conftest import CONFIG
from tests.acceptance.watching import Asked, eventually
from tests.server import TIMEOUT, Server, Wire, running
from wsrf_activity.model import ns

SECONDS = 30.0  #: that a stop may take on a machine that is busy; about 5 on one that is not
LARGE = 64 << 20  #: bytes; more than the network's buffers hold


@pytest.fixture
def draining(tmp_path: Path) -> Iterator[Server]:
    """A server that waits for its work, of which one runs at a time."""
    config = CONFIG.replace("parallel = 8", "parallel = 1")
    with running(Server(tmp_path / "server", None, config, arguments=("--drain",))) as server:
        yield server


def begun(wire: Wire, gate: Gate) -> str:
    """Start work that is under way when this returns, held by the gate."""
    activity_id = wire.create(f"echo begun; {gate.held}; echo over")
    eventually(lambda: wire.http.get(f"{wire.address(activity_id)}/result/stdout").content == b"begun\n")
    eventually(lambda: wire.property(activity_id, "EngineJobId") is not None)  # the last change of what goes on
    return activity_id


def signalled(server: Server) -> None:
    """Tell a server to stop."""
    assert server.process is not None
    server.process.send_signal(signal.SIGTERM)


def ended(server: Server) -> int:
    """Wait for a server's own end and return its exit code."""
    assert server.process is not None
    return server.process.wait(TIMEOUT)


def talking(server: Server, head: str, length: int = 0) -> socket.socket:
    """Begin a request on a connection of its own, and say ``length`` bytes of its body."""
    host, _, port = server.base.removeprefix("http://").partition(":")
    connection = socket.create_connection((host, int(port)), TIMEOUT)
    connection.sendall(f"{head} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {server.token}\r\n".encode())
    connection.sendall(b"Content-Length: %d\r\n\r\n" % (2 * length) + b"x" * length)
    return connection


def test_a_stop_in_the_middle_of_everything(own_server: Callable[..., Server], gates: Callable[[], Gate]) -> None:
    """A Wait is answered, half an upload leaves nothing, a reader who has stopped reading does not hold us up."""
    server, gate = own_server(), gates()
    with server.client() as wire:
        large = wire.create(f"head -c {LARGE} /dev/zero")
        assert wire.ended(large) == "Completed"
        held = begun(wire, gate)
        wait = Asked(wire, "<act:Wait/>", held)
        follower = Asked(wire, "<act:Wait><act:For>Change</act:For></act:Wait>", held)
        reader = talking(server, f"GET /activity/{large}/result/stdout")
        upload = talking(server, "PUT /input", 1 << 20)
        uploads = server.data / "uploads"
        eventually(lambda: any(uploads.iterdir()) and bool(reader.recv(1)))
        assert not wait.answered()
        began = time.monotonic()
        signalled(server)
        for asked in (wait, follower):
            reply = asked.reply()
            assert (reply.findtext(f"{{{ns.ACT}}}TimedOut"), reply.findtext(f"{{{ns.ACT}}}Phase")) == (
                "true",
                "Executing",
            )
        assert ended(server) == 0
        assert time.monotonic() - began < SECONDS
        assert list(uploads.iterdir()) == []
        assert not (server.data / "server.json").exists()
        assert "Traceback" not in server.log.read_text()
        reader.close()
        upload.close()
    server.start()
    gate.open()
    with server.client() as wire:
        assert (wire.ended(held), wire.result(held)) == ("Completed", b"begun\nover\n")
        assert wire.property(held, "Attempt") == "1"


def test_a_drain_waits_for_the_work_and_answers_meanwhile(draining: Server, gates: Callable[[], Gate]) -> None:
    """What comes meanwhile is accepted and waits for the next server."""
    gate = gates()
    with draining.client() as wire:
        held = begun(wire, gate)
        signalled(draining)
        eventually(lambda: "a second signal" in draining.log.read_text())
        accepted = wire.create("echo next")
        wait = Asked(wire, "<act:Wait/>", held)
        gate.open()
        assert wait.reply().findtext(f"{{{ns.ACT}}}Phase") == "Completed"
        assert ended(draining) == 0
        assert not (draining.data / "activities" / accepted[:2] / accepted / "1").exists()
    draining.start()
    with draining.client() as wire:
        assert wire.result(held) == b"begun\nover\n"
        assert (wire.ended(accepted), wire.result(accepted)) == ("Completed", b"next\n")


def test_a_second_signal_stops_at_once(draining: Server, gates: Callable[[], Gate]) -> None:
    """The work goes on, as without --drain; and with nothing to wait for, the first signal is enough."""
    gate = gates()
    with draining.client() as wire:
        held = begun(wire, gate)
        signalled(draining)
        eventually(lambda: "a second signal" in draining.log.read_text())
        signalled(draining)
        assert ended(draining) == 0
    draining.start()
    gate.open()
    with draining.client() as wire:
        assert (wire.ended(held), wire.property(held, "Attempt")) == ("Completed", "1")
    assert draining.stop() == 0
