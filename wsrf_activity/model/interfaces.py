"""What a service looks like from outside: the typed operations that it adds to the port type, and their messages.

An operation's request is the element ``{namespace}NAME``, whose children are its arguments in their order; where the
work returns a value, that is the element ``{namespace}NAMEResult``. The schema declares both and imports nothing.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from lxml import etree

from wsrf_activity.model.errors import InvalidParameter

NAMESPACE = "urn:wsrf-activity:service:"  #: of the messages of a service, with its name, where nothing is said
_EXPECTED = re.compile(r"Expected is (?:one of )?\( ([^)]*) \)")
_NAME = re.compile(r"\{[^}]*\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """A named value of an operation."""

    name: str
    simple: bool = True  #: whether a text can be its value or, where it repeats, each of its values
    required: bool = True
    repeats: bool = False  #: whether it is a list
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
        if not _compiled(self.schema).validate(request):
            raise self._wrong(request)

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
            found.setdefault(etree.QName(child).localname, []).append(child.text or "")
        return found

    def _wrong(self, request: etree._Element) -> InvalidParameter:
        """Say what is wrong first, and of which parameter; in a list of records also in which row and column."""
        schema = etree.XMLSchema(etree.fromstring(self.schema))  # its own: a schema's log is shared by all its users
        schema.validate(request)
        error = cast("Sequence[etree._LogEntry]", schema.error_log)[0]
        message = _NAME.sub("", error.message)
        names = list(self._place(request, error.path))
        parameter = names[0][0] if names else self._missing(request, message)
        row = names[0][1] if names and self._repeats(request, names[0][0]) else None
        column = names[1][0] if len(names) > 1 else None
        where = "".join(
            [f"parameter {parameter}" if parameter else "the request", f", row {row}" if row else "",
             f", column {column}" if column else ""]
        )  # fmt: skip
        return InvalidParameter(f"{where}: {message}", parameter, row, column)

    def _place(self, request: etree._Element, path: str | None) -> Iterator[tuple[str, int]]:
        """Yield the names on the way from the request to what is wrong, each with its number among its namesakes."""
        found = request.getroottree().xpath(path) if path else []
        element = found[0] if isinstance(found, list) and found and isinstance(found[0], etree._Element) else None
        way: list[tuple[str, int]] = []
        while element is not None and element is not request:
            namesakes = sum(1 for _ in element.itersiblings(element.tag, preceding=True))
            way.append((etree.QName(element).localname, namesakes + 1))
            element = element.getparent()
        yield from reversed(way)

    def _repeats(self, request: etree._Element, name: str) -> bool:
        operation = self.operation(str(request.tag))
        return operation is not None and any(each.name == name and each.repeats for each in operation.arguments)

    def _missing(self, request: etree._Element, message: str) -> str | None:
        """Return the parameter that a message about the whole request is about."""
        expected = _EXPECTED.search(message)
        return expected.group(1).split(",")[0].strip() if expected else None


def canonical(request: etree._Element) -> bytes:
    """Return a request as it is kept: the same for the same values, whatever prefixes it came with."""
    return etree.tostring(request, method="c14n", exclusive=True, with_comments=False, with_tail=False)


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
