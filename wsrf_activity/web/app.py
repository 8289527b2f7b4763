"""The routes. What is SOAP is passed on; each request is checked for its host, and most for who calls."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from wsrf_activity.model import errors
from wsrf_activity.model.addresses import Resource, is_id
from wsrf_activity.model.identity import Principal
from wsrf_activity.web import catalogue, grassroots, pages, results, updates
from wsrf_activity.web.faces import Faces
from wsrf_activity.web.requests import NamedRequest
from wsrf_activity.web.security import CHALLENGE

_SOAP_TYPES = ("text/xml", "application/soap+xml", "multipart/related")
#: Where SOAP is POSTed to. What is no id of ours is one here: SOAP has a fault for it.
_SOAP = re.compile(r"/(activity|subscription|pullpoint|service(?=/))(?:/(.*))?", re.DOTALL)
_WITH_SOAP = ["GET", "POST"]  #: POST is answered in front of the routes, which only say that it is allowed
_Face = Callable[[Faces, Principal, Request], Awaitable[Response]]
#: How one activity, and many, are shown to who asks for it so; to who asks for nothing, as here is usual.
_PROFILES: dict[str, tuple[_Face, _Face]] = {
    "": (pages.activity, pages.listing),
    "grassroots": (grassroots.job, grassroots.jobs),
}
_STATUS: dict[type[errors.Problem], int] = {
    errors.NotFound: 404,
    errors.TooLarge: 413,
    errors.NotPermitted: 403,
    errors.TooBusy: 429,
    errors.Refused: 400,
    errors.Unavailable: 503,
}


@dataclass(frozen=True, slots=True)
class _Routes:
    """The handlers, on the faces that they serve."""

    faces: Faces

    async def soap(self, request: Request, word: str, rest: str | None) -> ASGIApp:
        """Return what answers a POST at an address of the kind that ``word`` names; ``rest`` follows it there."""
        if word != "service":
            return await self.post(request, Resource(word), rest or None)
        name = rest or ""
        if name not in self.faces.soap.services:
            return self.faces.soap.refuse(request, self._unknown_service(name), 404, {})
        return await self.post(request, Resource.ACTIVITY, None, name)

    async def post(
        self, request: Request, resource: Resource, identifier: str | None, service: str | None = None
    ) -> ASGIApp:
        """Return what answers SOAP at an address of that kind, or at a service's."""
        content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type not in _SOAP_TYPES:
            problem = errors.Refused(f"content type {content_type!r} is not SOAP; accepted: {', '.join(_SOAP_TYPES)}")
            return self.faces.soap.refuse(request, problem, 415, {})
        caller = self.faces.gate.caller(request)
        try:
            if caller is None and "authorization" in request.headers:
                raise errors.NotLoggedIn("the credentials are wrong: the password is the server's token")
            return await self.faces.soap.answer(request, caller, resource, identifier, service)
        except errors.NotLoggedIn as problem:
            return self.faces.soap.refuse(request, problem, 401, {"www-authenticate": CHALLENGE})

    async def subscription(self, request: Request) -> Response:
        """Answer at the address of a subscription, or of all."""
        return self._described_alone(request, Resource.SUBSCRIPTION)

    async def pull_point(self, request: Request) -> Response:
        """Answer at the address of a pull point, or where they are made."""
        return self._described_alone(request, Resource.PULL_POINT)

    def _described_alone(self, request: Request, resource: Resource) -> Response:
        """Answer the description to everybody; there are no pages."""
        described = self.faces.soap.describe(request, resource)
        if described is None:
            raise HTTPException(405, headers={"Allow": "POST"})
        return described

    async def services(self, request: Request) -> Response:
        """Answer which services have a WSDL of their own, to everybody."""
        return catalogue.listing(self.faces, request)

    async def service(self, request: Request) -> Response:
        """Answer at the address of a service that has a WSDL of its own."""
        name = request.path_params["name"]
        if name not in self.faces.soap.services:
            return PlainTextResponse(f"{self._unknown_service(name)}\n", 404)
        described = self.faces.soap.describe(request, Resource.ACTIVITY, name)
        return described or catalogue.service(self.faces, request, self.faces.soap.services[name])

    def _unknown_service(self, name: str) -> errors.UnknownService:
        known = f"{self.faces.addresses.interfaces} lists those that there are"
        return errors.UnknownService(f"there is no service {name!r} with a WSDL of its own; {known}")

    async def get(self, request: Request) -> Response:
        """Answer the description to everybody, pages to those who may see them."""
        described = self.faces.soap.describe(request, Resource.ACTIVITY)
        if described is not None:
            return described
        caller = self._caller(request)
        profile = _PROFILES.get(request.query_params.get("profile", ""))
        if profile is None:
            raise errors.InvalidParameter("profile: accepted: grassroots", "profile")
        one, many = profile
        if request.path_params.get("id"):
            _check_id(request)
            return await one(self.faces, caller, request)
        return await many(self.faces, caller, request)

    async def upload(self, request: Request) -> Response:
        """Take an input ahead of its activity: 201 with the address to name as its InputReference."""
        caller = self._caller(request)
        limit = self.faces.manager.limits.input
        if int(request.headers.get("content-length", 0)) > limit:
            raise errors.TooLarge(f"an input may have at most {limit} bytes")
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise HTTPException(415, "an input is kept as it comes: send it without a content encoding")
        upload = await self.faces.manager.upload(caller, request.stream())
        address = self.faces.addresses.upload(upload.id)
        headers = {"location": address, "etag": f'"{upload.sha256}"'}
        return PlainTextResponse(address + "\n", 201, headers)

    async def result(self, request: Request) -> Response:
        """Answer the bytes of a result."""
        caller = self._caller(request)
        _check_id(request)
        return await results.serve(self.faces.manager, caller, request)

    async def updates(self, socket: WebSocket) -> None:
        """Show what changes, as it does."""
        await updates.serve(self.faces, socket)

    async def health(self, request: Request) -> Response:
        """Say that requests are answered, to everybody."""
        return JSONResponse({"status": "ok"})

    def _caller(self, request: Request) -> Principal:
        caller = self.faces.gate.caller(request)
        if caller is None:
            raise HTTPException(401, "log in with the server's token", {"www-authenticate": CHALLENGE})
        return caller


