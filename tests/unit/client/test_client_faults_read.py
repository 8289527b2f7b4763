"""Faults become the exceptions of the contract's names, with all that they say: also what no server says today."""

from datetime import UTC, datetime, timedelta

import pytest
from lxml import etree

from wsrf_activity.client import errors, faults
from wsrf_activity.model import errors as problems
from wsrf_activity.model import ns
from wsrf_activity.model.phases import Phase
from wsrf_activity.soap.faults import fault_of

NOW = datetime(2026, 1, 2, tzinfo=UTC)
SAID: list[tuple[problems.Problem, type[errors.ActivityFault], dict[str, object]]] = [
    (problems.TooBusy("later", timedelta(minutes=2)), errors.TooBusy, {"retry_after": timedelta(minutes=2)}),
    (problems.VersionMismatch("changed", 7), errors.VersionMismatch, {"current_version": 7}),
    (problems.InvalidState("no", "Failed"), errors.InvalidState, {"phase": Phase.FAILED}),
    (
        problems.InvalidParameter("no", "table", 3, "size"),
        errors.InvalidParameter,
        {"parameter": "table", "row": 3, "column": "size"},
    ),
    (
        problems.InitialTerminationTimeRejected("no", NOW, None),
        errors.InitialTerminationTimeRejected,
        {"minimum": NOW, "maximum": None},
    ),
    (problems.InvalidPropertyName("no"), errors.InvalidPropertyName, {"code": "Client"}),
    (problems.UnknownQueryDialect("no"), errors.UnknownQueryDialect, {}),
    (problems.QueryFailed("no"), errors.QueryFailed, {}),
    (problems.Unavailable("not now"), errors.ResourceUnavailable, {}),
    (problems.Refused("no"), errors.ActivityFault, {"code": "Refused", "name": "BaseFault"}),
]


@pytest.mark.parametrize(("problem", "kind", "values"), SAID, ids=lambda value: getattr(value, "__name__", ""))
def test_what_the_server_writes_is_what_the_client_reads(
    problem: problems.Problem, kind: type[errors.ActivityFault], values: dict[str, object]
) -> None:
    raised = etree.fromstring("<Fault><faultcode>soap:Client</faultcode><faultstring>x</faultstring><detail/></Fault>")
    raised[-1].extend(fault_of(problem, NOW, None).detail)
    fault = faults.read_fault(raised)
    assert (type(fault), fault.description, fault.timestamp) == (kind, problem.description, NOW)
    assert {name: getattr(fault, name) for name in values} == values


def test_a_fault_of_soap_alone() -> None:
    raised = etree.fromstring("<Fault><faultcode>soap:MustUnderstand</faultcode><faultstring>no</faultstring></Fault>")
    fault = faults.read_fault(raised)
    assert (type(fault), fault.name, fault.code, str(fault)) == (
        errors.ActivityFault,
        "MustUnderstand",
        "MustUnderstand",
        "no",
    )


@pytest.mark.parametrize("version", [ns.S11, ns.S12])
def test_the_causes_of_a_fault_are_a_chain(version: str) -> None:
    """Also of faults that only another server has."""
    inner = f"""<x:DiskFault xmlns:x="urn:x" xmlns:bf="{ns.BF}"><bf:Timestamp>2026-01-01T00:00:00Z</bf:Timestamp>
        <bf:Description>disk full</bf:Description></x:DiskFault>"""
    detail = f"""<r:ResourceUnavailableFault xmlns:r="{ns.R}" xmlns:bf="{ns.BF}" xmlns:wsa="{ns.WSA}">
        <bf:Timestamp>2026-01-02T00:00:00Z</bf:Timestamp>
        <bf:Originator><wsa:Address>http://other/x</wsa:Address></bf:Originator>
        <bf:ErrorCode dialect="urn:d">E17</bf:ErrorCode><bf:Description>later</bf:Description>
        <bf:FaultCause>{inner}</bf:FaultCause></r:ResourceUnavailableFault>"""
    if version == ns.S11:
        text = f'<s:Fault xmlns:s="{version}"><faultcode>s:Server</faultcode><faultstring>no</faultstring>'
        text += f"<detail>{detail}</detail></s:Fault>"
    else:
        text = f'<s:Fault xmlns:s="{version}"><s:Code><s:Value>s:Receiver</s:Value></s:Code>'
        text += f"<s:Reason><s:Text>no</s:Text></s:Reason><s:Detail>{detail}</s:Detail></s:Fault>"
    fault = faults.read_fault(etree.fromstring(text))
    assert isinstance(fault, errors.ResourceUnavailable)
    assert (fault.code, fault.description, fault.timestamp) == ("E17", "later", datetime(2026, 1, 2, tzinfo=UTC))
    assert fault.originator is not None
    assert fault.originator.address == "http://other/x"
    cause = fault.__cause__
    assert isinstance(cause, errors.ActivityFault)
    assert (type(cause), cause.name, str(cause)) == (errors.ActivityFault, "DiskFault", "disk full")
