"""Results as streams: whole with type, size, ETag and Range, or followed while the work still writes."""

import asyncio
import base64
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from wsrf_activity.manager import Condition, Content, Manager
from wsrf_activity.model.activity import Result
from wsrf_activity.model.errors import NoSuchActivity
from wsrf_activity.model.identity import Principal
from wsrf_activity.web.files import File, first

_CHUNK = 1 << 16
_GROWTH = timedelta(milliseconds=100)  #: between looks at a file that grows
_FROM = re.compile(r"bytes=(\d{1,18})-$")

#: A result is data of unknown origin: it is not to run scripts in this server's name.
_HARMLESS = {"x-content-type-options": "nosniff", "content-security-policy": "sandbox; default-src 'none'"}


async def serve(manager: Manager, caller: Principal, request: Request) -> Response:
    """Answer GET and HEAD of a result; ``?follow=true`` streams what the work writes until it ends."""
    content = await manager.content(caller, request.path_params["id"], request.path_params["name"])
    if content.result is not None:
        return _complete(request, content, content.result)
    if request.query_params.get("follow", "") in ("true", "1"):
        return _followed(manager, caller, request, content)
    return _so_far(request, content)


def _so_far(request: Request, content: Content) -> Response:
    """Send what the work has written by now. A File would tell that size, and then send what came since."""
    headers = {**_headers(content), "cache-control": "no-store"}
    if "range" in request.headers or not content.path.is_file():
        return _file(content, headers)
    size = content.path.stat().st_size
    headers |= {"accept-ranges": "bytes", "content-length": str(size)}
    return StreamingResponse(first(content.path, size), headers=headers, media_type=content.media_type)


def _complete(request: Request, content: Content, result: Result) -> Response:
    digest = base64.b64encode(bytes.fromhex(result.sha256)).decode("ascii")
    headers = {
        **_headers(content),
        "etag": f'"{result.sha256}"',
        "repr-digest": f"sha-256=:{digest}:",
        "cache-control": "private, no-cache",
    }
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    if headers["etag"] in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return _file(content, headers)


def _file(content: Content, headers: dict[str, str]) -> Response:
    """Send the file; one that the work never made is as good as an empty one."""
    if not content.path.is_file():
        return Response(b"", headers=headers, media_type=content.media_type)
    return File(content.path, headers=headers, media_type=content.media_type)


def _headers(content: Content) -> dict[str, str]:
    name = quote(content.name, safe="")
    return {**_HARMLESS, "content-disposition": f"inline; filename*=UTF-8''{name}"}


def _followed(manager: Manager, caller: Principal, request: Request, content: Content) -> Response:
    match = _FROM.match(request.headers.get("range", ""))
    start = int(match.group(1)) if match else 0
    headers = {**_headers(content), "cache-control": "no-store"}
    if match:
        headers["content-range"] = f"bytes {start}-*/*"
    body = _growing(manager, caller, content, start)
    return StreamingResponse(body, 206 if match else 200, headers, content.media_type)


async def _growing(manager: Manager, caller: Principal, content: Content, position: int) -> AsyncIterator[bytes]:
    """Yield what is written to a file from a position on, until the activity ends or runs anew, or the server stops."""
    ended = False
    while True:
        while data := await asyncio.to_thread(_read, content.path, position):
            position += len(data)
            yield data
        if ended or manager.stopping:
            return
        try:
            activity, _ = await manager.wait(caller, content.activity.id, Condition(), _GROWTH)
        except NoSuchActivity:
            return
        ended = activity.phase.ended or activity.attempt != content.activity.attempt


def _read(path: Path, position: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(position)
            return file.read(_CHUNK)
    except FileNotFoundError:
        return b""
