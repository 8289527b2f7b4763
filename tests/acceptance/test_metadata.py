"""GetMetadata: the WSDL, the schemas and which properties can be changed, from any address of the server."""

from typing import Any

import pytest
import zeep
from lxml import etree

from tests.server import Fault, Wire
from wsrf_activity.model import ns
from wsrf_activity.soap import contract
from wsrf_activity.soap.properties import PROPERTIES

SECTION = f"{{{ns.MEX}}}MetadataSection"
UNTYPED: Any = zeep  #: it has no types
ACTION = "http://schemas.xmlsoap.org/ws/2004/09/mex/GetMetadata/Request"


def sections(wire: Wire, content: str = "", activity_id: str | None = None) -> list[tuple[str, str, etree._Element]]:
    headers = f"<wsa:Action>{ACTION}</wsa:Action><wsa:MessageID>urn:uuid:1</wsa:MessageID>"
    reply = wire.call(f"<mex:GetMetadata>{content}</mex:GetMetadata>", activity_id, headers=headers)
    return [(found.get("Dialect", ""), found.get("Identifier", ""), found[0]) for found in reply.iterfind(SECTION)]


def test_everything(wire: Wire) -> None:
    """The WSDL, all of its schemas by their namespaces, and the properties, at the service and at an activity alike."""
    found = sections(wire)
    assert [(dialect, name) for dialect, name, _ in found] == [
        (ns.WSDL, ns.ACTW),
        *((ns.XSD, namespace) for namespace in contract.schema_files()),
        (ns.RMD, ns.ACT),
    ]
    definitions = found[0][2]
    assert definitions.get("targetNamespace") == ns.ACTW
    addresses = {found.get("location") for found in definitions.iter("{*}address")}
    assert addresses == {wire.address(None)}
    for dialect, name, content in found:
        if dialect == ns.XSD:
            assert content.get("targetNamespace") == name
    activity_id = wire.create("true")
    assert [name for _, name, _ in sections(wire, activity_id=activity_id)] == [name for _, name, _ in found]


def test_one_dialect_and_one_identifier(wire: Wire) -> None:
    """Only what was asked for; nothing, and no fault, for what there is not (WS-MetadataExchange, section 4)."""
    one = sections(wire, f"<mex:Dialect>{ns.XSD}</mex:Dialect><mex:Identifier>{ns.BF}</mex:Identifier>")
    assert [(dialect, name) for dialect, name, _ in one] == [(ns.XSD, ns.BF)]
    assert sections(wire, "<mex:Dialect>urn:other</mex:Dialect>") == []


def test_what_can_be_changed_can_be_changed(wire: Wire) -> None:
    """Each property is listed; those that are said to be writable can be deleted, the others refuse."""
    [(_, _, definitions)] = sections(wire, f"<mex:Dialect>{ns.RMD}</mex:Dialect>")
    listed = {
        contract.clark_name(found, found.get("name", "")): found.get("modifiability")
        for found in definitions.iter(f"{{{ns.RMD}}}Property")
    }
    assert list(listed) == list(PROPERTIES)
    activity_id = wire.create("mkfifo gate; read opened < gate")
    for tag, modifiability in listed.items():
        name = etree.QName(tag)
        prefix = next(prefix for prefix, uri in ns.PREFIXES.items() if uri == name.namespace)
        delete = f'<wsrfrp:Delete ResourceProperty="{prefix}:{name.localname}"/>'
        request = f"<wsrfrp:DeleteResourceProperties>{delete}</wsrfrp:DeleteResourceProperties>"
        if modifiability == "read-write":
            wire.call(request, activity_id)
            continue
        with pytest.raises(Fault) as refused:
            wire.call(request, activity_id)
        assert refused.value.name == "UnableToModifyResourcePropertyFault", tag
    wire.destroy(activity_id)


def test_the_same_by_get(wire: Wire) -> None:
    """Public, as the WSDL is."""
    response = wire.http.get(wire.address(None) + "?rmd", headers={"authorization": ""})
    assert response.status_code == 200
    assert etree.fromstring(response.content).tag == f"{{{ns.RMD}}}Definitions"


def test_with_a_client_made_from_its_wsdl(wire: Wire) -> None:
    """A section is XML of its own, which zeep leaves as it is."""
    transport = UNTYPED.Transport()
    transport.session.headers.update(wire.http.headers)
    with transport.session:
        client = UNTYPED.Client(wire.address(None) + "?wsdl=metadata.wsdl", transport=transport)
        [section] = client.service.GetMetadata(Dialect=ns.RMD).MetadataSection
    assert section.Identifier == ns.ACT
    assert section._value_1.tag == f"{{{ns.RMD}}}Definitions"
