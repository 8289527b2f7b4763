"""Checks of the WSDL that a service shows, and of the schemas that it imports."""

from collections import Counter
from itertools import chain

from lxml import etree

from wsrf_activity.conformance.described import BINDINGS, Operation
from wsrf_activity.conformance.probe import Probe
from wsrf_activity.conformance.registry import Group, Level
from wsrf_activity.conformance.standards import STANDARD, Standard, rl
from wsrf_activity.conformance.target import origin
from wsrf_activity.conformance.verdicts import NotApplicable
from wsrf_activity.conformance.wire import readable, resolved
from wsrf_activity.model import ns

GROUP = Group("Description: WSDL 1.1")
_NAMED = {standard.name: standard for standard in STANDARD.values()}


@GROUP.check("DESC-1", "The WSDL is served at ?wsdl as XML", "WSDL 1.1, 2.1", each_version=False)
def served(probe: Probe) -> None:
    answer = probe.session.send("GET", f"{probe.session.target.url}?wsdl")
    probe.equal(answer.status, 200, "HTTP status")
    kinds = ("text/xml", "application/xml", "application/wsdl+xml")
    probe.that(answer.media_type in kinds, "an XML media type", answer.media_type)


@GROUP.check(
    "DESC-2", "Every import leads to a schema or WSDL of that namespace", "WSDL 1.1, 2.1.1", each_version=False
)
def imports(probe: Probe) -> None:
    description = probe.description
    probe.that(not description.missing, "a document at each import", ", ".join(description.missing))
    for schema in description.schemas.values():
        probe.equal(schema.tag, f"{{{ns.XSD}}}schema", "the root of what is imported as a schema")


@GROUP.check("DESC-3", "Every message is defined, and has one part at most", "WSDL 1.1, 2.3", each_version=False)
def messages(probe: Probe) -> None:
    for operation in probe.description.declared:
        probe.that(operation.element, "an element for the request of each operation", operation.name)
        probe.that("" not in operation.faults, "an element for each fault", operation.name)
    for message in probe.description.find("w:message"):
        parts = len(message.findall(f"{{{ns.WSDL}}}part"))
        probe.that(parts <= 1, "one part at most in each message", f"{parts} in {message.get('name')}")


@GROUP.check(
    "DESC-4", "The elements of all messages are declared in the schemas", "WSDL 1.1, 2.3.1", each_version=False
)
def elements(probe: Probe) -> None:
    declared = probe.description.elements()
    for operation in probe.description.declared:
        for element in chain((operation.element, operation.response), operation.faults):
            probe.that(element is None or element in declared, "a declaration of each element", element)


@GROUP.check("DESC-5", "Bindings are document/literal", "WS-I Basic Profile 1.2, R2705 and R2706", each_version=False)
def literal(probe: Probe) -> None:
    for prefix in ("soap", "soap12"):
        for binding in probe.description.find(f"w:binding/{prefix}:binding"):
            probe.equal(binding.get("style", "document"), "document", "the style of a binding")
        for operation in probe.description.find(f"w:binding/w:operation/{prefix}:operation"):
            probe.equal(operation.get("style", "document"), "document", "the style of an operation")
        for body in probe.description.find(f"w:binding/w:operation/*/{prefix}:body"):
            probe.equal(body.get("use", "literal"), "literal", "the use of a body")


@GROUP.check("DESC-6", "Bindings are to SOAP over HTTP", "WS-I Basic Profile 1.2, R2702", each_version=False)
def over_http(probe: Probe) -> None:
    found = [
        binding.get("transport")
        for prefix in ("soap", "soap12")
        for binding in probe.description.find(f"w:binding/{prefix}:binding")
    ]
    probe.that(found, "a SOAP binding", "none")
    for transport in found:
        probe.equal(transport, ns.SOAP_HTTP, "the transport of a binding")


@GROUP.check(
    "DESC-7", "Each binding binds exactly the operations of its port type", "WSDL 1.1, 2.5", each_version=False
)
def bound(probe: Probe) -> None:
    for binding in probe.description.find("w:binding"):
        if not any(binding.find(f"{{{namespace}}}binding") is not None for namespace in BINDINGS.values()):
            continue
        port_type = resolved(binding, binding.get("type", ""))
        declared = sorted(found.name for found in probe.description.declared if found.port_type == port_type)
        said = sorted(operation.get("name", "") for operation in binding.iterfind(f"{{{ns.WSDL}}}operation"))
        probe.equal(said, declared, "the operations bound")


@GROUP.check(
    "DESC-8",
    "No two operations of a port type look alike on the wire",
    "WS-I Basic Profile 1.2, R2710",
    each_version=False,
)
def signatures(probe: Probe) -> None:
    counted = Counter((operation.port_type, operation.element) for operation in probe.description.declared)
    twice = [readable(element or "") for (_, element), number in counted.items() if number > 1]
    probe.that(not twice, "one operation for each body element", ", ".join(twice))


@GROUP.check(
    "DESC-9",
    "The service has an address at the server that was asked",
    "WSDL 1.1, 3.8",
    level=Level.SHOULD,
    each_version=False,
)
def addressed(probe: Probe) -> None:
    addresses = probe.description.addresses
    probe.that(addresses, "a port with an address", "none")
    for address in addresses.values():
        probe.equal(origin(address), origin(probe.session.target.url), "scheme, host and port")


