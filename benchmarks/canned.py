"""The limit of a web service: the same uvicorn, answering every POST with the same bytes and doing nothing else."""

import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn
import uvloop

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Canned:
    """An ASGI application; reads the request to its end, as any server has to."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        length = str(len(content)).encode()
        self._headers = [(b"content-type", b"text/xml; charset=utf-8"), (b"content-length", length)]

    async def __call__(self, _scope: dict[str, Any], receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": self._headers})
        await send({"type": "http.response.body", "body": self._content})


def main(size: int) -> None:
    """Serve ``size`` bytes on a free port of loopback, after printing its number."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        print(listening.getsockname()[1], flush=True)
        config = uvicorn.Config(
            Canned(b"x" * size),
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
        )
        uvloop.run(uvicorn.Server(config).serve(sockets=[listening]))


if __name__ == "__main__":
    main(int(sys.argv[1]))
