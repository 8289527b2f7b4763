"""The contract of a service with typed operations: those of ``activity.wsdl`` and its own in one port type, in one WSDL
that is made from its interface. What its operations do is in ``typed_ports``.
"""

import copy
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from itertools import combinations
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

from lxml import etree

from wsrf_activity.model import ns
from wsrf_activity.model.interfaces import Interface, Operation
from wsrf_activity.soap import contract, description
from wsrf_activity.soap.description import Description, Schema
from wsrf_activity.soap.faults import sayable

DOCUMENT: Final = "service.wsdl"  #: what a service's own WSDL is called where it is served
SCHEMA: Final = "service.xsd"
START_OPTIONS: Final = f"{{{ns.ACT}}}StartOptions"
WORK_FAILED: Final = f"{{{ns.ACT}}}WorkFailedFault"

_XSD = f"{{{ns.XSD}}}"
_WSDL = f"{{{ns.WSDL}}}"
_OWN = "svc"  #: the prefix of a service's namespace, in all that is served: one prefix is one namespace
_PREFIXES = {**ns.PREFIXES, "soap": ns.SOAP11_BINDING, "soap12": ns.SOAP12_BINDING}
_TEMPLATE = "CreateActivity"  #: an own operation can fail as this one does
_QNAMES = ("type", "ref", "base", "itemType", "memberTypes", "substitutionGroup", "refer")
_NCNAME = re.compile(r"[^\W\d][\w.\-]*")


