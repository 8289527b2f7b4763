"""The SOAP envelope, 1.1 and 1.2 alike: taken apart on the way in, put together on the way out."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from wsrf_activity.model import ns
from wsrf_activity.soap import markup
from wsrf_activity.soap.faults import MUST_UNDERSTAND, SENDER, Fault, SoapProblem, sayable, sender

MAX_HEADERS = 100  #: header blocks that one message may have


class Version:
    """One version of SOAP over HTTP; there are two, compared by identity."""

    def __init__(self, namespace: str, media_type: str, ultimate: frozenset[str]) -> None:
        """Make one; ``ultimate`` are the roles that are us."""
        self.namespace = namespace
        self.media_type = media_type
        self.ultimate = ultimate
        self.is_12 = namespace == ns.S12
        #: The prefix of its namespace: one for each, since names in the content of a fault use both.
        self.prefix = "soap12" if self.is_12 else "soap"
        #: The attributes that say for whom a header block is, and whether it has to be understood.
        self.role_attribute = f"{{{namespace}}}{'role' if self.is_12 else 'actor'}"
        self.must_understand = f"{{{namespace}}}mustUnderstand"
        names = ("Envelope", "Header", "Body", "Fault")
        self.envelope, self.header, self.body, self.fault = (f"{{{namespace}}}{name}" for name in names)
        soap = self.prefix
        #: What stands around header blocks and body, as text: elements of it would be made anew for each message.
        self.declared = f' xmlns:{soap}="{namespace}"'.encode()
        self.beginning = f"{markup.DECLARATION}<{soap}:Envelope".encode() + self.declared + b">"
        self.before_headers, self.behind_headers = f"<{soap}:Header>".encode(), f"</{soap}:Header>".encode()
        self.before_body, self.end = f"<{soap}:Body>".encode(), f"</{soap}:Body></{soap}:Envelope>".encode()


SOAP11 = Version(ns.S11, "text/xml", frozenset({"", "http://schemas.xmlsoap.org/soap/actor/next"}))
SOAP12 = Version(
    ns.S12, "application/soap+xml", frozenset({"", f"{ns.S12}/role/next", f"{ns.S12}/role/ultimateReceiver"})
)
VERSIONS = {version.namespace: version for version in (SOAP11, SOAP12)}
_BY_ENVELOPE = {version.envelope: version for version in (SOAP11, SOAP12)}


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message as it came, without what is meant for others."""

    version: Version
    headers: tuple[etree._Element, ...]  #: the blocks that are for us
    body: etree._Element  #: the one child of Body


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message that is to be sent, whose body is not yet written: binary content may be taken out of it before."""

    version: Version
    headers: tuple[bytes, ...]  #: the blocks, each with all namespaces that it uses
    body: etree._Element  #: the child of Body

    def written(self, parameters: tuple[bytes, ...] = ()) -> bytes:
        """Return it in UTF-8, with reference parameters, as they were written, behind its other header blocks.

        As elements the parameters would lose the namespaces that only their text uses. A message without headers gets
        none. The body, written by itself, declares whatever it uses; a Fault but for the prefix of the envelope.
        """
        version = self.version
        header = (version.before_headers, *self.headers, *parameters, version.behind_headers) if self.headers else ()
        body = etree.tostring(self.body, encoding="utf-8", xml_declaration=False, with_tail=False)
        if self.body.tag == version.fault:  # the envelope has declared what its name and its codes use
            body = body.replace(version.declared, b"", 1)
        return b"".join((version.beginning, *header, version.before_body, body, version.end))


@dataclass(frozen=True, slots=True)
class Verbatim:
    """The child of a reply's Body with content that is already written, and not parsed only to be written again.

    That would be slow, and the parser keeps every name that it has ever read in a thread.
    """

    element: etree._Element
    mark: bytes  #: stands, as text of the element, for the content; nobody can know it before
    content: bytes

    @classmethod
    def within(cls, element: etree._Element, content: bytes) -> "Verbatim":
        """Put content before all that an element holds."""
        mark = uuid.uuid4().hex
        element.text = mark
        return cls(element, mark.encode(), content)

    def put(self, written: bytes) -> bytes:
        """Put the content into a message that holds the element."""
        return written.replace(self.mark, self.content, 1)


def read(root: etree._Element, now: datetime) -> Envelope:
    """Take a message apart; raises SoapProblem for what is no SOAP message."""
    version = version_of(root)
    if version is None:
        name = etree.QName(root).localname
        if name != "Envelope":
            raise sender(f"the root element must be a SOAP Envelope, not {name}", now, "NotSoap")
        raise _version_mismatch()
    header, body = _parts(root, version, now)
    if _has_text(root) or _has_text(header) or _has_text(body):
        raise sender("an Envelope, its Header and its Body have elements in them, and no text", now, "NotSoap")
    children = [] if body is None else list(body)
    if len(children) != 1:
        raise sender(f"Body must have one child element, not {len(children)}", now, "InvalidBody")
    blocks = () if header is None else tuple(header)
    if len(blocks) > MAX_HEADERS:
        raise sender(f"a message may have at most {MAX_HEADERS} header blocks", now, "TooLarge")
    ours = tuple(block for block in blocks if (block.get(version.role_attribute) or "").strip() in version.ultimate)
    return Envelope(version, ours, children[0])


def version_of(root: etree._Element) -> Version | None:
    """Return the version of SOAP that a message is in, None where it is in none that is spoken here."""
    return _BY_ENVELOPE.get(root.tag)


def must_understand(block: etree._Element, version: Version) -> bool:
    """Whether a header block has to be understood or refused."""
    flag = (block.get(version.must_understand) or "").strip()
    return flag == "1" or (version.is_12 and flag == "true")


def not_understood(block: etree._Element, version: Version) -> SoapProblem:
    """Return the fault for a block that must be understood and is not (SOAP 1.2 Part 1, section 5.4.8)."""
    name = etree.QName(block)
    headers: tuple[etree._Element, ...] = ()
    if version.is_12:
        namespaces = {"soap12": ns.S12, "q": name.namespace} if name.namespace else {"soap12": ns.S12}
        notice = etree.Element(f"{{{ns.S12}}}NotUnderstood", nsmap=namespaces)
        notice.set("qname", f"q:{name.localname}" if name.namespace else name.localname)
        headers = (notice,)
    reason = f"header block {name.text} must be understood, and is not"
    return SoapProblem(Fault(code=MUST_UNDERSTAND, reason=reason, action=ns.SOAP_FAULT_ACTION, headers=headers))


def fault_body(version: Version, fault: Fault) -> etree._Element:
    """Return the Fault element of a version."""
    return _fault12(fault) if version.is_12 else _fault11(fault)


def fault_headers(version: Version, fault: Fault) -> list[etree._Element]:
    """Return the header blocks that go with a fault.

    SOAP 1.1 keeps ``detail`` for what is wrong with the Body; WS-Addressing puts its own in a block (SOAP Binding,
    section 6.3).
    """
    blocks = list(fault.headers)
    if fault.header_detail and not version.is_12:
        block = etree.Element(f"{{{ns.WSA}}}FaultDetail", nsmap={"wsa": ns.WSA})
        block.extend(fault.header_detail)
        blocks.append(block)
    return blocks


def http_status(version: Version, fault: Fault) -> int:
    """Return the status of a fault: SOAP 1.1 knows only 500, SOAP 1.2 says 400 where the sender can mend it."""
    return 400 if version.is_12 and fault.code == SENDER else 500


def _parts(
    root: etree._Element, version: Version, now: datetime
) -> tuple[etree._Element | None, etree._Element | None]:
    """SOAP 1.1 lets other elements follow the Body; nobody sends any but who hides a second Body there."""
    header: etree._Element | None = None
    body: etree._Element | None = None
    for child in root:
        if child.tag == version.header and header is None and body is None:
            header = child
        elif child.tag == version.body and body is None:
            body = child
        else:
            raise sender(f"an Envelope has one Header at most, then one Body; found {child.tag}", now, "NotSoap")
    return header, body


def _has_text(element: etree._Element | None) -> bool:
    """Whether there is text where only elements belong."""
    if element is None:
        return False
    if (text := element.text) and not text.isspace():
        return True
    return any((text := child.tail) and not text.isspace() for child in element)


def _version_mismatch() -> SoapProblem:
    """Say which versions are spoken (SOAP 1.2 Part 1, section 5.4.7), in SOAP 1.1, which everybody reads."""
    upgrade = etree.Element(f"{{{ns.S12}}}Upgrade", nsmap={"soap12": ns.S12})
    for prefix, namespace in (("soap12", ns.S12), ("soap", ns.S11)):
        supported = etree.SubElement(upgrade, f"{{{ns.S12}}}SupportedEnvelope", nsmap={prefix: namespace})
        supported.set("qname", f"{prefix}:Envelope")
    reason = "the envelope is neither SOAP 1.1 nor SOAP 1.2"
    return SoapProblem(Fault(code="VersionMismatch", reason=reason, action=ns.SOAP_FAULT_ACTION, headers=(upgrade,)))


def _prefix(subcode: etree.QName) -> str:
    """The standards with fault codes of their own are WS-Security and WS-Addressing."""
    return "wsse" if subcode.namespace == ns.WSSE else "wsa"


_CODES_11 = {"Sender": "Client", "Receiver": "Server"}


def _fault11(fault: Fault) -> etree._Element:
    element = etree.Element(f"{{{ns.S11}}}Fault", nsmap={"soap": ns.S11})
    code = etree.SubElement(element, "faultcode")
    if fault.subcodes:
        name = etree.QName(fault.subcodes[-1])
        element.remove(code)
        prefix = _prefix(name)
        code = etree.SubElement(element, "faultcode", nsmap={prefix: name.namespace or ""})
        code.text = f"{prefix}:{name.localname}"
    else:
        code.text = f"soap:{_CODES_11.get(fault.code, fault.code)}"
    etree.SubElement(element, "faultstring").text = sayable(fault.reason)
    if fault.detail:
        etree.SubElement(element, "detail").extend(fault.detail)
    return element


def _fault12(fault: Fault) -> etree._Element:
    element = etree.Element(f"{{{ns.S12}}}Fault", nsmap={"soap12": ns.S12})
    code = etree.SubElement(element, f"{{{ns.S12}}}Code")
    etree.SubElement(code, f"{{{ns.S12}}}Value").text = f"soap12:{fault.code}"
    for subcode in fault.subcodes:
        name = etree.QName(subcode)
        code = etree.SubElement(code, f"{{{ns.S12}}}Subcode")
        prefix = _prefix(name)
        value = etree.SubElement(code, f"{{{ns.S12}}}Value", nsmap={prefix: name.namespace or ""})
        value.text = f"{prefix}:{name.localname}"
    reason = etree.SubElement(etree.SubElement(element, f"{{{ns.S12}}}Reason"), f"{{{ns.S12}}}Text")
    reason.set(f"{{{ns.XML}}}lang", "en")
    reason.text = sayable(fault.reason)
    if fault.detail or fault.header_detail:
        etree.SubElement(element, f"{{{ns.S12}}}Detail").extend([*fault.detail, *fault.header_detail])
    return element
