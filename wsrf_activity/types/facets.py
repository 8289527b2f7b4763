"""What narrows a type beyond its hint: ``Annotated[int, Facets(min=1, max=10)]``."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from wsrf_activity.types.errors import Unsuitable
from wsrf_activity.types.models import PATTERN

_ELSEWHERE = {"ge": "min", "le": "max", "gt": "above", "lt": "below"}  #: as other libraries' annotations call them
_LENGTHS = ("min_length", "max_length")
_BOUNDS = {"min": "ge", "max": "le", "above": "gt", "below": "lt"}  #: as Spyne calls them
_ORDERED = frozenset({"integer", "decimal", "double", "dateTime", "date", "time", "duration"})
_LONG = frozenset({"string", "base64Binary"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Facets:
    """Bounds of a number, a time or a duration; of the length of a text, of bytes or of a list; and a pattern.

    A pattern is a regular expression of XML Schema: it always stands for the whole value.
    """

    min: Any = None
    max: Any = None
    above: Any = None  #: as ``min``, but without the bound itself
    below: Any = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None

    def without_lengths(self) -> "Facets":
        """Return these facets for the members of a list, whose lengths are the list's own."""
        return replace(self, min_length=None, max_length=None)

    def customize(self, model: Any, base: str, shown: str) -> Any:
        """Return the Spyne type narrowed; raises Unsuitable where such a value has no such facet."""
        given = {name: value for name in Facets.__slots__ if (value := getattr(self, name)) is not None}
        for name in given:
            possible = _ORDERED if name in _BOUNDS else _LONG if name in _LENGTHS else _ORDERED | _LONG
            if base not in possible:
                raise Unsuitable(f"{shown} has no {name}")
        return model.customize(**_spyne(given)) if given else model


def _spyne(given: Mapping[str, Any]) -> dict[str, Any]:
    names = {**_BOUNDS, "min_length": "min_len", "max_length": "max_len", "pattern": PATTERN}
    return {names[name]: value for name, value in given.items()}


def merged(metadata: tuple[object, ...]) -> Facets:
    """Return all facets among what annotates a hint; the first that says something wins.

    Besides ours, whatever has attributes such as ``ge`` or ``max_length`` counts: so annotated-types and pydantic do.
    """
    found: dict[str, Any] = {}
    for each in metadata:
        names = {name: name for name in Facets.__slots__} if isinstance(each, Facets) else _foreign()
        for theirs, ours in names.items():
            value = getattr(each, theirs, None)
            if value is not None and not isinstance(each, str | type) and not callable(value):
                found.setdefault(ours, value)
    return Facets(**found)


def _foreign() -> dict[str, str]:
    return {**_ELSEWHERE, **{name: name for name in (*_LENGTHS, "pattern")}}
