"""The SOAP 1.1 messages that the quick commands send, and the bodies of the answers. No input or output.

The names are those of the contract in ``wsdl/``; a test compares them. They are written out here because
importing the rooms that own them would cost more time than the whole call.
"""

import math
import re
from collections.abc import Iterable
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from wsrf_activity.cli.problems import Denied, Fault, NoSuchActivity, Problem, Rejected, Usage

ACT = "urn:wsrf-activity:1"
REFERENCE = "urn:wsrf-activity:1:reference"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
WSA = "http://www.w3.org/2005/08/addressing"
BF = "http://docs.oasis-open.org/wsrf/bf-2"
RP = "http://docs.oasis-open.org/wsrf/rp-2"
RL = "http://docs.oasis-open.org/wsrf/rl-2"

_WSRF_ACTIONS = {
    "Destroy": "http://docs.oasis-open.org/wsrf/rlw-2/ImmediateResourceTermination/DestroyRequest",
    "GetResourcePropertyDocument": "http://docs.oasis-open.org/wsrf/rpw-2/GetResourcePropertyDocument/"
    "GetResourcePropertyDocumentRequest",
}
#: The characters that XML 1.0 section 2.2 has no way to carry.
_UNSPEAKABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
#: Beyond the markup itself: the white space that a parser would otherwise change.
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;", "\n": "&#10;", "\t": "&#9;"}
_DURATION = re.compile(r"(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s?)?", re.IGNORECASE)
_XSD_DURATION = re.compile(r"P(?=.)(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?=.)(?:\d+H)?(?:\d+M)?(?:\d+(?:\.\d+)?S)?)?")


def escape(text: str) -> str:
    """Return ``text`` as XML carries it unchanged. Raises Usage for a character that XML 1.0 cannot carry."""
    wrong = _UNSPEAKABLE.search(text)
    if wrong:
        raise Usage(f"XML cannot carry the character U+{ord(wrong[0]):04X}, so the server cannot be sent it")
    return "".join(_ESCAPES.get(character, character) for character in text)


def duration(text: str) -> str:
    """Return an xs:duration for ``90``, ``90s``, ``1h30m``, ``2d`` or what is one already. Raises Usage."""
    if _XSD_DURATION.fullmatch(text):
        return text
    parts = _DURATION.fullmatch(text) if text else None
    if not parts:
        raise Usage(f"{text!r} is no duration: write 90s, 15m, 2h, 3d, 1w or P3DT12H")
    weeks, days, hours, minutes, seconds = (part or "0" for part in parts.groups())
    return f"P{int(weeks) * 7 + int(days)}DT{hours}H{minutes}M{seconds}S"


def seconds(value: float) -> str:
    """Return ``value`` seconds as an xs:duration."""
    return f"PT{math.ceil(max(value, 0.0) * 1000) / 1000:.3f}S"


def element(name: str, text: str | None, /, **attributes: str) -> str:
    """Return one element of ours with a text, or nothing at all where the text is None."""
    if text is None:
        return ""
    written = "".join(f' {key}="{escape(value)}"' for key, value in attributes.items())
    return f"<act:{name}{written}>{escape(text)}</act:{name}>"


def envelope(body: str) -> bytes:
    """Return a whole request around ``body``, in UTF-8."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<soap:Envelope xmlns:soap="{SOAP}" xmlns:act="{ACT}">'
        f"<soap:Body>{body}</soap:Body></soap:Envelope>"
    ).encode()


def command(line: str) -> str:
    """Return the part of a CreateActivity that asks for a shell command line."""
    return element("Command", line)


def service(name: str, parameters: Iterable[tuple[str, str]] = ()) -> str:
    """Return the part of a CreateActivity that asks for a configured service."""
    return element("Service", name) + "".join(element("Parameter", value, name=key) for key, value in parameters)


def action(body: str) -> str:
    """Return the SOAPAction of what one of the functions below returned, as the contract has it."""
    name = body[1:].partition(" ")[0].partition(">")[0].partition(":")[2].rstrip("/")
    return _WSRF_ACTIONS.get(name) or f"{ACT}:wsdl/ActivityPortType/{name}Request"


def create_activity(
    work: str,
    *,
    request_id: str,
    input_reference: str | None = None,
    name: str | None = None,
    groups: Iterable[str] = (),
    keep: str | None = None,
    limit: str | None = None,
) -> str:
    """Return a CreateActivity for what ``command`` or ``service`` gave; keep and limit are xs:durations."""
    optional = [
        element("InputReference", input_reference),
        element("Name", name),
        *(element("Group", group) for group in groups),
        element("InitialTerminationTime", keep),
        element("ExecutionDuration", limit),
        element("RequestId", request_id),
    ]
    return f"<act:CreateActivity>{work}{''.join(optional)}</act:CreateActivity>"


def list_activities(
    *,
    phases: Iterable[str] = (),
    group: str | None = None,
    service: str | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> str:
    """Return a ListActivities for one page."""
    return "".join(
        [
            "<act:ListActivities>",
            *(element("Phase", phase) for phase in phases),
            element("Group", group),
            element("Service", service),
            element("Limit", None if limit is None else str(limit)),
            element("Cursor", cursor),
            "</act:ListActivities>",
        ]
    )


def wait(timeout: float, until: str = "Ended", since: str | None = None) -> str:
    """Return a Wait of ``timeout`` seconds; the server's own cap may be lower."""
    return (
        f"<act:Wait>{element('Timeout', seconds(timeout))}{element('For', until)}"
        f"{element('SinceVersion', since)}</act:Wait>"
    )


def abort(reason: str) -> str:
    """Return an Abort."""
    return f"<act:Abort>{element('Reason', reason)}</act:Abort>"


def destroy() -> str:
    """Return a Destroy (WS-ResourceLifetime 1.2)."""
    return f'<wsrf-rl:Destroy xmlns:wsrf-rl="{RL}"/>'


def get_document() -> str:
    """Return a GetResourcePropertyDocument (WS-ResourceProperties 1.2)."""
    return f'<wsrf-rp:GetResourcePropertyDocument xmlns:wsrf-rp="{RP}"/>'


def body_of(answer: bytes) -> Element:
    """Return what the Body of an answer holds. Raises the Problem that anything else stands for."""
    try:
        body = ElementTree.fromstring(answer).find(f"{{{SOAP}}}Body")
    except ElementTree.ParseError:
        body = None
    if body is None or not len(body):
        raise Problem("the server's answer is no SOAP: is this the address of a wsrf-activity server?")
    if body[0].tag == f"{{{SOAP}}}Fault":
        raise fault(body[0])
    return body[0]


def fault(raised: Element) -> Fault | Denied:
    """Return the exception for a SOAP 1.1 Fault element: the typed detail decides, else the fault string."""
    holder = raised.find("detail")
    detail = None if holder is None else next(iter(holder), None)
    said = None if detail is None else detail.findtext(f"{{{BF}}}Description")
    description = " ".join((said or raised.findtext("faultstring") or "").split())
    name = (raised.findtext("faultcode") or "Fault") if detail is None else detail.tag
    name = name.rpartition("}")[2].rpartition(":")[2]
    if name == "NotPermittedFault":
        return Denied(description or "not permitted")
    if name == "ResourceUnknownFault":
        return NoSuchActivity(name, description)
    if name in ("UnknownServiceFault", "InvalidParameterFault"):
        return Rejected(name, description)
    return Fault(name, description)
