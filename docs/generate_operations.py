"""Writes `docs/operations.md` from `wsdl/` and `schemas/`; a test fails when the page is older than they are.

What it says is what the contract says; the words are those of the contract's own annotations.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

_ROOT = Path(__file__).resolve().parents[1]
PAGE = _ROOT / "docs" / "operations.md"
_XSD = "{http://www.w3.org/2001/XMLSchema}"
_WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
_ACTION = "{http://www.w3.org/2007/05/addressing/metadata}Action"
_PROPERTIES = "{http://docs.oasis-open.org/wsrf/rp-2}ResourceProperties"
_OASIS = "http://docs.oasis-open.org/"

#: Who specifies an operation, by what its Action begins with.
_STANDARDS = {
    f"{_OASIS}wsrf/rpw-2/": "WS-ResourceProperties 1.2",
    f"{_OASIS}wsrf/rlw-2/": "WS-ResourceLifetime 1.2",
    f"{_OASIS}wsn/bw-2/": "WS-BaseNotification 1.3",
    "http://schemas.xmlsoap.org/ws/2004/09/mex": "WS-MetadataExchange",
    "urn:wsrf-activity:": "this project",
}
_PORTS = {
    "ActivityPortType": "POST to `<base>/activity/<id>`, or to `<base>/activity` where no activity is meant.",
    "SubscriptionManagerPortType": "POST to `<base>/subscription/<id>`.",
    "PullPointPortType": "POST to `<base>/pullpoint/<id>`.",
    "CreatePullPointPortType": "POST to `<base>/pullpoint`.",
}
#: Nobody reads what is below these again at each place where they occur.
_CLOSED = ("EndpointReferenceType", "BaseFaultType")
_DEPTH = 4

_INTRODUCTION = """\
# Operations

*Made from the contract, `wsdl/` and `schemas/`, by `docs/generate_operations.py`: change those, not this.*

Every message is document/literal, in SOAP 1.1 or 1.2. A fault is the named element in the `detail` (`Detail`) of a SOAP
fault; all of them derive from `wsrfbf:BaseFaultType` (Timestamp, Originator, ErrorCode, Description, FaultCause).
The SOAPAction is the Action of the request.

| Prefix | Namespace |
|---|---|
"""


@dataclass(frozen=True)
class _Contract:
    """The global components of all schemas, by qualified name, and the prefixes that all files share."""

    elements: dict[str, etree._Element]
    types: dict[str, etree._Element]
    prefixes: dict[str, str]
    wsdls: tuple[etree._Element, ...]

    def short(self, qname: str) -> str:
        name = etree.QName(qname)
        return f"{self.prefixes.get(name.namespace or '', '?')}:{name.localname}"


def page() -> str:
    """The page, in Markdown."""
    contract = _read(_ROOT)
    lines = [_INTRODUCTION.rstrip("\n")]
    lines += [f"| `{prefix}` | `{uri}` |" for uri, prefix in sorted(contract.prefixes.items(), key=_by_prefix)]
    for wsdl in contract.wsdls:
        for port_type in wsdl.iter(f"{_WSDL}portType"):
            lines += _port_type(contract, wsdl, port_type)
    lines += _of_services(contract)
    lines += _faults(contract)
    lines += _simple_types(contract)
    return "\n".join(lines) + "\n"


def _by_prefix(item: tuple[str, str]) -> str:
    return item[1]


def _read(root: Path) -> _Contract:
    elements: dict[str, etree._Element] = {}
    types: dict[str, etree._Element] = {}
    prefixes: dict[str, str] = {}
    for path in sorted((root / "schemas").glob("*.xsd")):
        schema = etree.parse(str(path)).getroot()
        namespace = schema.get("targetNamespace", "")
        prefixes |= {uri: prefix for prefix, uri in schema.nsmap.items() if prefix}
        for node in schema.iterchildren(f"{_XSD}element"):
            elements[f"{{{namespace}}}{node.get('name')}"] = node
        for node in schema.iterchildren(f"{_XSD}complexType", f"{_XSD}simpleType"):
            types[f"{{{namespace}}}{node.get('name')}"] = node
    names = ("activity", "notification", "consumer", "metadata")
    wsdls = tuple(etree.parse(str(root / "wsdl" / f"{name}.wsdl")).getroot() for name in names)
    return _Contract(elements, types, prefixes, wsdls)


def _resolve(node: etree._Element, name: str) -> str:
    """A QName in an attribute, in James Clark's notation."""
    prefix, colon, local = name.rpartition(":")
    return f"{{{node.nsmap[prefix if colon else None]}}}{local}"


