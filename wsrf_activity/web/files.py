"""Files as answers: any size through little memory, and without a thread for what the system has in memory anyway."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.responses import FileResponse
from starlette.types import Message, Receive, Scope, Send

_CHUNK = 1 << 18  #: bytes that are read and sent at a time
_WHOLE = "http.response.pathsend"  #: how Starlette says that a whole file is to be sent, to a server that can


class File(FileResponse):
    """A file, or the parts of it that are asked for. Starlette reads each piece in a thread, which for a whole file
    takes three times as long as to send it: so that is done here.
    """

    chunk_size = _CHUNK

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let Starlette say what is to be sent."""

        async def sent(message: Message) -> None:
            if message["type"] != _WHOLE:
                await send(message)
                return
            said = int(self.headers["content-length"])  # a file that grows may have more by now
            await _send_whole(Path(message["path"]), said, receive, send)

        extensions = {**scope.get("extensions", {}), _WHOLE: {}}
        await super().__call__({**scope, "extensions": extensions}, receive, sent)


async def _send_whole(path: Path, size: int, receive: Receive, send: Send) -> None:
    """Send the first bytes, as many as have been announced, or until the client is gone."""
    gone = asyncio.ensure_future(_disconnect(receive))
    try:
        async for piece in first(path, size):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            if gone.done():
                return
        await send({"type": "http.response.body"})
    finally:
        gone.cancel()


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def first(path: Path, size: int | None) -> AsyncIterator[memoryview]:
    """Yield the first bytes of a file, or all that it has now. Others are served between two pieces."""
    with path.open("rb", buffering=0) as file:
        left = os.fstat(file.fileno()).st_size if size is None else size
        position = 0
        while position < left and (piece := await _read(file.fileno(), position, min(_CHUNK, left - position))):
            position += len(piece)
            yield piece


async def _read(descriptor: int, position: int, size: int) -> memoryview:
    """Read at once what is in memory (preadv(2), RWF_NOWAIT), in a thread what is on a disk only."""
    piece = bytearray(size)
    try:
        got = os.preadv(descriptor, [piece], position, os.RWF_NOWAIT)
    except OSError:  # it is not in memory, or the file system cannot tell
        got = 0
    if not got:  # which is not always the end: Linux 5.9 and 5.10 say so, too, of what is not in memory
        return memoryview(await asyncio.to_thread(os.pread, descriptor, size, position))
    await asyncio.sleep(0)  # a client as fast as we are never makes us wait, but others want to be served, too
    return memoryview(piece)[:got]
