"""Ports of this machine that tests know before anybody listens there."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager


def bound(port: int = 0) -> socket.socket:
    """Return a socket that has a port and does not listen: several may, as long as at most one of them does."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("127.0.0.1", port))
    return made


@contextmanager
def held_port() -> Iterator[int]:
    """Yield a port where nobody is, and where nobody else comes by chance.

    Connections are refused until somebody listens there, for which the listener has to set SO_REUSEADDR, as servers do.
    """
    with bound() as holder:
        yield int(holder.getsockname()[1])
