"""The contract of a service with operations of its own: names, Actions, methods, values, and what cannot be served."""

from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from tests.interfaces import INTERFACES, SURVEY, SURVEY_NS, WORDS, WORDS_NS, schema
from wsrf_activity.manager import StartRequest
from wsrf_activity.model import ns
from wsrf_activity.model.interfaces import COMMON_OPERATIONS, Interface, Operation
from wsrf_activity.soap import contract, places, services, starting
from wsrf_activity.soap.protocol import application
from wsrf_activity.soap.services import ServiceContract
from wsrf_activity.soap.starting import Start
from wsrf_activity.soap.typed_ports import methods_of

ODD = ("class", "None", "initialize", "get_method", "own_1", "run-it", "größe", "v1.2", "__init__")


def _interface(*names: str, namespace: str = "urn:odd", called: str = "odd") -> Interface:
    elements = "".join(
        f'<xs:element name="{name}"><xs:complexType><xs:sequence/></xs:complexType></xs:element>' for name in names
    )
    operations = tuple(Operation(name=name, service=f"odd.{name}") for name in names)
    return Interface(name=called, namespace=namespace, schema=schema(namespace, elements), operations=operations)


def test_all_operations_of_activities_and_its_own() -> None:
    service = ServiceContract(WORDS)
    assert set(service.operations) - set(contract.served()) == {f"{{{WORDS_NS}}}count"}
    own = service.operations[f"{{{WORDS_NS}}}count"]
    assert (own.output, own.input_action) == (f"{{{WORDS_NS}}}countResponse", f"{WORDS_NS}:count")
    assert own.output_action == f"{WORDS_NS}:countResponse"
    assert own.faults[f"{{{ns.ACT}}}WorkFailedFault"] == ns.WSRF_FAULT_ACTION
    assert set(own.faults) > set(contract.operations()[f"{{{ns.ACT}}}CreateActivity"].faults)
    assert ServiceContract(SURVEY).own[f"{{{SURVEY_NS}}}class"].input_action == f"{SURVEY_NS}/class"


def test_work_failed_is_a_fault_of_own_operations_alone() -> None:
    for operation in (*contract.operations().values(), *contract.served().values()):
        assert f"{{{ns.ACT}}}WorkFailedFault" not in operation.faults


def test_names_that_mean_something_to_python_or_spyne_do_not_here() -> None:
    service = ServiceContract(_interface(*ODD))
    place = places.of_service(service)
    served = application(place).services
    methods = {name for each in served for name in each.public_methods}
    assert set(methods_of(service).values()) <= methods
    assert [operation.name for operation in service.own.values()] == list(ODD)
    wsdl = place.description.single_wsdl(place.document, "http://h").decode()
    assert all(f'operation name="{name}"' in wsdl for name in ODD)


@pytest.mark.parametrize("name", ["Wait", "Destroy", "CreateActivity", "Subscribe"])
def test_an_operation_cannot_have_the_name_of_one_that_every_service_has(name: str) -> None:
    with pytest.raises(ValueError, match=f"cannot be called {name}"):
        ServiceContract(_interface(name))


