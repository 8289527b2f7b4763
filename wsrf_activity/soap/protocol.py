"""Spyne's protocol for both versions of SOAP at once: the envelope is read and written by our own rules.

Spyne still decides which method a message belongs to and calls it; what this class leaves out of Spyne's own Soap11 is
what it does otherwise than the standards say (no mustUnderstand, one version only, methods found by one namespace).
"""

from typing import Any

from spyne import Application
from spyne.error import ResourceNotFoundError
from spyne.protocol import ProtocolBase

from wsrf_activity.model.addresses import Resource
from wsrf_activity.soap.notification_ports import MANAGER_SERVICES, PULL_POINT_SERVICES
from wsrf_activity.soap.places import Place
from wsrf_activity.soap.ports import SERVICES
from wsrf_activity.soap.typed_ports import methods_of, typed_port

_SERVED = {
    Resource.ACTIVITY: ("ActivityService", SERVICES),
    Resource.SUBSCRIPTION: ("SubscriptionManagerService", MANAGER_SERVICES),
    Resource.PULL_POINT: ("PullPointService", PULL_POINT_SERVICES),
}


class ActivitySoap(ProtocolBase):
    """Messages come in as the child of Body, already checked against the schemas, and go out as one.

    So there is nothing to read or write here: a method takes that element itself and returns one.
    """

    mime_type = "text/xml"

    def __init__(self, place: Place) -> None:
        """Speak as a place does."""
        self._place = place
        super().__init__()

    def set_app(self, app: Application | None) -> None:
        """Find each operation's method; all namespaces that are served are served by one application."""
        super().set_app(app)
        if app is None:
            return  # Spyne's own constructor calls it without one
        methods: dict[str, Any] = {}
        for service in app.services:
            methods.update(service.public_methods)
        own = {} if self._place.service is None else methods_of(self._place.service)
        names = {body: own.get(body, operation.name) for body, operation in self._place.operations.items()}
        self._methods = {body: methods[name] for body, name in names.items()}

    def generate_method_contexts(self, ctx: Any) -> list[Any]:
        """Find the method of the body's element, whatever its namespace.

        Spyne's own copies the context for each method that a message may call; here one message is one call.
        """
        descriptor = self._methods.get(ctx.method_request_string)
        if descriptor is None:
            raise ResourceNotFoundError(ctx.method_request_string)
        ctx.descriptor = descriptor
        return [ctx]


def application(place: Place) -> Application:
    """Return the application that implements the port types of one place."""
    name, services = _SERVED[place.resource]
    if place.service is not None:
        name, services = place.service.name, (*services, typed_port(place.service))
    return Application(
        services,
        tns=place.namespace,
        name=name,
        in_protocol=ActivitySoap(place),
        out_protocol=ActivitySoap(place),
    )
