"""What a schema found wrong in a request, in words for whoever wrote it: which parameter, in which row and column."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from lxml import etree

from wsrf_activity.model.errors import InvalidParameter

_STEP = re.compile(r"/([^/\[]+)(?:\[([0-9]+)\])?")
_SUBJECT = re.compile(r"Element '[^']*'(, attribute '[^']*')?: ")
_EXPECTED = re.compile(r"Expected is (?:one of )?\( (.*) \)\.")
_TYPE = re.compile(r"'(?P<value>.*)' is not a valid value of the [a-z]+ type '(?:xs:)?(?P<type>[^']*)'\.", re.DOTALL)
_LONGEST = 60  #: characters of a value that are shown
_LONGEST_LIST = 1000  #: characters of what is accepted
_TYPES = {
    "integer": "a whole number",
    "long": "a whole number of 64 bits",
    "int": "a whole number of 32 bits",
    "short": "a whole number of 16 bits",
    "byte": "a whole number of 8 bits",
    "decimal": "a number such as -1.5",
    "double": "a number such as 1.5 or 2E-7",
    "float": "a number such as 1.5 or 2E-7",
    "boolean": "true or false",
    "dateTime": "a time such as 2027-01-31T12:00:00Z",
    "date": "a day such as 2027-01-31",
    "time": "a time of day such as 12:00:00",
    "duration": "a duration such as PT30M or P14D",
    "base64Binary": "bytes in base64",
    "anyURI": "a URI such as https://example.org/data",
}
SPAN = r"-?P(0+Y)?(0+M)?([0-9]+D)?(T.*)?"  #: of a duration that has a length, which years and months have not
UUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_PATTERNS = {
    SPAN: "a duration of days, hours, minutes and seconds, such as P1DT2H",
    UUID: "a UUID such as 123e4567-e89b-12d3-a456-426614174000",
}
_V, _B = "'(?P<value>.*)'", "'(?P<bound>.*)'"
#: What the checker says of a facet, and what we do.
_FACETS = tuple(
    (re.compile(said, re.DOTALL), accepted)
    for said, accepted in (
        (rf"The value {_V} is not an element of the set \{{(?P<bound>.*)\}}\.", "one of {}"),
        (rf"The value {_V} is not accepted by the pattern {_B}\.", "what matches {}"),
        (rf"The value {_V} is less than the minimum value allowed \({_B}\)\.", "from {}"),
        (rf"The value {_V} is greater than the maximum value allowed \({_B}\)\.", "up to {}"),
        (rf"The value {_V} must be greater than {_B}\.", "above {}"),
        (rf"The value {_V} must be less than {_B}\.", "below {}"),
        (rf"The value has a length of {_V}; this underruns .* of {_B}\.", "a length from {}"),
        (rf"The value has a length of {_V}; this exceeds .* of {_B}\.", "a length up to {}"),
    )
)


class Known(Protocol):
    """What is known of an argument."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def required(self) -> bool:
        """Whether a request must have it."""

    @property
    def repeats(self) -> bool:
        """Whether it is a list."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where something is wrong: in a parameter; in a list of records also in which row and column."""

    parameter: str | None = None
    row: int | None = None
    column: str | None = None

    def __str__(self) -> str:
        parts = [f"parameter {self.parameter}" if self.parameter else "the request"]
        parts += [f"row {self.row}"] if self.row else []
        parts += [f"column {self.column}"] if self.column else []
        return ", ".join(parts)

    def wrong(self, what: str) -> InvalidParameter:
        """Return the problem, told of this place."""
        return InvalidParameter(f"{self}{what}", self.parameter, self.row, self.column)


def violation(
    request: etree._Element, found: Sequence[etree._LogEntry], arguments: Sequence[Known]
) -> InvalidParameter:
    """Return the first thing that a schema found wrong in a request, by the log of its checking."""
    error = found[0]
    element = _at(request, error.path or "")
    messages = [_message(each, request) for each in found if each.path == error.path]
    message = messages[0]
    if error.type_name == "SCHEMAV_ELEMENT_CONTENT":
        expected = _EXPECTED.search(message)
        names = expected.group(1).split(", ") if expected else []
        if message.startswith("Missing"):
            needed = {each.name for each in arguments if each.required} if element is request else ()
            missing = next((name for name in names if name in needed), names[0] if names else None)
            return _place(request, element, arguments, missing).wrong(" is missing")
        return _unexpected(request, element, names, arguments)
    return _place(request, element, arguments).wrong(f": {_value(messages)}")


