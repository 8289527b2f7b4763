"""SOAP on ASGI: a POST in, an envelope out, and in between an operation that may wait for a month."""

import asyncio
import logging
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import TypeVar

from lxml import etree
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp

from wsrf_activity.manager import Manager
from wsrf_activity.model import ns
from wsrf_activity.model.activity import Activity
from wsrf_activity.model.addresses import Addresses, Described, Resource
from wsrf_activity.model.errors import NotLoggedIn, Problem, TooLarge, Unavailable, WorkFailed
from wsrf_activity.model.identity import Principal
from wsrf_activity.model.interfaces import Interface
from wsrf_activity.model.listing import Upload
from wsrf_activity.soap import (
    actions,
    addressing,
    conditions,
    contract,
    credentials,
    envelope,
    faults,
    markup,
    metadata,
    mtom,
    places,
    properties,
    services,
    starting,
)
from wsrf_activity.soap.compression import compressed
from wsrf_activity.soap.dispatch import Dispatcher
from wsrf_activity.soap.envelope import Envelope, Outgoing, Verbatim
from wsrf_activity.soap.exchange import Exchange, response
from wsrf_activity.soap.faults import Fault, SoapProblem
from wsrf_activity.soap.hanging_up import Patient
from wsrf_activity.soap.notifications import Notifications
from wsrf_activity.soap.places import Place
from wsrf_activity.soap.ports import Call, Pending
from wsrf_activity.soap.properties import View
from wsrf_activity.soap.replies import Replies
from wsrf_activity.soap.starting import Start

log = logging.getLogger(__name__)
_APART = 1 << 16  #: bytes from which a message is parsed and checked away from the event loop
_APART_AT_A_TIME = 4  #: messages; each may take a hundred times its size
_UNKNOWN_CALLER = 1 << 20  #: bytes that are read of somebody who may turn out to have no credentials
#: Operations that may take as long as their client likes: nobody waits for one that has gone.
_LONG = frozenset({f"{{{ns.ACT}}}Wait", f"{{{ns.WSNT}}}GetMessages"})

T = TypeVar("T")


