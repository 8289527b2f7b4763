"""Bytes to XML and back: safe against hostile documents, bounded in marks and depth, in the charsets of SOAP."""

import codecs
import re
from functools import lru_cache
from itertools import islice
from typing import cast

from lxml import etree

from wsrf_activity.model.errors import Refused, TooLarge

MAX_MARKS = 100_000  #: elements that one message may have
MAX_ATTRIBUTES = 20_000  #: and attributes, declarations of namespaces among them
MAX_DEPTH = 100  #: of nested elements
DECLARATION = "<?xml version='1.0' encoding='utf-8'?>\n"  #: what every message that is written begins with

#: What may stand before the root element. Nothing is given back once it is matched, else white space alone costs
#: a hundred times its size.
_PROLOGUE = re.compile(rb"(?:[ \t\r\n]++|<\?.*?\?>|<!--.*?-->)*+", re.DOTALL)
_ATTRIBUTE = re.compile(rb"=[ \t\r\n]*+[\"']")
_DECLARED = re.compile(rb"^\s*<\?xml[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")
_CHARSETS = {"utf-8", "utf-16", "utf-16-le", "utf-16-be", "iso8859-1", "ascii"}
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


class NotXml(Refused):
    """The bytes are not XML, or XML of a kind that SOAP forbids."""


class Vocabulary:
    """The names that the parser has learnt in one thread.

    libxml2 keeps each name that it ever read for as long as the thread lives, so that one message after another with
    names never seen before would fill the memory. Once ``full``, messages belong into threads that end.
    """

    def __init__(self, most: int = 4 << 20) -> None:
        """Begin with no names; ``most`` bytes of them are affordable."""
        self._names: set[str] = set()
        self._left = most
        self.parser = _parser()  #: one for all messages: making one takes half as long as parsing a small message

    @property
    def full(self) -> bool:
        """Whether no more may be learnt."""
        return self._left <= 0

    def learn(self, names: set[str]) -> None:
        """Count names that have been read."""
        new = names - self._names
        if not new:
            return
        self._left -= sum(map(len, new))
        if not self.full:
            self._names |= new

    def waste(self, size: int) -> None:
        """Count a message that broke off somewhere, whatever names it had."""
        self._left -= size


def parse(data: bytes, charset: str | None = None, vocabulary: Vocabulary | None = None) -> etree._Element:
    """Return the root element of a message.

    ``charset`` is the one of the content type, which overrides what the document declares. ``vocabulary`` is that of
    a thread that goes on. Raises NotXml, TooLarge.
    """
    body = _as_utf8(data, charset)
    _check_marks(body)
    _check_beginning(body)
    parser = _parser() if vocabulary is None else vocabulary.parser
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        if vocabulary is not None:
            vocabulary.waste(len(body))
        if "depth" in str(error):
            raise _too_deep() from None
        what = error.msg if isinstance(error, etree.XMLSyntaxError) else error
        raise NotXml(f"not well-formed XML: {what}") from None
    deep = body.count(b"<") > MAX_DEPTH
    if deep:
        _check_depth(root)
    if vocabulary is not None:
        vocabulary.learn(_names(root, body.count(b"xmlns")))
    return root


def _parser() -> etree.XMLParser:
    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=True,  # else no text above 10 million characters; size, marks and depth are bounded here
        remove_comments=True,
        remove_pis=True,
        collect_ids=False,
    )


def write(element: etree._Element) -> bytes:
    """Return a message in UTF-8 with its declaration."""
    return etree.tostring(element, encoding="utf-8", xml_declaration=True)


def _as_utf8(data: bytes, charset: str | None) -> bytes:
    """Only what is certain to be UTF-8 reaches the parser, which else would guess for itself."""
    encoding = _encoding(data, charset)
    if encoding == "utf-16" and data[:1] == b"<":
        encoding = "utf-16-le"
    elif encoding == "utf-16" and data[:1] == b"\0":
        encoding = "utf-16-be"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise NotXml(f"not {encoding}: {error.reason}") from None
    if encoding == "utf-8":
        return data.removeprefix(codecs.BOM_UTF8)
    return text.removeprefix("\ufeff").encode()


def _encoding(data: bytes, charset: str | None) -> str:
    name = charset or next((name for bom, name in _BOMS if data.startswith(bom)), None)
    name = name or ("utf-16" if data[:2] in (b"<\0", b"\0<") else None)
    if name is None:
        declared = _DECLARED.match(data[:512])
        name = declared.group(1).decode("ascii") if declared else "utf-8"
    known = _known(name)
    if known not in _CHARSETS:
        raise NotXml(f"charset {name[:40]!r} is not accepted; accepted: UTF-8, UTF-16, ISO-8859-1, US-ASCII")
    return known


@lru_cache(maxsize=128)
def _known(charset: str) -> str:
    """Return what Python calls a charset, nothing where it knows none."""
    try:
        return codecs.lookup(charset.strip().strip("\"'")).name
    except (LookupError, ValueError):
        return ""


def _check_marks(body: bytes) -> None:
    """Look before the parser makes a hundred bytes of each."""
    if body.count(b"<") > 2 * MAX_MARKS:
        raise TooLarge(f"a message may have at most {MAX_MARKS} elements")
    if body.count(b"=") > MAX_ATTRIBUTES and next(islice(_ATTRIBUTE.finditer(body), MAX_ATTRIBUTES, None), None):
        raise TooLarge(f"a message may have at most {MAX_ATTRIBUTES} attributes")


def _check_beginning(body: bytes) -> None:
    """A document type declaration can stand before the root element only, so that is where to look for one."""
    match = _PROLOGUE.match(body)
    start = body[match.end() if match else 0 :][:9].upper()
    if start == b"<!DOCTYPE":
        raise NotXml("a message must not have a document type declaration (SOAP 1.2 Part 1, section 5)")
    if not body:
        raise NotXml("the message is empty")
    if start[:1] != b"<" or start[:2] == b"<!":
        raise NotXml("the message is not XML: it begins with something else than an element")


def _check_depth(root: etree._Element) -> None:
    """Raise TooLarge where a message is too deep."""
    depth = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > MAX_DEPTH:
            raise _too_deep()


def _names(root: etree._Element, declarations: int) -> set[str]:
    """Return the names that a message uses, with the namespaces that it declares and their prefixes.

    No more than ``declarations`` are written in it. Where as many are in force on the root, which cannot have them from
    elsewhere, there are none below, and no need to look at each element for them.
    """
    names: set[str] = set()
    declared = root.nsmap
    for prefix, namespace in declared.items():
        names.add(prefix or "")
        names.add(namespace)
    for element in root.iter("*"):
        names.add(element.tag)
        if element.attrib:
            names.update(cast("list[str]", element.keys()))
    if len(declared) < declarations:
        for _, declaration in etree.iterwalk(root, events=("start-ns",)):
            names.update(declaration)
    return names


def _too_deep() -> TooLarge:
    return TooLarge(f"a message may be nested at most {MAX_DEPTH} deep")


def namespace_of(element: etree._Element) -> str:
    """Return the namespace of an element's name, empty for none; a QName made of it takes five times as long."""
    return element.tag.rpartition("}")[0][1:]


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
