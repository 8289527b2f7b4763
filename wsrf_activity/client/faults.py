"""SOAP faults, of either version, read into exceptions. What is declared broken for toolkits is read from the XML here:
BaseFaultType begins with an xs:any, behind which zeep finds nothing (WS-BaseFaults 1.2, section 2).
"""

from datetime import datetime

from lxml import etree

from wsrf_activity.client import errors, subscription_errors
from wsrf_activity.client.errors import ActivityFault, NotPermitted, ResourceUnknown, Said
from wsrf_activity.client.references import Reference
from wsrf_activity.model import ns
from wsrf_activity.model.lifetime import parse_time

_KINDS: dict[str, type[ActivityFault]] = {
    kind.element: kind
    for kind in (*vars(errors).values(), *vars(subscription_errors).values())
    if isinstance(kind, type) and issubclass(kind, ActivityFault) and kind.element
}
_BF = f"{{{ns.BF}}}"


def read_fault(fault: etree._Element) -> ActivityFault:
    """Return the exception for a soap:Fault element: the typed detail decides, else what SOAP itself says."""
    soap12 = f"{{{ns.S12}}}"
    if fault.tag == f"{soap12}Fault":
        code = fault.findtext(f"{soap12}Code/{soap12}Value")
        reason = fault.findtext(f"{soap12}Reason/{soap12}Text")
        holder = fault.find(f"{soap12}Detail")
    else:
        code, reason, holder = fault.findtext("faultcode"), fault.findtext("faultstring"), fault.find("detail")
    local = (code or "").strip().rpartition(":")[2] or None
    detail = None if holder is None else next(holder.iterchildren("*"), None)
    if detail is None:
        return ActivityFault(Said(local or "Fault", (reason or "the server gave no reason").strip(), local))
    return _typed(detail, (reason or "").strip(), local)


def _typed(detail: etree._Element, reason: str, code: str | None) -> ActivityFault:
    """Return the exception for a detail, with the chain of what caused it."""
    said = Said(
        name=etree.QName(detail).localname,
        description=(detail.findtext(f"{_BF}Description") or "").strip() or reason or etree.QName(detail).localname,
        code=(detail.findtext(f"{_BF}ErrorCode") or "").strip() or code,
        timestamp=_time(detail.findtext(f"{_BF}Timestamp")),
        originator=_reference(detail.find(f"{_BF}Originator")),
        detail=detail,
    )
    made = _KINDS.get(str(detail.tag), ActivityFault)(said)
    cause = detail.find(f"{_BF}FaultCause")
    inner = None if cause is None else next(cause.iterchildren("*"), None)
    if inner is not None:
        made.__cause__ = _typed(inner, "", None)
    return made


def of_status(status: int, text: str) -> ActivityFault | None:
    """Return the exception for an HTTP status where plain HTTP was spoken; None where it refuses nothing."""
    line = " ".join(text.split())[:500] or f"HTTP {status}"
    if status in (401, 403):
        return NotPermitted(Said("NotPermittedFault", line, str(status)))
    if status == 404:
        return ResourceUnknown(Said("ResourceUnknownFault", line, str(status)))
    return ActivityFault(Said(f"HTTP {status}", line, str(status))) if 400 <= status < 500 else None


def _time(text: str | None) -> datetime | None:
    try:
        return None if text is None else parse_time(text)
    except ValueError:
        return None  # the fault itself matters more than a clock that nobody can read


def _reference(originator: etree._Element | None) -> Reference | None:
    try:
        return None if originator is None else Reference.of(originator)
    except ValueError:
        return None
