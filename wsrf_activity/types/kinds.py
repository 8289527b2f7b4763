"""What the values of one type are in Python, in Spyne and as an element: simple ones, records, and Spyne's own."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lxml import etree
from spyne.model import ComplexModelBase

from wsrf_activity.types.errors import Unfit
from wsrf_activity.types.exact import NIL, XML


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kind(ABC):
    """One type."""

    model: Any  #: the Spyne class
    shown: str  #: as messages call it

    @property
    def simple(self) -> bool:
        """Whether a text can be its value."""
        return False

    @abstractmethod
    def write(self, parent: etree._Element, tag: str, value: Any) -> None:
        """Append an element with the value; raises Unfit."""

    @abstractmethod
    def read(self, element: etree._Element) -> Any:
        """Return the value of an element; raises Unfit."""

    def text(self, value: Any) -> str:
        """Return the text of a simple value; raises Unfit."""
        raise Unfit(f"{self.shown} has parts, which a text has not: {_shown(value)}")


def _same(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Simple(Kind):
    """A type whose values are texts."""

    fits: Callable[[Any], bool]  #: whether a value of Python's is one
    native: Callable[[Any], Any] = _same  #: what Spyne has for it
    python: Callable[[Any], Any] = _same  #: what Python has for what Spyne read

    @property
    def simple(self) -> bool:
        """It is."""
        return True

    def write(self, parent: etree._Element, tag: str, value: Any) -> None:
        """Append an element with the value's text."""
        text = self.text(value)
        try:
            etree.SubElement(parent, tag).text = text
        except ValueError:
            raise Unfit(f"{_shown(value)} has characters that XML has not") from None

    def read(self, element: etree._Element) -> Any:
        """Return the value of a text."""
        try:
            return self.python(XML.from_element(None, self.model, element))
        except (ValueError, KeyError) as error:
            raise Unfit(str(error)) from None

    def text(self, value: Any) -> str:
        """Return the text of a value."""
        if not self.fits(value):
            raise Unfit(f"{_shown(value)} is not {self.shown}")
        try:
            return str(XML.to_unicode(self.model, self.native(value)))
        except (ValueError, OverflowError) as error:
            raise Unfit(f"{_shown(value)} cannot be written: {error}") from None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Member:
    """A named value in something larger: an argument, a field of a record. One that repeats is a list."""

    name: str
    kind: Kind
    container: Callable[[list[Any]], Any] | None = None  #: makes the list
    optional: bool = False  #: whether None is a value
    holes: bool = False  #: whether None is a value in the list
    defaults: bool = False  #: whether it may be left out for a value of Python's
    nillable: bool = False  #: whether None has to be told from what was left out
    least: int = 0  #: members of the list
    most: int | None = None
    documentation: str | None = None

    @property
    def repeats(self) -> bool:
        """Whether it is a list."""
        return self.container is not None

    @property
    def required(self) -> bool:
        """Whether a request must have it."""
        return self.least > 0 if self.repeats else not (self.optional or self.defaults)

    def as_item(self) -> "Member":
        """Return the list as what a result is has it: each in an element ``item``."""
        return replace(self, name="item")

    def model(self) -> Any:
        """Return the Spyne type in its place."""
        return self.kind.model.customize(
            min_occurs=(0 if self.optional or self.defaults else self.least) if self.repeats else int(self.required),
            max_occurs=(self.most or "unbounded") if self.repeats else 1,
            nillable=self.holes if self.repeats else self.nillable,
            doc=self.documentation or "",
        )

    def write(self, parent: etree._Element, namespace: str, value: Any) -> None:
        """Append the elements that a value is, if any; raises Unfit that names the member."""
        tag = f"{{{namespace}}}{self.name}"
        try:
            for each, may_be_none in self._written(value):
                if each is not None:
                    self.kind.write(parent, tag, each)
                elif may_be_none:
                    etree.SubElement(parent, tag, {NIL: "true"})
                else:
                    raise Unfit(f"None is not {self.kind.shown}")
        except Unfit as error:
            raise Unfit(f"{self.name}: {error}") from None

    def _written(self, value: Any) -> Iterator[tuple[Any, bool]]:
        if not self.repeats:
            if value is not None or not self.optional or self.nillable:
                yield value, self.nillable
        elif value is None:
            if not self.optional:
                raise Unfit("None is not a list")
        elif isinstance(value, str | bytes | Mapping) or not hasattr(value, "__iter__"):
            raise Unfit(f"{_shown(value)} is not a list")
        else:
            yield from ((each, self.holes) for each in value)

    def read(self, elements: Sequence[etree._Element]) -> Any:
        """Return the value that these elements are; raises Unfit that names the member."""
        try:
            values = [None if element.get(NIL) in ("true", "1") else self.kind.read(element) for element in elements]
        except Unfit as error:
            raise Unfit(f"{self.name}: {error}") from None
        if self.container is not None:
            return None if not values and self.optional else self.container(values)
        return values[0] if values else None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Record(Kind):
    """A dataclass."""

    type: type
    members: list[Member] = field(default_factory=list)  #: filled when it is known, since records may hold themselves

    def write(self, parent: etree._Element, tag: str, value: Any) -> None:
        """Append an element with one child for each field."""
        if not isinstance(value, self.type):
            raise Unfit(f"{_shown(value)} is not {self.shown}")
        element = etree.SubElement(parent, tag)
        namespace = etree.QName(tag).namespace or ""
        for member in self.members:
            member.write(element, namespace, getattr(value, member.name))

    def read(self, element: etree._Element) -> Any:
        """Return a new object; what was left out has the defaults of its class."""
        values = read_members(self.members, element)
        try:
            return self.type(**values)
        except (ValueError, TypeError) as error:  # what the class itself finds wrong
            raise Unfit(f"{self.shown}: {error}") from None


