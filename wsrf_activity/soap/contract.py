"""The law of the wire, read from ``wsdl/`` and ``schemas/``: which operations there are, what their messages and
Actions are called, and whether an element is valid. What is served of these files is made in ``description``.
"""

import copy
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from lxml import etree

from wsrf_activity.model import ns
from wsrf_activity.model.addresses import Resource

#: How many complaints about one element are told: enough to mend it, too few to be an answer larger than the request.
MOST_VIOLATIONS = 20

# The number of elements from which on complaints are collected in the way that suits many.
_LARGE = 1000
_MOST_ATTRIBUTES = 100
_XSI_ATTRIBUTES = tuple(
    f"{{{ns.XSI}}}{name}" for name in ("type", "nil", "schemaLocation", "noNamespaceSchemaLocation")
)


@dataclass(frozen=True)
class Operation:
    """One operation of a port type, its elements by their Clark names ``{namespace}name``."""

    name: str
    input: str
    output: str | None  #: None for a one-way operation
    input_action: str
    output_action: str | None
    faults: Mapping[str, str]  #: element of the fault to its Action


@cache
def home() -> Path:
    """Return the folder that holds ``wsdl/`` and ``schemas/``: inside the package in a wheel, else above it."""
    package = Path(__file__).resolve().parent.parent
    shipped = package / "_contract"
    return shipped if shipped.is_dir() else package.parent


@cache
def schema_files() -> Mapping[str, Path]:
    """Return the schema file of each target namespace."""
    files = sorted((home() / "schemas").glob("*.xsd"))
    return MappingProxyType({_root(file).get("targetNamespace", ""): file for file in files})


@cache
def operations(document: str = "activity.wsdl", *port_types: str) -> Mapping[str, Operation]:
    """Return the operations of these port types of a WSDL, or of all, by the Clark name of their body element.

    An element names its operation, since all are document/literal: that is how a message is dispatched and where its
    Actions come from.
    """
    definitions = _root(home() / "wsdl" / document)
    elements = {
        message.get("name", ""): clark_name(part, part.get("element", ""))
        for message in definitions.iterfind(f"{{{ns.WSDL}}}message")
        for part in message.iterfind(f"{{{ns.WSDL}}}part")
    }
    found = (
        _operation(operation, elements)
        for port_type in definitions.iterfind(f"{{{ns.WSDL}}}portType")
        if not port_types or port_type.get("name") in port_types
        for operation in port_type.iterfind(f"{{{ns.WSDL}}}operation")
    )
    return MappingProxyType({operation.input: operation for operation in found})


@cache
def served(resource: Resource = Resource.ACTIVITY) -> Mapping[str, Operation]:
    """Return the operations that the addresses of one kind of resource answer, by their body element.

    For activities and the service itself that is the port type's and GetMetadata, for pull points also what makes them.
    """
    notification = "notification.wsdl"
    if resource is Resource.SUBSCRIPTION:
        return operations(notification, "SubscriptionManagerPortType")
    if resource is Resource.PULL_POINT:
        return operations(notification, "PullPointPortType", "CreatePullPointPortType")
    return MappingProxyType({**operations(), **operations("metadata.wsdl")})


@cache
def schema_set() -> etree.XMLSchema:
    """Return all schemas as one, compiled; threads may share it for a yes or no, but not its error log."""
    return compiled()


def violations(element: etree._Element) -> list[str]:
    """Validate one element: a child of Body, a header block or a child of a fault's detail.

    Returns a message for each complaint, and none for an element of a foreign namespace, about which the schemas say
    nothing. The element is neither changed nor, where it is valid, copied. White space around simple content is
    accepted as XML Schema has it (part 2, section 4.3.6), although libxml2 refuses some: who reads the value strips it.
    While it is judged no other thread may touch its document, which lxml borrows.
    """
    tag = element.tag
    if tag not in _declared() and _is_foreign(element):
        return []
    if _is_large(element):
        return _parse_and_explain(element) and _parse_and_explain(_lenient(element))
    return [] if schema_set().validate(element) else _explain(_lenient(element))


def _is_foreign(element: etree._Element) -> bool:
    return etree.QName(element).namespace not in schema_files()


def clark_name(scope: etree._Element, qname: str) -> str:
    """Expand a QName with the prefixes in scope, the default namespace included (XML Schema part 2, section 3.2.18).

    Raises KeyError for a prefix that is not declared there.
    """
    prefix, _, local = qname.rpartition(":")
    namespace = scope.nsmap[prefix] if prefix else scope.nsmap.get(None)
    return f"{{{namespace}}}{local}" if namespace else local


# A schema object has one error log, which every validation clears: reasons come from a second one, one at a time.
_explaining = threading.Lock()


@cache
def _explainer() -> etree.XMLSchema:
    return compiled()


def _explain(element: etree._Element) -> list[str]:
    with _explaining:
        schema = _explainer()
        if schema.validate(element):
            return []
        return _told(schema.error_log, element)


