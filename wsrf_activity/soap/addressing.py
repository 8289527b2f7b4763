"""WS-Addressing 1.0, and 2004/08 for those who still speak it: headers read and answered, endpoint references made."""

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace

from lxml import etree

from wsrf_activity.model import ns
from wsrf_activity.model.addresses import Addresses, is_id, read_activity
from wsrf_activity.model.errors import NoSuchActivity
from wsrf_activity.soap import contract
from wsrf_activity.soap.faults import SoapProblem, addressing

REFERENCE = f"{{{ns.REF}}}Activity"
_NAMESPACES = (ns.WSA, ns.WSA04)
_SINGLE = ("To", "From", "ReplyTo", "FaultTo", "Action", "MessageID")
_UNDERSTOOD = frozenset(f"{{{namespace}}}{name}" for namespace in _NAMESPACES for name in (*_SINGLE, "RelatesTo"))
_ANONYMOUS = {ns.WSA: ns.WSA_ANONYMOUS, ns.WSA04: ns.WSA04_ANONYMOUS}
_WHITE = re.compile(r"[ \t\r\n]+")
_USUAL = re.compile(r"(?:urn:|uuid:|https?://)[A-Za-z0-9:._/-]*")
SERVICE, PORT = "ActivityService", "ActivitySoap11"


@dataclass(frozen=True, slots=True)
class Headers:
    """The addressing properties of a request; without any, ``version`` is None."""

    version: str | None = None  #: the namespace they came in
    to: str | None = None
    action: str | None = None
    message_id: str | None = None
    reply_to: str | None = None  #: the address in it
    fault_to: str | None = None
    references: frozenset[str] = frozenset()  #: the activities that reference parameters name
    problem: SoapProblem | None = None  #: what is wrong with them

    def activity_id(self, in_url: str | None) -> str | None:
        """Return which activity is meant: one place suffices, all that name one must agree.

        Raises NoSuchActivity where they do not.
        """
        places = (in_url, read_activity(self.to) if self.to else None, *self.references)
        named = {place for place in places if place is not None}
        if len(named) > 1:
            raise NoSuchActivity("the address and the reference parameter name different activities; send one of them")
        if not all(map(is_id, named)):
            raise NoSuchActivity
        return next(iter(named), None)

    def answered(self, fault: bool) -> bool:
        """Whether the reply goes back on this connection, or nowhere."""
        address = (self.fault_to or self.reply_to) if fault else self.reply_to
        return address != ns.WSA_NONE


def understood(block: etree._Element) -> bool:
    """Whether a header block is one that is read here."""
    return block.tag in _UNDERSTOOD or block.tag == REFERENCE


def read(blocks: Iterable[etree._Element]) -> Headers:
    """Read the header blocks that are addressing's, and our reference parameter.

    What is wrong with them is kept, not raised: the fault is to be addressed by what is right.
    """
    found: dict[str, etree._Element] = {}
    version: str | None = None
    references: set[str] = set()
    problem: SoapProblem | None = None
    for block in blocks:
        name = etree.QName(block)
        if block.tag == REFERENCE:
            references.add(_text(block) or "")
        elif name.namespace in _NAMESPACES:
            version = version or name.namespace
            if name.namespace != version:
                problem = addressing("headers of two versions of WS-Addressing", version, _invalid_header(version))
            elif name.localname in found and name.localname in _SINGLE:
                problem = _invalid(version, f"more than one wsa:{name.localname} header", "InvalidCardinality")
            else:
                found[name.localname] = block
    if version is None:
        return Headers(references=frozenset(references))
    return _headers(version, found, frozenset(references), problem)


def _headers(
    version: str, found: dict[str, etree._Element], references: frozenset[str], problem: SoapProblem | None
) -> Headers:
    headers = Headers(
        version=version,
        to=_text(found.get("To")),
        action=_text(found.get("Action")),
        message_id=_text(found.get("MessageID")),
        reply_to=_address(found.get("ReplyTo"), version),
        fault_to=_address(found.get("FaultTo"), version),
        references=references,
    )
    if headers.message_id and not _is_uri(headers.message_id):
        what = addressing("wsa:MessageID is not a URI", version, _invalid_header(version))
        headers = replace(headers, problem=what, message_id=None)  # it could not be repeated in a valid message
    return replace(headers, problem=problem or headers.problem or _problem(headers, version))


