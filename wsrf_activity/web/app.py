"""The routes. What is SOAP is passed on; each request is checked for its host, and most for who calls."""

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
from wsrf_activity.web.security import CHALLENGE, Gate

_SOAP_TYPES = ("text/xml", "application/soap+xml", "multipart/related")
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

    async def activity(self, request: Request) -> Response:
        """Answer at the service's or an activity's address."""
        return await (self.post(request, Resource.ACTIVITY) if request.method == "POST" else self.get(request))

    async def subscription(self, request: Request) -> Response:
        """Answer at the address of a subscription, or of all."""
        return await self._soap_alone(request, Resource.SUBSCRIPTION)

    async def pull_point(self, request: Request) -> Response:
        """Answer at the address of a pull point, or where they are made."""
        return await self._soap_alone(request, Resource.PULL_POINT)

    async def _soap_alone(self, request: Request, resource: Resource) -> Response:
        """Answer SOAP, and its description to everybody; there are no pages."""
        if request.method == "POST":
            return await self.post(request, resource)
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
            known = f"{self.faces.addresses.interfaces} lists those that there are"
            problem = errors.UnknownService(f"there is no service {name!r} with a WSDL of its own; {known}")
            if request.method == "POST":
                return self.faces.soap.refuse(request, problem, 404, {})
            return PlainTextResponse(f"{problem}\n", 404)
        if request.method == "POST":
            return await self.post(request, Resource.ACTIVITY, name)
        described = self.faces.soap.describe(request, Resource.ACTIVITY, name)
        return described or catalogue.service(self.faces, request, self.faces.soap.services[name])

    async def post(self, request: Request, resource: Resource, service: str | None = None) -> Response:
        """Answer SOAP at an address of that kind, or at a service's."""
        content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type not in _SOAP_TYPES:
            problem = errors.Refused(f"content type {content_type!r} is not SOAP; accepted: {', '.join(_SOAP_TYPES)}")
            return self.faces.soap.refuse(request, problem, 415, {})
        caller = self.faces.gate.caller(request)
        try:
            if caller is None and "authorization" in request.headers:
                raise errors.NotLoggedIn("the credentials are wrong: the password is the server's token")
            identifier = request.path_params.get("id") or None
            return await self.faces.soap.answer(request, caller, resource, identifier, service)
        except errors.NotLoggedIn as problem:
            return self.faces.soap.refuse(request, problem, 401, {"www-authenticate": CHALLENGE})

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
    # The first match answers, so what is called most comes first.
    routes: list[BaseRoute] = [
        Route("/activity/{id}", to.activity, methods=["GET", "POST"]),
        Route("/activity", to.activity, methods=["GET", "POST"]),
        Route("/activity/{id}/result/{name}", to.result, methods=["GET"]),
        Route("/activity/{id:path}", to.activity, methods=["GET", "POST"]),  # no id of ours: SOAP has a fault for it
        Route("/service/{name:path}", to.service, methods=["GET", "POST"]),
        Route("/service", to.services, methods=["GET"]),
        Route("/", to.services, methods=["GET"]),  # for whoever has no more than the server's address
        Route("/subscription/{id:path}", to.subscription, methods=["GET", "POST"]),
        Route("/subscription", to.subscription, methods=["GET", "POST"]),
        Route("/pullpoint/{id:path}", to.pull_point, methods=["GET", "POST"]),
        Route("/pullpoint", to.pull_point, methods=["GET", "POST"]),
        Route("/input", to.upload, methods=["PUT"]),
        Route("/health", to.health),
        WebSocketRoute("/updates", to.updates),
    ]
    handlers: dict[Any, Any] = {errors.Problem: _plain_problem, ClientDisconnect: _gone, 405: _other_method}
    return _HostChecked(Starlette(routes=routes, exception_handlers=handlers), faces.gate)


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


class _HostChecked:
    """Turns away what was meant for another host."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app = app
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app
        if scope["type"] in ("http", "websocket") and not self._gate.admits_host(HTTPConnection(scope)):
            if scope["type"] == "websocket":
                await WebSocket(scope, receive, send).close()
                return
            app = PlainTextResponse("this server is not known by that name; see its base_url setting\n", 421)
        await app(scope, receive, send)
