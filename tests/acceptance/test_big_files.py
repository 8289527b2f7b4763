"""Large files in and out through little memory, and the limits that keep one caller from filling the disk."""

import hashlib
import os
import random
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from itertools import chain
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from lxml import etree

from tests.server import TIMEOUT, Server, Wire, running
from wsrf_activity.engines import attempt
from wsrf_activity.model import ns

MIB = 1 << 20
SIZE = int(os.environ.get("BIG_FILES", "512")) * MIB  #: BIG_FILES=2048, as .ci/nightly has it, passes 31 bits
MEMORY = 200 * MIB  #: that no process of the service may ever have had
_FILLER = random.Random(2048).randbytes(MIB - 8)


def content(size: int = SIZE) -> Iterator[bytes]:
    """Yield blocks of a MiB, no two of them equal, so that one in the wrong place is found."""
    for number in range(size // MIB):
        yield number.to_bytes(8, "big") + _FILLER


def digest_of(blocks: Iterable[bytes]) -> str:
    """Return the SHA-256 of a stream."""
    digest = hashlib.sha256()
    for block in blocks:
        digest.update(block)
    return digest.hexdigest()


@contextmanager
def limited(folder: Path, limits: str) -> Iterator[Server]:
    """Run a server with these limits. Its files go at once, since pytest keeps those of the last runs."""
    data = folder / "server"
    try:
        with running(Server(data, config=f"[limits]\n{limits}\n")) as server:
            yield server
    finally:
        shutil.rmtree(data)


@contextmanager
def exchange(
    server: Server, method: str, path: str, body: Iterator[bytes] | None = None, **headers: str
) -> Iterator[HTTPResponse]:
    """Send a request; a body without a Content-Length goes in chunks."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    named["authorization"] = f"Bearer {server.token}"
    http = HTTPConnection(urlsplit(server.base).netloc, timeout=TIMEOUT)
    try:
        http.request(method, path, body, named, encode_chunked=body is not None and "content-length" not in named)
        yield http.getresponse()
    finally:
        http.close()


def put(server: Server, body: Iterator[bytes], **headers: str) -> tuple[str, str]:
    """Upload an input; return its address, and its SHA-256 as the server computed it."""
    with exchange(server, "PUT", "/input", body, **headers) as response:
        address = response.read().decode().strip()
        assert response.status == 201, address
        return address, (response.getheader("etag") or "").strip('"')


def get(server: Server, path: str, span: str) -> tuple[str | None, bytes]:
    """Return a part of a file, and what the server says which part it is."""
    with exchange(server, "GET", path, range=f"bytes={span}") as response:
        assert response.status == 206
        return response.getheader("content-range"), response.read()


def peak(pid: int) -> int:
    """Return the most memory in bytes that a process has had so far; 0 where it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(found.group(1)) * 1024 if found else 0


def server_peak(server: Server) -> int:
    """Return the most memory in bytes that the server has had so far."""
    assert server.process is not None
    return peak(server.process.pid)


def ended(server: Server, wire: Wire, activity_id: str) -> tuple[str, int]:
    """Wait for the end; return the phase, and the most memory that the supervisor had while it ran and hashed."""
    supervisor = 0
    while True:
        reply = wire.wait(activity_id, "<act:Timeout>PT0.1S</act:Timeout>")
        folder = next(server.data.glob(f"activities/*/{activity_id}/1"), None)
        claim = None if folder is None else attempt.read_claim(str(folder))
        supervisor = max(supervisor, 0 if claim is None else peak(claim.pid))
        if reply.findtext(f"{{{ns.ACT}}}TimedOut") == "false":
            return reply.findtext(f"{{{ns.ACT}}}Phase") or "", supervisor


def disk_usage(folder: Path) -> int:
    """Return what the files below a folder really take, those with several names once."""
    files = {file.stat().st_ino: file.stat() for file in folder.rglob("*") if file.is_file() and not file.is_symlink()}
    return sum(status.st_blocks * 512 for status in files.values())


def test_large_files_pass_through_little_memory(tmp_path: Path) -> None:
    """Sent in chunks, through `cat`, fetched whole and in parts: every byte right, and nowhere held in memory."""
    with limited(tmp_path, "parallel = 1") as server, server.client() as wire:
        reference, digest = put(server, content())
        assert digest == digest_of(content())
        activity_id = wire.create("cat", f"<act:InputReference>{reference}</act:InputReference>")
        phase, supervisor_peak = ended(server, wire, activity_id)
        assert phase == "Completed"
        result = described(wire, activity_id)
        assert (result.get("size"), result.get("sha256")) == (str(SIZE), digest)

        path = f"/activity/{activity_id}/result/result"
        with exchange(server, "GET", path) as response:
            assert response.getheader("content-length") == str(SIZE)
            assert digest_of(iter(lambda: response.read(MIB), b"")) == digest
        middle = SIZE // 2 - 4
        expected = _FILLER[-4:] + (SIZE // 2 // MIB).to_bytes(8, "big") + _FILLER[:4]
        assert get(server, path, f"{middle}-{middle + 15}") == (f"bytes {middle}-{middle + 15}/{SIZE}", expected)
        assert get(server, path, "-1000") == (f"bytes {SIZE - 1000}-{SIZE - 1}/{SIZE}", _FILLER[-1000:])

        assert 0 < server_peak(server) < MEMORY
        assert 0 < supervisor_peak < MEMORY
        wire.destroy(activity_id)
        assert disk_usage(server.data / "activities") < MIB


def test_an_input_of_a_known_length_passes_through_little_memory(tmp_path: Path) -> None:
    """As `curl -T FILE` sends it; several times what the server may have is enough to show it."""
    size = 4 * MEMORY
    with limited(tmp_path, "parallel = 0") as server:
        assert put(server, content(size), content_length=str(size))[1] == digest_of(content(size))
        assert 0 < server_peak(server) < MEMORY


@pytest.mark.parametrize("command", ["yes", "yes >&2", "yes > file"])
def test_one_yes_does_not_fill_the_disk(tmp_path: Path, command: str) -> None:
    """Whatever file it writes to, work ends at the cap, and says why."""
    with limited(tmp_path, 'output = "8 MiB"') as server, server.client() as wire:
        activity_id = wire.create(command)
        assert wire.ended(activity_id) == "Failed"
        assert wire.document(activity_id).findtext(f"{{{ns.ACT}}}Error/{{{ns.BF}}}ErrorCode") == "OutputLimit"
        assert 7 * MIB < disk_usage(server.data / "activities") < 9 * MIB


@pytest.mark.parametrize("framing", [{}, {"content_length": str(16 * MIB)}], ids=["chunked", "length"])
def test_an_input_above_the_limit_is_refused_and_leaves_nothing(tmp_path: Path, framing: dict[str, str]) -> None:
    """413, in words; the next one, as large as may be, is taken."""
    with limited(tmp_path, 'input = "4 MiB"') as server:
        with exchange(server, "PUT", "/input", content(16 * MIB), **framing) as response:
            assert (response.status, b"at most 4194304 bytes" in response.read()) == (413, True)
        assert list((server.data / "uploads").iterdir()) == []
        with exchange(server, "PUT", "/input", chain(content(4 * MIB), [b"1"])) as response:
            assert response.status == 413
        assert put(server, content(4 * MIB), content_length=str(4 * MIB))[1] == digest_of(content(4 * MIB))


def described(wire: Wire, activity_id: str) -> etree._Element:
    """Return the description of the result in the property document."""
    [found] = [r for r in wire.document(activity_id).iterfind(f"{{{ns.ACT}}}Result") if r.get("name") == "result"]
    return found