class SoapServer:
    """Answers SOAP messages for one manager."""

    def __init__(
        self,
        manager: Manager,
        addresses: Addresses,
        max_envelope: int,
        login: Callable[[str], Principal | None],
        replies: Replies,
        notifications: Notifications,
        interfaces: Iterable[Interface] = (),
    ) -> None:
        """Serve ``manager`` at ``addresses``; a message may have ``max_envelope`` bytes.

        ``login`` tells who has a token, None where nobody has, for messages that carry their credentials inside;
        ``replies`` sends what does not go back on the connection of its request; ``notifications`` writes messages.
        ``interfaces`` are those of services with operations of their own; raises ValueError for what cannot be served.
        """
        own = services.contracts(interfaces)
        self.services: Mapping[str, Interface] = {name: service.interface for name, service in own.items()}
        self._own_places = {name: places.of_service(service) for name, service in own.items()}
        served = [*map(places.of_resource, Resource), *self._own_places.values()]
        self._dispatchers = {place: Dispatcher(place) for place in served}
        self._notifications = notifications
        self._login = login
        self._manager = manager
        self._replies = replies
        self._addresses = addresses
        self._max = max_envelope
        self._vocabulary = markup.Vocabulary()
        self._apart_at_a_time = asyncio.Semaphore(_APART_AT_A_TIME)

    async def answer(
        self,
        request: Request,
        caller: Principal | None,
        resource: Resource,
        identifier: str | None,
        service: str | None = None,
    ) -> ASGIApp:
        """Return what answers one POST. Whatever it holds, the answer is SOAP, and no trace of the inside is in it.

        ``resource`` is of what kind the address is, and ``identifier`` the id in it, or ``service`` one of
        ``services``. ``caller`` is None where HTTP says nothing of who calls; raises NotLoggedIn where the message does
        not either.
        """
        exchange = Exchange(request, self._place(resource, service), self._now)
        return await self._told(exchange, partial(self._answer, request, caller, identifier, exchange))

    async def _told(self, exchange: Exchange, begin: Callable[[], Awaitable[ASGIApp]]) -> ASGIApp:
        """Await an answer, or make one of what went wrong. Where nobody awaits this nothing is begun."""
        try:
            work = begin()
            del begin  # which keeps the message
            return await work
        except NotLoggedIn:
            raise
        except (Problem, SoapProblem) as problem:
            return self._refusal(exchange, problem)
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception:
            log.exception("a request failed through a fault of the server's own")
            return self._refusal(exchange, Unavailable("the server failed to answer; its log says why"))

    def refuse(self, request: Request, problem: Problem, status: int, headers: dict[str, str]) -> Response:
        """Answer a request that was refused before it was read: no credentials, say."""
        exchange = Exchange(request, self._place(Resource.ACTIVITY), self._now)
        response = self._refusal(exchange, problem)
        response.status_code = status
        response.headers.update(headers)
        return response

    def describe(self, request: Request, resource: Resource, service: str | None = None) -> Response | None:
        """Answer ``?wsdl``, ``?singleWsdl``, ``?xsd=NAME`` and ``?rmd``, in any case; None for anything else."""
        query = {name.lower(): value for name, value in request.query_params.items()}
        place = self._place(resource, service)
        try:
            if "wsdl" in query:
                document = place.wsdl(self._addresses, query["wsdl"])
            elif "singlewsdl" in query:
                document = place.single_wsdl(self._addresses, query["singlewsdl"])
            elif "xsd" in query:
                document = place.xsd(self._addresses, query["xsd"])
            elif "rmd" in query and resource is Resource.ACTIVITY:
                document = metadata.property_descriptor(f"{self._addresses.service}?wsdl")
            else:
                return None
        except KeyError:
            return Response("there is no such document\n", 404, media_type="text/plain")
        return compressed(Response(document, media_type="text/xml; charset=UTF-8"), request)

    def document(self, activity: Activity) -> bytes:
        """Return an activity's property document."""
        return markup.write(properties.document(View(activity, self._now, self._addresses)))

    async def _answer(
        self, request: Request, caller: Principal | None, identifier: str | None, exchange: Exchange
    ) -> ASGIApp:
        message, package, caller = await self._authenticated(request, exchange, caller)
        _check_understood(message, exchange)  # first: this fault comes on the connection, wherever others were to go
        exchange.routes = await self._replies.routes(exchange.headers)
        self._check(message, exchange)
        exchange.resource_id = exchange.headers.resource_id(exchange.place.resource, identifier)
        included = await self._included(message, package, caller) if package else {}
        if exchange.apart:
            await self._apart(lambda: self._validate(message.body))
        else:
            self._validate(message.body)
        call = Call(
            self._manager,
            caller,
            self._addresses,
            self._notifications,
            exchange.place,
            exchange.resource_id,
            soap="1.2" if exchange.version.is_12 else "1.1",
            addressing=exchange.headers.version or ns.WSA,
            if_version=conditions.expected_version(message, exchange.place.resource, exchange.now),
            start=await self._start(message, exchange),
            attachments=included,
        )
        work = self._told(exchange, partial(self._performed, message, call, exchange))
        if exchange.routes.detached:
            self._replies.begin(work)
            return Response(status_code=202)
        waits = message.body.tag in _LONG or (call.start is not None and call.start.synchronous)
        return Patient(work) if waits else await work

    async def _performed(self, message: Envelope, call: Call, exchange: Exchange) -> ASGIApp:
        action = exchange.operations[message.body.tag].output_action or ""
        reply = await self._dispatchers[exchange.place].perform(message.body, call)
        if isinstance(reply, Pending):
            del message, call
            reply = await reply.coming
        if reply is None:
            return Response(status_code=202)
        if isinstance(reply, Verbatim):
            exchange.verbatim = reply
            reply = reply.element
        return self._sent(exchange, actions.reply(exchange.headers.action, action), reply)

    def _sent(self, exchange: Exchange, action: str, body: etree._Element, fault: Fault | None = None) -> Response:
        """Send a reply or a fault where it is to go, and return what is said on the connection."""
        headers, version = exchange.headers, exchange.version
        endpoint, target = headers.endpoint(fault is not None), exchange.routes.of(fault is not None)
        if endpoint.nowhere and not (fault and fault.code == faults.MUST_UNDERSTAND):
            return Response(status_code=202)
        extra = envelope.fault_headers(version, fault) if fault else []
        owed = any(addressing.is_addressing(block) for block in extra)
        blocks = addressing.reply_headers(headers, action, endpoint if target else None, owed=owed)
        message = Outgoing(version, (*blocks, *map(etree.tostring, extra)), body)
        if target is not None:
            self._replies.send(target, endpoint, action, message, exchange.verbatim)
            return Response(status_code=202)
        return response(exchange, message, envelope.http_status(version, fault) if fault else 200, endpoint.parameters)

    async def _authenticated(
        self, request: Request, exchange: Exchange, caller: Principal | None
    ) -> tuple[Envelope, mtom.Package | None, Principal]:
        """Read a message and who sends it; one of nobody is looked at for its credentials alone."""
        if caller is not None:
            message, package = await self._received(request, exchange, self._max)
            return message, package, self._caller(caller, message, exchange)
        try:
            message, package = await self._received(request, exchange, min(self._max, _UNKNOWN_CALLER))
        except (Problem, SoapProblem):
            raise _not_logged_in() from None
        return message, package, self._caller(None, message, exchange)

    async def _received(self, request: Request, exchange: Exchange, most: int) -> tuple[Envelope, mtom.Package | None]:
        """Read a message of ``most`` bytes, and what comes beside it as far as that is not yet read."""
        encoding = request.headers.get("content-encoding", "identity").strip().lower()
        if exchange.media_type != mtom.MEDIA_TYPE:
            data = await self._body(request, most)
            return await self._parsed(data, encoding, exchange.parameters.get("charset"), exchange), None
        if encoding != "identity":
            raise faults.sender("a multipart message is not to be compressed", self._now, "Encoding")
        package = mtom.Package(request.headers["content-type"], request.stream())
        content_type, data = await package.root(most)
        _, said = mtom.parameters(content_type)
        return await self._parsed(data, encoding, said.get("charset"), exchange), package

    async def _body(self, request: Request, most: int) -> bytes:
        """Read the request's body, never more of it than is allowed."""
        if int(request.headers.get("content-length", 0)) > most:
            raise self._too_large()
        parts, left, more = list[bytes](), most, True
        while more:
            message = await request.receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            parts.append(message.get("body", b""))
            left, more = left - len(parts[-1]), message.get("more_body", False)
            if left < 0:
                raise self._too_large()
        return b"".join(parts)

    def _caller(self, caller: Principal | None, message: Envelope, exchange: Exchange) -> Principal:
        """Return who sends a message: what it says itself (WS-Security) counts for more than what HTTP says."""
        given = credentials.read(message.headers, exchange.now)
        if given is None:
            if caller is None:
                raise _not_logged_in()
            return caller
        if (found := self._login(given.password)) is None:
            raise credentials.refused("FailedAuthentication", "the password is no token of this server")
        return found

    async def _included(self, message: Envelope, package: mtom.Package, caller: Principal) -> Mapping[str, str]:
        def keep(content: AsyncIterator[bytes]) -> Awaitable[Upload]:
            return self._manager.upload(caller, content)

        return await mtom.include(message.body, package, keep, self._addresses, self._max)

    def _too_large(self) -> TooLarge:
        inputs = self._addresses.input
        return TooLarge(f"a message may have at most {self._max} bytes; send a large input by PUT to {inputs}")

    async def _parsed(self, data: bytes, encoding: str, charset: str | None, exchange: Exchange) -> Envelope:
        """Return a message that has been found to be one; large ones are dealt with apart from then on."""
        exchange.apart = len(data) > _APART or encoding != "identity" or self._vocabulary.full
        if exchange.apart:
            return await self._apart(lambda: self._read(data, encoding, charset, None, exchange))
        return self._read(data, encoding, charset, self._vocabulary, exchange)

    def _read(
        self,
        data: bytes,
        encoding: str,
        charset: str | None,
        vocabulary: markup.Vocabulary | None,
        exchange: Exchange,
    ) -> Envelope:
        plain = data if encoding == "identity" else self._unzip(data, encoding)
        root = markup.parse(plain, charset, vocabulary)
        exchange.version = envelope.version_of(root) or exchange.version
        message = envelope.read(root, exchange.now)
        exchange.headers = addressing.read(message.headers)
        return message

    def _unzip(self, data: bytes, encoding: str) -> bytes:
        if encoding not in ("gzip", "x-gzip"):
            raise faults.sender(f"content encoding {encoding!r} is not accepted; accepted: gzip", self._now, "Encoding")
        inflate = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        try:
            plain = inflate.decompress(data, self._max + 1)
        except zlib.error as error:
            raise faults.sender(f"not gzip: {error}", self._now, "Encoding") from None
        if len(plain) > self._max:
            raise self._too_large()
        if not inflate.eof or inflate.unused_data:
            raise faults.sender("not gzip: it breaks off, or something follows it", self._now, "Encoding")
        return plain

    def _check(self, message: Envelope, exchange: Exchange) -> None:
        """Refuse addressing headers that are wrong, and an Action that is not the body's."""
        headers = exchange.headers
        if headers.problem is not None:
            raise headers.problem
        operation = exchange.operations.get(message.body.tag)
        if headers.action is not None:
            addressing.check_action(headers, exchange.soap_action(), operation.input_action if operation else None)
        if operation is None:
            raise faults.sender(f"{_readable(message.body)} is no operation of this service", self._now, "NoOperation")

    def _validate(self, body: etree._Element) -> None:
        complaints = contract.violations(body)
        if complaints:
            raise faults.sender(f"{_readable(body)} is not valid: {'; '.join(complaints)}", self._now, "InvalidBody")

    async def _start(self, message: Envelope, exchange: Exchange) -> Start | None:
        """Read what a service is to start, where that is what the message asks for."""
        service, body = exchange.place.service, message.body
        if service is None or body.tag not in service.own:
            return None

        def read() -> Start:
            return starting.read(service, message.headers, body, self._addresses, self._now, self._manager.services)

        return await self._apart(read) if exchange.apart else read()

    def _place(self, resource: Resource, service: str | None = None) -> Place:
        return places.of_resource(resource) if service is None else self._own_places[service]

    def _refusal(self, exchange: Exchange, problem: Problem | SoapProblem) -> Response:
        fault = problem.fault if isinstance(problem, SoapProblem) else self._typed(exchange, problem)
        return self._sent(exchange, fault.action, envelope.fault_body(exchange.version, fault), fault)

    def _typed(self, exchange: Exchange, problem: Problem) -> Fault:
        tag = f"{{{ns.BF}}}Originator"
        place, identifier = exchange.place, exchange.resource_id
        by = Described(place.service.name, place.service.namespace) if place.service else None
        if isinstance(problem, WorkFailed):
            identifier = problem.activity_id
        originator = addressing.reference(self._addresses, place.resource, identifier, tag=tag, by=by)
        return faults.fault_of(problem, self._now, originator)

    async def _apart(self, work: Callable[[], T]) -> T:
        """Do in a thread what takes long, as it does for a large message; libxml2 lets others run meanwhile.

        Each has a thread of its own, with which the names that the message has taught the parser are forgotten.
        """
        async with self._apart_at_a_time:
            pool = ThreadPoolExecutor(1, "message")
            try:
                return await asyncio.get_running_loop().run_in_executor(pool, work)
            finally:
                pool.shutdown(wait=False)

    @property
    def _now(self) -> datetime:
        return self._manager.clock()


def _check_understood(message: Envelope, exchange: Exchange) -> None:
    """Refuse what must be understood and is not."""
    for block in message.headers:
        if not _understood(block, message.body, exchange.place) and envelope.must_understand(block, message.version):
            raise envelope.not_understood(block, message.version)


def _understood(block: etree._Element, body: etree._Element, place: Place) -> bool:
    if block.tag == services.START_OPTIONS:
        return place.service is not None and body.tag in place.service.own
    return addressing.understood(block) or block.tag == conditions.IF_VERSION or credentials.understood(block)


def _not_logged_in() -> NotLoggedIn:
    return NotLoggedIn("log in with the server's token: by HTTP Basic as the password, by Bearer, or by WS-Security")


def _readable(body: etree._Element) -> str:
    name = etree.QName(body)
    prefix = next((prefix for prefix, uri in ns.PREFIXES.items() if uri == name.namespace), None)
    return f"{prefix}:{name.localname}" if prefix else str(name.text)
