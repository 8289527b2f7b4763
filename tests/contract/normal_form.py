"""Schema components in a form in which two ways to write one content model are equal: what a test compares."""

from collections.abc import Iterator
from typing import Any

from lxml import etree

from wsrf_activity.model import ns
from wsrf_activity.soap.contract import clark_name

XSD = f"{{{ns.XSD}}}"
ANY_TYPE = f"{XSD}anyType"
#: What stands for absent attributes; those of particles are added where a particle can stand.
DEFAULTS = {"nillable": "false", "abstract": "false", "mixed": "false", "use": "optional"}
QNAMES = ("ref", "type", "base", "itemType", "memberTypes", "substitutionGroup")
LAX_ANY = ("any", ("##any", "lax"), "0", "unbounded")


def components(schema: etree._Element) -> dict[tuple[str, str], Any]:
    """Return the normal form of each global component of a schema by its kind and name, and of the schema's own
    attributes.
    """
    found: dict[tuple[str, str], Any] = {
        ("schema", name): schema.get(name, "") for name in ("blockDefault", "finalDefault")
    }
    found["schema", "forms"] = (
        schema.get("elementFormDefault", "unqualified"),
        schema.get("attributeFormDefault", "unqualified"),
    )
    found["schema", "targetNamespace"] = schema.get("targetNamespace")
    for child in _children(schema):
        if child.tag != f"{XSD}import":
            kind = "type" if child.tag in (f"{XSD}complexType", f"{XSD}simpleType") else _kind(child)
            assert (kind, child.get("name")) not in found
            found[kind, child.get("name", "")] = _declaration(child)
    return found


def _children(node: etree._Element) -> Iterator[etree._Element]:
    return (child for child in node.iterchildren("*") if child.tag != f"{XSD}annotation")


def _kind(node: etree._Element) -> str:
    return etree.QName(node).localname


def _declaration(node: etree._Element) -> Any:
    """Elements, attributes and types; a reference is no more than what it refers to."""
    if node.tag == f"{XSD}complexType":
        return _complex_type(node)
    if node.tag == f"{XSD}simpleType":
        return _simple_type(node)
    attributes: dict[Any, Any] = {**_defaults(node), **_attributes(node)}
    attributes.pop("minOccurs", None)
    attributes.pop("maxOccurs", None)
    for child in _children(node):
        attributes[_kind(child), child.get("name", "")] = (
            _declaration(child) if child.tag in (f"{XSD}complexType", f"{XSD}simpleType") else _constraint(child)
        )
    return _kind(node), attributes


def _attributes(node: etree._Element) -> dict[str, Any]:
    return {
        str(name): sorted(clark_name(node, part) for part in str(value).split()) if name in QNAMES else value
        for name, value in node.attrib.items()
    }


def _defaults(node: etree._Element) -> dict[str, str]:
    names = ("nillable", "abstract") if node.tag == f"{XSD}element" else ("use",)
    return {} if node.get("ref") and node.tag == f"{XSD}element" else {name: DEFAULTS[name] for name in names}


def _constraint(node: etree._Element) -> Any:
    return [(_kind(child), child.get("xpath")) for child in _children(node)]


def _complex_type(node: etree._Element) -> Any:
    """Mixed or not, the base it extends if any, its particle, its attributes and its attribute wildcard."""
    mixed = node.get("mixed", "false")
    derivation, base, content = None, None, node
    for holder in _children(node):
        if holder.tag in (f"{XSD}complexContent", f"{XSD}simpleContent"):
            mixed = holder.get("mixed", mixed)
            [content] = _children(holder)
            derivation = f"{_kind(holder)} {_kind(content)}"
            base = clark_name(content, content.get("base", ""))
    particle = [_particle(child) for child in _children(content) if _kind(child) in ("sequence", "choice", "all")]
    attributes = {
        child.get("name") or clark_name(child, child.get("ref", "")): _declaration(child)
        for child in _children(content)
        if child.tag == f"{XSD}attribute"
    }
    wildcard = [_wildcard(child) for child in _children(content) if child.tag == f"{XSD}anyAttribute"]
    if (
        base == ANY_TYPE
    ):  # a restriction of it is what it says; an extension lets in all besides (part 1, section 3.4.7)
        if derivation == "complexContent extension":
            particle, wildcard = [("sequence", "1", "1", [LAX_ANY, *particle])], [("##any", "lax")]
        derivation, base = None, None
    named = (node.get("abstract", "false"), node.get("block", ""), node.get("final", ""))
    return "complexType", mixed, named, derivation, base, particle, attributes, wildcard


def _particle(node: etree._Element) -> Any:
    occurs = (node.get("minOccurs", "1"), node.get("maxOccurs", "1"))
    if node.tag == f"{XSD}any":
        return "any", _wildcard(node), *occurs
    if node.tag == f"{XSD}element":
        return *_declaration(node), *occurs
    return _kind(node), *occurs, [_particle(child) for child in _children(node)]


def _wildcard(node: etree._Element) -> tuple[str, str]:
    return node.get("namespace", "##any"), node.get("processContents", "strict")


def _simple_type(node: etree._Element) -> Any:
    """A pattern counts only as being there: two may accept the same, which instances show."""
    [variety] = _children(node)
    facets = sorted(
        (_kind(facet), "" if _kind(facet) == "pattern" else _facet_value(facet)) for facet in _children(variety)
    )
    return "simpleType", _kind(variety), _attributes(variety), facets


def _facet_value(facet: etree._Element) -> str:
    """Enumerated QNames are compared by what they name."""
    value = facet.get("value", "")
    prefix, colon, _ = value.partition(":")
    return clark_name(facet, value) if colon and prefix in facet.nsmap else value
