"""What ``?wsdl``, ``?singleWsdl`` and ``?xsd=NAME`` answer, made from the contract, or from a service's own: addresses
and locations filled in, and without the declarations that nothing can reach, since some toolkits fail on those.
"""

import copy
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from urllib.parse import urlsplit

from lxml import etree

from wsrf_activity.model import ns
from wsrf_activity.soap import contract

#: A declaration of a schema: ("element" | "type" | "attribute", Clark name).
Component = tuple[str, str]

_XSD = f"{{{ns.XSD}}}"
_WSDL = f"{{{ns.WSDL}}}"
_PROPERTIES = f"{{{ns.RP}}}ResourceProperties"
_KINDS = {
    f"{_XSD}element": "element",
    f"{_XSD}complexType": "type",
    f"{_XSD}simpleType": "type",
    f"{_XSD}attribute": "attribute",
}
_TYPE_REFERENCES = ("type", "base", "itemType", "memberTypes")

# No message names them: they travel in wildcards and headers, and clients want their types nevertheless. The binding
# of wsimport fails without the element wsa:EndpointReference, that of CXF without any of the four.
_ALWAYS: frozenset[Component] = frozenset(
    ("element", f"{{{namespace}}}{name}")
    for namespace, names in {
        ns.WSA: ("EndpointReference", "From", "ReplyTo", "FaultTo"),
        ns.ACT: (
            *("StatusChange", "ProgressReport", "ErrorReport", "ResultReport", "Event", "IfVersion", "Value"),
            *("FromSequence", "LatestOnly", "AtMostEvery", "VerifyConsumer", "VerifyConsumerResponse", "Secret"),
            *("Credentials", "Timeout", "Acknowledge", "Last"),
        ),
        ns.RL: ("TerminationNotification",),
        ns.RP: ("ResourcePropertyValueChangeNotification",),
        ns.WSNT: ("NotificationMessage", "TopicExpression", "ProducerProperties", "MessageContent", "UseRaw"),
    }.items()
    for name in names
) | {("attribute", f"{{{ns.ACT}}}eventId"), ("attribute", f"{{{ns.ACT}}}sequence")}


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema, and the file name under which it is served."""

    name: str
    root: etree._Element  #: not to be changed


class Description:
    """Some WSDLs, and the schemas of all that they name."""

    def __init__(
        self,
        documents: Mapping[str, etree._Element],
        schemas: Mapping[str, Schema],
        more: Collection[Component] = (),
    ) -> None:
        """Take WSDLs by their names, and schemas by their namespaces; ``more`` is published though nothing names it."""
        self._documents = documents
        self._schemas = schemas
        self._always = _ALWAYS | frozenset(more)
        self._kept: dict[str, frozenset[Component]] = {}
        self._made: dict[tuple[str, ...], bytes] = {}

    def wsdl(self, document: str, base_url: str, schema_url: str) -> bytes:
        """Return a WSDL that imports its schemas from absolute locations.

        ``base_url`` is what all addresses of the server begin with; ``schema_url`` plus the file name of a schema is
        where that one is served, such as ``http://host/activity?xsd=``. Raises KeyError for a document that there is
        not.
        """
        return self._once(("wsdl", document, base_url, schema_url), lambda: self._wsdl(document, base_url, schema_url))

    def single_wsdl(self, document: str, base_url: str) -> bytes:
        """Return a WSDL with all its schemas inside, which imports nothing from anywhere.

        Raises KeyError for a document that there is not.
        """
        return self._once(("single", document, base_url), lambda: self._single(document, base_url))

    def xsd(self, name: str, schema_url: str) -> bytes:
        """Return one schema by its file name, with the declarations that any of the WSDLs can reach.

        ``schema_url`` as for `wsdl`. Raises KeyError for a name that there is not.
        """
        return self._once(("xsd", name, schema_url), lambda: self._xsd(name, schema_url))

    def schemas(self) -> Iterator[tuple[str, str]]:
        """Yield the namespace and the file name of each schema."""
        yield from ((namespace, schema.name) for namespace, schema in self._schemas.items())

    def _once(self, key: tuple[str, ...], make: Callable[[], bytes]) -> bytes:
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def _wsdl(self, document: str, base_url: str, schema_url: str) -> bytes:
        definitions = self._definitions(document, base_url)
        [holder] = definitions.iterfind(f"{_WSDL}types/{_XSD}schema")
        self._locate(holder, {_namespace(component) for component in self._reachable(document)}, schema_url)
        return _text(definitions)

    def _single(self, document: str, base_url: str) -> bytes:
        definitions = self._definitions(document, base_url)
        kept = self._reachable(document)
        [types] = definitions.iterfind(f"{_WSDL}types")
        [holder] = types
        for schema_import in holder:
            schema = self._pruned(self._schemas[schema_import.get("namespace", "")], kept, schema_url=None)
            if len(schema):
                types.append(schema)
        types.remove(holder)
        return _text(definitions)

    def _xsd(self, name: str, schema_url: str) -> bytes:
        schemas = {schema.name: schema for schema in self._schemas.values()}
        kept = frozenset[Component]().union(*map(self._reachable, self._documents))
        return _text(self._pruned(schemas[name], kept, schema_url))

    def _definitions(self, document: str, base_url: str) -> etree._Element:
        """Copy a WSDL, its addresses moved to the base URL, without messages that no port type has."""
        definitions = copy.deepcopy(self._documents[document])
        for binding in (ns.SOAP11_BINDING, ns.SOAP12_BINDING):
            for address in definitions.iterfind(f"{_WSDL}service/{_WSDL}port/{{{binding}}}address"):
                address.set("location", base_url.rstrip("/") + urlsplit(address.get("location", "")).path)
        used = {use.get("message", "").rpartition(":")[2] for use in definitions.iterfind(f"{_WSDL}portType/*/*")}
        for message in definitions.findall(f"{_WSDL}message"):
            if message.get("name") not in used:
                definitions.remove(message)
        return definitions

    def _pruned(self, source: Schema, kept: frozenset[Component], schema_url: str | None) -> etree._Element:
        """Copy a schema without the unreachable, its imports located below ``schema_url``, or nowhere if it is None."""
        schema = copy.deepcopy(source.root)
        namespace = schema.get("targetNamespace", "")
        for child in list(schema):
            component = _component(namespace, child)
            if component is not None and component not in kept:
                schema.remove(child)
        used = {_namespace(reference) for child in schema for reference in _references(child)}
        self._locate(schema, used, schema_url)
        return schema

    def _locate(self, schema: etree._Element, used: Collection[str], schema_url: str | None) -> None:
        """Give the imports their locations, and drop those of namespaces that nothing is used of."""
        for schema_import in schema.findall(f"{_XSD}import"):
            namespace = schema_import.get("namespace", "")
            if namespace not in used:
                schema.remove(schema_import)
            elif schema_url is None:
                schema_import.attrib.pop("schemaLocation", "")
            else:
                schema_import.set("schemaLocation", schema_url + self._schemas[namespace].name)

    @cached_property
    def _graph(self) -> Mapping[Component, frozenset[Component]]:
        """What each declaration of all schemas refers to directly."""
        graph = {}
        for namespace, schema in self._schemas.items():
            for child in schema.root:
                if component := _component(namespace, child):
                    graph[component] = frozenset(_references(child))
        return graph

    def _reachable(self, document: str) -> frozenset[Component]:
        """Name the declarations that the messages and properties of a WSDL need, directly or not."""
        if document not in self._kept:
            self._kept[document] = self._reached(self._documents[document])
        return self._kept[document]

    def _reached(self, definitions: etree._Element) -> frozenset[Component]:
        imported = {i.get("namespace", "") for i in definitions.iterfind(f"{_WSDL}types/{_XSD}schema/{_XSD}import")}
        waiting = [component for component in self._always if _namespace(component) in imported]
        waiting += [
            ("element", contract.clark_name(node, node.get(attribute, "")))
            for path, attribute in ((f"{_WSDL}message/{_WSDL}part", "element"), (f"{_WSDL}portType", _PROPERTIES))
            for node in definitions.iterfind(path)
            if attribute in node.attrib
        ]
        found: set[Component] = set()
        while waiting:
            component = waiting.pop()
            if component not in found:
                found.add(component)
                waiting.extend(self._graph.get(component, ()))
        return frozenset(found)


@cache
def shipped() -> Description:
    """Return what is made of the files of the contract."""
    return Description(
        {file.name: parse(file) for file in sorted((contract.home() / "wsdl").glob("*.wsdl"))}, schemas()
    )


@cache
def schemas() -> Mapping[str, Schema]:
    """Return the schemas of the contract by their namespaces."""
    return {namespace: Schema(file.name, parse(file)) for namespace, file in contract.schema_files().items()}


def parse(file: Path) -> etree._Element:
    """Read a file of the contract for a reader who is a program."""
    parser = etree.XMLParser(
        no_network=True, load_dtd=False, resolve_entities=False, remove_comments=True, remove_blank_text=True
    )
    return etree.parse(file, parser).getroot()


def _text(root: etree._Element) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _namespace(component: Component) -> str:
    return component[1].partition("}")[0][1:]


def _component(namespace: str, declaration: etree._Element) -> Component | None:
    kind = _KINDS.get(str(declaration.tag))
    return None if kind is None else (kind, f"{{{namespace}}}{declaration.get('name')}")


def _references(declaration: etree._Element) -> Iterator[Component]:
    """Name what a declaration, with all inside it, refers to."""
    for node in declaration.iter(f"{_XSD}*"):
        if ref := node.get("ref"):
            yield _KINDS[str(node.tag)], contract.clark_name(node, ref)
        for attribute in _TYPE_REFERENCES:
            for name in node.get(attribute, "").split():
                yield "type", contract.clark_name(node, name)
