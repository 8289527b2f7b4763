"""How messages travel: one port that awaits and one that blocks, with the same methods, so that all that is said over
them is written once. Both send through zeep, over httpx.
"""

import asyncio
import copy
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

import httpx
import zeep
from lxml import etree
from zeep.proxy import AsyncServiceProxy, ServiceProxy

from wsrf_activity.client.calls import Call
from wsrf_activity.client.errors import Unreachable
from wsrf_activity.model import ns

T = TypeVar("T")
BLOCK: Final = 1 << 16  #: bytes
CONNECT: Final = 10.0  #: seconds to find out whether anybody listens
ANSWER: Final = 60.0  #: seconds that an answer may take beyond what was asked for
_RAW: Any = zeep.Settings(raw_response=True)


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer over HTTP."""

    status: int
    content: bytes
    headers: Mapping[str, str]


class Body(Protocol):
    """An answer that is still to be read."""

    status: int
    headers: Mapping[str, str]

    async def block(self) -> bytes:
        """Return some bytes, none at the end. Raises Unreachable where the line breaks."""

    async def close(self) -> None:
        """Read no more."""


class Source(Protocol):
    """What an input is read from."""

    async def block(self) -> bytes:
        """Return some bytes, none at the end."""


@dataclass(frozen=True, slots=True)
class Message:
    """One SOAP request: what is asked, of whom, by which description."""

    document: Any  #: zeep's, of the WSDL
    address: str
    call: Call
    parameters: list[etree._Element]  #: reference parameters
    headers: Mapping[str, str]  #: of HTTP
    timeout: float  #: seconds


class Port(Protocol):
    """What the client needs of the world outside."""

    async def soap(self, message: Message) -> Answer:
        """Send a request and return its answer. Raises Unreachable."""

    async def post(self, url: str, content: bytes, headers: Mapping[str, str], timeout: float) -> Answer:
        """POST a message that is written already. Raises Unreachable."""

    async def open(self, url: str, headers: Mapping[str, str]) -> Body:
        """Begin to GET something. Raises Unreachable."""

    async def put(self, url: str, headers: Mapping[str, str], source: Source) -> Answer:
        """PUT a stream. Raises Unreachable."""

    async def pause(self, seconds: float) -> None:
        """Do nothing for a while."""

    async def work(self, function: Callable[[], T]) -> T:
        """Call what takes its time, or reads or writes a file."""

    async def close(self) -> None:
        """Give all connections back."""


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine over a port that blocks: it never waits for anything else, and ends in one step."""
    try:
        coroutine.send(None)
    except StopIteration as ended:
        value: T = ended.value
        return value
    coroutine.close()
    raise RuntimeError("this is for asyncio: use wsrf_activity.client.aio")


@contextmanager
def reaching(url: str) -> Iterator[None]:
    """Say in one way all that can happen to a connection. Raises Unreachable."""
    server = httpx.URL(url).copy_with(path="/", query=None)
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        said = f"no server answers at {server}: start it with `wsrf-activity serve`, or check the address"
        raise Unreachable(said) from error
    except httpx.TimeoutException as error:
        raise Unreachable(f"{server} did not answer in time: try again, or look at its log") from error
    except httpx.TransportError as error:
        raise Unreachable(
            f"the connection to {server} broke ({str(error) or type(error).__name__}): try again"
        ) from error


class _Finish(zeep.Plugin):
    """Puts into an envelope what zeep does not: reference parameters as they came, and the text of mixed content.

    It comes after zeep's own addressing, which would drop prefixes that only a text uses.
    """

    def __init__(self, message: Message) -> None:
        self._message = message

    def egress(self, envelope: Any, http_headers: Any, operation: Any, binding_options: Any) -> Any:
        header = envelope.find("{*}Header")
        for parameter in self._message.parameters:
            parameter.set(f"{{{ns.WSA}}}IsReferenceParameter", "true")
            header.append(parameter)
        if self._message.call.header is not None:
            header.append(copy.deepcopy(self._message.call.header))
        if self._message.call.if_version is not None:
            _bind(header, self._message.call.if_version)
        if self._message.call.mixed is not None:
            _write_text(envelope, *self._message.call.mixed)
        return envelope, http_headers


def _bind(header: etree._Element, version: int) -> None:
    """Bind a change to a version: a server that does not know how is not to make it."""
    block = etree.SubElement(header, f"{{{ns.ACT}}}IfVersion", nsmap={"act": ns.ACT})
    envelope = header.getparent()
    assert envelope is not None
    block.set(f"{{{etree.QName(envelope).namespace}}}mustUnderstand", "1")
    block.text = str(version)


def _write_text(envelope: etree._Element, text: str, prefixes: Mapping[str, str]) -> None:
    for empty in envelope.iter(f"{{{ns.RP}}}QueryExpression"):
        parent = empty.getparent()
        assert parent is not None
        written = etree.Element(f"{{{ns.RP}}}QueryExpression", nsmap=dict(prefixes))
        written.set("Dialect", empty.get("Dialect", ns.XPATH10))
        written.text = text
        parent.replace(empty, written)


def _options(message: Message, headers: Mapping[str, str]) -> dict[str, Any]:
    return {"headers": [*headers.items(), *message.headers.items()], "timeout": _limit(message.timeout)}


def _limit(seconds: float) -> httpx.Timeout:
    return httpx.Timeout(seconds, connect=min(CONNECT, seconds))


