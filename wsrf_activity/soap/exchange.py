"""One request and its response over HTTP: what is known of it so far, and how an answer to it is written."""

from collections.abc import Mapping
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from wsrf_activity.soap import addressing, contract, mtom
from wsrf_activity.soap.compression import compressed
from wsrf_activity.soap.envelope import SOAP11, SOAP12, Outgoing, Verbatim
from wsrf_activity.soap.places import Place
from wsrf_activity.soap.replies import ON_THE_CONNECTION


class Exchange:
    """What is known of a request so far: enough to answer it in kind, however early it fails."""

    def __init__(self, request: Request, place: Place, now: datetime) -> None:
        """Begin with what HTTP says; ``place`` is what answers at the address, ``now`` when it came."""
        self.media_type, self.parameters = mtom.parameters(request.headers.get("content-type", ""))
        kind = self.parameters.get("start-info", "") if self.media_type == mtom.MEDIA_TYPE else self.media_type
        self.version = SOAP12 if kind.lower().startswith(SOAP12.media_type) else SOAP11  # until the envelope says
        self.headers = addressing.NO_HEADERS
        self.routes = ON_THE_CONNECTION
        self.place = place
        self.now = now
        self.resource_id: str | None = None
        self.verbatim: Verbatim | None = None  #: what the reply holds that is already written
        self.apart = False  #: whether the message is so large that others must not wait for it
        self.request = request

    @property
    def operations(self) -> Mapping[str, contract.Operation]:
        """What is answered at the address."""
        return self.place.operations

    def soap_action(self) -> str | None:
        """SOAP 1.1 has a header of its own for it, SOAP 1.2 a parameter of the content type; empty says nothing."""
        in_header = "" if self.version.is_12 else self.request.headers.get("soapaction", "").strip(' "')
        return in_header or self.parameters.get("action") or None

    @property
    def takes_parts(self) -> bool:
        """Whether the client reads multipart messages: it has sent one, or says so."""
        return self.media_type == mtom.MEDIA_TYPE or mtom.XOP_TYPE in self.request.headers.get("accept", "")


def response(exchange: Exchange, message: Outgoing, status: int, parameters: tuple[bytes, ...]) -> Response:
    """Return a message as the client reads it: packed or compressed where it says that it can."""
    packed = mtom.write(message, parameters) if exchange.takes_parts else None
    if packed is not None:
        content_type, body = packed
        return Response(body, status, headers={"content-type": content_type})
    written = message.written(parameters)
    if exchange.verbatim is not None:
        written = exchange.verbatim.put(written)
    # In capital letters, since Ruby's REXML loses the beginning of a document that it is told to be in utf-8.
    plain = Response(written, status, media_type=f"{message.version.media_type}; charset=UTF-8")
    return compressed(plain, exchange.request)
