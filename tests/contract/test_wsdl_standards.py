"""What the WSDLs say is what the standards say: operations, elements, Actions, faults and bindings."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest
from lxml import etree

from wsrf_activity.model import ns
from wsrf_activity.soap import contract

DOCUMENTS = ("activity.wsdl", "notification.wsdl", "consumer.wsdl", "metadata.wsdl")
WSDL = f"{{{ns.WSDL}}}"

source = pytest.mark.parametrize("document", DOCUMENTS)


@cache
def _source(document: str) -> etree._Element:
    return etree.parse(contract.home() / "wsdl" / document).getroot()


@source
def test_every_message_has_its_action_and_is_document_literal(document: str) -> None:
    definitions = _source(document)
    actions = {o.name: o.input_action for o in contract.operations(document).values()}
    for message in definitions.iterfind(f"{WSDL}portType/{WSDL}operation/*[@message]"):
        assert message.get(f"{{{ns.WSAM}}}Action")
    for binding in definitions.iterfind(f"{WSDL}binding"):
        style, *operations = binding.iterchildren("*")
        assert (style.get("style"), style.get("transport")) == ("document", ns.SOAP_HTTP)
        assert {body.get("use") for body in binding.iter("{*}body")} == {"literal"}
        for operation in operations:
            assert operation[0].get("soapAction") == actions[operation.get("name", "")]


@source
def test_each_port_binds_each_operation(document: str) -> None:
    definitions = _source(document)
    for binding in definitions.iterfind(f"{WSDL}binding"):
        port_type = binding.get("type", "").rpartition(":")[2]
        declared = definitions.findall(f"{WSDL}portType[@name='{port_type}']/{WSDL}operation")
        bound = binding.findall(f"{WSDL}operation")
        assert [o.get("name") for o in bound] == [o.get("name") for o in declared]


@source
def test_every_element_of_a_message_is_declared(document: str) -> None:
    for part in _source(document).iterfind(f"{WSDL}message/{WSDL}part"):
        lone = etree.Element(contract.clark_name(part, part.get("element", "")))
        assert not any("No matching global declaration" in complaint for complaint in contract.violations(lone)), (
            lone.tag
        )


@source
def test_the_namespace_of_a_fault_decides_its_action(document: str) -> None:
    for operation in contract.operations(document).values():
        for fault, action in operation.faults.items():
            namespace = etree.QName(fault).namespace
            assert action == (ns.WSN_FAULT_ACTION if namespace == ns.WSNT else ns.WSRF_FAULT_ACTION)
            assert namespace in (ns.ACT, ns.R, ns.RP, ns.RL, ns.WSNT)


def test_our_actions_follow_the_default_pattern() -> None:
    ours = [o for element, o in contract.operations().items() if element.startswith(f"{{{ns.ACT}}}")]
    assert {operation.name for operation in ours} == {"CreateActivity", "ListActivities", "Wait", "Abort"}
    for operation in ours:
        pattern = f"{ns.ACTW}/ActivityPortType/{operation.name}"
        assert (operation.input_action, operation.output_action) == (f"{pattern}Request", f"{pattern}Response")


#: Which of the standards' port types each of our documents offers, all of each.
OFFICIAL: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "activity.wsdl": {
        "rpw-2.wsdl": (
            "GetResourcePropertyDocument",
            "GetResourceProperty",
            "GetMultipleResourceProperties",
            "QueryResourceProperties",
            "SetResourceProperties",
            "InsertResourceProperties",
            "UpdateResourceProperties",
            "DeleteResourceProperties",
            "PutResourcePropertyDocument",
        ),
        "rlw-2.wsdl": ("ImmediateResourceTermination", "ScheduledResourceTermination"),
        "bw-2.wsdl": ("NotificationProducer",),
    },
    "notification.wsdl": {
        "rpw-2.wsdl": (
            "GetResourcePropertyDocument",
            "GetResourceProperty",
            "GetMultipleResourceProperties",
            "QueryResourceProperties",
        ),
        "rlw-2.wsdl": ("ImmediateResourceTermination", "ScheduledResourceTermination"),
        "bw-2.wsdl": ("PausableSubscriptionManager", "PullPoint", "CreatePullPoint"),
    },
    "consumer.wsdl": {"bw-2.wsdl": ("NotificationConsumer",)},
}


@pytest.mark.parametrize("document", OFFICIAL)
def test_official_operations_have_the_official_elements_actions_and_faults(
    document: str, official_schemas: Path
) -> None:
    ours = contract.operations(document)
    seen = set()
    for file, port_types in OFFICIAL[document].items():
        official = etree.parse(official_schemas / "wsdl" / file).getroot()
        for port_type in port_types:
            for operation in official.iterfind(f"{WSDL}portType[@name='{port_type}']/{WSDL}operation"):
                theirs = _official_operation(official, port_type, operation, official_schemas)
                mine = ours[theirs.input]
                seen.add(theirs.input)
                assert (mine.name, mine.output) == (theirs.name, theirs.output)
                assert (mine.input_action, mine.output_action) == (theirs.input_action, theirs.output_action)
                assert theirs.faults.items() <= mine.faults.items(), mine.name
    assert seen == {element for element in ours if not element.startswith(f"{{{ns.ACT}}}")}


def _official_operation(
    definitions: etree._Element, port_type: str, operation: etree._Element, folder: Path
) -> contract.Operation:
    """Read an operation with the Actions of the default pattern (WS-Addressing 1.0 Metadata, section 4.4.4)."""
    name = operation.get("name", "")
    pattern = f"{definitions.get('targetNamespace')}/{port_type}"
    sent = operation.find(f"{WSDL}input")
    received = operation.find(f"{WSDL}output")
    assert sent is not None
    faults = [_official_element(fault, folder) for fault in operation.iterfind(f"{WSDL}fault")]
    return contract.Operation(
        name,
        _official_element(sent, folder),
        None if received is None else _official_element(received, folder),
        f"{pattern}/{sent.get('name') or name + ('' if received is None else 'Request')}",
        None if received is None else f"{pattern}/{received.get('name') or name + 'Response'}",
        {f: ns.WSN_FAULT_ACTION if f.startswith(f"{{{ns.WSNT}}}") else ns.WSRF_FAULT_ACTION for f in faults},
    )


def _official_element(use: etree._Element, folder: Path) -> str:
    """Name the element of a message, which another of the official files may declare."""
    message = etree.QName(contract.clark_name(use, use.get("message", "")))
    for file in sorted((folder / "wsdl").glob("*.wsdl")):
        definitions = etree.parse(file).getroot()
        if definitions.get("targetNamespace") == message.namespace:
            [part] = definitions.iterfind(f"{WSDL}message[@name='{message.localname}']/{WSDL}part")
            return contract.clark_name(part, part.get("element", ""))
    raise LookupError(message.text)