class ServiceContract:
    """What one service adds to the contract, and all that it has with that."""

    def __init__(self, interface: Interface) -> None:
        """Make it from an interface; raises ValueError, in words for its author, for one that cannot be served."""
        self.interface = interface
        _check_names(interface)
        self._schema = _own_schema(interface)
        own = {interface.element(operation): self._operation(operation) for operation in interface.operations}
        #: Its own operations by their body element.
        self.own: Mapping[str, contract.Operation] = MappingProxyType(own)
        #: All that its address answers.
        self.operations: Mapping[str, contract.Operation] = MappingProxyType({**contract.served(), **own})

    @property
    def name(self) -> str:
        """What it is called in addresses, and in its WSDL."""
        return self.interface.name

    @property
    def namespace(self) -> str:
        """The namespace of its WSDL and of its messages."""
        return self.interface.namespace

    @cached_property
    def description(self) -> Description:
        """What is served of it."""
        schemas = {**description.schemas(), self.namespace: Schema(SCHEMA, self._schema)}
        return Description({DOCUMENT: self._wsdl()}, schemas, more=[("element", START_OPTIONS)])

    @cached_property
    def schema_set(self) -> etree.XMLSchema:
        """All schemas as one, with its own, compiled."""
        return contract.compiled({self.namespace: etree.tostring(self._schema)})

    def elements(self, operation: Operation) -> Iterator[str]:
        """Yield the clark names of an operation's request, response and, where there is one, result."""
        yield from (f"{{{self.namespace}}}{operation.name}{end}" for end in ("", "Response"))
        if operation.returns:
            yield f"{{{self.namespace}}}{operation.name}Result"

    def returned(self, operation: Operation) -> etree._Element | None:
        """Return the declaration of the value that an operation's work returns, None where there is none."""
        name = f"{operation.name}Result"
        return next((each for each in self._schema.iterchildren(f"{_XSD}element") if each.get("name") == name), None)

    def action(self, name: str) -> str:
        """Return the Action of a message by the name of its element."""
        end = "" if self.namespace.endswith(("/", ":", "#")) else ":" if self.namespace.startswith("urn:") else "/"
        return f"{self.namespace}{end}{quote(name)}"

    def _operation(self, operation: Operation) -> contract.Operation:
        request, response = self.interface.element(operation), f"{{{self.namespace}}}{operation.name}Response"
        template = contract.operations()[f"{{{ns.ACT}}}{_TEMPLATE}"]
        faults = MappingProxyType({**template.faults, WORK_FAILED: ns.WSRF_FAULT_ACTION})
        actions = self.action(operation.name), self.action(f"{operation.name}Response")
        return contract.Operation(operation.name, request, response, *actions, faults)

    def _wsdl(self) -> etree._Element:
        """Copy the port type of all activities, its messages and bindings, and add the own operations."""
        source = description.parse(contract.home() / "wsdl" / "activity.wsdl")
        prefixes = {prefix: uri for prefix, uri in source.nsmap.items() if prefix and prefix != "actw"}
        definitions = etree.Element(
            f"{_WSDL}definitions",
            {"name": self.name, "targetNamespace": self.namespace},
            nsmap={**prefixes, "wsa": ns.WSA, _OWN: self.namespace},
        )
        if self.interface.documentation:
            _document(definitions, self.interface.documentation)
        definitions.extend(source)
        for node in definitions.iter(f"{_WSDL}*"):
            for attribute in ("message", "type", "binding"):
                if attribute in node.attrib:
                    node.set(attribute, node.get(attribute, "").replace("actw:", f"{_OWN}:"))
        self._import(definitions)
        self._rename(definitions)
        for operation in reversed(self.interface.operations):
            self._add(definitions, operation)
        etree.cleanup_namespaces(definitions, keep_ns_prefixes=[*prefixes, "wsa", _OWN])
        return definitions

    def _import(self, definitions: etree._Element) -> None:
        [holder] = definitions.iterfind(f"{_WSDL}types/{_XSD}schema")
        etree.SubElement(holder, f"{_XSD}import", namespace=self.namespace, schemaLocation=SCHEMA)

    def _rename(self, definitions: etree._Element) -> None:
        """Give what activities in general have the names of this service."""
        for node in definitions.iter(f"{_WSDL}portType", f"{_WSDL}binding", f"{_WSDL}port", f"{_WSDL}service"):
            for attribute in ("name", "type", "binding"):
                named = node.get(attribute, "")
                if named:
                    node.set(attribute, re.sub(r"(^|:)Activity(PortType|Soap1[12])$", rf"\1{self.name}\2", named))
        [service] = definitions.iterfind(f"{_WSDL}service")
        service.set("name", self.name)
        for port in service:
            port[0].set("location", f"http://127.0.0.1:8427/service/{quote(self.name)}")

    def _add(self, definitions: etree._Element, operation: Operation) -> None:
        """Put an own operation before all others: its messages, and what port type and bindings say of it."""
        own = self.own[self.interface.element(operation)]
        messages = {f"{own.name}Request": f"{_OWN}:{own.name}", f"{own.name}Response": f"{_OWN}:{own.name}Response"}
        if definitions.find(f"{_WSDL}message[@name='WorkFailedFault']") is None:
            messages["WorkFailedFault"] = "act:WorkFailedFault"
        [port_type] = definitions.iterfind(f"{_WSDL}portType")
        for name, element in messages.items():
            message = etree.Element(f"{_WSDL}message", name=name)
            etree.SubElement(message, f"{_WSDL}part", name=name, element=element)
            port_type.addprevious(message)
        port_type.insert(0, self._abstract(port_type, operation, own))
        for binding in definitions.iterfind(f"{_WSDL}binding"):
            binding.insert(1, self._bound(binding, own))

    def _abstract(self, port_type: etree._Element, operation: Operation, own: contract.Operation) -> etree._Element:
        made = copy.deepcopy(_of(port_type, _TEMPLATE))
        made.set("name", own.name)
        for child in made.iterchildren(f"{_WSDL}documentation"):
            made.remove(child)
        if operation.documentation:
            _document(made, operation.documentation)
        for kind, action in (("input", own.input_action), ("output", own.output_action)):
            message = "Request" if kind == "input" else "Response"
            for node in made.iterchildren(f"{_WSDL}{kind}"):
                node.set("message", f"{_OWN}:{own.name}{message}")
                node.set(f"{{{ns.WSAM}}}Action", action or "")
        fault = etree.SubElement(made, f"{_WSDL}fault", name="WorkFailedFault", message=f"{_OWN}:WorkFailedFault")
        fault.set(f"{{{ns.WSAM}}}Action", ns.WSRF_FAULT_ACTION)
        return made

    def _bound(self, binding: etree._Element, own: contract.Operation) -> etree._Element:
        made = copy.deepcopy(_of(binding, _TEMPLATE))
        made.set("name", own.name)
        made[0].set("soapAction", own.input_action)
        faults = made.findall(f"{_WSDL}fault")
        if faults:  # which the binding of SOAP 1.2 declares none of
            fault = copy.deepcopy(faults[-1])
            fault.set("name", "WorkFailedFault")
            fault[0].set("name", "WorkFailedFault")
            made.append(fault)
        return made


