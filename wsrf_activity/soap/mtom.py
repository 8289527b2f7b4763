"""MTOM: a message whose binary content travels beside it, as parts of a multipart body (SOAP Message Transmission
Optimization Mechanism, XOP 1.0). Parts are streamed, never gathered, but for those that belong into the message.
"""

import base64
import re
import uuid
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final
from urllib.parse import quote, unquote

from lxml import etree
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser

from wsrf_activity.model import ns
from wsrf_activity.model.addresses import Addresses
from wsrf_activity.model.errors import Refused, TooLarge
from wsrf_activity.model.listing import Upload
from wsrf_activity.soap.envelope import VERSIONS, Outgoing

MEDIA_TYPE: Final = "multipart/related"
XOP_TYPE: Final = "application/xop+xml"
_INCLUDE = f"{{{ns.XOP}}}Include"
_INPUT, _INPUT_REFERENCE = f"{{{ns.ACT}}}Input", f"{{{ns.ACT}}}InputReference"
_BINARY = (f"{{{ns.ACT}}}Base64",)  #: what is taken out of a reply; all else that is binary has an address
_PLAIN = ("", "binary", "8bit", "7bit")  #: transfer encodings that change nothing
_PARAMETER = re.compile(r';\s*([^\s=;]+)\s*=\s*(?:"([^"]*)"|([^\s";]*))')
_ROOTS = {XOP_TYPE, *(version.media_type for version in VERSIONS.values())}

Keep = Callable[[AsyncIterator[bytes]], Awaitable[Upload]]


class InvalidAttachment(Refused):
    """The parts of a multipart message are not what MTOM wants, or not all there."""


@lru_cache(maxsize=128)
def parameters(content_type: str) -> tuple[str, Mapping[str, str]]:
    """Take a content type apart: the media type in lower case, and its parameters (RFC 2045, section 5.1)."""
    found = _PARAMETER.finditer(content_type)
    said = {match.group(1).lower(): match.group(2) or match.group(3) or "" for match in found}
    return content_type.partition(";")[0].strip().lower(), MappingProxyType(said)


@dataclass(frozen=True, slots=True)
class Part:
    """One part, whose content has to be read before the next can be."""

    content_type: str
    content_id: str | None  #: without its angle brackets
    content: AsyncIterator[bytes]


class Package:
    """A multipart message as it arrives: its root first, then what the root includes."""

    def __init__(self, content_type: str, chunks: AsyncIterator[bytes]) -> None:
        """Read from ``chunks``; raises InvalidAttachment for what holds no SOAP message."""
        _, said = parameters(content_type)
        if said.get("type", XOP_TYPE).lower() not in _ROOTS:
            raise InvalidAttachment(f"a multipart message must have type={XOP_TYPE!r}, not {said['type']!r}")
        if not said.get("boundary"):
            raise InvalidAttachment("the content type names no boundary")
        self._start = said.get("start", "").strip("<>")
        self._events = _Events(said["boundary"], chunks)

    async def root(self, most: int) -> tuple[str, bytes]:
        """Return content type and content of the part that is the envelope; raises TooLarge above ``most`` bytes."""
        part = await self._next()
        if part is None or (self._start and part.content_id not in (None, self._start)):
            raise InvalidAttachment("the part with the envelope, which 'start' names, must be the first")
        return part.content_type, await _gathered(part, most)

    async def parts(self) -> AsyncIterator[Part]:
        """Yield the other parts; what of one is not read is skipped."""
        while (part := await self._next()) is not None:
            yield part
            async for _ in part.content:
                pass

    async def _next(self) -> Part | None:
        kind, value = await self._events.next()
        if kind == "over":
            return None
        headers = value if isinstance(value, Mapping) else {}
        encoding = headers.get("content-transfer-encoding", "").lower()
        if encoding not in _PLAIN:
            raise InvalidAttachment(f"a part has the transfer encoding {encoding!r}; accepted: binary")
        content_id = headers.get("content-id", "").strip("<>") or None
        return Part(headers.get("content-type", ""), content_id, self._events.content())


