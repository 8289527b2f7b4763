"""Checks of WS-BaseFaults: what a typed fault holds, whoever sends it."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from lxml import etree

from wsrf_activity.conformance.probe import GET_DOCUMENT, Probe
from wsrf_activity.conformance.registry import Group, Level
from wsrf_activity.conformance.standards import rp
from wsrf_activity.conformance.verdicts import NotApplicable
from wsrf_activity.conformance.wire import Answer, Fault, read_reference, readable
from wsrf_activity.model import ns

GROUP = Group("WS-BaseFaults 1.2")
_CITES = "WS-BaseFaults 1.2, 2"
_QNAME = [rp("GetResourceProperty")]
_BAD_PROPERTY = "<wsrfrp:GetResourceProperty xmlns:x='urn:conformance:nothing'>x:None</wsrfrp:GetResourceProperty>"
_SKEW = timedelta(minutes=5)


def _answer(probe: Probe) -> tuple[Answer, Fault, etree._Element]:
    """Provoke a typed fault, and return it with the element in its detail."""
    answer = probe.ask(_BAD_PROPERTY, probe.session.resource)
    fault = probe.fault(answer, rp("InvalidResourcePropertyQNameFault"))
    return answer, fault, fault.details[0]


def _bf(name: str) -> str:
    return f"{{{ns.BF}}}{name}"


@GROUP.check(
    "BF-1",
    "A typed fault is one element in the detail, declared by the operation",
    f"{_CITES}; WSDL 1.1, 2.4.4",
    operations=_QNAME,
)
def declared(probe: Probe) -> None:
    _, fault, detail = _answer(probe)
    probe.equal(len(fault.details), 1, "the number of elements in the detail")
    names = probe.description.operations[_QNAME[0]].faults
    probe.that(detail.tag in names, "a fault that the WSDL declares", readable(str(detail.tag)))


@GROUP.check(
    "BF-2", "A typed fault has its Timestamp, and its children in the order of the type", _CITES, operations=_QNAME
)
def order(probe: Probe) -> None:
    _, _, detail = _answer(probe)
    names = [_bf(name) for name in ("Timestamp", "Originator", "ErrorCode", "Description", "FaultCause")]
    found = [str(child.tag) for child in detail.iterchildren("*") if child.tag in names]
    probe.equal(found.count(names[0]), 1, "the number of Timestamps")
    probe.equal(found, sorted(found, key=names.index), "the children in order")


@GROUP.check("BF-3", "The Timestamp is when the fault happened", _CITES, operations=_QNAME)
def timestamp(probe: Probe) -> None:
    answer, _, detail = _answer(probe)
    moment = probe.time(detail.findtext(_bf("Timestamp")), "Timestamp")
    said = answer.headers.get("date")
    now = parsedate_to_datetime(said) if said else datetime.now(UTC)
    probe.that(abs(moment - now) < _SKEW, f"about {now:%Y-%m-%dT%H:%M:%SZ}", moment.isoformat())


@GROUP.check("BF-4", "A fault says in words what is wrong", _CITES, operations=_QNAME, level=Level.SHOULD)
def description(probe: Probe) -> None:
    _, fault, detail = _answer(probe)
    probe.that((detail.findtext(_bf("Description")) or "").strip(), "a Description", "none")
    probe.that(fault.reason.strip(), "a reason of the SOAP fault", "none")


@GROUP.check("BF-5", "The Originator is the endpoint reference of the resource", _CITES, operations=_QNAME)
def originator(probe: Probe) -> None:
    place = _answer(probe)[2].find(_bf("Originator"))
    if place is None:
        raise NotApplicable("the fault names no Originator, and need not")
    reference = read_reference(place)
    said = None if reference is None else reference.address
    probe.equal(said, probe.session.resource.address, "the address")


@GROUP.check("BF-6", "An ErrorCode names its dialect", _CITES, operations=[])
def error_code(probe: Probe) -> None:
    fault = probe.refused("<x:NoSuchOperation xmlns:x='urn:conformance:nothing'/>", headers="")
    found = [code for detail in fault.details for code in detail.iter(_bf("ErrorCode"))]
    if not found:
        raise NotApplicable("the fault has no ErrorCode, and need not")
    for code in found:
        probe.that(code.get("dialect"), "an attribute dialect", "none")


@GROUP.check(
    "BF-7",
    "Nothing of the server's inside is in a fault",
    _CITES,
    operations=_QNAME,
    level=Level.SHOULD,
)
def inside(probe: Probe) -> None:
    _, fault, detail = _answer(probe)
    text = " ".join((fault.reason, *map(str, detail.itertext())))
    for trace in ("Traceback (most recent call last)", "\tat ", ".java:", '.py", line'):
        probe.that(trace not in text, "no stack trace", trace)


@GROUP.check(
    "BF-8",
    "A resource that is unknown is wsrf-r:ResourceUnknownFault",
    "WS-Resource 1.2, ResourceUnknownFault",
    operations=[rp("GetResourcePropertyDocument")],
)
def unknown_resource(probe: Probe) -> None:
    fault = probe.unknown(GET_DOCUMENT, probe.session.gone)
    probe.equal(len(fault.details), 1, "the number of elements in the detail")


@GROUP.check(
    "BF-9",
    "Even a message that no operation takes gets a base fault, with a code for programs",
    _CITES,
    level=Level.OURS,
    contract=True,
)
def generic(probe: Probe) -> None:
    fault = probe.refused(
        "<x:NoSuchOperation xmlns:x='urn:conformance:nothing'/>", None, [_bf("BaseFault")], headers=""
    )
    probe.that(fault.details[0].findtext(_bf("ErrorCode")), "an ErrorCode", "none")