def application(faces: Faces) -> ASGIApp:
    """Return the whole as one ASGI application."""
    to = _Routes(faces)
    routes: list[BaseRoute] = [
        Route("/activity/{id}", to.get, methods=_WITH_SOAP),
        Route("/activity", to.get, methods=_WITH_SOAP),
        Route("/activity/{id}/result/{name}", to.result, methods=["GET"]),
        Route("/activity/{id:path}", to.get, methods=_WITH_SOAP),
        Route("/service/{name:path}", to.service, methods=_WITH_SOAP),
        Route("/service", to.services, methods=["GET"]),
        Route("/", to.services, methods=["GET"]),  # for whoever has no more than the server's address
        Route("/subscription/{id:path}", to.subscription, methods=_WITH_SOAP),
        Route("/subscription", to.subscription, methods=_WITH_SOAP),
        Route("/pullpoint/{id:path}", to.pull_point, methods=_WITH_SOAP),
        Route("/pullpoint", to.pull_point, methods=_WITH_SOAP),
        Route("/input", to.upload, methods=["PUT"]),
        Route("/health", to.health),
        WebSocketRoute("/updates", to.updates),
    ]
    handlers: dict[Any, Any] = {errors.Problem: _plain_problem, ClientDisconnect: _gone, 405: _other_method}
    return _Front(to, Starlette(routes=routes, exception_handlers=handlers))


def _check_id(request: Request) -> None:
    if not is_id(request.path_params["id"]):
        raise errors.NoSuchActivity


async def _plain_problem(request: Request, problem: Exception) -> Response:
    """Say a problem in a line of text: who asks here speaks plain HTTP."""
    status = next((_STATUS[kind] for kind in type(problem).__mro__ if kind in _STATUS), 500)
    return PlainTextResponse(f"{problem}\n", status)


async def _other_method(request: Request, problem: HTTPException) -> Response:
    """Say which methods there are: to who asks for that as an answer, to everybody else as a refusal."""
    allowed = (problem.headers or {}).get("Allow", "")
    if request.method == "OPTIONS":
        return Response(status_code=204, headers={"allow": f"{allowed}, OPTIONS"})
    return PlainTextResponse(f"{request.method} is not answered here; allowed: {allowed}\n", 405, {"allow": allowed})


async def _gone(request: Request, problem: Exception) -> Response:
    return Response(status_code=400)


class _Front:
    """Meets every request: turns away what was meant for another host, and answers SOAP without looking for a route.

    Most requests are SOAP, and of their addresses there are four kinds; nothing that the rest needs between here and
    its handler (routes tried one by one, exceptions made answers) is needed on the way of a SOAP message.
    """

    def __init__(self, to: _Routes, others: ASGIApp) -> None:
        self._to = to
        self._others = others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "http":
            await self._answer(NamedRequest(scope, receive, send), scope, receive, send)
        elif kind == "websocket" and not self._to.faces.gate.admits_host(HTTPConnection(scope)):
            await WebSocket(scope, receive, send).close()
        else:
            await self._others(scope, receive, send)

    async def _answer(self, request: Request, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._others
        if not self._to.faces.gate.admits_host(request):
            app = PlainTextResponse("this server is not known by that name; see its base_url setting\n", 421)
        elif scope["method"] == "POST" and (soap := _SOAP.fullmatch(scope["path"])):
            app = await self._to.soap(request, soap[1], soap[2])
        await app(scope, receive, send)
