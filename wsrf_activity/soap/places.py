"""What answers at an address: the operations of a kind of resource, or those of a service that has some of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from wsrf_activity.model import ns
from wsrf_activity.model.addresses import Addresses, Resource
from wsrf_activity.soap import contract, description, services
from wsrf_activity.soap.description import Description
from wsrf_activity.soap.services import ServiceContract

#: What is described where.
_DOCUMENTS = {
    Resource.ACTIVITY: ("activity.wsdl", ns.ACTW),
    Resource.SUBSCRIPTION: ("notification.wsdl", ns.ACTN),
    Resource.PULL_POINT: ("notification.wsdl", ns.ACTN),
}


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Addresses that answer alike."""

    resource: Resource  #: of what kind an id is that a message to it names
    operations: Mapping[str, contract.Operation]  #: by their body element
    namespace: str  #: of its WSDL
    document: str  #: the name of its WSDL among the ``description``'s
    description: Description
    service: ServiceContract | None = None  #: what has operations of its own here

    def address(self, addresses: Addresses) -> str:
        """Return where its WSDL and schemas are served."""
        return addresses.interface(self.service.name) if self.service else addresses.service

    def schema_url(self, addresses: Addresses) -> str:
        """Return what the names of its schemas are put behind."""
        return f"{self.address(addresses)}?xsd="

    def wsdl(self, addresses: Addresses, document: str = "") -> bytes:
        """Return its WSDL, or another of the same description; raises KeyError."""
        return self.description.wsdl(document or self.document, addresses.base, self.schema_url(addresses))

    def single_wsdl(self, addresses: Addresses, document: str = "") -> bytes:
        """Return its WSDL with all schemas inside; raises KeyError."""
        return self.description.single_wsdl(document or self.document, addresses.base)

    def xsd(self, addresses: Addresses, name: str) -> bytes:
        """Return a schema by its file name; raises KeyError."""
        return self.description.xsd(name, self.schema_url(addresses))


@cache
def of_resource(resource: Resource) -> Place:
    """Return what answers at the addresses of one kind of resource."""
    document, namespace = _DOCUMENTS[resource]
    return Place(resource, contract.served(resource), namespace, document, description.shipped())


def of_service(service: ServiceContract) -> Place:
    """Return what answers at the address of a service."""
    return Place(
        Resource.ACTIVITY, service.operations, service.namespace, services.DOCUMENT, service.description, service
    )