def _documentation(node: etree._Element | None) -> str:
    if node is None:
        return ""
    found = node.find(f"{_XSD}annotation/{_XSD}documentation")
    if found is None:
        found = node.find(f"{_WSDL}documentation")
    return " ".join(str(found.xpath("string()")).split()) if found is not None else ""


# Operations


def _port_type(contract: _Contract, wsdl: etree._Element, port_type: etree._Element) -> list[str]:
    name = port_type.get("name", "")
    lines = ["", f"## {name}", "", _PORTS.get(name, "")]
    document = port_type.get(_PROPERTIES)
    if document:
        qname = _resolve(port_type, document)
        lines += ["", f"### Properties: `{contract.short(qname)}`", ""]
        lines += _structure(contract, contract.elements[qname])
    for operation in port_type.iterchildren(f"{_WSDL}operation"):
        lines += _operation(contract, wsdl, operation)
    return lines


def _operation(contract: _Contract, wsdl: etree._Element, operation: etree._Element) -> list[str]:
    request = operation.find(f"{_WSDL}input")
    assert request is not None, operation.get("name")
    action = request.get(_ACTION, "")
    origin = next((text for start, text in _STANDARDS.items() if action.startswith(start)), "")
    lines = ["", f"### {operation.get('name')}", "", f"From {origin}. {_documentation(operation)}".rstrip()]
    lines += ["", f"Action: `{action}`"]
    for heading, node in (("Request", request), ("Response", operation.find(f"{_WSDL}output"))):
        if node is not None:
            lines += _message(contract, heading, _element_of(wsdl, node))
    faults = [_element_of(wsdl, node) for node in operation.iterchildren(f"{_WSDL}fault")]
    if faults:
        links = (f"[`{contract.short(fault)}`](#{_anchor(contract, fault)})" for fault in faults)
        lines += ["", f"Faults: {', '.join(links)}"]
    return lines


def _element_of(wsdl: etree._Element, node: etree._Element) -> str:
    """The element that the one part of an input's, output's or fault's message names."""
    wanted = node.get("message", "").rpartition(":")[2]
    for message in wsdl.iterchildren(f"{_WSDL}message"):
        part = message.find(f"{_WSDL}part")
        if message.get("name") == wanted and part is not None:
            return _resolve(part, part.get("element", ""))
    raise LookupError(f"no message {wanted}")


def _message(contract: _Contract, heading: str, qname: str) -> list[str]:
    element = contract.elements[qname]
    words = _documentation(element)
    return [
        "",
        f"**{heading}** `{contract.short(qname)}`" + (f": {words}" if words else ""),
        "",
        *_structure(contract, element),
    ]


# Structures


def _structure(contract: _Contract, element: etree._Element) -> list[str]:
    rows = list(_content(contract, element, 0))
    if not rows:
        kind = element.get("type")
        return [f"Content: `{kind}`." if kind and not _is_complex(contract, element) else "No content."]
    return ["| Element | Type | Occurs | |", "|---|---|---|---|", *rows]


def _is_complex(contract: _Contract, element: etree._Element) -> bool:
    kind = element.get("type")
    found = contract.types.get(_resolve(element, kind)) if kind else None
    return found is not None and found.tag == f"{_XSD}complexType"


def _content(contract: _Contract, element: etree._Element, depth: int) -> Iterator[str]:
    """Rows for what is inside an element: of its own anonymous type, or of the type it names."""
    inline = element.find(f"{_XSD}complexType")
    kind = element.get("type")
    if inline is None and kind and kind.rpartition(":")[2] not in _CLOSED:
        inline = contract.types.get(_resolve(element, kind))
    if inline is not None and inline.tag == f"{_XSD}complexType" and depth < _DEPTH:
        yield from _particles(contract, inline, depth, "")


def _particles(contract: _Contract, node: etree._Element, depth: int, note: str) -> Iterator[str]:
    for child in node.iterchildren(etree.Element):
        tag = etree.QName(child).localname
        if tag == "element":
            yield from _element_rows(contract, child, depth, note)
        elif tag == "any":
            yield _row(depth, "*any element*", f"`{child.get('namespace', '##any')}`", _occurs(child), note)
        elif tag == "attribute":
            yield _attribute_row(contract, child, depth)
        elif tag == "choice":
            yield from _particles(contract, child, depth, _choice(child))
        elif tag in ("sequence", "complexContent", "simpleContent"):
            yield from _particles(contract, child, depth, note)
        elif tag == "extension":
            yield from _extension(contract, child, depth, note)