@GROUP.check(
    "DESC-10",
    "The port type names its resource property document, whose element is declared",
    "WS-ResourceProperties 1.2, Resource Properties Document",
    each_version=False,
)
def document_type(probe: Probe) -> None:
    description = probe.description
    if not any(element.startswith(f"{{{ns.RP}}}") for element in description.operations):
        raise NotApplicable("the service offers no operation of WS-ResourceProperties")
    probe.that(description.properties, "wsrf-rp:ResourceProperties on a port type", "none")
    for name in description.properties:
        probe.that(name in description.elements(), "a declaration of the property document", readable(name))


def _standard(probe: Probe) -> list[tuple[Operation, Standard]]:
    found = [
        (operation, _NAMED[operation.name])
        for operation in probe.description.declared
        if operation.name in _NAMED and operation.element == _NAMED[operation.name].element
    ]
    if not found:
        raise NotApplicable("the service offers no operation of the standards")
    return found


@GROUP.check(
    "DESC-11",
    "Operations with a standard's name have its request and reply",
    "WS-ResourceProperties 1.2, WS-ResourceLifetime 1.2 and WS-BaseNotification 1.3, WSDL",
    each_version=False,
)
def standard_messages(probe: Probe) -> None:
    for operation in probe.description.declared:
        standard = _NAMED.get(operation.name)
        if standard is not None:
            probe.equal(readable(operation.element or ""), readable(standard.element), "the request")
            probe.equal(readable(operation.response or ""), readable(standard.response), "the reply")


@GROUP.check(
    "DESC-12",
    "Operations of the standards have the Actions of their port types",
    "WS-Addressing 1.0 Metadata, 4.4",
    each_version=False,
)
def actions(probe: Probe) -> None:
    explicit = [(found, standard) for found, standard in _standard(probe) if found.action is not None]
    if not explicit:
        raise NotApplicable("the WSDL writes no Actions")
    for operation, standard in explicit:
        probe.equal(operation.action, standard.action, f"the Action of {operation.name}")
        probe.equal(operation.response_action, standard.response_action, f"the Action of {operation.name}'s reply")


@GROUP.check(
    "DESC-13",
    "Operations of the standards declare the faults that those have for them",
    "WS-ResourceProperties 1.2, WS-ResourceLifetime 1.2 and WS-BaseNotification 1.3, WSDL",
    each_version=False,
)
def faults(probe: Probe) -> None:
    for operation, standard in _standard(probe):
        missing = standard.faults - set(operation.faults)
        probe.that(not missing, f"all faults of {operation.name}", f"not {', '.join(map(readable, sorted(missing)))}")


@GROUP.check(
    "DESC-14",
    "The Action of each WSRF and WSN fault is that of its family",
    "WS-BaseFaults 1.2 and WS-BaseNotification 1.3, wsa:Action of faults",
    each_version=False,
)
def fault_actions(probe: Probe) -> None:
    families = {ns.R: ns.WSRF_FAULT_ACTION, ns.RP: ns.WSRF_FAULT_ACTION, ns.RL: ns.WSRF_FAULT_ACTION}
    families[ns.WSNT] = ns.WSN_FAULT_ACTION
    declared = [fault for operation in probe.description.declared for fault in operation.faults.items()]
    explicit = [(element, action) for element, action in declared if action is not None]
    if not explicit:
        raise NotApplicable("the WSDL writes no Actions of faults")
    for element, action in explicit:
        expected = families.get(etree.QName(element).namespace or "", action)
        probe.equal(action, expected, f"the Action of {readable(element)}")


@GROUP.check(
    "DESC-15",
    "The SOAPAction of each binding is the Action of its request",
    "WS-Addressing 1.0 Metadata, 4.4.1",
    each_version=False,
)
def soap_actions(probe: Probe) -> None:
    by_name = {operation.name: operation.action for operation in probe.description.declared if operation.action}
    if not by_name:
        raise NotApplicable("the WSDL writes no Actions")
    for prefix in ("soap", "soap12"):
        for operation in probe.description.find(f"w:binding/w:operation/{prefix}:operation"):
            parent = operation.getparent()
            name = "" if parent is None else parent.get("name", "")
            said = operation.get("soapAction")
            probe.that(not said or said == by_name.get(name, said), f"{by_name.get(name)} for {name}", said)


@GROUP.check(
    "DESC-16",
    "The property document has CurrentTime and TerminationTime where SetTerminationTime is offered",
    "WS-ResourceLifetime 1.2, 5 Scheduled Destruction",
    operations=[rl("SetTerminationTime")],
    each_version=False,
)
def lifetime_properties(probe: Probe) -> None:
    elements = probe.description.elements()
    for name in probe.description.properties:
        declaration = elements.get(name)
        if declaration is None:
            raise NotApplicable("the property document is not declared")
        inside = {resolved(found, found.get("ref", "")) for found in _content(probe, declaration)}
        for wanted in (rl("CurrentTime"), rl("TerminationTime")):
            probe.that(wanted in inside, f"{readable(wanted)} in {readable(name)}", "no such element")


def _content(probe: Probe, declaration: etree._Element) -> list[etree._Element]:
    """Return the element particles of a declaration: of its own type, or of the one that it names."""
    kind = declaration.get("type")
    if kind is None:
        return list(declaration.iter(f"{{{ns.XSD}}}element"))
    local = kind.rpartition(":")[2]
    return [
        particle
        for schema in probe.description.all_schemas()
        for found in schema.iterfind(f"{{{ns.XSD}}}complexType[@name='{local}']")
        for particle in found.iter(f"{{{ns.XSD}}}element")
    ]
