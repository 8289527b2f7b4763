"""A crowd of clients that wait: a process of its own that holds a connection for each, and says when which answer came.

It says how many it holds once all have asked; when all are answered, the seconds on the monotonic clock at which the
first and the last answer came.
"""

import json
import selectors
import socket
import sys
import time
from collections.abc import Sequence

_PACE = 64  #: connections that are begun before the others may go on
_PATIENCE = 300.0  #: seconds for all answers


def gather(port: int, requests: Sequence[str], wanted: int) -> list[socket.socket]:
    """Connect, and send one of the requests from each connection in turn."""
    crowd = []
    for number in range(wanted):
        each = socket.create_connection(("127.0.0.1", port), timeout=60)
        each.sendall(requests[number % len(requests)].encode())
        crowd.append(each)
        if number % _PACE == 0:
            time.sleep(0.01)  # so that its backlog does not run over
    return crowd


def answers(crowd: Sequence[socket.socket]) -> list[float]:
    """Return when each of them was answered; raises RuntimeError for what is no answer."""
    selector = selectors.DefaultSelector()
    for each in crowd:
        selector.register(each, selectors.EVENT_READ)
    came: list[float] = []
    until = time.monotonic() + _PATIENCE
    while len(came) < len(crowd):
        ready = selector.select(1.0)
        if time.monotonic() > until:
            raise RuntimeError(f"{len(crowd) - len(came)} were never answered")
        for key, _ in ready:
            each = crowd[0] if not isinstance(key.fileobj, socket.socket) else key.fileobj
            if not each.recv(1 << 16).startswith(b"HTTP/1.1 200 "):
                raise RuntimeError("the server refused a Wait, or hung up")
            came.append(time.monotonic())
            selector.unregister(each)
    return came


def main() -> None:
    """Read what is wanted, wait, and tell."""
    given = json.loads(sys.stdin.readline())
    crowd = gather(given["port"], given["requests"], given["wanted"])
    print(len(crowd), flush=True)
    came = answers(crowd)
    print(json.dumps([min(came), max(came)]), flush=True)


if __name__ == "__main__":
    main()