def _binding(message: Message) -> Any:
    service = next(iter(message.document.services.values()))
    return next(iter(service.ports.values())).binding


def _answer(response: httpx.Response) -> Answer:
    return Answer(response.status_code, response.content, response.headers)


class _Exchange:
    """The transport that zeep sends one message through; with an asynchronous client zeep awaits what it returns."""

    def __init__(self, http: httpx.Client | httpx.AsyncClient, message: Message) -> None:
        self._http = http
        self._message = message

    def post_xml(self, address: str, envelope: etree._Element, headers: Mapping[str, str]) -> Any:
        sent = etree.tostring(envelope, xml_declaration=True, encoding="utf-8")
        return self._http.post(address, content=sent, **_options(self._message, headers))


def _operation(http: httpx.Client | httpx.AsyncClient, message: Message) -> Callable[[], Any]:
    """Return what sends a message: a client of zeep costs nothing where the description has been read."""
    blocking = isinstance(http, httpx.Client)
    kinds: Any = (zeep.Client, ServiceProxy) if blocking else (zeep.AsyncClient, AsyncServiceProxy)
    exchange, finish = _Exchange(http, message), _Finish(message)
    client = kinds[0](message.document, transport=exchange, settings=_RAW, plugins=[finish])
    proxy = kinds[1](client, _binding(message), address=message.address)
    return lambda: proxy[message.call.operation](*message.call.positional, **message.call.arguments)


_STREAMED = httpx.Timeout(ANSWER, connect=CONNECT)  #: between one block and the next
_UNENCODED = {"Accept-Encoding": "identity"}  #: so that a position in the answer is one in the result


class _BlockingBody:
    """An answer that is read as it comes."""

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self._response = response
        self._blocks = response.iter_raw()  # of no fixed size: what is there is given at once

    async def block(self) -> bytes:
        with reaching(str(self._response.url)):
            return next(self._blocks, b"")

    async def close(self) -> None:
        self._response.close()


class BlockingPort:
    """Blocks in each method; `run` takes a coroutine over it to its end."""

    def __init__(self, http: httpx.Client) -> None:
        """Use this client of httpx."""
        self._http = http

    async def soap(self, message: Message) -> Answer:
        """Send by zeep.Client."""
        with reaching(message.address):
            return _answer(_operation(self._http, message)())

    async def post(self, url: str, content: bytes, headers: Mapping[str, str], timeout: float) -> Answer:
        """POST."""
        with reaching(url):
            return _answer(self._http.post(url, content=content, headers=headers, timeout=_limit(timeout)))

    async def open(self, url: str, headers: Mapping[str, str]) -> Body:
        """Begin to GET."""
        request = self._http.build_request("GET", url, headers={**headers, **_UNENCODED}, timeout=_STREAMED)
        with reaching(url):
            return _BlockingBody(self._http.send(request, stream=True))

    async def put(self, url: str, headers: Mapping[str, str], source: Source) -> Answer:
        """PUT a stream."""
        blocks = iter(lambda: run(source.block()), b"")
        with reaching(url):
            return _answer(self._http.put(url, content=blocks, headers=headers, timeout=_STREAMED))

    async def pause(self, seconds: float) -> None:
        """Sleep."""
        time.sleep(seconds)  # noqa: ASYNC251  # nothing else runs in what only `run` drives

    async def work(self, function: Callable[[], T]) -> T:
        """Call it."""
        return function()

    async def close(self) -> None:
        """Close the client of httpx."""
        self._http.close()


class _AwaitedBody:
    """An answer that is read as it comes."""

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self._response = response
        self._blocks = response.aiter_raw()

    async def block(self) -> bytes:
        with reaching(str(self._response.url)):
            return await anext(self._blocks, b"")

    async def close(self) -> None:
        await self._response.aclose()


class AwaitedPort:
    """For asyncio."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        """Use this client of httpx."""
        self._http = http

    async def soap(self, message: Message) -> Answer:
        """Send by zeep.AsyncClient."""
        with reaching(message.address):
            return _answer(await _operation(self._http, message)())

    async def post(self, url: str, content: bytes, headers: Mapping[str, str], timeout: float) -> Answer:
        """POST."""
        with reaching(url):
            return _answer(await self._http.post(url, content=content, headers=headers, timeout=_limit(timeout)))

    async def open(self, url: str, headers: Mapping[str, str]) -> Body:
        """Begin to GET."""
        request = self._http.build_request("GET", url, headers={**headers, **_UNENCODED}, timeout=_STREAMED)
        with reaching(url):
            return _AwaitedBody(await self._http.send(request, stream=True))

    async def put(self, url: str, headers: Mapping[str, str], source: Source) -> Answer:
        """PUT a stream."""
        with reaching(url):
            return _answer(await self._http.put(url, content=_blocks(source), headers=headers, timeout=_STREAMED))

    async def pause(self, seconds: float) -> None:
        """Sleep, while others work."""
        await asyncio.sleep(seconds)

    async def work(self, function: Callable[[], T]) -> T:
        """Call it in a thread."""
        return await asyncio.to_thread(function)

    async def close(self) -> None:
        """Close the client of httpx."""
        await self._http.aclose()


async def _blocks(source: Source) -> AsyncIterator[bytes]:
    while block := await source.block():
        yield block
