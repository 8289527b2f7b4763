"""What a service says of itself: its WSDL with all that it imports, as far as the checks and their messages need it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urljoin

from lxml import etree

from wsrf_activity.conformance.standards import ELSEWHERE, STANDARD
from wsrf_activity.conformance.wire import resolved
from wsrf_activity.model import ns

BINDINGS: Mapping[str, str] = {ns.S11: ns.SOAP11_BINDING, ns.S12: ns.SOAP12_BINDING}
_WSDL, _XSD = f"{{{ns.WSDL}}}", f"{{{ns.XSD}}}"
_MOST_DOCUMENTS = 200

#: Returns the document at an address, or None where there is none that is XML.
Fetch = Callable[[str], etree._Element | None]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a port type."""

    name: str
    port_type: str  #: Clark name
    element: str | None  #: of the request, as a Clark name; None where its message has no such part
    response: str | None
    action: str | None  #: as the WSDL writes it
    response_action: str | None
    faults: Mapping[str, str | None]  #: element of each fault to its Action


@dataclass(frozen=True)
class Description:
    """A WSDL, and what it imports."""

    url: str
    documents: Mapping[str, etree._Element]  #: WSDLs by their addresses
    schemas: Mapping[str, etree._Element]  #: imported schemas by their addresses
    missing: tuple[str, ...]  #: addresses of imports that led nowhere
    operations: Mapping[str, Operation]  #: by the element of the request
    declared: tuple[Operation, ...]  #: all of them
    properties: tuple[str, ...]  #: what the port types say their resource property documents are, as Clark names
    addresses: Mapping[str, str]  #: of the ports, by the version of SOAP

    @property
    def is_ours(self) -> bool:
        """Whether the service has the contract of activities."""
        return f"{{{ns.ACT}}}ActivityProperties" in self.properties

    def action(self, element: str) -> str | None:
        """Return the Action of a request."""
        operation = self.operations.get(element)
        if operation is not None and operation.action is not None:
            return operation.action
        if element in STANDARD:
            return STANDARD[element].action
        return ELSEWHERE.get(element)

    def elements(self) -> dict[str, etree._Element]:
        """Return the global elements of all schemas by their Clark names."""
        found: dict[str, etree._Element] = {}
        for schema in self.all_schemas():
            namespace = schema.get("targetNamespace", "")
            for element in schema.iterfind(f"{_XSD}element"):
                found[f"{{{namespace}}}{element.get('name')}"] = element
        return found

    def all_schemas(self) -> Iterator[etree._Element]:
        """Yield the schemas, inline and imported."""
        for document in self.documents.values():
            yield from document.iterfind(f"{_WSDL}types/{_XSD}schema")
        yield from self.schemas.values()

    def find(self, path: str) -> list[etree._Element]:
        """Return what is at a path below the roots of all WSDLs; ``w:`` is WSDL's prefix."""
        names = {"w": ns.WSDL, "soap": ns.SOAP11_BINDING, "soap12": ns.SOAP12_BINDING}
        return [found for document in self.documents.values() for found in document.iterfind(path, names)]


def describe(url: str, root: etree._Element, fetch: Fetch) -> Description:
    """Read a WSDL whose root is at hand, and fetch what it imports."""
    documents, schemas, missing = _gather(url, root, fetch)
    messages = _messages(documents)
    declared = tuple(_operations(documents, messages))
    return Description(
        url=url,
        documents=documents,
        schemas=schemas,
        missing=tuple(missing),
        operations={operation.element: operation for operation in declared if operation.element},
        declared=declared,
        properties=tuple(
            resolved(port_type, value)
            for document in documents.values()
            for port_type in document.iterfind(f"{_WSDL}portType")
            if (value := port_type.get(f"{{{ns.RP}}}ResourceProperties")) is not None
        ),
        addresses=_addresses(documents),
    )


def _gather(
    url: str, root: etree._Element, fetch: Fetch
) -> tuple[dict[str, etree._Element], dict[str, etree._Element], list[str]]:
    documents, schemas, missing = {url: root}, dict[str, etree._Element](), list[str]()
    queue = list(_imports(url, root))
    while queue and len(documents) + len(schemas) < _MOST_DOCUMENTS:
        location = queue.pop()
        if location in documents or location in schemas or location in missing:
            continue
        found = fetch(location)
        if found is None:
            missing.append(location)
            continue
        kind = documents if found.tag == f"{_WSDL}definitions" else schemas
        kind[location] = found
        queue += _imports(location, found)
    return documents, schemas, missing


def _imports(base: str, root: etree._Element) -> Iterator[str]:
    for element in root.iter(f"{_WSDL}import", f"{_XSD}import", f"{_XSD}include"):
        location = element.get("location") or element.get("schemaLocation")
        if location:
            yield urljoin(base, location)


def _messages(documents: Mapping[str, etree._Element]) -> dict[str, str | None]:
    """Return the element of the first part of each message, by the message's Clark name."""
    found: dict[str, str | None] = {}
    for document in documents.values():
        for message in document.iterfind(f"{_WSDL}message"):
            part = message.find(f"{_WSDL}part[@element]")
            element = None if part is None else resolved(part, part.get("element"))
            found[f"{{{document.get('targetNamespace')}}}{message.get('name')}"] = element
    return found


def _operations(documents: Mapping[str, etree._Element], messages: Mapping[str, str | None]) -> Iterator[Operation]:
    for document in documents.values():
        for port_type in document.iterfind(f"{_WSDL}portType"):
            name = f"{{{document.get('targetNamespace')}}}{port_type.get('name')}"
            for operation in port_type.iterfind(f"{_WSDL}operation"):
                yield _operation(name, operation, messages)


def _operation(port_type: str, operation: etree._Element, messages: Mapping[str, str | None]) -> Operation:
    def side(kind: str) -> tuple[str | None, str | None]:
        found = operation.find(f"{_WSDL}{kind}")
        return (None, None) if found is None else (_element(found, messages), _action(found))

    element, action = side("input")
    response, response_action = side("output")
    faults = {_element(fault, messages) or "": _action(fault) for fault in operation.iterfind(f"{_WSDL}fault")}
    return Operation(operation.get("name", ""), port_type, element, response, action, response_action, faults)


def _element(node: etree._Element, messages: Mapping[str, str | None]) -> str | None:
    return messages.get(resolved(node, node.get("message", "")))


def _action(node: etree._Element) -> str | None:
    return node.get(f"{{{ns.WSAM}}}Action") or node.get(f"{{{ns.WSAW}}}Action")


def _addresses(documents: Mapping[str, etree._Element]) -> dict[str, str]:
    """Return the first port's address of each version that speaks over HTTP."""
    found: dict[str, str] = {}
    for document in documents.values():
        for version, binding in BINDINGS.items():
            for address in document.iterfind(f"{_WSDL}service/{_WSDL}port/{{{binding}}}address"):
                found.setdefault(version, address.get("location", ""))
    return found