def contracts(interfaces: Iterable[Interface]) -> Mapping[str, ServiceContract]:
    """Return the contracts of these interfaces by their names; raises ValueError where two cannot be served at once."""
    made = {interface.name: ServiceContract(interface) for interface in interfaces}
    for one, other in combinations(made.values(), 2):
        if one.namespace == other.namespace:
            both = sorted(set(_global_elements(one)) & set(_global_elements(other)))
            if both:
                raise ValueError(
                    f"services {one.name} and {other.name} both have an element {both[0]} in the namespace "
                    f"{one.namespace}: give one of them another namespace"
                )
    return made


def _global_elements(service: ServiceContract) -> Iterator[str]:
    return (etree.QName(name).localname for each in service.interface.operations for name in service.elements(each))


def _check_names(interface: Interface) -> None:
    """Refuse names with which there would be no valid WSDL. Raises ValueError."""
    if not _NCNAME.fullmatch(interface.name):
        raise ValueError(f"a service cannot be called {interface.name!r}: accepted are letters, digits, . - and _")
    if interface.namespace in _PREFIXES.values() or not interface.namespace:
        raise ValueError(f"service {interface.name}: the namespace {interface.namespace!r} is not its own to use")
    common = {operation.name for operation in contract.operations().values()}
    for operation in interface.operations:
        if not _NCNAME.fullmatch(operation.name):
            raise ValueError(f"service {interface.name}: {operation.name!r} is no name for an operation")
        if operation.name in common:
            reason = "every service has an operation of that name"
            raise ValueError(f"service {interface.name}: an operation cannot be called {operation.name}: {reason}")


def _own_schema(interface: Interface) -> etree._Element:
    """Return the schema of an interface with its prefixes as ours, and with the responses of its operations."""
    parser = etree.XMLParser(
        no_network=True, load_dtd=False, resolve_entities=False, remove_comments=True, remove_blank_text=True
    )
    source = etree.fromstring(interface.schema, parser)
    schema = etree.Element(
        source.tag,
        dict(source.attrib.items()),
        nsmap={"xsd": ns.XSD, "act": ns.ACT, "wsa": ns.WSA, _OWN: interface.namespace},
    )
    names = {uri: prefix for prefix, uri in schema.nsmap.items() if prefix}
    for namespace in (ns.WSA, ns.ACT):
        etree.SubElement(
            schema, f"{_XSD}import", namespace=namespace, schemaLocation=description.schemas()[namespace].name
        )
    for node in source.iter(f"{_XSD}*"):
        for attribute in _QNAMES:
            if attribute in node.attrib:
                node.set(attribute, " ".join(_prefixed(node, name, names) for name in node.get(attribute, "").split()))
    schema.extend(source)
    declared = {child.get("name") for child in schema.iterchildren(f"{_XSD}element")}
    for operation in interface.operations:
        if f"{operation.name}Response" in declared:
            raise ValueError(
                f"service {interface.name}: {operation.name}Response is what answers {operation.name}; "
                "give the operation that has this name another"
            )
        schema.append(_response(operation))
    etree.cleanup_namespaces(schema, keep_ns_prefixes=["act", "wsa", _OWN])
    return schema


def _prefixed(node: etree._Element, name: str, names: Mapping[str, str]) -> str:
    qualified = etree.QName(contract.clark_name(node, name))
    return f"{names[qualified.namespace or '']}:{qualified.localname}"


def _response(operation: Operation) -> etree._Element:
    response = etree.Element(f"{_XSD}element", name=f"{operation.name}Response", nsmap={"xsd": ns.XSD})
    sequence = etree.SubElement(etree.SubElement(response, f"{_XSD}complexType"), f"{_XSD}sequence")
    parts: list[dict[str, str]] = [
        {"ref": "wsa:EndpointReference"},
        {"name": "TerminationTime", "type": "xsd:dateTime", "nillable": "true"},
        {"name": "CurrentTime", "type": "xsd:dateTime"},
        {"name": "Entry", "type": "act:EntryType", "minOccurs": "0", "maxOccurs": "unbounded"},
    ]
    if operation.returns:
        parts.append({"ref": f"{_OWN}:{operation.name}Result", "minOccurs": "0"})
    for attributes in parts:
        etree.SubElement(sequence, f"{_XSD}element", attributes)
    return response


def _of(parent: etree._Element, operation: str) -> etree._Element:
    found = parent.find(f"{_WSDL}operation[@name='{operation}']")
    assert found is not None
    return found


def _document(parent: etree._Element, text: str) -> None:
    documentation = etree.Element(f"{_WSDL}documentation")
    documentation.text = sayable(text)
    parent.insert(0, documentation)
