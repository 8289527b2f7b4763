"""Bytes to XML and back: safe against hostile documents, bounded in size and number of marks, in the charsets that SOAP names."""

import codecs
import re

from lxml import etree

from wsrf_activity.model.errors import Refused, TooLarge

MAX_MARKS = 100_000  #: tags, and attributes, that one message may have
MAX_DEPTH = 100  #: of nested elements

#: What may stand before the root element; a document type declaration is the one that must not.
_PROLOGUE = re.compile(rb"(?:\s|<\?.*?\?>|<!--.*?-->)*", re.DOTALL)
_DECLARED = re.compile(rb"^\s*<\?xml[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")
_CHARSETS = {"utf-8", "utf-16", "utf-16-le", "utf-16-be", "iso8859-1", "ascii"}
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


class NotXml(Refused):
    """The bytes are not XML, or XML of a kind that SOAP forbids."""


def parse(data: bytes, charset: str | None = None) -> etree._Element:
    """Return the root element of a message.

    ``charset`` is the one of the content type, which overrides what the document declares. Raises NotXml, TooLarge.
    """
    encoding = _encoding(data, charset)
    if encoding not in ("utf-8", "ascii"):
        data = _to_utf8(data, encoding)
    body = data.removeprefix(codecs.BOM_UTF8)
    if body.startswith(b"<!DOCTYPE", _end_of_prologue(body)):
        raise NotXml("a message must not have a document type declaration (SOAP 1.2 Part 1, section 5)")
    if body.count(b"<") > 2 * MAX_MARKS or body.count(b'="') + body.count(b"='") > MAX_MARKS:
        raise TooLarge(f"a message may have at most {MAX_MARKS} elements and as many attributes")
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=True,  # else no text above 10 million characters; size, marks and depth are bounded here
        remove_comments=True,
        remove_pis=True,
        collect_ids=False,
    )
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise NotXml(f"not well-formed XML: {error}") from None
    _check_depth(root)
    return root


def write(element: etree._Element) -> bytes:
    """Return a message in UTF-8 with its declaration."""
    return etree.tostring(element, encoding="utf-8", xml_declaration=True)


def _encoding(data: bytes, charset: str | None) -> str:
    declared = _DECLARED.match(data[:512])
    name = charset or next((name for bom, name in _BOMS if data.startswith(bom)), None)
    name = name or ("utf-16" if data[:2] in (b"<\0", b"\0<") else None)
    name = name or (declared.group(1).decode("ascii") if declared else "utf-8")
    try:
        known = codecs.lookup(name.strip().strip("\"'")).name
    except LookupError:
        known = ""
    if known not in _CHARSETS:
        raise NotXml(f"charset {name!r} is not accepted; accepted: UTF-8, UTF-16, ISO-8859-1, US-ASCII")
    return known


def _to_utf8(data: bytes, encoding: str) -> bytes:
    if encoding == "utf-16" and data[:1] == b"<":
        encoding = "utf-16-le"
    elif encoding == "utf-16" and data[:1] == b"\0":
        encoding = "utf-16-be"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise NotXml(f"not {encoding}: {error.reason}") from None
    return text.removeprefix("\ufeff").encode("utf-8", "replace")


def _end_of_prologue(body: bytes) -> int:
    match = _PROLOGUE.match(body)
    return match.end() if match else 0


def _check_depth(root: etree._Element) -> None:
    depth = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > MAX_DEPTH:
            raise TooLarge(f"a message may be nested at most {MAX_DEPTH} deep")


def names_in_scope(element: etree._Element) -> dict[str, str]:
    """Return the prefixes an element's content may use, without the default namespace."""
    return {prefix: uri for prefix, uri in element.nsmap.items() if prefix is not None}


def resolve_qname(text: str, element: etree._Element) -> str:
    """Return the clark name of a QName in an element's content; the default namespace applies to one without prefix.

    Raises ValueError for a prefix that is not declared.
    """
    prefix, colon, local = text.strip().rpartition(":")
    uri = element.nsmap.get(prefix if colon else None)
    if colon and uri is None:
        raise ValueError(f"prefix {prefix!r} is not declared")
    return f"{{{uri}}}{local}" if uri else local
