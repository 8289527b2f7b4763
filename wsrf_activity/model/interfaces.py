"""What a service looks like from outside: the typed operations that it adds to the port type, and their messages.

An operation's request is the element ``{namespace}NAME``, whose children are its arguments in their order; where the
work returns a value, that is the element ``{namespace}NAMEResult``. The schema declares both and imports nothing.
"""

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from lxml import etree

from wsrf_activity.model import ns
from wsrf_activity.model.errors import InvalidParameter
from wsrf_activity.model.violations import violation

NAMESPACE = "urn:wsrf-activity:service:"  #: of the messages of a service, with its name, where nothing is said
#: The names of the operations that every service's port type has.
COMMON_OPERATIONS = frozenset(
    {"CreateActivity", "ListActivities", "Wait", "Abort", "Destroy", "SetTerminationTime", "Subscribe"}
    | {"GetCurrentMessage", "GetResourcePropertyDocument", "GetResourceProperty", "GetMultipleResourceProperties"}
    | {"QueryResourceProperties", "SetResourceProperties", "InsertResourceProperties", "UpdateResourceProperties"}
    | {"DeleteResourceProperties", "PutResourcePropertyDocument"}
)
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+")
_NIL, _TYPE = f"{{{ns.XSI}}}nil", f"{{{ns.XSI}}}type"


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """A named value of an operation."""

    name: str
    simple: bool = True  #: whether a text can be its value or, where it repeats, each of its values
    required: bool = True
    repeats: bool = False  #: whether it is a list
    default: str | None = None  #: what it is where a request leaves it out, if that is a text
    documentation: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation that starts activities."""

    name: str  #: of its element
    service: str  #: what act:Service calls its activities, and what CreateActivity takes
    arguments: tuple[Argument, ...] = ()
    returns: bool = False  #: whether there is an element for the value that the work returns
    documentation: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """The operations of one service, and the schema of their messages."""

    name: str
    namespace: str
    schema: bytes
    operations: tuple[Operation, ...]
    documentation: str | None = None

    def element(self, operation: Operation) -> str:
        """Return the Clark name of an operation's request."""
        return f"{{{self.namespace}}}{operation.name}"

    def operation(self, element: str) -> Operation | None:
        """Return the operation whose request has that Clark name."""
        return next((each for each in self.operations if self.element(each) == element), None)

    def starting(self, service: str) -> Operation | None:
        """Return the operation that starts the activities of a service, by what act:Service calls it."""
        return next((each for each in self.operations if each.service == service), None)

    def check(self, request: etree._Element) -> None:
        """Raise InvalidParameter, with parameter, row and column, where a request is not what the schema says."""
        schema = _compiled(self.schema)
        if schema.validate(request):
            return
        alone = _unhinted(request)
        if not schema.validate(alone):
            raise self._wrong(alone)

    def document(self, operation: Operation, texts: Mapping[str, Sequence[str]]) -> bytes:
        """Return the request that has these values, as texts by argument; raises InvalidParameter."""
        known = {argument.name: argument for argument in operation.arguments}
        for name, values in texts.items():
            _check_text(operation, known, name, values)
        request = etree.Element(self.element(operation))
        for name in known:
            for text in texts.get(name, ()):
                child = etree.SubElement(request, f"{{{self.namespace}}}{name}")
                try:
                    child.text = text
                except ValueError:
                    raise InvalidParameter(f"parameter {name}: it has characters that XML has not", name) from None
        self.check(request)
        return canonical(request)

    def texts(self, request: etree._Element) -> Mapping[str, Sequence[str]]:
        """Return the values of a request whose arguments are all simple."""
        found: dict[str, list[str]] = {}
        for child in request.iterchildren("*"):
            found.setdefault(etree.QName(child).localname, []).append(_text(child))
        return found

    def _wrong(self, request: etree._Element) -> InvalidParameter:
        """Return what is wrong first, in words."""
        schema = etree.XMLSchema(etree.fromstring(self.schema))  # its own: a schema's log is shared by all its users
        schema.validate(request)
        operation = self.operation(str(request.tag))
        found = cast("Sequence[etree._LogEntry]", schema.error_log)
        return violation(request, found, operation.arguments if operation else ())


def check_namespace(uri: str) -> str:
    """Return the name of a namespace that a service's messages may have; raises ValueError."""
    if not _URI.fullmatch(uri):
        raise ValueError(f"{uri!r}: accepted: an absolute URI, such as urn:example:words or https://example.org/words")
    if uri in ns.PREFIXES.values():
        raise ValueError(f"{uri!r} is taken; accepted: one that is the service's own")
    return uri


def canonical(request: etree._Element) -> bytes:
    """Return a request as it is kept: the same for the same values, however it was written.

    Left out are prefixes, white space between elements, comments and all attributes but ``xsi:nil``.
    """
    return etree.tostring(_rebuilt(request, None), method="c14n", exclusive=True)


def _unhinted(request: etree._Element) -> etree._Element:
    """Copy a request out of its message, without the types that a client's own language has for the values in it."""
    alone = copy.deepcopy(request)
    for each in alone.iter("*"):
        each.attrib.pop(_TYPE, "")
    return alone


def _rebuilt(element: etree._Element, parent: etree._Element | None) -> etree._Element:
    namespace = etree.QName(element).namespace
    names: Any = {None: namespace} if namespace and parent is None else {}
    nil = {_NIL: "true"} if element.get(_NIL) in ("true", "1") else {}
    if parent is None:
        built = etree.Element(element.tag, nil, nsmap=names)
    else:
        built = etree.SubElement(parent, element.tag, nil)
    for child in element.iterchildren("*"):
        _rebuilt(child, built)
    if not len(built):
        built.text = _text(element)
    return built


def _text(element: etree._Element) -> str:
    """Return the text of an element without children, whatever comments part it."""
    return (element.text or "") + "".join(each.tail or "" for each in element)


def _check_text(operation: Operation, known: Mapping[str, Argument], name: str, values: Sequence[str]) -> None:
    argument = known.get(name)
    if argument is None:
        accepted = ", ".join(known) or "none"
        raise InvalidParameter(f"service {operation.service} has no parameter {name!r}; accepted: {accepted}", name)
    if not argument.simple:
        reason = f"parameter {name} has parts, which a text has not: call the operation {operation.name} of its WSDL"
        raise InvalidParameter(reason, name)
    if len(values) > 1 and not argument.repeats:
        raise InvalidParameter(f"parameter {name} is given twice", name)


@lru_cache(maxsize=256)
def _compiled(schema: bytes) -> etree.XMLSchema:
    return etree.XMLSchema(etree.fromstring(schema))
