"""Endpoint references (WS-Addressing 1.0 Core, section 2) as values that can be stored as text. No I/O."""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from lxml import etree

from wsrf_activity.model import ns
from wsrf_activity.model.addresses import Addresses, is_id, read_activity

_VERSIONS = (ns.WSA, ns.WSA04)
_ID = f"{{{ns.REF}}}Activity"
_DECLARATION = re.compile(r"<\?xml[^>]*\?>")  #: of the encoding that the text had, before it was text
_HOLDERS = ("ReferenceParameters", "ReferenceProperties")  #: the second one is of 2004/08


def parse_xml(data: bytes) -> etree._Element:
    """Read XML from elsewhere: no DTD, no entities, nothing fetched. Raises ValueError."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)
    try:
        element = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise ValueError(f"not XML: {error}") from None
    described: Any = element.getroottree().docinfo
    if described.doctype:
        raise ValueError("XML with a document type declaration is not read")
    return element


def _alone(element: etree._Element) -> etree._Element:
    """Return a copy with all namespaces that are in scope: any text in it may use their prefixes."""
    return parse_xml(etree.tostring(element, with_tail=False))


@dataclass(frozen=True, slots=True)
class Reference:
    """An endpoint reference, whosoever it is. ``str()`` gives the XML to store; ``parse`` reads it back."""

    xml: str  #: the whole of it, with all namespaces that it needs declared in it

    @classmethod
    def of(cls, element: etree._Element) -> "Reference":
        """Return the reference that an element is, whatever its name. Raises ValueError where it has no address."""
        # What was read is written as it will be when it is read again; libxml2's C14N leaves & in namespaces as it is.
        made = cls(etree.tostring(_alone(element), encoding="unicode"))
        if not made.address:
            raise ValueError("not an endpoint reference: it has no wsa:Address")
        return made

    @classmethod
    def parse(cls, text: str, base: str) -> "Reference":
        """Read what was stored: the XML, an address, or the id of an activity at ``base``. Raises ValueError."""
        text = _DECLARATION.sub("", text.strip(), count=1).strip()
        if text.startswith("<"):
            root = parse_xml(text.encode())
            addresses = (node for version in _VERSIONS for node in root.iter(f"{{{version}}}Address"))
            holder = next((node.getparent() for node in addresses), None)
            return cls.of(root if holder is None else holder)
        if is_id(text):
            return cls.to(Addresses(base).activity(text), text)
        if _is_address(text):
            return cls.to(text, read_activity(text))
        raise ValueError(f"{text!r} is no activity's id, address or endpoint reference")

    @classmethod
    def to(cls, address: str, activity_id: str | None = None) -> "Reference":
        """Return a reference to an address, with our reference parameter where there is an id."""
        element = etree.Element(f"{{{ns.WSA}}}EndpointReference", nsmap={"wsa": ns.WSA})
        etree.SubElement(element, f"{{{ns.WSA}}}Address").text = address
        if activity_id is not None:
            parameters = etree.SubElement(element, f"{{{ns.WSA}}}ReferenceParameters")
            etree.SubElement(parameters, _ID, nsmap={"ref": ns.REF}).text = activity_id
        return cls.of(element)

    def __str__(self) -> str:
        """Return the text to store."""
        return self.xml

    @property
    def address(self) -> str:
        """Where messages for it go."""
        root = self._root()
        found = (root.findtext(f"{{{version}}}Address") for version in _VERSIONS)
        return next((" ".join(text.split()) for text in found if text), "")

    @property
    def id(self) -> str | None:
        """The activity's id, where it is one of a server of this kind."""
        named = (parameter.text for parameter in self.parameters() if parameter.tag == _ID)
        return next((text.strip() for text in named if text), None) or read_activity(self.address)

    def parameters(self) -> list[etree._Element]:
        """Return what is to be sent as header blocks, each for itself and to be kept by the caller."""
        root = self._root()
        holders = (root.iterfind(f"{{{version}}}{name}") for version in _VERSIONS for name in _HOLDERS)
        return [_alone(child) for found in holders for holder in found for child in holder]

    def _root(self) -> etree._Element:
        return parse_xml(self.xml.encode())


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False