def _message(error: etree._LogEntry, request: etree._Element) -> str:
    """Return what the checker says, without what it is about, which we say better."""
    return _SUBJECT.sub("", error.message, count=1).replace(f"{{{etree.QName(request).namespace}}}", "")


def _at(request: etree._Element, path: str) -> etree._Element:
    """Return what a path of the checker's leads to; prefixes in it are those of the elements on the way."""
    element = request
    for name, number in _STEP.findall(path)[1:]:
        candidates = [each for each in element.iterchildren("*") if name in ("*", _written(each))]
        if len(candidates) < int(number or 1):
            break
        element = candidates[int(number or 1) - 1]
    return element


def _written(element: etree._Element) -> str:
    name = etree.QName(element).localname
    return f"{element.prefix}:{name}" if element.prefix else name


def _place(
    request: etree._Element, element: etree._Element, arguments: Sequence[Known], missing: str | None = None
) -> _Place:
    """Return where an element is, or one that is missing in it. Rows count from 1."""
    way: list[etree._Element] = []
    while element is not request:
        way.insert(0, element)
        parent = element.getparent()
        if parent is None:
            return _Place()
        element = parent
    names = [etree.QName(each).localname for each in way] + ([missing] if missing else [])
    if not names:
        return _Place()
    repeats = any(each.name == names[0] and each.repeats for each in arguments)
    row = 1 + sum(1 for _ in way[0].itersiblings(way[0].tag, preceding=True)) if repeats and way else None
    return _Place(names[0], row, ".".join(names[1:]) or None)


def _unexpected(
    request: etree._Element, element: etree._Element, expected: list[str], arguments: Sequence[Known]
) -> InvalidParameter:
    """Say of an element that may not stand where it does why that is."""
    place, parent = _place(request, element, arguments), element.getparent()
    if parent is None or parent is not request:
        return place.wrong(f" is not expected; expected: {', '.join(expected) or 'nothing more'}")
    name, namespace = etree.QName(element).localname, etree.QName(request).namespace
    if etree.QName(element).namespace != namespace:
        return place.wrong(f": its element is not in the namespace {namespace}")
    order = [each.name for each in arguments]
    if name not in order:
        accepted = ", ".join(order) or "none"
        return InvalidParameter(f"there is no parameter {name!r}; accepted: {accepted}", name)
    given = {etree.QName(each).localname for each in request.iterchildren("*")}
    for each in arguments:
        if each.required and each.name in expected and each.name not in given:
            return _Place(each.name).wrong(" is missing")
    before = {etree.QName(each).localname for each in element.itersiblings("*", preceding=True)}
    if name in before and not place.row:
        return place.wrong(" is given twice")
    return place.wrong(f" is not in its place; the order is: {', '.join(order)}")


def _value(messages: Sequence[str]) -> str:
    """Say why a value is none, and what is accepted."""
    types = [_TYPE.fullmatch(each) for each in messages]
    named = next((each for each in types if each is not None and each["type"] in _TYPES), None)
    if named is not None:
        return f"{_shown(named['value'])} is not {_TYPES[named['type']]}"
    for pattern, accepted in _FACETS:
        facet = pattern.search(messages[0])
        if facet is not None:
            if facet["bound"] in _PATTERNS:
                return f"{_shown(facet['value'])} is not {_PATTERNS[facet['bound']]}"
            bound = facet["bound"].replace("'", "") if accepted == "one of {}" else facet["bound"]
            subject = f"a length of {facet['value']}" if "length" in accepted else _shown(facet["value"])
            return f"{subject} is not accepted; accepted: {accepted.format(bound)[:_LONGEST_LIST]}"
    return messages[0] if len(messages[0]) <= 2 * _LONGEST else f"{messages[0][: 2 * _LONGEST]}..."


def _shown(value: str) -> str:
    return repr(value if len(value) <= _LONGEST else f"{value[: _LONGEST - 3]}...")