def _choice(node: etree._Element) -> str:
    return "any number of these, in any order" if node.get("maxOccurs") == "unbounded" else "one of these"


def _extension(contract: _Contract, node: etree._Element, depth: int, note: str) -> Iterator[str]:
    base = node.get("base", "")
    parent = contract.types.get(_resolve(node, base))
    if parent is not None and base.rpartition(":")[2] not in _CLOSED:
        yield from _particles(contract, parent, depth, note)
    yield from _particles(contract, node, depth, note)


def _element_rows(contract: _Contract, node: etree._Element, depth: int, note: str) -> Iterator[str]:
    reference = node.get("ref")
    if reference:
        qname = _resolve(node, reference)
        target = contract.elements.get(qname, node)
        name = contract.short(qname)
    else:
        target = node
        name = node.get("name", "")
    words = "; ".join(
        filter(None, (note, "nillable" if node.get("nillable") == "true" else "", _documentation(target)))
    )
    yield _row(depth, f"`{name}`", _type_name(target), _occurs(node), words)
    yield from _content(contract, target, depth + 1)


def _type_name(element: etree._Element) -> str:
    """The type that a declaration names, or the one that its anonymous type only adds attributes to."""
    simple = element.find(f"{_XSD}complexType/{_XSD}simpleContent/{_XSD}extension")
    kind = element.get("type") or (simple.get("base") if simple is not None else None)
    return f"`{kind}`" if kind else ""


def _attribute_row(contract: _Contract, node: etree._Element, depth: int) -> str:
    name = node.get("name") or node.get("ref", "")
    occurs = "1" if node.get("use") == "required" else "0..1"
    return _row(depth, f"`@{name}`", _type_name(node), occurs, _documentation(node))


def _occurs(node: etree._Element) -> str:
    low, high = node.get("minOccurs", "1"), node.get("maxOccurs", "1").replace("unbounded", "*")
    return low if low == high else f"{low}..{high}"


def _row(depth: int, name: str, kind: str, occurs: str, words: str) -> str:
    return f"| {'&emsp;' * depth}{name} | {kind} | {occurs} | {words.replace('|', '&#124;')} |"


# What services add


_OF_SERVICES = """\

## Operations of services

POST to `<base>/service/NAME`. Each has all operations of `ActivityPortType` in a port type of its own, and those that
its author or the configuration gives it ([On the wire](wire.md#services-with-operations-of-their-own)). These have the
faults of `CreateActivity`, and [`act:WorkFailedFault`](#act-workfailedfault).
"""
_START_OPTIONS = "{urn:wsrf-activity:1}StartOptions"
_WORK_FAILED = "{urn:wsrf-activity:1}WorkFailedFault"
_FAULT_ACTION = f"{_OASIS}wsrf/fault"


def _of_services(contract: _Contract) -> list[str]:
    return [*_OF_SERVICES.rstrip("\n").split("\n"), *_message(contract, "Header", _START_OPTIONS)]


# Faults


def _faults(contract: _Contract) -> Iterator[str]:
    """Each fault that an operation can give, once."""
    found: dict[str, str] = {_WORK_FAILED: _FAULT_ACTION}
    for wsdl in contract.wsdls:
        for node in wsdl.iterfind(f"{_WSDL}portType/{_WSDL}operation/{_WSDL}fault"):
            found[_element_of(wsdl, node)] = node.get(_ACTION, "")
    yield from ("", "## Faults")
    for qname in sorted(found, key=lambda name: etree.QName(name).localname):
        element = contract.elements[qname]
        yield from ("", f"### {contract.short(qname)} {{ #{_anchor(contract, qname)} }}", "")
        yield from (f"Action: `{found[qname]}`", "")
        yield _documentation(element)
        rows = list(_content(contract, element, 0))
        if rows:
            yield from ("", "| Element | Type | Occurs | |", "|---|---|---|---|", *rows)


def _simple_types(contract: _Contract) -> Iterator[str]:
    """Our own: what the standards' simple types allow is read there."""
    yield from ("", "## Simple types", "", "| Type | Base | Values | |", "|---|---|---|---|")
    for qname, node in contract.types.items():
        restriction = node.find(f"{_XSD}restriction")
        if contract.short(qname).startswith("act:") and restriction is not None:
            values = " ".join(f"`{facet.get('value')}`" for facet in restriction.iterchildren(f"{_XSD}enumeration"))
            name, base = contract.short(qname), restriction.get("base")
            yield f"| `{name}` | `{base}` | {values} | {_documentation(node)} |"


def _anchor(contract: _Contract, qname: str) -> str:
    return contract.short(qname).replace(":", "-").lower()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
