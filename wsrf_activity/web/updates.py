"""Updates over a websocket, in moi's protocol: a frame for each change of the caller's activities, or of one group's.

From the client: ``{"get": [ids]}`` (none: all that are live or were lately), ``{"add": [ids]}``, ``{"remove": [ids]}``
(show no more of them), ``{"close": null}``. From the server, one frame for each job: ``add``, ``update``, ``get``,
``remove``. A frame that is none is passed over.
"""

import asyncio
import contextlib
import json
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from wsrf_activity.manager.following import Follower
from wsrf_activity.model.activity import Activity
from wsrf_activity.model.errors import NoSuchActivity
from wsrf_activity.model.identity import Principal
from wsrf_activity.model.listing import Filter
from wsrf_activity.model.moi import job_info
from wsrf_activity.web.faces import Faces

_UNAUTHORIZED = 4401  #: close code; before the handshake it is an HTTP 403
_MOST = 1000  #: ids in one frame, and jobs that one ``get`` of all shows


async def serve(faces: Faces, socket: WebSocket) -> None:
    """Serve one connection until either side ends it."""
    caller = faces.gate.caller(socket)
    if caller is None or not _same_site(socket):
        await socket.close(_UNAUTHORIZED)
        return
    await socket.accept()
    group = socket.query_params.get("group") or None
    with faces.manager.follow(caller, group) as follower:
        talk = _Talk(faces, socket, caller, follower)
        tasks = [asyncio.create_task(talk.tell()), asyncio.create_task(talk.listen())]
        done, left = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
    for task in done:
        with contextlib.suppress(WebSocketDisconnect):
            task.result()
    if socket.client_state is WebSocketState.CONNECTED:
        await socket.close()


def _same_site(socket: WebSocket) -> bool:
    """Whether no page of another site asks: a browser sends the credentials that it has for us whoever asks."""
    origin = socket.headers.get("origin")
    return origin is None or origin.partition("://")[2].lower() == socket.headers.get("host", "").lower()


class _Talk:
    """One connection."""

    def __init__(self, faces: Faces, socket: WebSocket, caller: Principal, follower: Follower) -> None:
        self._faces = faces
        self._socket = socket
        self._caller = caller
        self._follower = follower
        self._removed: set[str] = set()

    async def tell(self) -> None:
        """Show what changes."""
        while not self._follower.ended:
            for activity_id, activity in await self._follower.changes():
                if activity is None:
                    self._follower.known.discard(activity_id)
                    self._removed.discard(activity_id)
                    await self._send("remove", {"id": activity_id})
                elif activity_id not in self._removed:
                    await self._show("update" if activity_id in self._follower.known else "add", activity)

    async def listen(self) -> None:
        """Do what the client asks for."""
        while True:
            frame = _read(await self._socket.receive())
            if frame is None:
                continue
            if "close" in frame:
                return
            for verb in ("get", "add", "remove"):
                ids = frame.get(verb)
                if isinstance(ids, list):
                    await self._obey(verb, [each for each in ids[:_MOST] if isinstance(each, str)])

    async def _obey(self, verb: str, ids: list[str]) -> None:
        if verb == "remove":
            self._removed.update(ids)
            for each in ids:
                await self._send("remove", {"id": each})
            return
        self._removed.difference_update(ids)
        if not ids and verb == "get":
            wanted = Filter(group=self._follower.group, limit=_MOST)
            found = list((await self._faces.manager.list(self._caller, wanted)).activities)
            for activity in reversed(found):
                await self._show(verb, activity)
        for each in ids:
            with contextlib.suppress(NoSuchActivity):
                await self._show(verb, await self._faces.manager.get(self._caller, each))

    async def _show(self, verb: str, activity: Activity) -> None:
        self._follower.known.add(activity.id)
        await self._send(verb, job_info(activity, self._faces.addresses))

    async def _send(self, verb: str, job: dict[str, Any]) -> None:
        await self._socket.send_text(json.dumps({verb: job}))


def _read(message: Any) -> dict[str, Any] | None:
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1000))
    try:
        frame = json.loads(message.get("text") or message.get("bytes") or b"")
    except ValueError:
        return None
    return frame if isinstance(frame, dict) else None
