"""What stands on the wire for a test's values: a call as the request that a client sends, a result as it is read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lxml import etree

from wsrf_activity.author.declare import Declaration
from wsrf_activity.model.errors import InvalidParameter
from wsrf_activity.model.interfaces import Interface, canonical
from wsrf_activity.types.errors import Unfit
from wsrf_activity.types.kinds import Member, Simple


def request(interface: Interface, declaration: Declaration, values: Mapping[str, Any]) -> bytes:
    """Return the request of an operation, checked as a server does; raises InvalidParameter.

    A text in the place of a value that is none is what a client sends: ``count="x"`` is refused as it is there.
    """
    namespace = interface.namespace
    root = etree.Element(f"{{{namespace}}}{declaration.name}")
    members = {each.name: each for each in declaration.offered.members}
    # In the order of the schema, which is not the caller's matter; what is unknown comes last, for it to be refused.
    for name in (*(each for each in members if each in values), *(each for each in values if each not in members)):
        try:
            _write(root, namespace, members.get(name), name, values[name])
        except Unfit as error:
            raise InvalidParameter(f"parameter {error}", name) from None
    interface.check(root)
    return canonical(root)


def _write(root: etree._Element, namespace: str, member: Member | None, name: str, value: Any) -> None:
    if member is None or (isinstance(value, str) and not member.repeats and _has_texts(member)):
        etree.SubElement(root, f"{{{namespace}}}{name}").text = str(value)
    else:
        member.write(root, namespace, value)


def _has_texts(member: Member) -> bool:
    return isinstance(member.kind, Simple)


def value(declaration: Declaration, content: bytes, path: Path) -> Any:
    """Return what a function returned, read from its result again; the path of the result where that is a file."""
    signature = declaration.signature
    member = signature.result
    if member is None:
        return None
    if signature.result_file:
        return path
    if isinstance(member.kind, Simple) and not member.repeats:
        if member.kind.fits(b""):
            return content
        element = etree.Element("value")
        element.text = content.decode("utf-8")
        return None if member.optional and not content else member.kind.read(element)
    root = etree.fromstring(content) if content else None
    if root is None:
        return None
    return member.read(list(root) if member.repeats else [root])
