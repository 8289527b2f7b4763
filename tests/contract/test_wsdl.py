"""What is served as WSDL keeps the rules that made thirteen toolkits import and call it. What the same rules ask of the
server (connections, reply headers, QNames in scope) is tested where it answers.
"""

import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from lxml import etree

from tests.contract import documents
from tests.contract.documents import BASE
from tests.interfaces import INTERFACES
from wsrf_activity.model import ns
from wsrf_activity.soap import contract, description

SCHEMAS = f"{BASE}/activity?xsd="
WSDL, XSD = f"{{{ns.WSDL}}}", f"{{{ns.XSD}}}"
BINDINGS = (ns.SOAP11_BINDING, ns.SOAP12_BINDING)

source = pytest.mark.parametrize("document", documents.ALL)


@cache
def _source(document: str) -> etree._Element:
    return documents.source(document)


@cache
def _served(document: str) -> tuple[etree._Element, ...]:
    """All that a client may fetch for a WSDL: both forms of it, and the schemas of the one that imports them."""
    wsdl = etree.fromstring(documents.wsdl(document))
    schemas = [documents.xsd(document, location) for location in _values(wsdl, "schemaLocation")]
    return wsdl, etree.fromstring(documents.single(document)), *map(etree.fromstring, schemas)


def _values(root: etree._Element, attribute: str) -> list[str]:
    return [value for node in root.iter("*") if (value := node.get(attribute)) is not None]


def _parts(definitions: etree._Element) -> list[etree._Element]:
    return definitions.findall(f"{WSDL}message/{WSDL}part")


def _bindings(definitions: etree._Element, namespace: str) -> list[etree._Element]:
    return [
        binding
        for binding in definitions.iterfind(f"{WSDL}binding")
        if binding.find(f"{{{namespace}}}binding") is not None
    ]


# The rules.


@source
def test_r1_nothing_makes_a_client_fetch_xml_xsd(document: str) -> None:
    for served in _served(document):
        assert not [ref for ref in _values(served, "ref") if ref.startswith("xml:")]
        assert not served.findall(f".//{XSD}import[@namespace='{ns.XML}']")


@source
def test_r2_soap_11_comes_first_and_alone_has_faults(document: str) -> None:
    definitions = _source(document)
    for service in definitions.iterfind(f"{WSDL}service"):
        assert [etree.QName(port[0]).namespace for port in service.iterfind(f"{WSDL}port")] == list(BINDINGS)
    for eleven, twelve in zip(*(_bindings(definitions, namespace) for namespace in BINDINGS), strict=True):
        port_type = eleven.get("type", "").rpartition(":")[2]
        assert twelve.get("type") == eleven.get("type")
        declared = definitions.findall(f"{WSDL}portType[@name='{port_type}']/{WSDL}operation/{WSDL}fault")
        bound = eleven.findall(f"{WSDL}operation/{WSDL}fault/{{{ns.SOAP11_BINDING}}}fault[@use='literal']")
        assert [fault.get("name") for fault in bound] == [fault.get("name") for fault in declared]
        assert not twelve.findall(f"{WSDL}operation/{WSDL}fault")


@source
def test_r3_parts_are_named_as_their_messages(document: str) -> None:
    for message in _source(document).iterfind(f"{WSDL}message"):
        [part] = message
        assert part.get("name") == message.get("name") != "parameters"
        assert set(part.attrib) == {"name", "element"}


@source
def test_r4_nothing_derives_from_any_type(document: str) -> None:
    for served in _served(document):
        bases = [contract.clark_name(node, node.get("base", "")) for node in served.iterfind(f".//{XSD}*[@base]")]
        assert f"{XSD}anyType" not in bases


@source
def test_r5_only_what_can_be_reached_is_published(document: str) -> None:
    wsdl, single, *schemas = _served(document)
    names = {name for schema in single.iter(f"{XSD}schema") for name in _names(schema)}
    assert f"{{{ns.WSA}}}EndpointReference" in names
    assert not names & {f"{{{ns.WSTOP}}}TopicNamespace", f"{{{ns.WSA}}}ProblemAction", f"{{{ns.BF}}}BaseFault"}
    assert names <= {name for schema in schemas for name in _names(schema)}
    for served in (wsdl, single, *schemas):
        assert not served.findall(f".//{XSD}attribute/{XSD}simpleType") + served.findall(
            f".//{XSD}element/{XSD}simpleType"
        )
        messages = [message.get("name") for message in served.iterfind(f"{WSDL}message")]
        assert set(messages) == {use.rpartition(":")[2] for use in _values(served, "message")}


def _names(schema: etree._Element) -> Iterator[str]:
    for child in schema.iterchildren(f"{XSD}element", f"{XSD}complexType", f"{XSD}simpleType"):
        yield f"{{{schema.get('targetNamespace')}}}{child.get('name')}"


@source
def test_r6_one_prefix_without_hyphen_is_one_namespace(document: str) -> None:
    wsdl_only = {"soap": ns.SOAP11_BINDING, "soap12": ns.SOAP12_BINDING}
    wsdl_only |= {"svc": INTERFACES[document].namespace} if document in INTERFACES else {}
    for served in _served(document):
        for node in served.iter("*"):
            for prefix, uri in node.nsmap.items():
                assert {**ns.PREFIXES, **wsdl_only}[prefix or "default"] == uri


