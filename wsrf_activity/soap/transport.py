"""Spyne's server on ASGI: a POST in, an envelope out, and in between an operation that may wait for a month."""

import asyncio
import logging
import re
import zlib
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TypeVar

from lxml import etree
from spyne import MethodContext
from spyne.server import ServerBase
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from wsrf_activity.manager import Manager
from wsrf_activity.model import ns
from wsrf_activity.model.addresses import Addresses
from wsrf_activity.model.errors import Problem, TooLarge, Unavailable
from wsrf_activity.model.identity import Principal
from wsrf_activity.soap import addressing, contract, description, envelope, faults, markup, properties
from wsrf_activity.soap.envelope import SOAP11, SOAP12, Envelope, Version
from wsrf_activity.soap.faults import Fault, SoapProblem
from wsrf_activity.soap.ports import Call
from wsrf_activity.soap.properties import View
from wsrf_activity.soap.protocol import application

log = logging.getLogger(__name__)
_APART = 1 << 16  #: bytes from which a message is parsed and checked away from the event loop
_APART_AT_A_TIME = 4  #: messages; each may take a hundred times its size
_CONTRACT = "activity.wsdl"
_WAIT = f"{{{ns.ACT}}}Wait"
_PARAMETER = re.compile(r';\s*([^\s=;]+)\s*=\s*(?:"([^"]*)"|([^\s";]*))')

T = TypeVar("T")


class SoapServer(ServerBase):
    """Answers SOAP messages for one manager."""

    transport = "http://schemas.xmlsoap.org/soap/http"

    def __init__(self, manager: Manager, addresses: Addresses, max_envelope: int) -> None:
        """Serve ``manager`` at ``addresses``; a message may have ``max_envelope`` bytes."""
        super().__init__(application())
        self._manager = manager
        self._addresses = addresses
        self._max = max_envelope
        self._vocabulary = markup.Vocabulary()
        self._apart_at_a_time = asyncio.Semaphore(_APART_AT_A_TIME)

    async def answer(self, request: Request, caller: Principal, activity_id: str | None) -> Response:
        """Answer one POST. Whatever it holds, the answer is SOAP, and no trace of the inside is in it."""
        exchange = _Exchange(_version_of(request))
        try:
            reply = await self._answer(request, caller, activity_id, exchange)
        except (Problem, SoapProblem) as problem:
            return self._refusal(exchange, problem)
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception:
            log.exception("a request failed through a fault of the server's own")
            return self._refusal(exchange, Unavailable("the server failed to answer; its log says why"))
        if not exchange.headers.answered(fault=False):
            return Response(status_code=202)
        return _response(exchange.version, reply, 200)

    def refuse(self, request: Request, problem: Problem, status: int, headers: dict[str, str]) -> Response:
        """Answer a request that was refused before it was read: no credentials, say."""
        exchange = _Exchange(_version_of(request))
        response = self._refusal(exchange, problem)
        response.status_code = status
        response.headers.update(headers)
        return response

    def describe(self, request: Request) -> Response | None:
        """Answer ``?wsdl``, ``?singleWsdl`` and ``?xsd=NAME``, whatever their case; None for anything else."""
        query = {name.lower(): value for name, value in request.query_params.items()}
        base, schemas = self._addresses.base, f"{self._addresses.service}?xsd="
        try:
            if "wsdl" in query:
                return _description(description.wsdl(query["wsdl"] or _CONTRACT, base, schemas))
            if "singlewsdl" in query:
                return _description(description.single_wsdl(query["singlewsdl"] or _CONTRACT, base))
            if "xsd" in query:
                return _description(description.xsd(query["xsd"], schemas))
        except KeyError:
            return Response("there is no such document\n", 404, media_type="text/plain")
        return None

    async def document(self, caller: Principal, activity_id: str) -> bytes:
        """Return an activity's property document."""
        activity = await self._manager.get(caller, activity_id)
        return markup.write(properties.document(View(activity, self._now, self._addresses)))

    async def _answer(
        self, request: Request, caller: Principal, activity_id: str | None, exchange: "_Exchange"
    ) -> etree._Element:
        data = await self._body(request)
        message = await self._understood(data, request, exchange)
        exchange.activity_id = exchange.headers.activity_id(activity_id)
        call = Call(self._manager, caller, self._addresses, exchange.activity_id)
        work = self._dispatch(message.body, call)
        reply = await (_unless_gone(request, work) if message.body.tag == _WAIT else work)
        action = contract.operations()[message.body.tag].output_action or ""
        return envelope.message(message.version, addressing.reply_headers(exchange.headers, action), reply)

    async def _body(self, request: Request) -> bytes:
        """Read the request's body, never more of it than is allowed."""
        if int(request.headers.get("content-length", 0)) > self._max:
            raise self._too_large()
        received = bytearray()
        async for chunk in request.stream():
            received += chunk
            if len(received) > self._max:
                raise self._too_large()
        return bytes(received)

    def _too_large(self) -> TooLarge:
        inputs = self._addresses.input
        return TooLarge(f"a message may have at most {self._max} bytes; send a large input by PUT to {inputs}")

    async def _understood(self, data: bytes, request: Request, exchange: "_Exchange") -> Envelope:
        """Return a message that has been found good in every respect but what it asks for."""
        encoding = request.headers.get("content-encoding", "identity").strip().lower()
        charset = _parameter(request.headers.get("content-type", ""), "charset")
        apart = len(data) > _APART or encoding != "identity" or self._vocabulary.full
        vocabulary = None if apart else self._vocabulary
        message = await self._run(apart, lambda: self._read(data, encoding, charset, vocabulary, exchange))
        self._check(message, exchange.headers, _soap_action(request))
        await self._run(apart, lambda: self._validate(message.body))
        return message

    def _read(
        self,
        data: bytes,
        encoding: str,
        charset: str | None,
        vocabulary: markup.Vocabulary | None,
        exchange: "_Exchange",
    ) -> Envelope:
        plain = data if encoding == "identity" else self._unzip(data, encoding)
        root = markup.parse(plain, charset, vocabulary)
        exchange.version = envelope.version_of(root) or exchange.version
        message = envelope.read(root, self._now)
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

    def _check(self, message: Envelope, headers: addressing.Headers, soap_action: str | None) -> None:
        """Refuse what must be understood and is not, and an Action that is not the body's."""
        for block in message.headers:
            if not addressing.understood(block) and envelope.must_understand(block, message.version):
                raise envelope.not_understood(block, message.version)
        if headers.problem is not None:
            raise headers.problem
        operation = contract.operations().get(message.body.tag)
        addressing.check_action(headers, soap_action, operation.input_action if operation else None)
        if operation is None:
            raise faults.sender(f"{_readable(message.body)} is no operation of this service", self._now, "NoOperation")

    def _validate(self, body: etree._Element) -> None:
        complaints = contract.violations(body)
        if complaints:
            raise faults.sender(f"{_readable(body)} is not valid: {'; '.join(complaints)}", self._now, "InvalidBody")

    async def _dispatch(self, body: etree._Element, call: Call) -> etree._Element:
        """Let Spyne find and call the operation, and await it."""
        context = MethodContext(self, MethodContext.SERVER)
        context.in_document = body
        context.udc = call
        [context] = self.generate_contexts(context)
        self.get_in_object(context)
        self.get_out_object(context)
        if context.out_error is not None:
            raise context.out_error
        context.out_object = [await context.out_object[0]]
        self.get_out_string(context)
        reply: etree._Element = context.out_document
        return reply

    def _refusal(self, exchange: "_Exchange", problem: Problem | SoapProblem) -> Response:
        fault = problem.fault if isinstance(problem, SoapProblem) else self._typed(exchange, problem)
        if not exchange.headers.answered(fault=True):
            return Response(status_code=202)
        blocks = [*addressing.reply_headers(exchange.headers, fault.action), *fault.headers]
        body = envelope.fault_body(exchange.version, fault)
        message = envelope.message(exchange.version, blocks, body)
        return _response(exchange.version, message, envelope.http_status(exchange.version, fault))

    def _typed(self, exchange: "_Exchange", problem: Problem) -> Fault:
        tag = f"{{{ns.BF}}}Originator"
        originator = addressing.endpoint_reference(self._addresses, exchange.activity_id, tag=tag)
        return faults.fault_of(problem, self._now, originator)

    async def _run(self, apart: bool, work: Callable[[], T]) -> T:
        """Do what takes long for a large message in a thread; libxml2 lets others run meanwhile.

        Each has a thread of its own, with which the names that the message has taught the parser are forgotten.
        """
        if not apart:
            return work()
        async with self._apart_at_a_time:
            pool = ThreadPoolExecutor(1, "message")
            try:
                return await asyncio.get_running_loop().run_in_executor(pool, work)
            finally:
                pool.shutdown(wait=False)

    @property
    def _now(self) -> datetime:
        return self._manager.clock()


