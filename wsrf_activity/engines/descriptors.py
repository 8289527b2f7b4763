"""Descriptors that come over a socket. Imported by every supervisor."""

import array
import socket


def receive(channel: socket.socket, size: int) -> tuple[bytes, list[int]]:
    """Receive one message and the descriptors that came with it, none of which a program started later inherits.

    That is what ``socket.recv_fds`` cannot do: it takes flags and forgets them.
    """
    descriptors = array.array("i")
    content, ancillary, _, _ = channel.recvmsg(
        size, socket.CMSG_SPACE(4 * descriptors.itemsize), socket.MSG_CMSG_CLOEXEC
    )
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
    return content, list(descriptors)
