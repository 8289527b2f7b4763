"""The machine that this process runs on, and what can be known from here of other servers' processes."""

import os
import socket
from dataclasses import dataclass

from wsrf_activity.engines import processes
from wsrf_activity.model.servers import Server


@dataclass(frozen=True, slots=True)
class Machine:
    """Where processes can be looked up by their number, from one boot to the next."""

    host: str
    boot: str

    @classmethod
    def this(cls) -> "Machine":
        """Return where we are. Where processes have numbers of their own, as in a container, is a host of its own."""
        return cls(f"{socket.gethostname()} {os.readlink('/proc/self/ns/pid')}", processes.boot_id())

    def runs(self, server: Server) -> bool:
        """Whether a server is a process here, be it stopped (SIGSTOP)."""
        if (server.host, server.boot) != (self.host, self.boot):
            return False
        process = processes.find(server.pid)
        return process is not None and process.start == server.start and process.state != "Z"

    def is_over(self, server: Server) -> bool:
        """Whether a server is no more for certain: it has left, or was a process of this machine and is gone."""
        return server.departed or (server.host == self.host and not self.runs(server))

    def knows_lost(self, server: Server) -> bool:
        """Whether what ran on a server's machine is lost for certain, since it is this one, started anew."""
        return server.host == self.host and server.boot != self.boot
