"""Spyne's protocol for both versions of SOAP at once: the envelope is read and written by our own rules.

Spyne still decides which method a message belongs to and calls it; what this class leaves out of Spyne's own Soap11 is
what it does otherwise than the standards say (no mustUnderstand, one version only, methods found by one namespace).
"""

from collections.abc import Mapping
from typing import Any

from spyne import Application
from spyne.error import ResourceNotFoundError
from spyne.protocol import ProtocolBase

from wsrf_activity.model import ns
from wsrf_activity.model.addresses import Resource
from wsrf_activity.soap import contract
from wsrf_activity.soap.notification_ports import MANAGER_SERVICES, PULL_POINT_SERVICES
from wsrf_activity.soap.ports import SERVICES

_SERVED = {
    Resource.ACTIVITY: ("ActivityService", ns.ACTW, SERVICES),
    Resource.SUBSCRIPTION: ("SubscriptionManagerService", ns.ACTN, MANAGER_SERVICES),
    Resource.PULL_POINT: ("PullPointService", ns.ACTN, PULL_POINT_SERVICES),
}


class ActivitySoap(ProtocolBase):
    """Messages come in as the child of Body, already checked against the schemas, and go out as one."""

    mime_type = "text/xml"

    def __init__(self, resource: Resource) -> None:
        """Speak as the addresses of one kind of resource do."""
        self._operations = contract.served(resource)
        super().__init__()

    def set_app(self, app: Application | None) -> None:
        """Find each operation's method; all namespaces that are served are served by one application."""
        super().set_app(app)
        if app is None:
            return  # Spyne's own constructor calls it without one
        methods: Mapping[str, Any] = {
            descriptor.name: descriptor for service in app.services for descriptor in service.public_methods.values()
        }
        self._methods = {body: methods[operation.name] for body, operation in self._operations.items()}

    def create_in_document(self, ctx: Any, in_string_encoding: str | None = None) -> None:
        """The transport has parsed the message."""

    def decompose_incoming_envelope(self, ctx: Any, message: object = None) -> None:
        """An operation is named by the body's element."""
        ctx.in_body_doc = ctx.in_document
        ctx.method_request_string = ctx.in_body_doc.tag

    def generate_method_contexts(self, ctx: Any) -> list[Any]:
        """Find the method of the body's element, whatever its namespace.

        Spyne's own copies the context for each method that a message may call; here one message is one call.
        """
        descriptor = self._methods.get(ctx.method_request_string)
        if descriptor is None:
            raise ResourceNotFoundError(ctx.method_request_string)
        ctx.descriptor = descriptor
        return [ctx]

    def deserialize(self, ctx: Any, message: object) -> None:
        """A method takes the element itself."""
        ctx.in_object = ctx.in_body_doc

    def serialize(self, ctx: Any, message: object) -> None:
        """A method returns the element itself."""
        ctx.out_document = ctx.out_object[0]

    def create_out_string(self, ctx: Any, out_string_encoding: str | None = None) -> None:
        """The transport writes the envelope, whose headers it knows."""


def application(resource: Resource = Resource.ACTIVITY) -> Application:
    """Return the application that implements the port types at the addresses of one kind of resource."""
    name, namespace, services = _SERVED[resource]
    return Application(
        services,
        tns=namespace,
        name=name,
        in_protocol=ActivitySoap(resource),
        out_protocol=ActivitySoap(resource),
    )
