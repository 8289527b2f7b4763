"""Output on its way through: a real socket that breaks where the test says, and every byte once."""

import contextlib
import os
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from wsrf_activity.cli import quick
from wsrf_activity.cli.problems import Unreachable
from wsrf_activity.cli.relay import Relay, SinkClosed, to_descriptor

WHOLE = bytes(range(256)) * 64


class Breaking:
    """A server on loopback that sends the output in chunks and hangs up after so many bytes of each answer."""

    def __init__(self, breaks: list[int], *, ranges: bool = True) -> None:
        self._breaks = breaks
        self._ranges = ranges
        self.asked: list[int] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.base = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with connection:
                    self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        request = b""
        while b"\r\n\r\n" not in request:
            request += connection.recv(4096)
        found = re.search(rb"Range: bytes=(\d+)-", request)
        start = int(found[1]) if found else 0
        self.asked.append(start)
        status = b"206 Partial Content" if start and self._ranges else b"200 OK"
        rest = WHOLE[start if self._ranges else 0 :]
        connection.sendall(b"HTTP/1.1 %s\r\nTransfer-Encoding: chunked\r\n\r\n" % status)
        until = self._breaks.pop(0) if self._breaks else len(rest)
        for at in range(0, min(until, len(rest)), 1000):
            part = rest[at : min(at + 1000, until)]
            connection.sendall(b"%x\r\n%s\r\n" % (len(part), part))
        if until >= len(rest):
            connection.sendall(b"0\r\n\r\n")

    def hang_up(self) -> None:
        """Listen no more."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def close(self) -> None:
        """Listen no more, and wait for the thread."""
        self.hang_up()
        self._thread.join(5)


@contextlib.contextmanager
def breaking(breaks: list[int], *, ranges: bool = True) -> Iterator[Breaking]:
    server = Breaking(breaks, ranges=ranges)
    try:
        yield server
    finally:
        server.close()


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("breaks", [[], [0], [1], [1000], [1500, 0, 2000], [len(WHOLE) - 1]])
def test_a_broken_line_loses_and_repeats_nothing(breaks: list[int], ranges: bool, tmp_path: Path) -> None:
    got = bytearray()
    with breaking(list(breaks), ranges=ranges) as server:
        client = quick.Server(quick.Options(str(tmp_path), url=server.base))
        relay = Relay(client, "x", "stdout", got.extend, 5.0)
        relay.follow()
        assert len(server.asked) == len(breaks) + 1
    assert bytes(got) == WHOLE
    assert relay.passed == len(WHOLE)


def test_a_server_that_never_comes_back_ends_the_patience(tmp_path: Path) -> None:
    with breaking([1000]) as server:
        client = quick.Server(quick.Options(str(tmp_path), url=server.base))
        relay = Relay(client, "x", "stdout", lambda _: server.hang_up(), 0.3)
        with pytest.raises(Unreachable):
            relay.follow()


def test_a_reader_that_went_away_is_told_apart() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with pytest.raises(SinkClosed) as raised:
        to_descriptor(writing)(b"x")
    os.close(writing)
    assert isinstance(raised.value.__cause__, BrokenPipeError)


def test_a_pipe_that_does_not_block_is_written_whole() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    got = bytearray()

    def drain() -> None:
        while block := os.read(reading, 1 << 16):
            got.extend(block)

    reader = threading.Thread(target=drain)
    reader.start()
    to_descriptor(writing)(WHOLE * 50)
    os.close(writing)
    reader.join()
    os.close(reading)
    assert bytes(got) == WHOLE * 50
