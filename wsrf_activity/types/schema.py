"""The schema of an interface, from Spyne's types, in the form that foreign toolkits digest.

Spyne's own writer leaves types without names, and names without namespaces that the toolkits know. Here every type
has a name, nothing is imported, and what an operation takes and gives are elements of their own.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from lxml import etree

from wsrf_activity.model import ns
from wsrf_activity.types.errors import Unsuitable
from wsrf_activity.types.models import COMPLEX, built_in, facets, identity, is_array, original, type_name

_XSD = f"{{{ns.XSD}}}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Messages:
    """What one operation takes and gives."""

    name: str
    arguments: Sequence[tuple[str, Any]] = ()  #: names and Spyne types
    result: Any = None  #: a Spyne type, or None where it gives nothing
    documentation: str | None = None


def write_schema(namespace: str, operations: Iterable[Messages]) -> bytes:
    """Return a schema with the elements NAME and, where it gives a value, NAMEResult for each operation NAME.

    Raises Unsuitable where two elements would have the same name, or a type has no place in XML Schema.
    """
    writer = _Writer(namespace)
    for operation in operations:
        writer.operation(operation)
    return writer.schema()


class _Writer:
    def __init__(self, namespace: str) -> None:
        self._elements: list[etree._Element] = []
        self._types: list[etree._Element] = []
        self._names: dict[Any, str] = {}  #: of types that are written, by the type or what it looks like
        self._taken: set[str] = set()  #: in lower case: generators make classes of both elements and types
        self._root = etree.Element(f"{_XSD}schema", nsmap={"xsd": ns.XSD, "tns": namespace})
        self._root.set("targetNamespace", namespace)
        self._root.set("elementFormDefault", "qualified")
        self._waiting: list[tuple[str, etree._Element, Any]] = []  #: whose, and the elements whose types come last

    def operation(self, messages: Messages) -> None:
        request, result = messages.name, f"{messages.name}Result"
        for name in (request, result) if messages.result is not None else (request,):
            if name.lower() in self._taken:
                raise Unsuitable(f"two operations need an element {name}; write one of their names differently")
        self._taken.update(f"{request}{suffix}".lower() for suffix in ("", "Result", "Response"))
        element = self._global(request)
        _annotate(element, messages.documentation)
        sequence = etree.SubElement(etree.SubElement(element, f"{_XSD}complexType"), f"{_XSD}sequence")
        for name, model in messages.arguments:
            self._waiting.append((request, self._member(sequence, name, model), model))
        if messages.result is not None:
            self._result(result, messages.result)

    def schema(self) -> bytes:
        """Name the types when all elements have their names, and return it all."""
        while self._waiting:
            owner, element, model = self._waiting.pop(0)
            element.set("type", self._type(owner, element, model))
        self._root.extend([*self._types, *self._elements])
        etree.indent(self._root)
        return etree.tostring(self._root, encoding="utf-8", xml_declaration=True)

    def _global(self, name: str) -> etree._Element:
        element = etree.Element(f"{_XSD}element", name=name)
        self._elements.append(element)
        return element

    def _result(self, name: str, model: Any) -> None:
        element = self._global(name)
        if model.Attributes.max_occurs > 1:
            sequence = etree.SubElement(etree.SubElement(element, f"{_XSD}complexType"), f"{_XSD}sequence")
            self._waiting.append((name, self._member(sequence, "item", model), model))
            return
        if model.Attributes.nillable:
            element.set("nillable", "true")
        self._waiting.append(("", element, model))

    def _member(self, sequence: etree._Element, name: str, model: Any) -> etree._Element:
        own = model.Attributes
        element = etree.SubElement(sequence, f"{_XSD}element", name=own.sub_name or name)
        for limit, value in (("minOccurs", own.min_occurs), ("maxOccurs", own.max_occurs)):
            if value != 1:
                element.set(limit, "unbounded" if value == float("inf") else str(value))
        if own.nillable:
            element.set("nillable", "true")
        _annotate(element, model.Annotations.doc)
        return element

    def _type(self, owner: str, element: etree._Element, model: Any) -> str:
        base = built_in(model)
        if base == COMPLEX:
            return f"tns:{self._complex(model)}"
        narrowed = tuple(facets(model))
        if not narrowed:
            return f"xsd:{base}"
        key = (base, narrowed)
        if key not in self._names:
            name = self._name(type_name(model) or _capital(owner) + _capital(element.get("name") or base))
            self._names[key] = name
            self._simple(name, base, narrowed)
        return f"tns:{self._names[key]}"

    def _simple(self, name: str, base: str, narrowed: tuple[tuple[str, str], ...]) -> None:
        declared = etree.Element(f"{_XSD}simpleType", name=name)
        restriction = etree.SubElement(declared, f"{_XSD}restriction", base=f"xsd:{base}")
        for facet, value in narrowed:
            etree.SubElement(restriction, f"{_XSD}{facet}", value=value)
        self._types.append(declared)

    def _complex(self, model: Any) -> str:
        key, whole = identity(model), original(model)
        if key not in self._names:
            name = self._names[key] = self._name(_capital(type_name(model) or model.__name__))
            declared = etree.Element(f"{_XSD}complexType", name=name)
            self._types.append(declared)
            _annotate(declared, None if is_array(model) else whole.Annotations.doc)
            sequence = etree.SubElement(declared, f"{_XSD}sequence")
            for member, inner in whole.get_flat_type_info(whole).items():
                self._waiting.append((name, self._member(sequence, member, inner), inner))
        return self._names[key]

    def _name(self, wanted: str) -> str:
        name, number = wanted, 1
        while name.lower() in self._taken:
            name, number = f"{wanted}Type{number if number > 1 else ''}", number + 1
        self._taken.add(name.lower())
        return name


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]


def _annotate(element: etree._Element, text: str | None) -> None:
    if text:
        annotation = etree.Element(f"{_XSD}annotation")
        etree.SubElement(annotation, f"{_XSD}documentation").text = text
        element.insert(0, annotation)
