"""All that is served as WSDL: the documents of the contract, and those that are made for services of their own."""

from collections.abc import Mapping
from functools import cache
from typing import Final

from lxml import etree

from tests.interfaces import INTERFACES
from wsrf_activity.model.addresses import Addresses, Resource
from wsrf_activity.soap import contract, places, services
from wsrf_activity.soap.places import Place

SHIPPED: Final = ("activity.wsdl", "notification.wsdl", "consumer.wsdl", "metadata.wsdl")
ALL: Final = (*SHIPPED, *INTERFACES)  #: the latter by the names of the services
BASE: Final = "https://example.org:8443/there"
ADDRESSES: Final = Addresses(BASE)


@cache
def place(document: str) -> Place:
    """Return what describes a document."""
    if document in INTERFACES:
        return places.of_service(services.contracts(INTERFACES.values())[document])
    return places.of_resource(Resource.ACTIVITY)


def name(document: str) -> str:
    """Return the name that a document has where it is served."""
    return services.DOCUMENT if document in INTERFACES else document


def wsdl(document: str, addresses: Addresses = ADDRESSES) -> bytes:
    """Return the form that imports its schemas."""
    return place(document).wsdl(addresses, name(document))


def single(document: str, addresses: Addresses = ADDRESSES) -> bytes:
    """Return the form that imports nothing."""
    return place(document).single_wsdl(addresses, name(document))


def schemas(document: str) -> str:
    """Return what the locations of its schemas begin with."""
    return place(document).schema_url(ADDRESSES)


def xsd(document: str, location: str) -> bytes:
    """Return the schema at a location."""
    return place(document).xsd(ADDRESSES, location.removeprefix(schemas(document)))


def source(document: str) -> etree._Element:
    """Return a document as it is before addresses are filled in, or for a service's after that."""
    if document in INTERFACES:
        return etree.fromstring(wsdl(document))
    return etree.parse(contract.home() / "wsdl" / document).getroot()


def operations(document: str) -> Mapping[str, contract.Operation]:
    """Return its operations by their body element."""
    if document not in INTERFACES:
        return contract.operations(document)
    metadata = contract.operations("metadata.wsdl")  # answered everywhere, and declared in a document of its own
    return {body: each for body, each in place(document).operations.items() if body not in metadata}