@source
def test_r7_one_document_with_one_target_namespace(document: str) -> None:
    for served in _served(document)[:2]:
        assert not served.findall(f"{WSDL}import")
    own = INTERFACES[document].namespace if document in INTERFACES else None
    expected = own or ns.PREFIXES[f"act{'wncm'[documents.SHIPPED.index(document)]}"]
    assert _source(document).get("targetNamespace") == expected


@pytest.mark.parametrize(("document", "name"), [("activity.wsdl", "Activity"), ("words", "words")])
def test_r7_one_port_type_has_all_of_an_activity(document: str, name: str) -> None:
    [port_type] = _source(document).iterfind(f"{WSDL}portType")
    assert port_type.get("name") == f"{name}PortType"
    operations = {operation.get("name") for operation in port_type.iterfind(f"{WSDL}operation")}
    assert {operation.name for operation in contract.operations().values()} <= operations
    properties = contract.clark_name(port_type, port_type.get(f"{{{ns.RP}}}ResourceProperties", ""))
    assert properties == f"{{{ns.ACT}}}ActivityProperties"


@source
def test_r8_each_namespace_of_a_part_is_imported_directly(document: str) -> None:
    wsdl, single, *_ = _served(document)
    used = {etree.QName(contract.clark_name(part, part.get("element", ""))).namespace for part in _parts(wsdl)}
    imported = {i.get("namespace") for i in wsdl.iterfind(f"{WSDL}types/{XSD}schema/{XSD}import")}
    inline = {schema.get("targetNamespace") for schema in single.iterfind(f"{WSDL}types/{XSD}schema")}
    assert used <= imported == inline


@source
def test_r9_no_policy_is_declared(document: str) -> None:
    for served in _served(document):
        assert not list(served.iter("{*}Policy", "{*}UsingAddressing"))


@source
def test_r10_both_ports_of_a_service_have_one_address_below_the_base(document: str) -> None:
    for served in _served(document)[:2]:
        for service in served.iterfind(f"{WSDL}service"):
            first, second = [port[0].get("location", "") for port in service.iterfind(f"{WSDL}port")]
            assert first == second
            assert first.startswith(f"{BASE}/")


def test_r12_wait_is_never_without_a_child() -> None:
    schema = etree.parse(contract.schema_files()[ns.ACT])
    assert schema.findall(f"{XSD}element[@name='Wait']/{XSD}complexType/{XSD}sequence/{XSD}element")


@source
def test_r13_the_reference_parameter_is_declared_nowhere(document: str) -> None:
    for served in _served(document):
        assert ns.REF.encode() not in etree.tostring(served)


# What is served.


@source
def test_a_single_wsdl_imports_from_nowhere(document: str) -> None:
    single = _served(document)[1]
    addresses = [port[0].get("location") for port in single.iterfind(f"{WSDL}service/{WSDL}port")]
    assert (_values(single, "schemaLocation"), _values(single, "location")) == ([], addresses)


@source
def test_locations_are_absolute_and_ours(document: str) -> None:
    wsdl, _, *schemas = _served(document)
    locations = [location for served in (wsdl, *schemas) for location in _values(served, "schemaLocation")]
    assert locations
    assert all(location.startswith(documents.schemas(document)) for location in locations)


@source
def test_what_is_served_refers_to_nothing_that_was_left_out(document: str) -> None:
    single = _served(document)[1]
    declared = {name for schema in single.iter(f"{XSD}schema") for name in _names(schema)}
    for node in single.iter(f"{XSD}*", f"{WSDL}part"):
        for attribute in ("ref", "type", "base", "itemType", "memberTypes", "element"):
            for qname in node.get(attribute, "").split():
                name = contract.clark_name(node, qname)
                assert name in declared or name.startswith(XSD), name


@pytest.mark.parametrize("unknown", ["", "../pyproject.toml", "xml.xsd", "activity.wsdl", "/etc/passwd"])
def test_what_there_is_not_is_not_served(unknown: str) -> None:
    with pytest.raises(KeyError):
        description.shipped().xsd(unknown, SCHEMAS)
    if unknown != "activity.wsdl":
        with pytest.raises(KeyError):
            description.shipped().wsdl(unknown, BASE, SCHEMAS)
        with pytest.raises(KeyError):
            description.shipped().single_wsdl(unknown, BASE)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A server that does nothing but describe."""

    class Describe(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            base = f"http://127.0.0.1:{httpd.server_port}"
            url = urlsplit(self.path)
            query = parse_qs(url.query, keep_blank_values=True)
            document = url.path.removeprefix("/")
            name, described = documents.name(document), documents.place(document).description
            schemas = f"{base}/{document}?xsd="
            if "xsd" in query:
                self._answer(described.xsd(query["xsd"][0], schemas))
            elif "singleWsdl" in query:
                self._answer(described.single_wsdl(name, base))
            else:
                self._answer(described.wsdl(name, base, schemas))

        def _answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/xml; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: what the client says is what counts."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Describe) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


@pytest.mark.parametrize("form", ["wsdl", "singleWsdl"])
@source
def test_zeep_lists_it_without_a_warning(document: str, form: str, server: str) -> None:
    url = f"{server}/{document}?{form}"
    listing = subprocess.run(
        [sys.executable, "-W", "error", "-m", "zeep", url], capture_output=True, text=True, timeout=60, check=False
    )
    assert (listing.returncode, listing.stderr) == (0, "")
    for operation in documents.operations(document).values():
        assert listing.stdout.count(f"            {operation.name}(") == 2  # one for each binding
