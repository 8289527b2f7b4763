"""WS-MetadataExchange's GetMetadata (2004/09): the WSDL, the schemas, and which resource properties can be changed."""

from collections.abc import Callable, Iterator
from functools import cache

from lxml import etree

from wsrf_activity.model import ns
from wsrf_activity.model.addresses import Addresses
from wsrf_activity.soap import modification
from wsrf_activity.soap.places import Place
from wsrf_activity.soap.properties import CONSTANT, PROPERTIES

#: Properties that keep their first value, in the terms of WS-ResourceMetadataDescriptor 1.0.
_CONSTANT = CONSTANT | {f"{{{ns.ACT}}}{name}" for name in ("ActivityId", "Service", "Owner", "CreationTime")}
#: Properties to which values are only ever added.
_APPENDABLE = frozenset(f"{{{ns.ACT}}}{name}" for name in ("Error", "Result"))

Sections = Callable[[Place, Addresses], Iterator[tuple[str, etree._Element]]]


def answer(request: etree._Element, place: Place, addresses: Addresses) -> etree._Element:
    """Return mex:Metadata of a place: the sections of the dialect and identifier that were asked for, or all."""
    dialect = (request.findtext(f"{{{ns.MEX}}}Dialect") or "").strip()
    identifier = (request.findtext(f"{{{ns.MEX}}}Identifier") or "").strip()
    metadata = etree.Element(f"{{{ns.MEX}}}Metadata", nsmap={"mex": ns.MEX})
    for known, sections in _DIALECTS.items():
        if dialect in ("", known):
            for name, content in sections(place, addresses):
                if identifier in ("", name):
                    section = etree.SubElement(metadata, f"{{{ns.MEX}}}MetadataSection", Dialect=known, Identifier=name)
                    section.append(content)
    return metadata


@cache
def property_descriptor(wsdl_url: str) -> bytes:
    """Return which properties a client can change and which change at all (WS-ResourceMetadataDescriptor 1.0).

    ``wsdl_url`` is where the WSDL is served.
    """
    prefixes = {p: ns.PREFIXES[p] for p in ("act", "actw", "wsrfrl", "wsrfrp", "wsnt", "wstop")}
    definitions = etree.Element(f"{{{ns.RMD}}}Definitions", nsmap={"rmd": ns.RMD, **prefixes})
    descriptor = etree.SubElement(
        definitions,
        f"{{{ns.RMD}}}MetadataDescriptor",
        name="ActivityPropertiesMetadata",
        interface="actw:ActivityPortType",
        wsdlLocation=f"{ns.ACTW} {wsdl_url}",
    )
    names = {uri: prefix for prefix, uri in prefixes.items()}
    for tag in PROPERTIES:
        name = etree.QName(tag)
        writable = tag in modification.MODIFIABLE
        etree.SubElement(
            descriptor,
            f"{{{ns.RMD}}}Property",
            name=f"{names[name.namespace or '']}:{name.localname}",
            mutability=_mutability(tag),
            modifiability="read-write" if writable else "read-only",
        )
    return etree.tostring(definitions, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _mutability(tag: str) -> str:
    if tag in _CONSTANT:
        return "constant"
    return "appendable" if tag in _APPENDABLE else "mutable"


def _wsdl(place: Place, addresses: Addresses) -> Iterator[tuple[str, etree._Element]]:
    yield place.namespace, etree.fromstring(place.wsdl(addresses))


def _schemas(place: Place, addresses: Addresses) -> Iterator[tuple[str, etree._Element]]:
    for namespace, name in place.description.schemas():
        yield namespace, etree.fromstring(place.xsd(addresses, name))


def _descriptors(place: Place, addresses: Addresses) -> Iterator[tuple[str, etree._Element]]:
    yield ns.ACT, etree.fromstring(property_descriptor(f"{addresses.service}?wsdl"))


_DIALECTS: dict[str, Sections] = {ns.WSDL: _wsdl, ns.XSD: _schemas, ns.RMD: _descriptors}
