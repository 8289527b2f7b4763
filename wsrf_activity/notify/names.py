"""Names to addresses: each is asked for once at a time, and what was found serves for a minute."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from wsrf_activity.notify.policy import IPAddress

KEPT_FOR = 60.0  #: seconds
FAILURE_KEPT_FOR = 5.0  #: seconds: many subscriptions may name what cannot be found
MOST = 4096  #: names

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]  #: from a name and a port to addresses
_Found = tuple[IPAddress, ...]

# Threads of their own: a name server that does not answer holds a thread for many seconds.
_threads = ThreadPoolExecutor(64, thread_name_prefix="resolve")


async def resolve(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a name, as the system knows them; raises OSError."""
    loop = asyncio.get_running_loop()
    found = await loop.run_in_executor(_threads, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    return [str(address[0]) for *_, address in found]


class Names:
    """Remembers what a resolver has found. Nothing is checked here: who asks checks what comes, each time."""

    def __init__(self, resolve: Resolve) -> None:
        """Begin with nothing found."""
        self._resolve = resolve
        self._asked: dict[tuple[str, int], asyncio.Task[_Found]] = {}

    async def addresses(self, host: str, port: int) -> _Found:
        """Return the addresses of a name, each once; raises OSError and ValueError."""
        task = self._asked.get((host, port))
        if task is None:
            task = asyncio.create_task(self._ask(host, port))
            self._asked[host, port] = task
            task.add_done_callback(lambda done: self._keep((host, port), done))
        return await asyncio.shield(task)  # others may wait for it too

    def close(self) -> None:
        """Ask for nothing any more."""
        for task in self._asked.values():
            task.cancel()
        self._asked.clear()

    async def _ask(self, host: str, port: int) -> _Found:
        found = await self._resolve(host, port)
        return tuple(dict.fromkeys(map(ipaddress.ip_address, found)))

    def _keep(self, name: tuple[str, int], done: asyncio.Task[_Found]) -> None:
        if done.cancelled():
            return
        while len(self._asked) > MOST:
            del self._asked[next(iter(self._asked))]
        length = KEPT_FOR if done.exception() is None else FAILURE_KEPT_FOR
        done.get_loop().call_later(length, self._forget, name, done)

    def _forget(self, name: tuple[str, int], done: asyncio.Task[_Found]) -> None:
        if self._asked.get(name) is done:
            del self._asked[name]
