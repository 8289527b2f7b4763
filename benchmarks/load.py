"""The load: a process of its own that keeps every connection busy and says how much of a processor that took it.

No HTTP library stands between: its work would hide the server's.
"""

import json
import re
import select
import selectors
import socket
import sys
import time
from dataclasses import asdict, dataclass

_ADDRESS = re.compile(rb"Address>http://[^/<]+(/[^<]+)<")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_PATIENCE = 60.0  #: seconds for an answer, after which the server hangs


@dataclass(frozen=True, slots=True)
class Plan:
    """What every connection does again and again."""

    port: int
    token: str
    path: str
    body: str  #: `{number}` in it is another number each time
    then: str | None = None  #: a second message, to the endpoint reference in the answer to the first
    get: bool = False  #: the message is a bare GET
    expected: str = ""  #: what the last answer has to contain
    connections: int = 1
    seconds: float = 1.0  #: 0: until stdin is closed
    pause: float = 0.0  #: seconds between an answer and the next message; for one connection


@dataclass(frozen=True, slots=True)
class Load:
    """What came of a plan."""

    rate: float  #: plans carried out per second
    cpu: float  #: share of one processor that the load itself took; near 1 it is the bottleneck
    p50: float  #: seconds from the last message of a plan to its answer, the median
    p99: float  #: and what 99 % stay below
    done: int  #: plans carried out


class _Client:
    """One connection, kept alive, with one message under way."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._number = 0
        self._received = b""
        self._followed = False
        self.sent = 0.0  #: when the last message went
        self.socket = socket.create_connection(("127.0.0.1", plan.port), timeout=_PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def begin(self) -> None:
        """Send the first message of the plan."""
        self._followed = self._plan.then is None
        self._number += 1
        self._send(self._plan.path, self._plan.body.replace("{number}", str(self._number)))

    def read(self) -> bool:
        """Take what has come; whether the plan is carried out. Raises RuntimeError for any other answer."""
        content = self.socket.recv(1 << 16)
        if not content:
            raise RuntimeError("the server hung up")
        self._received += content
        head, _, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if length is None or len(body) < int(length.group(1)):
            return False
        self._received = b""
        if not head.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError((head + body).decode())
        return self._answered(body)

    def _answered(self, body: bytes) -> bool:
        if self._followed:
            if self._plan.expected.encode() not in body:
                raise RuntimeError(body.decode())
            return True
        address = _ADDRESS.search(body)
        if address is None:
            raise RuntimeError(body.decode())
        self._followed = True
        self._send(address.group(1).decode(), self._plan.then or "")
        return False

    def _send(self, path: str, body: str) -> None:
        self.sent = time.monotonic()
        content = body.encode()
        head = (
            f"{'GET' if self._plan.get else 'POST'} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._plan.port}\r\n"
            f"Authorization: Bearer {self._plan.token}\r\nContent-Type: text/xml; charset=utf-8\r\n"
            f'SOAPAction: ""\r\nContent-Length: {len(content)}\r\n\r\n'
        )
        self.socket.sendall(head.encode() + content)


def put_on(plan: Plan) -> Load:
    """Carry a plan out on all connections until its time is over, and wait for the last answers."""
    selector = selectors.DefaultSelector()
    clients = [_Client(plan) for _ in range(plan.connections)]
    for client in clients:
        selector.register(client.socket, selectors.EVENT_READ, client)
    start, cpu = time.monotonic(), time.process_time()
    for client in clients:
        client.begin()
    delays: list[float] = []
    busy = len(clients)
    elapsed = cpu_share = 0.0
    while busy:
        ready = selector.select(_PATIENCE)
        if not ready:
            raise RuntimeError("the server does not answer")
        for key, _ in ready:
            if not key.data.read():
                continue
            if not delays or _goes_on(plan, start):
                delays.append(time.monotonic() - key.data.sent)
                elapsed = time.monotonic() - start
                cpu_share = (time.process_time() - cpu) / elapsed
                time.sleep(plan.pause)
                key.data.begin()
            else:
                busy -= 1
    for client in clients:
        client.socket.close()
    delays.sort()
    done = len(delays)
    return Load(done / elapsed, cpu_share, delays[done // 2], delays[done * 99 // 100], done)


def _goes_on(plan: Plan, start: float) -> bool:
    if plan.seconds:
        return time.monotonic() - start < plan.seconds
    return not select.select([sys.stdin], [], [], 0)[0]


if __name__ == "__main__":
    print(json.dumps(asdict(put_on(Plan(**json.loads(sys.stdin.readline()))))))
