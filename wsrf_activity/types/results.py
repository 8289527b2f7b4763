"""What an operation returns, as the content of the result that is kept."""

import mimetypes
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lxml import etree

from wsrf_activity.types.errors import Unfit
from wsrf_activity.types.exact import NIL
from wsrf_activity.types.kinds import Member
from wsrf_activity.types.models import facets
from wsrf_activity.types.signatures import Signature, check

TEXT = "text/plain; charset=utf-8"
XML = "application/xml"
BYTES = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Written:
    """A result: its content, or the file that has it."""

    content: bytes | Path
    media_type: str


def write_result(signature: Signature, value: Any, namespace: str, media_type: str | None = None) -> Written:
    """Return the content for a value that an operation of this namespace has returned.

    ``media_type`` is what its author says that it is. Raises Unfit for a value that is not what the signature says.
    """
    try:
        return _written(signature, value, namespace, media_type)
    except Unfit as error:
        raise Unfit(f"what {signature.name} returned is not what it says: {error}") from None


def _written(signature: Signature, value: Any, namespace: str, media_type: str | None) -> Written:
    member = signature.result
    if value is None and (member is None or (member.optional and not member.repeats)):
        return Written(b"", media_type or TEXT)
    if member is None:
        raise Unfit(f"a value where -> None was written: {type(value).__name__}")
    if signature.result_file:
        return _file(member, value, media_type)
    if member.repeats or not member.kind.simple:
        element = _element(signature, member, value, namespace)
        return Written(etree.tostring(element, encoding="utf-8", xml_declaration=True), media_type or XML)
    return _simple(signature, member, value, namespace, media_type)


def _file(member: Member, value: Any, media_type: str | None) -> Written:
    path = Path(member.kind.text(value))
    guessed, encoding = mimetypes.guess_type(path.name)
    return Written(path, media_type or (guessed if guessed and not encoding else None) or BYTES)


def _simple(signature: Signature, member: Member, value: Any, namespace: str, media_type: str | None) -> Written:
    text = member.kind.text(value)
    if any(facets(member.kind.model)):
        _element(signature, member, value, namespace)  # which checks it
    if isinstance(value, bytes | bytearray | memoryview):
        return Written(bytes(value), media_type or BYTES)
    try:
        return Written(text.encode("utf-8"), media_type or TEXT)
    except UnicodeEncodeError:
        raise Unfit("a text with half of a surrogate pair, which no encoding has") from None


def _element(signature: Signature, member: Member, value: Any, namespace: str) -> etree._Element:
    """Return the element {namespace}NAMEResult with the value, checked against its schema."""
    parent = etree.Element("parent")
    tag = f"{{{namespace}}}{signature.name}Result"
    if member.repeats:
        element = etree.SubElement(parent, tag)
        member.as_item().write(element, namespace, value)
    elif value is None and member.optional:
        element = etree.SubElement(parent, tag, {NIL: "true"})
    else:
        member.kind.write(parent, tag, value)
        element = parent[0]
    parent.remove(element)
    check(signature, element, namespace)
    return element
