"""Messages as they go over the wire: envelopes put together and taken apart, whichever version of SOAP it is."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from lxml import etree

from wsrf_activity.model import ns

VERSIONS = (ns.S11, ns.S12)
NAMES: Mapping[str, str] = {ns.S11: "SOAP 1.1", ns.S12: "SOAP 1.2"}
MEDIA_TYPES: Mapping[str, str] = {ns.S11: "text/xml", ns.S12: "application/soap+xml"}
PREFIXES = {prefix: uri for prefix, uri in ns.PREFIXES.items() if prefix not in ("soap", "soap12", "wsdl")}
_SHOWN = 2000  #: characters of a message that a report shows
_ALIASES = {"Client": "Sender", "Server": "Receiver"}  #: SOAP 1.1's words for SOAP 1.2's


@dataclass(frozen=True, slots=True)
class Sent:
    """A request over HTTP."""

    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes

    def shown(self) -> str:
        """Return it as a person reads it, cut where it is long, without credentials."""
        lines = [f"{self.method} {self.url}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items() if name.lower() != "authorization"]
        return "\n".join([*lines, "", _text(self.content)]).rstrip()


@dataclass(frozen=True, slots=True)
class Fault:
    """A SOAP fault, taken apart the same way for both versions."""

    element: etree._Element
    code: str  #: Sender, Receiver, MustUnderstand ...: the local name that SOAP 1.2 uses
    codes: tuple[str, ...]  #: Clark names of all codes, outermost first; "" for one that cannot be resolved
    reason: str
    details: tuple[etree._Element, ...]

    @property
    def name(self) -> str:
        """The Clark name of the element in the detail, or of the innermost code where there is none."""
        return str(self.details[0].tag) if self.details else self.codes[-1]

    def shown(self) -> str:
        """Return it in one line."""
        return f"{local(self.name)} ({self.code}): {' '.join(self.reason.split())[:300]}"


@dataclass(frozen=True)
class Answer:
    """What came back over HTTP."""

    status: int
    headers: Mapping[str, str] = field(repr=False)  #: names in lower case
    content: bytes = field(repr=False)

    @property
    def media_type(self) -> str:
        """The media type without parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @cached_property
    def root(self) -> etree._Element | None:
        """The root element; None where the answer is no XML."""
        try:
            return parse(self.content)
        except etree.XMLSyntaxError:
            return None

    @property
    def envelope(self) -> etree._Element | None:
        """The SOAP envelope, in either version."""
        root = self.root
        return root if root is not None and root.tag in [f"{{{version}}}Envelope" for version in VERSIONS] else None

    @property
    def version(self) -> str | None:
        """The version of SOAP, as its namespace."""
        return None if self.envelope is None else etree.QName(self.envelope).namespace

    @property
    def blocks(self) -> list[etree._Element]:
        """The header blocks."""
        header = None if self.envelope is None else self.envelope.find(f"{{{self.version}}}Header")
        return [] if header is None else list(header.iterchildren("*"))

    @property
    def body(self) -> etree._Element | None:
        """The first child of Body."""
        body = None if self.envelope is None else self.envelope.find(f"{{{self.version}}}Body")
        return None if body is None else next(body.iterchildren("*"), None)

    @cached_property
    def fault(self) -> Fault | None:
        """The fault, if it is one."""
        body = self.body
        if body is None or body.tag != f"{{{self.version}}}Fault":
            return None
        return read_fault(body)

    def header(self, name: str, namespace: str = ns.WSA) -> str | None:
        """Return the text of the first header block of that name, without white space around it."""
        found = next((block for block in self.blocks if block.tag == f"{{{namespace}}}{name}"), None)
        return None if found is None else (found.text or "").strip()

    def shown(self) -> str:
        """Return it as a person reads it, cut where it is long."""
        lines = [f"HTTP {self.status}"]
        lines += [f"{name}: {self.headers[name]}" for name in ("content-type", "allow") if name in self.headers]
        return "\n".join([*lines, "", _text(self.content)]).rstrip()


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer."""

    sent: Sent
    answer: Answer


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a resource is: an address, and what to send along as header blocks (WS-Addressing 1.0 Core, section 2)."""

    address: str
    parameters: tuple[etree._Element, ...] = ()

    def headers(self) -> str:
        """Return its reference parameters as header blocks, marked as such (SOAP Binding, section 3)."""
        return "".join(_marked(parameter) for parameter in self.parameters)


