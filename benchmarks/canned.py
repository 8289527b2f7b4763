"""The limit of a web service: the same uvicorn, answering with the same bytes, or a file, and doing nothing else."""

import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import uvicorn
import uvloop

_CHUNK = 1 << 18  #: bytes of a file that are read and sent at a time

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


class Filed:
    """An ASGI application that answers with a file, read as it goes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        length = str(path.stat().st_size).encode()
        self._headers = [(b"content-type", b"application/octet-stream"), (b"content-length", length)]

    async def __call__(self, _scope: dict[str, Any], _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self._headers})
        with self._path.open("rb", buffering=0) as file:
            while chunk := file.read(_CHUNK):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body"})


def main(what: str) -> None:
    """Serve so many bytes, or the file of that name, on a free port of loopback, after printing its number."""
    application = Canned(b"x" * int(what)) if what.isdigit() else Filed(Path(what))
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        print(listening.getsockname()[1], flush=True)
        config = uvicorn.Config(
            application,
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
    main(sys.argv[1])
