"""The client with its wire watched: each SOAP message that it sends or gets is held against the schemas. No tests."""

from collections.abc import Callable
from typing import Any

import httpx
from lxml import etree

from tests.server import Server
from tests.wire_validation import check_envelope
from wsrf_activity.client import Service, connect
from wsrf_activity.client.aio import Service as AsyncService
from wsrf_activity.client.aio import connect as connect_async


class Watch:
    """What went over the wire."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.envelopes: list[etree._Element] = []

    def sent(self, request: httpx.Request) -> None:
        """Take a request that is about to be sent."""
        self.requests.append(request)
        if request.method == "POST":
            assert check_envelope(request.content) == []
            self.envelopes.append(etree.fromstring(request.content))

    def got(self, response: httpx.Response) -> None:
        """Take an answer."""
        if response.request.method == "POST":
            assert check_envelope(response.read()) == []

    def of(self, method: str) -> list[str]:
        """Return the paths of all requests by a method of HTTP."""
        return [request.url.path for request in self.requests if request.method == method]


def watched(server: Server, watch: Watch) -> Service:
    """Return a service whose messages are watched."""
    http = httpx.Client(trust_env=False, event_hooks={"request": [watch.sent], "response": [watch.got]})
    return connect(data=server.data, http=http)


def watched_async(server: Server, watch: Watch) -> AsyncService:
    """Return a service for asyncio whose messages are watched."""

    async def sent(request: httpx.Request) -> None:
        watch.sent(request)

    async def got(response: httpx.Response) -> None:
        if response.request.method == "POST":
            await response.aread()
        watch.got(response)

    hooks: dict[str, list[Callable[..., Any]]] = {"request": [sent], "response": [got]}
    limits = httpx.Limits(max_connections=None)
    http = httpx.AsyncClient(trust_env=False, event_hooks=hooks, limits=limits)
    return connect_async(data=server.data, http=http)