@pytest.mark.parametrize(
    ("interface", "reason"),
    [
        (_interface("run", "runResponse"), "runResponse is what answers run"),
        (_interface("run", namespace=ns.ACT), "not its own to use"),
        (_interface("run", called="a b"), "a service cannot be called 'a b'"),
        (replace(_interface("run"), operations=(Operation(name="a b", service="x"),)), "no name for an operation"),
    ],
)
def test_what_cannot_be_served_is_refused_in_words(interface: Interface, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        ServiceContract(interface)


def test_services_may_share_a_namespace_but_no_element() -> None:
    one, other = _interface("run", called="one"), _interface("walk", called="other")
    assert set(services.contracts([one, other])) == {"one", "other"}
    with pytest.raises(ValueError, match="services one and third both have an element run in the namespace urn:odd"):
        services.contracts([one, other, _interface("run", called="third")])


def _start(interface: Interface, name: str) -> Start:
    [operation] = [each for each in interface.operations if each.name == name]
    return Start(ServiceContract(interface), operation, StartRequest(), synchronous=True, timeout=None)


SUMMARY = (
    f'<a:summariseResult xmlns:a="{SURVEY_NS}"><a:unit>foot</a:unit><a:made>2026-01-01T00:00:00Z</a:made>'
    "</a:summariseResult>"
).encode()


@pytest.mark.parametrize(
    ("interface", "name", "content", "text"),
    [
        (WORDS, "count", b" 12\n", "12"),
        (SURVEY, "class", b"\x00\xff", "AP8="),
        (SURVEY, "summarise", SUMMARY, ""),
    ],
)
def test_a_value_is_read_by_its_type(
    interface: Interface, name: str, content: bytes, text: str, tmp_path: Path
) -> None:
    file = tmp_path / "result"
    file.write_bytes(content)
    start = _start(interface, name)
    value = starting.value(start, file)
    assert value is not None
    assert (value.text or "").strip() == text
    assert start.service.schema_set.validate(value)


@pytest.mark.parametrize(
    ("interface", "name", "content"),
    [
        (WORDS, "count", b"many"),
        (WORDS, "count", b"\xff"),
        (SURVEY, "summarise", b"no XML"),
        (SURVEY, "summarise", SUMMARY.replace(b"foot", b"mile")),
        (SURVEY, "summarise", SUMMARY.replace(b"summariseResult", b"nothing")),
        (SURVEY, "nothing", b""),
    ],
)
def test_what_is_no_value_of_the_type_is_left_out(
    interface: Interface, name: str, content: bytes, tmp_path: Path
) -> None:
    file = tmp_path / "result"
    file.write_bytes(content)
    assert starting.value(_start(interface, name), file) is None


def test_nothing_is_nil_where_that_may_be(tmp_path: Path) -> None:
    nillable = schema(
        "urn:odd",
        '<xs:element name="run"><xs:complexType><xs:sequence/></xs:complexType></xs:element>'
        '<xs:simpleType name="Small"><xs:restriction base="xs:int"><xs:maxInclusive value="9"/></xs:restriction>'
        '</xs:simpleType><xs:element name="runResult" type="tns:Small" nillable="true"/>',
    )
    interface = replace(
        _interface("run"), schema=nillable, operations=(Operation(name="run", service="r", returns=True),)
    )
    value = starting.value(_start(interface, "run"), tmp_path / "never made")
    assert value is not None
    assert value.get(f"{{{ns.XSI}}}nil") == "true"
    (tmp_path / "seven").write_text("7")
    seven = starting.value(_start(interface, "run"), tmp_path / "seven")
    assert seven is not None
    assert seven.text == "7"


@pytest.mark.parametrize("name", INTERFACES)
def test_its_schemas_are_one_set(name: str) -> None:
    service = ServiceContract(INTERFACES[name])
    reference = "<wsa:EndpointReference><wsa:Address>urn:a</wsa:Address></wsa:EndpointReference>"
    [first, *_] = service.interface.operations
    response = etree.fromstring(
        f'<s:{first.name}Response xmlns:s="{service.namespace}" xmlns:wsa="{ns.WSA}" xmlns:xsi="{ns.XSI}">{reference}'
        '<s:TerminationTime xsi:nil="true"/><s:CurrentTime>2026-01-01T00:00:00Z</s:CurrentTime>'
        f"</s:{first.name}Response>"
    )
    assert service.schema_set.validate(response), service.schema_set.error_log
    response[0].remove(response[0][0])
    assert not service.schema_set.validate(response)


def test_names_that_authors_are_refused_are_those_that_every_service_has() -> None:
    assert {operation.name for operation in contract.operations().values()} == COMMON_OPERATIONS
