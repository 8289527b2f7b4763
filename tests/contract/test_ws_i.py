"""What is served as WSDL keeps the WS-I Basic Profiles 1.2 and 2.0, and the page that says which test holds which of
their requirements names only tests that there are.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from lxml import etree

from tests.contract import documents
from wsrf_activity.model import ns
from wsrf_activity.model.addresses import Addresses
from wsrf_activity.soap import contract

HERE = Path(__file__).parents[2]
WSDL, XSD = f"{{{ns.WSDL}}}", f"{{{ns.XSD}}}"
SOAP_ENCODING = ("http://schemas.xmlsoap.org/soap/encoding/", "http://www.w3.org/2003/05/soap-encoding")
REFERENCES = ("ref", "type", "base", "itemType", "memberTypes", "element")

source = pytest.mark.parametrize("document", documents.ALL)


@cache
def _files(document: str) -> tuple[bytes, ...]:
    """Both forms of a WSDL, then the schemas that the first of them leads to."""
    wsdl = documents.wsdl(document)
    pending, schemas = [wsdl], dict[str, bytes]()
    while pending:
        for location in _locations(etree.fromstring(pending.pop())):
            if location not in schemas:
                schemas[location] = documents.xsd(document, location)
                pending.append(schemas[location])
    return wsdl, documents.single(document), *schemas.values()


@cache
def _served(document: str) -> tuple[etree._Element, ...]:
    return tuple(map(etree.fromstring, _files(document)))


def _locations(root: etree._Element) -> list[str]:
    return [location for node in root.iter(f"{XSD}import") if (location := node.get("schemaLocation"))]


def _bindings(document: str) -> Iterator[tuple[etree._Element, str]]:
    """All bindings of both forms, each with the namespace of the extension that it begins with."""
    for definitions in _served(document)[:2]:
        for binding in definitions.iterfind(f"{WSDL}binding"):
            yield binding, etree.QName(next(binding.iterchildren("*"))).namespace or ""


@source
def test_every_file_is_xml_1_0_in_utf_8(document: str) -> None:
    for data in _files(document):
        assert re.match(rb"<\?xml version=['\"]1\.0['\"] encoding=['\"]UTF-8['\"]\?>", data)
        assert "xmlns:xml=" not in data.decode("utf-8")


@source
def test_types_come_first_and_schemas_are_imported_there(document: str) -> None:
    for definitions in _served(document)[:2]:
        kinds = [child.tag for child in definitions.iterchildren("*") if child.tag != f"{WSDL}documentation"]
        assert kinds[0] == f"{WSDL}types"
        assert f"{WSDL}import" not in kinds
    for root in _served(document):
        imports = set(root.iter(f"{XSD}import", f"{XSD}include"))
        assert imports == set(root.findall(f".//{XSD}schema/{XSD}import") + root.findall(f"./{XSD}import"))
    assert {schema.tag for schema in _served(document)[2:]} == {f"{XSD}schema"}


@source
def test_each_schema_has_a_target_namespace_and_each_name_once(document: str) -> None:
    wsdl, single, *files = _served(document)
    for definitions in (wsdl, single):
        for schema in definitions.iterfind(f"{WSDL}types/{XSD}schema"):
            children = {child.tag for child in schema.iterchildren("*")}
            assert schema.get("targetNamespace") or children <= {f"{XSD}import", f"{XSD}annotation"}
    for schemas in (files, single.findall(f"{WSDL}types/{XSD}schema")):
        names = Counter(
            ("element" if child.tag == f"{XSD}element" else "type", schema.get("targetNamespace"), child.get("name"))
            for schema in schemas
            for child in schema.iterchildren(f"{XSD}element", f"{XSD}complexType", f"{XSD}simpleType")
        )
        assert set(names.values()) == {1}


@source
def test_names_of_the_wsdl_are_its_own(document: str) -> None:
    for definitions in _served(document)[:2]:
        own = {
            f"{{{definitions.get('targetNamespace')}}}{child.get('name')}"
            for child in definitions.iterchildren(f"{WSDL}message", f"{WSDL}portType", f"{WSDL}binding")
        }
        used = [(n, n.get("message")) for n in definitions.iterfind(f"{WSDL}portType/{WSDL}operation/*[@message]")]
        used += [(n, n.get("type")) for n in definitions.iterfind(f"{WSDL}binding")]
        used += [(n, n.get("binding")) for n in definitions.iterfind(f"{WSDL}service/{WSDL}port")]
        assert {contract.clark_name(node, name or "") for node, name in used} <= own


@source
def test_names_of_schemas_are_declared_or_imported(document: str) -> None:
    """Where they are used: in the schema itself, and for parts in the schemas of the types section."""
    for definitions in _served(document)[:2]:
        schemas = definitions.findall(f"{WSDL}types/{XSD}schema")
        reachable = set[str | None]().union(*map(_namespaces, schemas))
        for part in definitions.iterfind(f"{WSDL}message/{WSDL}part"):
            assert etree.QName(contract.clark_name(part, part.get("element", ""))).namespace in reachable
    for schema in (schema for root in _served(document) for schema in root.iter(f"{XSD}schema")):
        for node in schema.iter(f"{XSD}*"):
            for name in (name for attribute in REFERENCES for name in node.get(attribute, "").split()):
                assert etree.QName(contract.clark_name(node, name)).namespace in {*_namespaces(schema), ns.XSD}, name


def _namespaces(schema: etree._Element) -> set[str | None]:
    return {schema.get("targetNamespace"), *(node.get("namespace") for node in schema.iterfind(f"{XSD}import"))}


@source
def test_nothing_is_of_soap_encoding(document: str) -> None:
    for root in _served(document):
        for node in root.iter("*"):
            assert not set(node.nsmap.values()) & set(SOAP_ENCODING)
            assert f"{WSDL}arrayType" not in node.attrib
            assert not node.get("name", "").startswith("ArrayOf")


@source
def test_operations_begin_with_their_input_and_have_names_of_their_own(document: str) -> None:
    for definitions in _served(document)[:2]:
        for port_type in definitions.iterfind(f"{WSDL}portType"):
            operations = port_type.findall(f"{WSDL}operation")
            assert len({operation.get("name") for operation in operations}) == len(operations)
            for operation in operations:
                kinds = [etree.QName(child).localname for child in operation.iterchildren(f"{WSDL}*")]
                assert [kind for kind in kinds if kind not in ("documentation", "fault")] in (
                    ["input", "output"],
                    ["input"],
                )


@source
def test_each_message_is_one_element(document: str) -> None:
    for definitions in _served(document)[:2]:
        for message in definitions.iterfind(f"{WSDL}message"):
            [part] = message.iterchildren("*")
            assert set(part.attrib) == {"name", "element"}


@source
def test_bindings_are_document_literal_over_http(document: str) -> None:
    for binding, soap in _bindings(document):
        assert soap in (ns.SOAP11_BINDING, ns.SOAP12_BINDING)
        style = binding.find(f"{{{soap}}}binding")
        assert style is not None
        assert dict(style.items()) == {"style": "document", "transport": ns.SOAP_HTTP}
        for operation in binding.iterfind(f"{WSDL}operation"):
            action = operation.find(f"{{{soap}}}operation")
            assert action is not None
            assert set(action.attrib) == {"soapAction"}  # neither a style of its own nor soapActionRequired
            for body in operation.iterfind(f"{WSDL}*/{{{soap}}}body"):
                assert dict(body.items()) == {"use": "literal"}  # neither parts nor namespace


@source
def test_bindings_bind_bodies_and_faults_and_no_headers(document: str) -> None:
    for binding, soap in _bindings(document):
        for node in binding.iterfind(f"{WSDL}operation/{WSDL}*/*"):
            assert node.tag in (f"{{{soap}}}body", f"{{{soap}}}fault")
        for fault in binding.iterfind(f"{WSDL}operation/{WSDL}fault"):
            [bound] = fault
            assert dict(bound.items()) == {"name": fault.get("name"), "use": "literal"}


@source
def test_actions_of_bindings_are_those_of_the_port_type(document: str) -> None:
    for definitions in _served(document)[:2]:
        for binding in definitions.iterfind(f"{WSDL}binding"):
            declared = {
                operation.get("name"): [
                    given.get(f"{{{ns.WSAM}}}Action") for given in operation.iterfind(f"{WSDL}input")
                ]
                for operation in _port_type(binding).iterfind(f"{WSDL}operation")
            }
            for operation in binding.iterfind(f"{WSDL}operation"):
                actions = [said.get("soapAction") for said in operation.iterfind("{*}operation")]
                assert actions == declared[operation.get("name")]


def test_the_element_in_the_body_says_which_operation_it_is() -> None:
    """Among all that is bound at one address and version, be it through several ports or documents."""
    bound: dict[tuple[str, str], list[str]] = {}
    for document in documents.ALL:
        definitions = _served(document)[0]
        inputs = {operation.name: element for element, operation in documents.operations(document).items()}
        for port in definitions.iterfind(f"{WSDL}service/{WSDL}port"):
            binding = definitions.find(f"{WSDL}binding[@name='{_local(port, 'binding')}']")
            assert binding is not None
            found = bound.setdefault((port[0].get("location", ""), port[0].tag), [])
            found += [inputs[operation.get("name", "")] for operation in binding.iterfind(f"{WSDL}operation")]
    assert len(bound) == 12
    assert all(len(set(elements)) == len(elements) for elements in bound.values())


def _port_type(binding: etree._Element) -> etree._Element:
    found = binding.getroottree().find(f"{WSDL}portType[@name='{_local(binding, 'type')}']")
    assert found is not None
    return found


def _local(node: etree._Element, attribute: str) -> str:
    return node.get(attribute, "").rpartition(":")[2]


@source
def test_each_service_has_one_address(document: str) -> None:
    """Of its own, but for what makes pull points, which has that of the pull points; the same for both versions."""
    services = _served(document)[0].findall(f"{WSDL}service")
    places = [{port[0].get("location") for port in service.iterfind(f"{WSDL}port")} for service in services]
    assert all(len(place) == 1 for place in places)
    makers = [service for service in services if service.get("name", "").startswith("Create")]
    assert len(set[str | None]().union(*places)) == len(services) - len(makers)


@source
def test_no_extension_is_required(document: str) -> None:
    for root in _served(document):
        assert not [node for node in root.iter("*") if f"{WSDL}required" in node.attrib]


@source
def test_addresses_have_the_scheme_of_the_server(document: str) -> None:
    for scheme in ("http", "https"):
        definitions = etree.fromstring(documents.single(document, Addresses(f"{scheme}://example.org")))
        locations = [port[0].get("location", "") for port in definitions.iterfind(f"{WSDL}service/{WSDL}port")]
        assert {urlsplit(location).scheme for location in locations} == {scheme}


# The page.


PAGE = HERE / "docs" / "ws-i.md"
ROW = re.compile(r"^\|(?P<numbers>[^|]*\bR\d{4}\b[^|]*)\|.*\|(?P<last>[^|]*)\|$", re.MULTILINE)
NODE = re.compile(r"`(?P<file>tests/[\w/]+\.py)::(?P<test>\w+)`")


@pytest.mark.parametrize(("page", "least"), [("ws-i.md", 30), ("notification.md", 20)])
def test_each_test_that_a_page_names_exists(page: str, least: int) -> None:
    named = set(NODE.findall((HERE / "docs" / page).read_text("utf-8")))
    assert len(named) > least
    missing = [f"{file}::{test}" for file, test in sorted(named) if test not in _tests(file)]
    assert missing == []


def test_each_requirement_has_one_row() -> None:
    text = PAGE.read_text("utf-8")
    numbers = Counter(number for row in ROW.finditer(text) for number in re.findall(r"R\d{4}", row["numbers"]))
    assert [number for number, rows in numbers.items() if rows > 1] == []


def test_what_is_held_is_held_by_a_test() -> None:
    held, _, _ = PAGE.read_text("utf-8").partition("\n## What does not concern")
    rows = list(ROW.finditer(held))
    assert len(rows) > 40
    assert [row["numbers"] for row in rows if not NODE.search(row["last"])] == []


@cache
def _tests(file: str) -> frozenset[str]:
    tree = ast.parse((HERE / file).read_text("utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
