"""What ``?wsdl``, ``?singleWsdl`` and ``?xsd=NAME`` answer, made from the very files of the contract: addresses and
locations filled in, and without the declarations that nothing can reach, since some toolkits fail on those.
"""

from collections.abc import Collection, Iterator, Mapping
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType
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


@lru_cache(maxsize=64)
def wsdl(document: str, base_url: str, schema_url: str) -> bytes:
    """Return a WSDL that imports its schemas from absolute locations.

    ``base_url`` is what all addresses of the server begin with; ``schema_url`` plus the file name of a schema is where
    that one is served, such as ``http://host/activity?xsd=``. Raises KeyError for a document that there is not.
    """
    definitions = _definitions(document, base_url)
    [holder] = definitions.iterfind(f"{_WSDL}types/{_XSD}schema")
    _locate(holder, {_namespace(component) for component in _reachable(document)}, schema_url)
    return _text(definitions)


@lru_cache(maxsize=64)
def single_wsdl(document: str, base_url: str) -> bytes:
    """Return a WSDL with all its schemas inside, which imports nothing from anywhere.

    Raises KeyError for a document that there is not.
    """
    definitions = _definitions(document, base_url)
    kept = _reachable(document)
    [types] = definitions.iterfind(f"{_WSDL}types")
    [holder] = types
    for schema_import in holder:
        schema = _pruned(contract.schema_files()[schema_import.get("namespace", "")], kept, schema_url=None)
        if len(schema):
            types.append(schema)
    types.remove(holder)
    return _text(definitions)


@lru_cache(maxsize=64)
def xsd(name: str, schema_url: str) -> bytes:
    """Return one schema by its file name, with the declarations that any of the WSDLs can reach.

    ``schema_url`` as for `wsdl`. Raises KeyError for a name that there is not.
    """
    files = {file.name: file for file in contract.schema_files().values()}
    kept = frozenset[Component]().union(*map(_reachable, _documents()))
    return _text(_pruned(files[name], kept, schema_url))


@cache
def _documents() -> Mapping[str, Path]:
    return MappingProxyType({file.name: file for file in sorted((contract.home() / "wsdl").glob("*.wsdl"))})


def _parse(file: Path) -> etree._Element:
    parser = etree.XMLParser(
        no_network=True, load_dtd=False, resolve_entities=False, remove_comments=True, remove_blank_text=True
    )
    return etree.parse(file, parser).getroot()


def _text(root: etree._Element) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _definitions(document: str, base_url: str) -> etree._Element:
    """Read a WSDL, with the addresses of its ports moved to the base URL and without messages that no port type has."""
    definitions = _parse(_documents()[document])
    for binding in (ns.SOAP11_BINDING, ns.SOAP12_BINDING):
        for address in definitions.iterfind(f"{_WSDL}service/{_WSDL}port/{{{binding}}}address"):
            address.set("location", base_url.rstrip("/") + urlsplit(address.get("location", "")).path)
    used = {use.get("message", "").rpartition(":")[2] for use in definitions.iterfind(f"{_WSDL}portType/*/*")}
    for message in definitions.findall(f"{_WSDL}message"):
        if message.get("name") not in used:
            definitions.remove(message)
    return definitions


def _pruned(file: Path, kept: frozenset[Component], schema_url: str | None) -> etree._Element:
    """Read a schema without the unreachable, its imports located below ``schema_url``, or nowhere if that is None."""
    schema = _parse(file)
    namespace = schema.get("targetNamespace", "")
    for child in list(schema):
        component = _component(namespace, child)
        if component is not None and component not in kept:
            schema.remove(child)
    used = {_namespace(reference) for child in schema for reference in _references(child)}
    _locate(schema, used, schema_url)
    return schema


def _locate(schema: etree._Element, used: Collection[str], schema_url: str | None) -> None:
    """Give the imports their locations, and drop those of namespaces that nothing is used of."""
    for schema_import in schema.findall(f"{_XSD}import"):
        namespace = schema_import.get("namespace", "")
        if namespace not in used:
            schema.remove(schema_import)
        elif schema_url is None:
            del schema_import.attrib["schemaLocation"]
        else:
            schema_import.set("schemaLocation", schema_url + contract.schema_files()[namespace].name)


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


@cache
def _graph() -> Mapping[Component, frozenset[Component]]:
    """Return what each declaration of all schemas refers to directly."""
    graph = {}
    for namespace, file in contract.schema_files().items():
        for child in _parse(file):
            if component := _component(namespace, child):
                graph[component] = frozenset(_references(child))
    return MappingProxyType(graph)


@cache
def _reachable(document: str) -> frozenset[Component]:
    """Name the declarations that the messages and properties of a WSDL need, directly or not."""
    definitions = _parse(_documents()[document])
    imported = {i.get("namespace", "") for i in definitions.iterfind(f"{_WSDL}types/{_XSD}schema/{_XSD}import")}
    waiting = [component for component in _ALWAYS if _namespace(component) in imported]
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
            waiting.extend(_graph().get(component, ()))
    return frozenset(found)
