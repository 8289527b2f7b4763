"""The server is killed and started again while the client waits or reads: the client goes on, and gets all of it."""

import collections
import hashlib
import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from tests.acceptance.clients import Watch, watched
from tests.acceptance.commands import Gate
from tests.acceptance.conftest import CONFIG
from tests.acceptance.probing import eventually
from tests.server import TIMEOUT, Server, running
from wsrf_activity.client import CorruptResult, Service, Unreachable, WaitTimeout, connect
from wsrf_activity.model.phases import Phase

SIZE = 30_000_000  #: bytes: more than lies about in buffers of connections
MANY = f"head -c {SIZE} /dev/zero | tr '\\0' a"
DIGEST = hashlib.sha256(b"a" * SIZE).hexdigest()


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that is killed now and then."""
    with running(Server(tmp_path_factory.mktemp("data") / "server", None, CONFIG)) as server:
        yield server


@pytest.fixture
def watch() -> Watch:
    """What goes over the wire in a test."""
    return Watch()


@pytest.fixture
def service(killed: Server, watch: Watch) -> Iterator[Service]:
    """The client, watched."""
    with watched(killed, watch) as connected:
        yield connected


def test_a_wait_outlives_the_server(killed: Server, service: Service, watch: Watch, gates: Callable[[], Gate]) -> None:
    gate = gates()
    activity = service.run(f"{gate.held}; echo over")
    with ThreadPoolExecutor(1) as pool:
        sent = len(watch.envelopes)
        waiting = pool.submit(activity.wait, TIMEOUT)
        eventually(lambda: len(watch.envelopes) > sent)
        killed.kill()
        eventually(lambda: len(watch.envelopes) > sent + 2)
        killed.start()
        gate.open()
        assert waiting.result(TIMEOUT).phase is Phase.COMPLETED
    assert activity.result().read() == b"over\n"


def test_a_result_is_read_on_where_the_line_broke(killed: Server, service: Service, watch: Watch) -> None:
    activity = service.run(MANY)
    activity.wait(TIMEOUT)
    found = hashlib.sha256()
    with activity.open() as stream:
        found.update(stream.read(1_000_000))
        killed.kill()
        killed.start()
        while block := stream.read(1_000_000):
            found.update(block)
    assert found.hexdigest() == DIGEST == activity.result().sha256
    ranges = [request.headers["range"] for request in watch.requests if "range" in request.headers]
    assert ranges
    assert all(int(span.removeprefix("bytes=").removesuffix("-")) >= 1_000_000 for span in ranges)


def test_what_is_followed_is_followed_on(killed: Server, service: Service, gates: Callable[[], Gate]) -> None:
    gate = gates()
    activity = service.run(f"echo one; {gate.held}; echo two")
    stream = activity.stream()
    assert next(stream) == b"one\n"
    killed.kill()
    killed.start()
    gate.open()
    assert b"".join(stream) == b"two\n"


def test_other_bytes_are_noticed(killed: Server, service: Service, tmp_path: Path) -> None:
    """What came is not what was described: nothing is kept of it."""
    activity = service.run(MANY)
    activity.wait(TIMEOUT)
    with activity.open() as stream:
        stream.read(10)
        killed.kill()
        [kept] = [path for path in killed.data.rglob("*") if path.is_file() and _holds(path, str(activity.id))]
        with kept.open("r+b") as file:
            file.seek(-1, io.SEEK_END)
            file.write(b"b")
        killed.start()
        with pytest.raises(CorruptResult, match="SHA-256"):
            collections.deque(iter(lambda: stream.read(1_000_000), b""), maxlen=0)
    with pytest.raises(CorruptResult):
        activity.save(tmp_path / "saved")
    assert list(tmp_path.iterdir()) == []


def _holds(path: Path, activity_id: str) -> bool:
    return activity_id in path.parts and path.stat().st_size == SIZE


def test_patience_ends(killed: Server, gates: Callable[[], Gate]) -> None:
    """At the time that was given to wait, else after the service's own."""
    gate = gates()
    with connect(data=killed.data, patience=0.2) as service:
        activity = service.run(gate.held)
        killed.kill()
        with pytest.raises(Unreachable, match="wsrf-activity serve"):
            _ = activity.phase
        with pytest.raises(WaitTimeout, match="no server answers"):
            activity.wait(timedelta(seconds=0.3))
        with pytest.raises(Unreachable):
            service.start("count", input=(b"x" * 100_000 for _ in range(3)))
        killed.start()
        gate.open()
        assert activity.wait(TIMEOUT).phase is Phase.COMPLETED


def test_who_is_busy_or_not_there_yet_is_asked_again(killed: Server) -> None:
    """A proxy before a server that starts says 503; an input that can be sent again is."""

    class Starting(httpx.HTTPTransport):
        refused = 0

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if request.method in ("POST", "PUT") and self.refused % 3 < 2:
                self.refused += 1
                return httpx.Response(503, text="starting")
            self.refused += 1
            return super().handle_request(request)

    transport = Starting()
    with connect(data=killed.data, http=httpx.Client(transport=transport)) as service:
        activity = service.start("count", what="c", input=b"x" * 1_000_000)
        assert activity.wait(TIMEOUT).phase is Phase.COMPLETED
        assert int(activity.result().read()) == 1_000_000
    assert transport.refused >= 9
