"""Everything that answers requests, put together once; what this room needs of SOAP it names here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from wsrf_activity.manager import Manager
from wsrf_activity.model.activity import Activity
from wsrf_activity.model.addresses import Addresses, Resource
from wsrf_activity.model.errors import Problem
from wsrf_activity.model.identity import Principal
from wsrf_activity.model.interfaces import Interface
from wsrf_activity.web.security import Gate


class Soap(Protocol):
    """What this room needs of the one that speaks SOAP."""

    services: Mapping[str, Interface]  #: those that have operations of their own, by their names

    async def answer(
        self,
        request: Request,
        caller: Principal | None,
        resource: Resource,
        identifier: str | None,
        service: str | None = None,
    ) -> ASGIApp:
        """Return what answers a POST; raises NotLoggedIn where neither ``caller`` nor the message says who calls."""

    def refuse(self, request: Request, problem: Problem, status: int, headers: dict[str, str]) -> Response:
        """Answer a POST that is refused before it is read."""

    def describe(self, request: Request, resource: Resource, service: str | None = None) -> Response | None:
        """Answer ``?wsdl``, ``?singleWsdl``, ``?xsd=`` and ``?rmd``; None for anything else."""

    def document(self, activity: Activity) -> bytes:
        """Return an activity's property document."""


@dataclass(frozen=True, slots=True)
class Faces:
    """Everything that answers requests."""

    manager: Manager
    soap: Soap
    gate: Gate
    addresses: Addresses
