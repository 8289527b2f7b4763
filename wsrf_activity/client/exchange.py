"""One request and its answer, as often as it takes: every call may be repeated, and is, while the server is away."""

from collections.abc import Callable
from io import BytesIO
from typing import Any, TypeVar

import zeep
from lxml import etree
from zeep import wsdl

from wsrf_activity.client.calls import Call
from wsrf_activity.client.errors import (
    ClientProblem,
    CorruptResult,
    ResourceUnavailable,
    Said,
    UnknownService,
    Unreachable,
)
from wsrf_activity.client.faults import of_status, read_fault
from wsrf_activity.client.inputs import Input, InputStream
from wsrf_activity.client.patience import Deadline, Patience
from wsrf_activity.client.ports import ANSWER, Answer, Body, Message, Port
from wsrf_activity.client.references import Reference, parse_xml
from wsrf_activity.client.where import Where
from wsrf_activity.client.written import Written
from wsrf_activity.model import ns
from wsrf_activity.model.addresses import Addresses

T = TypeVar("T")
_GRACE = 10.0  #: seconds that an answer may take beyond a time limit of the caller's
_SAFE: Any = zeep.Settings(forbid_dtd=True, forbid_external=True)
_READER: Any = wsdl.Document  #: given a document that imports nothing it needs no transport
_documents: dict[str, Any] = {}  #: what zeep has read, by where it came from


class Exchange:
    """What is said to one server, and how long it is waited for when it says nothing."""

    def __init__(self, port: Port, where: Where, patience: float) -> None:
        self.port = port
        self.where = where
        self._patience = patience
        self._reached: set[str] = set()

    def patience(
        self, to: Reference | None = None, limit: float | None = None, deadline: Deadline | None = None
    ) -> Patience:
        """Return new patience, of the usual length unless another is given, and in no case beyond a deadline."""
        limit = self._patience if limit is None else limit
        return Patience(self.port, self.where, self._reached, to.address if to else self.where.base, limit, deadline)

    async def document(self, service: str | None = None) -> Any:
        """Return the server's description as zeep reads it, or that of a service: fetched once in a process.

        Raises Unreachable, UnknownService.
        """
        url = f"{_place(Addresses(self.where.base), service)}?singleWsdl"
        if url not in _documents:
            body = await self.port.open(url, {})
            try:
                content = await _read(body)
            finally:
                await body.close()
            if body.status == 404 and service is not None:
                said = f"there is no service {service!r} with a WSDL of its own at {self.where.base}"
                raise UnknownService(Said("UnknownServiceFault", said))
            if body.status != 200:
                said = f"{url} answers HTTP {body.status}: is {self.where.base} the address of a wsrf-activity server,"
                raise Unreachable(f"{said} without a path to a service?")
            _documents[url] = await self.port.work(lambda: _READER(BytesIO(content), None, settings=_SAFE))
        self._reached.add(self.where.origin(self.where.base))
        return _documents[url]

    async def ask(
        self,
        call: Call | Written,
        to: Reference | None,
        read: Callable[[etree._Element], T],
        *,
        patience: Patience | None = None,
        within: float = 0.0,
    ) -> T:
        """Return what the answer says, asked of the activity, or of the service itself where that is None.

        ``within`` is how many seconds the server was asked to take at most. Raises ActivityFault, Unreachable.
        """
        patience = patience or self.patience(to)
        while True:
            try:
                child = await self._once(call, to, within)
            except (Unreachable, ResourceUnavailable) as problem:
                await patience.lost(problem)
            else:
                patience.answered()
                return _understood(read, child)

    async def _once(self, call: Call | Written, to: Reference | None, within: float) -> etree._Element:
        service = None if isinstance(call, Written) else call.service
        address = self.where.current(to.address) if to else _place(Addresses(self.where.base), service)
        timeout = within + (_GRACE if within else ANSWER)
        if isinstance(call, Written):
            content = call.envelope(address, to.parameters() if to else [])
            headers = {**call.headers, **self.where.headers(address)}
            return read_answer(await self.port.post(address, content, headers, timeout), address)
        document = await self.document(service)
        message = Message(
            document=document,
            address=address,
            call=call,
            parameters=to.parameters() if to else [],
            headers=self.where.headers(address),
            timeout=timeout,
        )
        return read_answer(await self.port.soap(message), address)

    async def upload(self, source: InputStream) -> str:
        """Send an input ahead of its activity and return its address. Raises Unreachable, ActivityFault."""
        patience = self.patience()
        while True:
            url = Addresses(self.where.base).input
            headers = {**self.where.headers(url), "Content-Type": "application/octet-stream"}
            try:
                answer = await self.port.put(url, headers, source)
                if answer.status != 201:
                    raise _refused(answer, url)
            except Unreachable as problem:
                if not await source.rewind():
                    raise
                await patience.lost(problem)
            else:
                if answer.headers.get("etag") != f'"{source.sha256.hexdigest()}"':
                    raise CorruptResult("the server has got other bytes than were sent: start it again")
                return answer.headers["location"]

    async def input(self, given: Input | None) -> tuple[bytes | None, str | None]:
        """Return an input as what goes with the request, or as the address where it was sent ahead."""
        if given is None:
            return None, None
        source = InputStream(self.port, given)
        try:
            inline = await source.open()
            return inline, None if inline is not None else await self.upload(source)
        finally:
            await source.close()

    async def get(self, url: str, position: int) -> Body:
        """Begin to GET from a position on. Raises Unreachable."""
        url = self.where.current(url)
        span = {"Range": f"bytes={position}-"} if position else {}
        return await self.port.open(url, {**self.where.headers(url), **span})


def _place(addresses: Addresses, service: str | None) -> str:
    return addresses.service if service is None else addresses.interface(service)


async def _read(body: Body) -> bytes:
    content = b""
    while block := await body.block():
        content += block
    return content


def read_answer(answer: Answer, address: str) -> etree._Element:
    """Return the child of the Body of an answer. Raises ActivityFault, or Unreachable for what is no SOAP."""
    try:
        envelope = parse_xml(answer.content)
        body = next((part for part in envelope if part.tag in (f"{{{ns.S11}}}Body", f"{{{ns.S12}}}Body")), None)
    except ValueError:
        body = None
    if body is None or not len(body):
        raise _refused(answer, address)
    if etree.QName(body[0]).localname == "Fault":
        raise read_fault(body[0])
    return body[0]


def _refused(answer: Answer, address: str) -> ClientProblem:
    """Return what an answer stands for that is not what was hoped for."""
    text = answer.content.decode("utf-8", "replace")
    refusal = of_status(answer.status, text)
    if refusal is not None:
        return refusal
    if answer.status >= 500:
        return Unreachable(
            f"{address} answers HTTP {answer.status}: it starts, stops, or is behind a proxy that says so"
        )
    return ClientProblem(f"{address} answers HTTP {answer.status} and no SOAP: is it a wsrf-activity server?")


def _understood(read: Callable[[etree._Element], T], child: etree._Element) -> T:
    try:
        return read(child)
    except ValueError as error:
        name = etree.QName(child).localname
        raise ClientProblem(f"the server's {name} cannot be read: {error}") from error