def _is_large(element: etree._Element) -> bool:
    return next(islice(element.iter("*"), _LARGE, None), None) is not None


def _parse_and_explain(element: etree._Element) -> list[str]:
    """Validate while parsing anew: a complaint then costs the same however many there are.

    For one about a tree lxml counts the siblings before the element, so that 40,000 wrong ones took 20 seconds.
    """
    parser = etree.XMLParser(
        schema=schema_set(), no_network=True, load_dtd=False, resolve_entities=False, huge_tree=True
    )
    try:
        etree.fromstring(etree.tostring(element, with_tail=False), parser)
    except etree.XMLSyntaxError as invalid:
        return _told(parser.error_log, element) or [_readable(str(invalid))]
    return []


def _told(log: Any, element: etree._Element) -> list[str]:
    line = cast("int", element.sourceline)  # of the whole, where the parser knows no better
    return [f"line {entry.line or line}: {_readable(entry.message)}" for entry in log[:MOST_VIOLATIONS]]


def _lenient(element: etree._Element) -> etree._Element:
    """Copy an element without what libxml2 alone objects to, in place of where it stands so that its QNames resolve."""
    if not any(_padded(child) or _xsi_in_foreign(child) for child in element.iter("*")):
        return element
    parent = etree.Element("parent", nsmap=cast("Mapping[str, str]", element.nsmap))
    parent.append(copy.deepcopy(element))
    for child in parent[0].iter("*"):
        for name in _xsi_in_foreign(child):
            del child.attrib[name]
        if not _is_foreign(child):
            _strip(child)
    return parent[0]


def _xsi_in_foreign(element: etree._Element) -> list[str]:
    """Name the attributes by which libxml2 rejects foreign content that it should skip: an unknown xsi:type, say."""
    return [name for name in _XSI_ATTRIBUTES if name in element.attrib] if _is_foreign(element) else []


def _padded(element: etree._Element) -> bool:
    texts = [element.text if len(element) == 0 else None, *(value for _, value in _attributes(element))]
    return any(text is not None and text != text.strip() for text in texts)


def _strip(element: etree._Element) -> None:
    if len(element) == 0 and element.text:
        element.text = element.text.strip()
    for name, value in _attributes(element):
        element.set(name, value.strip())


def _attributes(element: etree._Element) -> list[tuple[str, str]]:
    """List the attributes, or none where they are too many to be valid: lxml looks for each among all the others."""
    if len(element.attrib) > _MOST_ATTRIBUTES:
        return []
    return [(str(name), str(value)) for name, value in element.attrib.items()]


def _readable(message: str) -> str:
    for prefix, uri in ns.PREFIXES.items():
        message = message.replace(f"##other{{{uri}}}*", "an element of another namespace")
        message = message.replace(f"{{{uri}}}", f"{prefix}:")
    return message


@cache
def _declared() -> frozenset[str]:
    return frozenset(
        f"{{{namespace}}}{element.get('name')}"
        for namespace, file in schema_files().items()
        for element in _root(file).iterfind(f"{{{ns.XSD}}}element")
    )


class _Offline(etree.Resolver):
    """Finds an imported schema beside the others whatever the path says, and nothing anywhere else."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    def resolve(self, system_url: str, public_id: str, context: object = None) -> object:
        content = self._files.get(system_url.rsplit("/", 1)[-1], b"")
        return self.resolve_string(content, context, base_url=system_url)


def compiled(more: Mapping[str, bytes] = MappingProxyType({})) -> etree.XMLSchema:
    """Return all schemas as one, compiled anew, with ``more`` by their namespaces."""
    files = {file.name: file.read_bytes() for file in schema_files().values()}
    names = {namespace: file.name for namespace, file in schema_files().items()}
    for number, (namespace, content) in enumerate(more.items()):
        names[namespace] = f"more-{number}.xsd"
        files[names[namespace]] = content
    driver = etree.Element(f"{{{ns.XSD}}}schema")
    for namespace, name in names.items():
        etree.SubElement(driver, f"{{{ns.XSD}}}import", namespace=namespace, schemaLocation=name)
    parser = etree.XMLParser(no_network=True, load_dtd=False, resolve_entities=False)
    parser.resolvers.add(_Offline(files))
    return etree.XMLSchema(etree.fromstring(etree.tostring(driver), parser))


def _root(file: Path) -> etree._Element:
    return etree.parse(file, etree.XMLParser(no_network=True, load_dtd=False, resolve_entities=False)).getroot()


def _operation(operation: etree._Element, elements: Mapping[str, str]) -> Operation:
    def messages(kind: str) -> Iterator[tuple[str, str]]:
        for message in operation.iterfind(f"{{{ns.WSDL}}}{kind}"):
            yield elements[message.get("message", "").rpartition(":")[2]], message.get(f"{{{ns.WSAM}}}Action", "")

    [(request, request_action)] = messages("input")
    response, response_action = next(messages("output"), (None, None))
    faults = MappingProxyType(dict(messages("fault")))
    return Operation(operation.get("name", ""), request, response, request_action, response_action, faults)