class _Exchange:
    """What is known of a request so far: enough to answer it in kind, however early it fails."""

    def __init__(self, version: Version) -> None:
        self.version = version
        self.headers = addressing.Headers()
        self.activity_id: str | None = None


def _response(version: Version, message: etree._Element, status: int) -> Response:
    return Response(markup.write(message), status, media_type=f"{version.media_type}; charset=UTF-8")


def _description(document: bytes) -> Response:
    return Response(document, media_type="text/xml; charset=UTF-8")


def _version_of(request: Request) -> Version:
    """The version that a message is taken for until its envelope says."""
    content_type = request.headers.get("content-type", "").lower()
    return SOAP12 if content_type.startswith(SOAP12.media_type) else SOAP11


def _soap_action(request: Request) -> str | None:
    """SOAP 1.1 has a header of its own for it, SOAP 1.2 a parameter of the content type; empty says nothing."""
    header = request.headers.get("soapaction", "").strip(' "')
    return header or _parameter(request.headers.get("content-type", ""), "action")


def _parameter(content_type: str, name: str) -> str | None:
    for match in _PARAMETER.finditer(content_type):
        if match.group(1).lower() == name:
            return match.group(2) or match.group(3) or None
    return None


async def _unless_gone(request: Request, work: Awaitable[T]) -> T:
    """Wait for something, but not for a client that has hung up: many of those would fill the memory."""
    waiting = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(request.receive())
    try:
        await asyncio.wait((waiting, gone), return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            raise ClientDisconnect
        return waiting.result()
    finally:
        waiting.cancel()
        gone.cancel()


def _readable(body: etree._Element) -> str:
    name = etree.QName(body)
    prefix = next((prefix for prefix, uri in ns.PREFIXES.items() if uri == name.namespace), None)
    return f"{prefix}:{name.localname}" if prefix else str(name.text)