def _problem(headers: Headers, version: str) -> SoapProblem | None:
    """Return what WS-Addressing 1.0, SOAP Binding, section 6.4 has against the headers."""
    if not headers.action:
        name = "MessageAddressingHeaderRequired" if version == ns.WSA else "MessageInformationHeaderRequired"
        return addressing("a message with addressing headers must have wsa:Action", version, name)
    for address in (headers.reply_to, headers.fault_to):
        if address == "":
            return _invalid(version, "an endpoint to reply to has no wsa:Address", "MissingAddressInEPR")
        if address not in (None, _ANONYMOUS[version], ns.WSA_NONE):
            reason = "replies are sent on the connection of the request: use the anonymous address"
            return _invalid(version, reason, "OnlyAnonymousAddressSupported")
    return None


def check_action(headers: Headers, soap_action: str | None, expected: str | None) -> None:
    """Refuse an Action that contradicts the body, or a SOAPAction that contradicts the Action.

    ``expected`` is the body's Action, None where the body is no operation. Raises SoapProblem.
    """
    version = headers.version
    if version is None or headers.action is None:
        return
    if expected is None or not _same_action(headers.action, expected):
        raise addressing(f"the action {headers.action} is not that of the body", version, "ActionNotSupported")
    if soap_action and not _same_action(soap_action, headers.action):
        raise _invalid(version, "SOAPAction and wsa:Action differ", "ActionMismatch")


def reply_headers(headers: Headers, action: str) -> list[etree._Element]:
    """Return the headers of a reply; none where the request has no MessageID, since strict clients know none then."""
    version, message_id = headers.version, headers.message_id
    if version is None or not message_id:
        return []
    values = {
        "To": _ANONYMOUS[version],
        "Action": action,
        "MessageID": f"urn:uuid:{uuid.uuid4()}",
        "RelatesTo": message_id,
    }
    blocks = []
    for name, text in values.items():
        block = etree.Element(f"{{{version}}}{name}", nsmap={"wsa": version})
        block.text = text
        blocks.append(block)
    return blocks


def endpoint_reference(
    addresses: Addresses, activity_id: str | None, version: str | None = None, tag: str | None = None
) -> etree._Element:
    """Return the endpoint reference of an activity, or of the service itself (WS-Addressing 1.0 Core, section 2)."""
    version = version or ns.WSA
    element = etree.Element(tag or f"{{{version}}}EndpointReference", nsmap={"wsa": version})
    address = addresses.activity(activity_id) if activity_id else addresses.service
    etree.SubElement(element, f"{{{version}}}Address").text = address
    if activity_id:
        name = "ReferenceParameters" if version == ns.WSA else "ReferenceProperties"
        parameters = etree.SubElement(element, f"{{{version}}}{name}")
        # Its namespace is declared on the element itself: some clients echo just this fragment.
        etree.SubElement(parameters, REFERENCE, nsmap={"ref": ns.REF}).text = activity_id
    if version == ns.WSA:
        _describe(element, addresses)
    return element


def _describe(element: etree._Element, addresses: Addresses) -> None:
    metadata = etree.SubElement(element, f"{{{ns.WSA}}}Metadata", nsmap={"wsam": ns.WSAM, "actw": ns.ACTW})
    metadata.set(f"{{{ns.WSDLI}}}wsdlLocation", f"{ns.ACTW} {addresses.service}?wsdl")
    etree.SubElement(metadata, f"{{{ns.WSAM}}}InterfaceName").text = "actw:ActivityPortType"
    service = etree.SubElement(metadata, f"{{{ns.WSAM}}}ServiceName", EndpointName=PORT)
    service.text = f"actw:{SERVICE}"


def _same_action(one: str, other: str) -> bool:
    return one.strip() == other.strip()


def _address(block: etree._Element | None, version: str) -> str | None:
    return None if block is None else _text(block.find(f"{{{version}}}Address")) or ""


def _text(element: etree._Element | None) -> str | None:
    """White space around URIs is collapsed, as xs:anyURI has it; what else Unicode takes for such is none in XML."""
    return None if element is None else _WHITE.sub(" ", element.text or "").strip(" ")


def _is_uri(text: str) -> bool:
    if _USUAL.fullmatch(text):
        return True
    relation = etree.Element(f"{{{ns.WSA}}}RelatesTo")
    relation.text = text
    return not contract.violations(relation)


def _invalid(version: str, reason: str, subcode: str) -> SoapProblem:
    if version == ns.WSA:
        return addressing(reason, version, _invalid_header(version), subcode)
    return addressing(reason, version, _invalid_header(version))


def _invalid_header(version: str) -> str:
    return "InvalidAddressingHeader" if version == ns.WSA else "InvalidMessageInformationHeader"
