"""WS-Addressing 1.0, and 2004/08 for those who still speak it: headers read and answered, endpoint references made."""

import re
import uuid
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import lru_cache
from xml.sax.saxutils import escape

from lxml import etree

from wsrf_activity.model import ns
from wsrf_activity.model.addresses import Addresses, Described, Resource, is_id, read_resource
from wsrf_activity.model.errors import NoSuchActivity, NoSuchPullPoint, NoSuchSubscription
from wsrf_activity.soap import actions, contract
from wsrf_activity.soap.faults import MAX_TEXT, SoapProblem, addressing
from wsrf_activity.soap.markup import namespace_of

#: Our reference parameters, by what they name.
REFERENCES = {
    Resource.ACTIVITY: f"{{{ns.REF}}}Activity",
    Resource.SUBSCRIPTION: f"{{{ns.REF}}}Subscription",
    Resource.PULL_POINT: f"{{{ns.REF}}}PullPoint",
}
UNKNOWN: dict[Resource, type[NoSuchActivity | NoSuchSubscription | NoSuchPullPoint]] = {
    Resource.ACTIVITY: NoSuchActivity,
    Resource.SUBSCRIPTION: NoSuchSubscription,
    Resource.PULL_POINT: NoSuchPullPoint,
}
_NAMED_BY = {tag: resource for resource, tag in REFERENCES.items()}
_NAMESPACES = (ns.WSA, ns.WSA04)
_SINGLE = ("To", "From", "ReplyTo", "FaultTo", "Action", "MessageID")
_UNDERSTOOD = frozenset(f"{{{namespace}}}{name}" for namespace in _NAMESPACES for name in (*_SINGLE, "RelatesTo"))
_ANONYMOUS = {ns.WSA: ns.WSA_ANONYMOUS, ns.WSA04: ns.WSA04_ANONYMOUS}
#: Of either version in messages of the other, and as Apache Muse writes it: all of them mean the connection.
_BACK = frozenset({*_ANONYMOUS.values(), f"{ns.WSA}/role/anonymous"})
#: The children of an endpoint reference that hold header blocks for messages to it.
_HOLDERS = {ns.WSA: ("ReferenceParameters",), ns.WSA04: ("ReferenceProperties", "ReferenceParameters")}
_MAX_PARAMETERS = 1 << 16  #: bytes of the reference parameters of an endpoint, which are kept until it is answered
_WHITE = re.compile(r"[ \t\r\n]+")
_USUAL = re.compile(r"(?:urn:|uuid:|https?://)[A-Za-z0-9:._/-]*")
#: For the metadata of an endpoint reference: the document and its namespace, port type, service and port.
_DESCRIBED = {
    Resource.ACTIVITY: ("actw", ns.ACTW, "ActivityPortType", "ActivityService", "ActivitySoap11"),
    Resource.SUBSCRIPTION: (
        "actn",
        ns.ACTN,
        "SubscriptionManagerPortType",
        "SubscriptionManagerService",
        "SubscriptionManagerSoap11",
    ),
    Resource.PULL_POINT: ("actn", ns.ACTN, "PullPointPortType", "PullPointService", "PullPointSoap11"),
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint reference of a request: where its reply or its fault goes."""

    address: str
    #: The header blocks that a message to it has to have, as they are written there.
    parameters: tuple[bytes, ...] = ()

    @property
    def nowhere(self) -> bool:
        """Whether nothing is to be sent."""
        return self.address == ns.WSA_NONE

    @property
    def elsewhere(self) -> bool:
        """Whether it is another place than the connection of the request."""
        return bool(self.address) and not self.nowhere and self.address not in _BACK


_CONNECTION = Endpoint(ns.WSA_ANONYMOUS)


@dataclass(frozen=True, slots=True)
class Headers:
    """The addressing properties of a request; without any, ``version`` is None."""

    version: str | None = None  #: the namespace they came in
    to: str | None = None
    action: str | None = None
    message_id: str | None = None
    reply_to: Endpoint | None = None
    fault_to: Endpoint | None = None
    references: frozenset[tuple[Resource, str]] = frozenset()  #: what reference parameters name
    problem: SoapProblem | None = None  #: what is wrong with them

    def resource_id(self, resource: Resource, in_url: str | None) -> str | None:
        """Return which activity, subscription or pull point is meant: one place suffices, all that name one must agree.

        ``resource`` is of what kind the address is that the message came to. Raises NotFound where they do not.
        """
        named = {*self.references}
        if in_url is not None:
            named.add((resource, in_url))
        if self.to and (found := read_resource(self.to)):
            named.add(found)
        if not named:
            return None
        kind, identifier = named.pop()
        if named or kind is not resource:
            raise UNKNOWN[resource]("the address and the reference parameter name different things; send one of them")
        if not is_id(identifier):
            raise UNKNOWN[resource]
        return identifier

    def endpoint(self, fault: bool) -> Endpoint:
        """Return where the reply, or the fault, goes (WS-Addressing 1.0 Core, section 3.4)."""
        named = (self.fault_to or self.reply_to) if fault else self.reply_to
        return named or _CONNECTION


NO_HEADERS = Headers()


def understood(block: etree._Element) -> bool:
    """Whether a header block is one that is read here."""
    return block.tag in _UNDERSTOOD or block.tag in _NAMED_BY


def is_addressing(block: etree._Element) -> bool:
    """Whether a header block is one of WS-Addressing, which needs others beside it."""
    return namespace_of(block) in _NAMESPACES


def read(blocks: Iterable[etree._Element]) -> Headers:
    """Read the header blocks that are addressing's, and our reference parameters.

    What is wrong with them is kept, not raised: the fault is to be addressed by what is right.
    """
    found: dict[str, etree._Element] = {}
    version: str | None = None
    references: set[tuple[Resource, str]] = set()
    problem: SoapProblem | None = None
    for block in blocks:
        namespace, name = namespace_of(block), block.tag.rpartition("}")[2]
        if block.tag in _NAMED_BY:
            references.add((_NAMED_BY[block.tag], _text(block) or ""))
        elif namespace in _NAMESPACES:
            version = version or namespace
            if namespace != version:
                problem = addressing("headers of two versions of WS-Addressing", version, _invalid_header(version))
            elif name in found and name in _SINGLE:
                problem = invalid(version, f"more than one wsa:{name} header", "InvalidCardinality", name)
            else:
                found[name] = block
    if version is None:
        return Headers(references=frozenset(references)) if references else NO_HEADERS
    return _headers(version, found, frozenset(references), problem)


def _headers(
    version: str,
    found: dict[str, etree._Element],
    references: frozenset[tuple[Resource, str]],
    problem: SoapProblem | None,
) -> Headers:
    headers = Headers(
        version=version,
        to=_text(found.get("To")),
        action=_text(found.get("Action")),
        message_id=_text(found.get("MessageID")),
        reply_to=_endpoint(found.get("ReplyTo"), version),
        fault_to=_endpoint(found.get("FaultTo"), version),
        references=references,
    )
    if headers.message_id and not _is_uri(headers.message_id):
        what = invalid(version, "wsa:MessageID is not a URI", None, "MessageID")
        headers = replace(headers, problem=what, message_id=None)  # it could not be repeated in a valid message
    problem = problem or headers.problem or _problem(headers, version)
    return headers if problem is None else replace(headers, problem=problem)


def _problem(headers: Headers, version: str) -> SoapProblem | None:
    """Return what WS-Addressing 1.0, SOAP Binding, section 6.4 has against the headers."""
    if not headers.action:
        return _required(version, "Action", "a message with addressing headers must have wsa:Action")
    for name, endpoint in (("ReplyTo", headers.reply_to), ("FaultTo", headers.fault_to)):
        if endpoint is None:
            continue
        if not endpoint.address:
            return invalid(version, f"wsa:{name} has no wsa:Address", "MissingAddressInEPR", name)
        if endpoint.elsewhere and not _is_uri(endpoint.address):
            return invalid(version, f"the address of wsa:{name} is not a URI", "InvalidAddress", name)
        if endpoint.elsewhere and not headers.message_id:
            return _required(version, "MessageID", f"a message whose wsa:{name} is elsewhere must have wsa:MessageID")
        if not sendable(endpoint):
            reason = f"the reference parameters of wsa:{name} are too large, or pose as headers of WS-Addressing"
            return invalid(version, reason, "InvalidEPR", name)
    return None


def check_action(headers: Headers, soap_action: str | None, expected: str | None) -> None:
    """Refuse an Action that contradicts the body, or a SOAPAction that contradicts the Action.

    ``expected`` is the body's Action, None where the body is no operation. Raises SoapProblem.
    """
    version, action = headers.version, headers.action
    if version is None or action is None:
        return
    if expected is None or not actions.same(action, expected):
        detail = _problem_action(version, action)
        reason = f"the action {action} is not that of the body"
        raise addressing(reason, version, "ActionNotSupported", detail=detail)
    if soap_action and not actions.same(soap_action, action):
        detail = _problem_action(version, action, soap_action)
        raise invalid(version, "SOAPAction and wsa:Action differ", "ActionMismatch", "Action", detail)


def reply_headers(
    headers: Headers, action: str, endpoint: Endpoint | None = None, *, owed: bool = False
) -> list[bytes]:
    """Return the headers of a reply, or of one to another ``endpoint`` than the connection, as they are sent.

    A request without a MessageID has none in its reply, since strict clients know none then, unless they are ``owed``
    because another block needs them.
    """
    version = headers.version
    if version is None or not (headers.message_id or owed):
        return []
    values = {
        "To": endpoint.address if endpoint else _ANONYMOUS[version],
        "Action": action,
        "MessageID": f"urn:uuid:{uuid.uuid4()}",
        "RelatesTo": headers.message_id or ns.WSA_UNSPECIFIED,
    }
    return [f'<wsa:{name} xmlns:wsa="{version}">{escape(text)}</wsa:{name}>'.encode() for name, text in values.items()]


def endpoint_reference(
    addresses: Addresses,
    activity_id: str | None,
    version: str | None = None,
    tag: str | None = None,
    *,
    service: str | None = None,
) -> etree._Element:
    """Return the endpoint reference of an activity, or of the service itself (WS-Addressing 1.0 Core, section 2).

    It names what describes the activities of ``service``, where that has a WSDL of its own.
    """
    by = addresses.described.get(service or "")
    return reference(addresses, Resource.ACTIVITY, activity_id, version, tag, by=by)


def reference(  # each is a part of it
    addresses: Addresses,
    resource: Resource,
    identifier: str | None,
    version: str | None = None,
    tag: str | None = None,
    *,
    described: bool = True,
    by: Described | None = None,
) -> etree._Element:
    """Return an endpoint reference, of one resource or of all of its kind; ``described`` with metadata.

    Where ``by`` a service with a WSDL of its own, the metadata name that; without an id it is the service's address.
    """
    version = version or ns.WSA
    tag = tag or f"{{{version}}}EndpointReference"
    made = deepcopy(_pattern(addresses.base, resource, version, tag, bool(identifier), described, by))
    made[0].text = addresses.interface(by.name) if by and not identifier else addresses.at(resource, identifier)
    if identifier:
        made[1][0].text = identifier
    return made


@lru_cache(maxsize=64)
def _pattern(
    base: str, resource: Resource, version: str, tag: str, identified: bool, described: bool, by: Described | None
) -> etree._Element:
    """Return an endpoint reference without address and id: all else follows from these. It is to be copied.

    Most answers name one or many, and to make one element by element takes eight times as long.
    """
    named = {prefix: uri for prefix, uri in ns.PREFIXES.items() if uri == etree.QName(tag).namespace}
    element = etree.Element(tag, nsmap={**named, "wsa": version})
    etree.SubElement(element, f"{{{version}}}Address")
    if identified:
        name = "ReferenceParameters" if version == ns.WSA else "ReferenceProperties"
        parameters = etree.SubElement(element, f"{{{version}}}{name}")
        # Its namespace is declared on the element itself: some clients echo just this fragment.
        etree.SubElement(parameters, REFERENCES[resource], nsmap={"ref": ns.REF})
    if version == ns.WSA and described:
        _describe(element, Addresses(base), resource, by)
    return element


def _describe(element: etree._Element, addresses: Addresses, resource: Resource, by: Described | None) -> None:
    prefix, namespace, interface, service, port = _DESCRIBED[resource]
    place = addresses.at(resource, None)
    if by is not None:
        prefix, namespace, place = "svc", by.namespace, addresses.interface(by.name)
        interface, service, port = f"{by.name}PortType", by.name, f"{by.name}Soap11"
    metadata = etree.SubElement(element, f"{{{ns.WSA}}}Metadata", nsmap={"wsam": ns.WSAM, prefix: namespace})
    metadata.set(f"{{{ns.WSDLI}}}wsdlLocation", f"{namespace} {place}?wsdl")
    etree.SubElement(metadata, f"{{{ns.WSAM}}}InterfaceName").text = f"{prefix}:{interface}"
    name = etree.SubElement(metadata, f"{{{ns.WSAM}}}ServiceName", EndpointName=port)
    name.text = f"{prefix}:{service}"


def read_endpoint(element: etree._Element, version: str, to_be: str) -> Endpoint:
    """Read an endpoint reference; ``to_be`` is the version of the messages that will be sent there."""
    address, parameters = None, list[bytes]()
    for child in element:
        name = child.tag.rpartition("}")[2] if namespace_of(child) == version else ""
        if name == "Address" and address is None:
            address = _text(child)
        elif name in _HOLDERS[version]:
            parameters += [_parameter(each, to_be) for each in child]
    return Endpoint(address or "", tuple(parameters))


def _endpoint(block: etree._Element | None, version: str) -> Endpoint | None:
    if block is None:
        return None
    return read_endpoint(block, version, version)


def _parameter(element: etree._Element, version: str) -> bytes:
    """Write a reference parameter as the header block that it becomes (SOAP Binding, section 2.3); empty for none.

    All namespaces in scope are declared on it, of which its content may use any. It is kept as bytes: an element would
    keep its whole message.
    """
    marked = f"{{{version}}}IsReferenceParameter"
    if is_addressing(element):
        return b""
    before = element.get(marked)
    if version == ns.WSA:
        element.set(marked, "true")
    text = etree.tostring(element, with_tail=False)
    if version == ns.WSA and before is None:
        del element.attrib[marked]
    return b"" if len(text) > _MAX_PARAMETERS else text


def sendable(endpoint: Endpoint) -> bool:
    """A message can have no second header of addressing beside its own, and is not to be of any size."""
    return all(endpoint.parameters) and sum(map(len, endpoint.parameters)) <= _MAX_PARAMETERS


def _block(version: str, name: str, text: str) -> etree._Element:
    block = etree.Element(f"{{{version}}}{name}", nsmap={"wsa": version})
    block.text = text
    return block


def _text(element: etree._Element | None) -> str | None:
    """White space around URIs is collapsed, as xs:anyURI has it; what else Unicode takes for such is none in XML."""
    return None if element is None else _WHITE.sub(" ", element.text or "").strip(" ")


def _is_uri(text: str) -> bool:
    if _USUAL.fullmatch(text):
        return True
    relation = etree.Element(f"{{{ns.WSA}}}RelatesTo")
    relation.text = text
    return not contract.violations(relation)


def _required(version: str, name: str, reason: str) -> SoapProblem:
    subcode = "MessageAddressingHeaderRequired" if version == ns.WSA else "MessageInformationHeaderRequired"
    return addressing(reason, version, subcode, detail=_problem_header(version, name))


def invalid(
    version: str, reason: str, subcode: str | None, header: str, more: tuple[etree._Element, ...] = ()
) -> SoapProblem:
    """Return the fault for a header block that is wrong: which it is stands in the detail, with ``more``.

    2004/08 knows neither the second subcode nor elements for the detail.
    """
    subcodes = (subcode,) if subcode and version == ns.WSA else ()
    detail = (*_problem_header(version, header), *more)
    return addressing(reason, version, _invalid_header(version), *subcodes, detail=detail)


def _problem_header(version: str, name: str) -> tuple[etree._Element, ...]:
    return (_block(version, "ProblemHeaderQName", f"wsa:{name}"),) if version == ns.WSA else ()


def _problem_action(version: str, action: str, soap_action: str | None = None) -> tuple[etree._Element, ...]:
    """Repeat the actions, as far as they are URIs that a valid message can have."""
    if version != ns.WSA:
        return ()
    problem = etree.Element(f"{{{version}}}ProblemAction", nsmap={"wsa": version})
    for name, text in (("Action", action), ("SoapAction", soap_action)):
        if text is not None and len(text) <= MAX_TEXT and _is_uri(text):
            etree.SubElement(problem, f"{{{version}}}{name}").text = text
    return (problem,)


def _invalid_header(version: str) -> str:
    return "InvalidAddressingHeader" if version == ns.WSA else "InvalidMessageInformationHeader"