def read_reference(element: etree._Element) -> Reference | None:
    """Return the first endpoint reference in an element or below it, in whatever version of WS-Addressing."""
    for address in element.iter(f"{{{ns.WSA}}}Address", f"{{{ns.WSA04}}}Address"):
        place = address.getparent()
        assert place is not None
        version = etree.QName(address).namespace
        holders = [f"{{{version}}}{name}" for name in ("ReferenceParameters", "ReferenceProperties")]
        parameters = [child for holder in place.iterchildren(*holders) for child in holder.iterchildren("*")]
        return Reference((address.text or "").strip(), tuple(map(copy.deepcopy, parameters)))
    return None


def envelope(version: str, body: str, headers: str = "") -> bytes:
    """Return a message with these children; the usual prefixes are declared where they occur, and ``s`` is SOAP's."""
    header = f"<s:Header>{headers}</s:Header>" if headers else ""
    said = headers + body
    declared = "".join(f' xmlns:{prefix}="{uri}"' for prefix, uri in PREFIXES.items() if f"{prefix}:" in said)
    text = f'<s:Envelope xmlns:s="{version}"{declared}>{header}<s:Body>{body}</s:Body></s:Envelope>'
    return text.encode()


def body_element(body: str) -> str:
    """Return the Clark name of the first element of a Body's content; "" where there is none."""
    content = parse(envelope(ns.S11, body))[-1]
    return str(content[0].tag) if len(content) else ""


def parse(data: bytes) -> etree._Element:
    """Parse what came from elsewhere, with nothing fetched and nothing expanded. Raises XMLSyntaxError."""
    return etree.fromstring(data, etree.XMLParser(no_network=True, load_dtd=False, resolve_entities=False))


def read_fault(element: etree._Element) -> Fault:
    """Take a Fault element apart."""
    version = etree.QName(element).namespace
    if version == ns.S12:
        codes = tuple(resolved(value) for value in element.iterfind(f".//{{{ns.S12}}}Value"))
        reason = element.findtext(f"{{{ns.S12}}}Reason/{{{ns.S12}}}Text") or ""
        detail = element.find(f"{{{ns.S12}}}Detail")
    else:
        code = element.find("faultcode")
        codes = () if code is None else (resolved(code),)
        reason, detail = element.findtext("faultstring") or "", element.find("detail")
    codes = codes or ("",)
    details = () if detail is None else tuple(detail.iterchildren("*"))
    name = local(codes[0]).partition(".")[0]
    return Fault(element, _ALIASES.get(name, name), codes, reason, details)


def resolved(element: etree._Element, text: str | None = None) -> str:
    """Expand the QName in an element, or one that stands there, to a Clark name; "" where its prefix is unknown."""
    prefix, _, name = (text if text is not None else element.text or "").strip().rpartition(":")
    namespace = element.nsmap.get(prefix or None)
    if prefix and namespace is None:
        return ""
    return f"{{{namespace}}}{name}" if namespace else name


def local(name: str) -> str:
    """Return a Clark name without its namespace."""
    return name.rpartition("}")[2]


def readable(name: str) -> str:
    """Return a Clark name with the usual prefix, where there is one."""
    prefix = next((prefix for prefix, uri in ns.PREFIXES.items() if name.startswith(f"{{{uri}}}")), None)
    return f"{prefix}:{local(name)}" if prefix else name


def canonical(element: etree._Element) -> bytes:
    """Return what two equal elements have in common, however they are written."""
    return etree.tostring(element, method="c14n", exclusive=True, with_tail=False)


def texts(elements: Iterator[etree._Element] | list[etree._Element]) -> list[str]:
    """Return the texts of elements, without white space around them."""
    return [(element.text or "").strip() for element in elements]


def _marked(parameter: etree._Element) -> str:
    block = copy.deepcopy(parameter)
    block.tail = None
    block.set(f"{{{ns.WSA}}}IsReferenceParameter", "true")
    return etree.tostring(block, encoding="unicode")


def _text(content: bytes) -> str:
    text = content.decode("utf-8", "replace")
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]} ... ({len(content)} bytes)"
