"""Consumers of notifications: a process of its own that takes what is POSTed to any address of 127.0.0.0/8.

So there are as many consumers as are wanted, each a host to the server. Paths: `/500` fails, `/hang` never answers,
`/gate` answers as soon as the gate is open, so that all go at once.
"""

import asyncio
import json
import re
import sys
import time
from asyncio import BaseTransport, Transport
from dataclasses import dataclass, field
from typing import cast

import uvloop

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_STAMP = re.compile(rb"NewValues><[^>]*Name[^>]*>([\d.]+)<")
_MESSAGE = b"</wsnt:NotificationMessage>"
_GOOD = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n"
_BAD = b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n"

Came = tuple[float, int, float | None]  #: when, how many messages, and the stamp of the first of them

came: list[Came] = []


@dataclass
class _Gate:
    open: bool = False
    waiting: list[Transport] = field(default_factory=list)


gate = _Gate()


class _Talk(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._received = b""
        self._transport: Transport | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        """Talk to this machine only."""
        self._transport = cast(Transport, transport)
        if not transport.get_extra_info("sockname")[0].startswith("127."):
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Answer each request that is whole."""
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not separator or length is None or len(body) < int(length[1]):
            return
        self._received = body[int(length[1]) :]
        path = head.split(b" ", 2)[1]
        if path == b"/hang":
            return
        assert self._transport is not None
        if path != b"/500":
            stamp = _STAMP.search(body)
            came.append((time.monotonic(), body.count(_MESSAGE) or 1, float(stamp[1]) if stamp else None))
        if path == b"/gate" and not gate.open:
            gate.waiting.append(self._transport)
            return
        self._transport.write(_BAD if path == b"/500" else _GOOD)


async def main() -> None:
    """Say the port, then for each line of input what has come since the last.

    The lines `open` and `shut` do that to the gate before.
    """
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Talk, "0.0.0.0", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    while said := await loop.run_in_executor(None, sys.stdin.readline):
        gate.open = said == "open\n" or (gate.open and said != "shut\n")
        while gate.open and gate.waiting:
            gate.waiting.pop().write(_GOOD)
        print(json.dumps(came), flush=True)
        came.clear()


if __name__ == "__main__":
    uvloop.run(main())
