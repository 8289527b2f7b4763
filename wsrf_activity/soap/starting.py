"""A call of one of a service's own operations, from its message to its answer: what is started, whether the caller
waits for the end, and the value that comes of it. How that is waited for is said in ``typed_ports``.
"""

import base64
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from lxml import etree

from wsrf_activity.manager import StartRequest
from wsrf_activity.model import ns
from wsrf_activity.model.activity import Activity, ActivityError, Severity
from wsrf_activity.model.addresses import Addresses
from wsrf_activity.model.errors import InvalidParameter, WorkFailed
from wsrf_activity.model.interfaces import Operation, canonical
from wsrf_activity.model.lifetime import parse_duration
from wsrf_activity.model.services import Service
from wsrf_activity.soap import contract, faults, messages
from wsrf_activity.soap.properties import NIL
from wsrf_activity.soap.services import START_OPTIONS, ServiceContract

LARGEST_VALUE: Final = 1 << 20  #: bytes of a result that is put into an answer; what is larger is fetched

_SPACES_COUNT: Final = (f"{{{ns.XSD}}}string", f"{{{ns.XSD}}}normalizedString")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Start:
    """What one call asks for."""

    service: ServiceContract
    operation: Operation
    request: StartRequest
    synchronous: bool
    timeout: timedelta | None
    options: etree._Element = field(default_factory=lambda: etree.Element(START_OPTIONS))


def read(
    service: ServiceContract,
    headers: Iterable[etree._Element],
    body: etree._Element,
    addresses: Addresses,
    now: datetime,
    configured: Mapping[str, Service],
) -> Start:
    """Read a request that is to be one of the service's own operations, and its act:StartOptions.

    Whether the answer is to wait where the caller says nothing, the ``configured`` service says.
    Raises InvalidParameter for what the service's schema does not have, SoapProblem for options that are none.
    """
    operation = service.interface.operation(str(body.tag))
    assert operation is not None
    service.interface.check(body)
    options = _options(headers, now)
    request = messages.read_options(options, addresses, now)
    asked = messages.value_of(options, "Synchronous", lambda text: text.strip() in ("true", "1"))
    usual = operation.service in configured and configured[operation.service].synchronous
    return Start(
        service,
        operation,
        replace(request, service=operation.service, document=canonical(body)),
        usual if asked is None else asked,
        messages.value_of(options, "Timeout", lambda text: parse_duration(text, now)),
        options,
    )


def _options(headers: Iterable[etree._Element], now: datetime) -> etree._Element:
    found = [block for block in headers if block.tag == START_OPTIONS]
    complaints = contract.violations(found[0]) if found else []
    if len(found) > 1:
        complaints = ["there is more than one"]
    if complaints:
        raise faults.sender(f"act:StartOptions is not valid: {'; '.join(complaints)}", now, "InvalidHeader")
    return found[0] if found else etree.Element(START_OPTIONS)


def failed(activity: Activity) -> WorkFailed:
    """Return what to say of an activity that has ended without having completed."""
    fatal = (Severity.FATAL, Severity.ABORTED)
    reasons: list[ActivityError] = [e for e in activity.errors if e.severity in fatal and not e.handled]
    description = reasons[-1].description if reasons else "the work did not complete"
    code = reasons[-1].code if reasons else None
    return WorkFailed(description, activity.id, activity.phase.value, code)


def write(
    start: Start,
    activity: Activity,
    members: Iterable[Activity],
    value: etree._Element | None,
    addresses: Addresses,
    now: datetime,
) -> etree._Element:
    """Return the response: the reference of what was started, and the value where it is there."""
    namespace = start.service.namespace
    response = etree.Element(
        f"{{{namespace}}}{start.operation.name}Response",
        nsmap={"svc": namespace, "act": ns.ACT, "wsa": ns.WSA, "xsi": ns.XSI},
    )
    messages.write_started(response, activity, members, addresses, now)
    if value is not None:
        response.append(value)
    return response


def value(start: Start, path: Path) -> etree._Element | None:
    """Return the element of the value that the work has left in a file; None where that is none of its type."""
    declared = start.service.returned(start.operation)
    if declared is None:
        return None
    tag = f"{{{start.service.namespace}}}{start.operation.name}Result"
    try:
        made = _element(tag, declared, path.read_bytes() if path.exists() else b"")
        start.service.interface.check(made)
    except (ValueError, etree.XMLSyntaxError, InvalidParameter) as problem:
        log.warning("a result of %s is not of the type that it has by its service's schema: %s", tag, problem)
        return None
    return made


def _element(tag: str, declared: etree._Element, content: bytes) -> etree._Element:
    """Raise ValueError, or XMLSyntaxError, for what cannot be one."""
    kind = _kind(declared)
    if kind is None:
        parser = etree.XMLParser(no_network=True, load_dtd=False, resolve_entities=False)
        parsed = etree.fromstring(content, parser)
        if parsed.tag != tag:
            raise ValueError(f"it is {parsed.tag}")
        return parsed
    made = etree.Element(tag)
    if not content and declared.get("nillable") in ("true", "1"):
        made.set(NIL, "true")
    elif kind == f"{{{ns.XSD}}}base64Binary":
        made.text = base64.b64encode(content).decode("ascii")
    else:
        text = content.decode("utf-8")
        made.text = text if kind in _SPACES_COUNT else text.strip()
    return made


def _kind(declared: etree._Element) -> str | None:
    """Return the built-in type that the texts of a declared type are of, None where it has elements in it."""
    named = declared.get("type") or declared.get("base")
    if named is not None:
        name = contract.clark_name(declared, named)
        if name.startswith(f"{{{ns.XSD}}}"):
            return name
        local = etree.QName(name).localname
        kinds = [f"{{{ns.XSD}}}{kind}" for kind in ("complexType", "simpleType")]
        found = next(
            each for each in declared.getroottree().getroot().iterchildren(*kinds) if each.get("name") == local
        )
        return _kind(found)
    simple = next(declared.iter(f"{{{ns.XSD}}}restriction", f"{{{ns.XSD}}}complexType"), None)
    if simple is None:
        return f"{{{ns.XSD}}}string"
    return None if simple.tag == f"{{{ns.XSD}}}complexType" else _kind(simple)