def read_members(members: Sequence[Member], element: etree._Element) -> dict[str, Any]:
    """Return the values of members by name, but for those that were left out and have a default."""
    found: dict[str, list[etree._Element]] = {}
    for child in element.iterchildren("*"):
        found.setdefault(etree.QName(child).localname, []).append(child)
    return {
        member.name: member.read(found.get(member.name, ()))
        for member in members
        if member.name in found or not member.defaults
    }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Own(Kind):
    """A type of Spyne's, whose values are what Spyne has."""

    @property
    def simple(self) -> bool:
        """Whether Spyne has it as one text."""
        return not issubclass(self.model, ComplexModelBase)

    def write(self, parent: etree._Element, tag: str, value: Any) -> None:
        """Append what Spyne writes, all of it in the namespace of the operation."""
        name = etree.QName(tag)
        before = len(parent)
        try:
            XML.to_parent(None, self.model, value, parent, name.namespace, name.localname)
        except Exception as error:  # whatever Spyne raises for a value that is none of this type
            raise Unfit(f"{_shown(value)} is not {self.shown}: {error}") from error
        for element in parent[before].iter("*"):
            element.tag = f"{{{name.namespace}}}{etree.QName(element).localname}"

    def read(self, element: etree._Element) -> Any:
        """Return what Spyne reads."""
        try:
            return XML.from_element(None, self.model, element)
        except Exception as error:  # whatever Spyne raises for a text that is none of this type
            raise Unfit(str(error)) from error

    def text(self, value: Any) -> str:
        """Return what Spyne writes for a simple value."""
        try:
            return str(XML.to_unicode(self.model, value))
        except Exception as error:  # as above
            raise Unfit(f"{_shown(value)} is not {self.shown}: {error}") from error


def _shown(value: Any) -> str:
    """Return a value as messages show it, however long it is."""
    shown = repr(value) if isinstance(value, str | int | float | bool | None) else f"{type(value).__name__} {value!r}"
    return shown if len(shown) <= 80 else shown[:77] + "..."