class _Events:
    """What a multipart parser tells by its callbacks, as a sequence."""

    def __init__(self, boundary: str, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self._waiting: deque[tuple[str, Mapping[str, str] | bytes]] = deque()
        self._headers: dict[str, str] = {}
        self._name = self._value = b""
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._headers_begin,
                    "on_header_field": self._header_name,
                    "on_header_value": self._header_value,
                    "on_header_end": self._header_end,
                    "on_headers_finished": lambda: self._tell("part", dict(self._headers)),
                    "on_part_data": lambda data, start, end: self._tell("data", data[start:end]),
                    "on_part_end": lambda: self._tell("end", b""),
                    "on_end": lambda: self._tell("over", b""),
                },
            )
        except (MultipartParseError, ValueError) as error:
            raise InvalidAttachment(f"not a multipart message: {error}") from None

    async def next(self) -> tuple[str, Mapping[str, str] | bytes]:
        """Return what comes next; raises InvalidAttachment where nothing does."""
        while not self._waiting:
            try:
                self._parser.write(await anext(self._chunks))
            except StopAsyncIteration:
                raise InvalidAttachment("the multipart message breaks off") from None
            except MultipartParseError as error:
                raise InvalidAttachment(f"not a multipart message: {error}") from None
        return self._waiting.popleft()

    async def content(self) -> AsyncIterator[bytes]:
        """Yield the content of the part that has begun."""
        while True:
            kind, value = await self.next()
            if kind == "end":
                return
            assert isinstance(value, bytes)
            yield value

    def _tell(self, kind: str, value: Mapping[str, str] | bytes) -> None:
        self._waiting.append((kind, value))

    def _headers_begin(self) -> None:
        self._headers.clear()

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._name.decode("latin-1").lower()] = self._value.decode("latin-1").strip()
        self._name = self._value = b""


async def include(
    body: etree._Element, package: Package, keep: Keep, addresses: Addresses, most: int
) -> Mapping[str, str]:
    """Put what a message includes where it belongs, and return the SHA-256 of each upload that was made of it.

    An input may be of any size: it is kept as an upload, and the message refers to that. Anything else becomes base64
    text, at most ``most`` bytes of it in all. Raises InvalidAttachment, TooLarge.
    """
    wanted = _wanted(body)
    uploads: dict[str, str] = {}
    async for part in package.parts():
        places = wanted.pop(part.content_id, []) if part.content_id else []
        if len(places) == 1 and places[0].tag == _INPUT:
            upload = await keep(part.content)
            uploads[upload.id] = upload.sha256
            places[0].tag, places[0].text = _INPUT_REFERENCE, addresses.upload(upload.id)
        elif places:
            content = await _gathered(part, most)
            most -= len(content) * len(places)
            for place in places:
                place.text = base64.b64encode(content).decode("ascii")
    if wanted:
        raise InvalidAttachment(f"the message includes parts that did not come: {', '.join(sorted(wanted))}")
    return uploads


def write(message: Outgoing, parameters: tuple[bytes, ...]) -> tuple[str, bytes] | None:
    """Return content type and body of a reply whose binary content travels beside it; None where it has none.

    ``parameters`` are the reference parameters of the endpoint that is answered, as ``message`` takes them.
    """
    parts: list[tuple[str, bytes]] = []
    version = message.version
    for element in message.body.iter(*_BINARY):
        name = f"{uuid.uuid4()}@wsrf-activity"
        parts.append((name, base64.b64decode(element.text or "")))
        element.text = None
        etree.SubElement(element, _INCLUDE, href=f"cid:{quote(name)}", nsmap={"xop": ns.XOP})
    if not parts:
        return None
    boundary, start = f"part-{uuid.uuid4()}", "envelope@wsrf-activity"
    root_type = f'{XOP_TYPE}; charset=utf-8; type="{version.media_type}"'
    pieces = [_piece(boundary, root_type, start, message.written(parameters))]
    pieces += [_piece(boundary, "application/octet-stream", name, content) for name, content in parts]
    content_type = (
        f'{MEDIA_TYPE}; type="{XOP_TYPE}"; start="<{start}>"; start-info="{version.media_type}"; boundary="{boundary}"'
    )
    return content_type, b"".join([*pieces, f"--{boundary}--\r\n".encode()])


def _piece(boundary: str, content_type: str, content_id: str, content: bytes) -> bytes:
    head = (
        f"--{boundary}\r\nContent-Type: {content_type}\r\nContent-Transfer-Encoding: binary\r\n"
        f"Content-ID: <{content_id}>\r\n\r\n"
    )
    return b"".join((head.encode(), content, b"\r\n"))


def _wanted(body: etree._Element) -> dict[str, list[etree._Element]]:
    """Return the elements that include something, by what they include, emptied (XOP 1.0, section 3.2)."""
    wanted: dict[str, list[etree._Element]] = {}
    for found in list(body.iter(_INCLUDE)):
        parent = found.getparent()
        scheme, _, name = (found.get("href") or "").partition(":")
        if parent is None or len(parent) != 1 or (parent.text or "").strip() or scheme.lower() != "cid":
            raise InvalidAttachment(
                'an xop:Include with href="cid:..." stands alone in the element whose content it is'
            )
        wanted.setdefault(unquote(name), []).append(parent)
        parent.remove(found)
        parent.text = None
    return wanted


async def _gathered(part: Part, most: int) -> bytes:
    content = bytearray()
    async for data in part.content:
        content += data
        if len(content) > most:
            raise TooLarge(
                "the message is too large; send a large input by PUT, or as the part that act:Input includes"
            )
    return bytes(content)
