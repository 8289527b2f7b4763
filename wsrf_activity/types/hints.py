"""Python's type hints as kinds of values: what an author writes, and what is told to one who wrote what has no type."""

import dataclasses
import inspect
import os
import types
import typing
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, Flag
from numbers import Integral, Real
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

from spyne.model import ByteArray, ComplexModel, ModelBase
from spyne.model import primitive as spyne

from wsrf_activity.model import violations
from wsrf_activity.types import lexical
from wsrf_activity.types.errors import Unsuitable
from wsrf_activity.types.facets import Facets, merged
from wsrf_activity.types.kinds import Kind, Member, Own, Record, Simple
from wsrf_activity.types.models import built_in

NOTHING: Any = object()  #: stands for a default that is not there


class Span(spyne.Duration.customize(pattern=violations.SPAN)):  # type: ignore[misc]  # Spyne's
    """A duration that has a length: one of years or months has none of its own, and Python's timedelta has neither."""

    __type_name__ = "Span"


_CONTAINERS: dict[Any, Callable[[list[Any]], Any]] = {
    list: list, Sequence: list, tuple: tuple, set: set, frozenset: frozenset, AbstractSet: frozenset
}  # fmt: skip
_ACCEPTED = (
    "str, int, float, bool, bytes, datetime, date, time, timedelta, Decimal, UUID, Path, an Enum, a dataclass, "
    "Literal, Optional or a list of these, or a type of Spyne's"
)


def _is(*classes: Any) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, classes)


def _plain(value: str) -> str:
    """Return a text without whatever class derives from str."""
    return str.__str__(value)


_SIMPLE: dict[Any, Simple] = {
    str: Simple(model=spyne.Unicode, shown="a text", fits=_is(str), native=_plain),
    bool: Simple(model=spyne.Boolean, shown="a bool", fits=_is(bool)),
    int: Simple(model=spyne.Integer, shown="an int", fits=_is(Integral), native=int),
    float: Simple(model=spyne.Double, shown="a float", fits=_is(Real), native=float),
    Decimal: Simple(model=spyne.Decimal, shown="a Decimal", fits=_is(Decimal, int)),
    bytes: Simple(
        model=ByteArray,
        shown="bytes",
        fits=_is(bytes, bytearray, memoryview),
        native=lambda value: (bytes(value),),
        python=lambda value: b"".join(value or ()),
    ),
    datetime: Simple(model=spyne.DateTime, shown="a datetime", fits=_is(datetime)),
    date: Simple(
        model=spyne.Date,
        shown="a date",
        fits=lambda value: isinstance(value, date) and not isinstance(value, datetime),
    ),
    time: Simple(model=spyne.Time, shown="a time", fits=_is(time)),
    timedelta: Simple(model=Span, shown="a timedelta", fits=_is(timedelta)),
    UUID: Simple(
        model=spyne.Unicode.customize(pattern=violations.UUID, type_name="Uuid"),
        shown="a UUID",
        fits=_is(UUID),
        native=str,
        python=lexical.read_uuid,
    ),
    Path: Simple(model=spyne.Unicode, shown="a Path", fits=_is(str, PurePath), native=os.fspath, python=Path),
    PurePath: Simple(model=spyne.Unicode, shown="a path", fits=_is(str, PurePath), native=os.fspath, python=PurePath),
}
_records: dict[type, Record] = {}


@dataclasses.dataclass(frozen=True, slots=True)
class _Shape:
    """What a hint says of one place."""

    kind: Kind
    container: Callable[[list[Any]], Any] | None = None
    optional: bool = False
    holes: bool = False
    facets: Facets = dataclasses.field(default_factory=Facets)
    documentation: str | None = None


def member(name: str, hint: Any, default: Any = NOTHING) -> Member:
    """Return the named value that a hint describes; raises Unsuitable with a sentence that names it."""
    try:
        shape = _shape(hint)
    except Unsuitable as error:
        raise Unsuitable(f"{name}: {error}") from None
    own = shape.kind.model.Attributes if isinstance(shape.kind, Own) else None
    optional = shape.optional or default is None or (own is not None and own.min_occurs == 0)
    container = shape.container or (list if own is not None and own.max_occurs > 1 else None)
    return Member(
        name=name,
        kind=shape.kind,
        container=container,
        optional=optional,
        holes=shape.holes,
        defaults=default is not NOTHING,
        nillable=optional and default is not NOTHING and default is not None and container is None,
        least=shape.facets.min_length or 0 if shape.container else 0,
        most=shape.facets.max_length if shape.container else None,
        documentation=shape.documentation,
    )


def _shape(hint: Any) -> _Shape:
    metadata: tuple[object, ...] = ()
    while True:
        if get_origin(hint) is Annotated:
            metadata = (*hint.__metadata__, *metadata)
            hint = get_args(hint)[0]
        elif hasattr(hint, "__supertype__"):  # NewType
            hint = hint.__supertype__
        elif type(hint).__name__ == "TypeAliasType":
            hint = hint.__value__
        else:
            break
    shape = _bare(hint, merged(metadata))
    told = " ".join(each.strip() for each in metadata if isinstance(each, str))
    return dataclasses.replace(shape, documentation=told or shape.documentation)


def _bare(hint: Any, facets: Facets) -> _Shape:
    """Return the shape of a hint that is not annotated."""
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _optional(hint, facets)
    if origin is Literal and None in get_args(hint):
        rest = tuple(each for each in get_args(hint) if each is not None)
        return dataclasses.replace(_bare(Literal[rest], facets), optional=True)
    if origin in _CONTAINERS or (isinstance(hint, type) and hint in _CONTAINERS):
        return _list(hint, origin, facets)
    kind = kind_of(hint)
    narrow = facets.customize(kind.model, built_in(kind.model), kind.shown)
    return _Shape(kind if narrow is kind.model else dataclasses.replace(kind, model=narrow), facets=facets)


def _optional(hint: Any, facets: Facets) -> _Shape:
    others = [each for each in get_args(hint) if each is not type(None)]
    if len(others) != 1 or len(others) == len(get_args(hint)):
        raise Unsuitable(f"{_name(hint)} may be several types, of which XML Schema has to know one")
    inner = _shape(Annotated[others[0], facets])
    return dataclasses.replace(inner, optional=True)


def _list(hint: Any, origin: Any, facets: Facets) -> _Shape:
    inside = tuple(each for each in get_args(hint) if each is not Ellipsis)
    if len(inside) != 1 or (origin is tuple and get_args(hint)[-1] is not Ellipsis):
        raise Unsuitable(f"{_name(hint)} does not say what is in it; write list[str], or tuple[str, ...]")
    inner = _shape(Annotated[inside[0], facets.without_lengths()])
    if inner.container is not None:
        raise Unsuitable(f"{_name(hint)} has lists in a list; let a dataclass hold the inner one")
    return _Shape(inner.kind, _CONTAINERS[origin], False, inner.optional, facets, inner.documentation)


def kind_of(hint: Any) -> Kind:
    """Return the kind of one value; raises Unsuitable."""
    if isinstance(hint, type):
        if hint in _SIMPLE:
            return _SIMPLE[hint]
        if issubclass(hint, ModelBase):
            built_in(hint)
            return Own(model=hint, shown=f"a value of Spyne's {hint.__name__}")
        if issubclass(hint, Enum) and not issubclass(hint, Flag) and len(hint):
            return _enumeration(hint)
        if dataclasses.is_dataclass(hint):
            return _records.get(hint) or _record(hint)
    if get_origin(hint) is Literal:
        return _literal(hint)
    raise Unsuitable(f"{_name(hint)} has no type in XML Schema; accepted: {_ACCEPTED}")


def _enumeration(hint: type[Enum]) -> Kind:
    """Return a kind whose texts are the values where these are texts, and the names otherwise."""
    by_value = all(isinstance(each.value, str) for each in hint)
    texts = {str(each.value) if by_value else each.name: each for each in hint}
    written = {each: text for text, each in texts.items()}
    return Simple(
        model=spyne.Unicode.customize(values=list(texts), type_name=hint.__name__),
        shown=f"a member of {hint.__name__}",
        fits=_is(hint),
        native=written.__getitem__,
        python=texts.__getitem__,
    )


def _literal(hint: Any) -> Kind:
    values = get_args(hint)
    classes = {type(each) for each in values}
    if classes not in ({str}, {int}):
        raise Unsuitable(f"{_name(hint)} is not all texts or all whole numbers")
    model = spyne.Unicode if classes == {str} else spyne.Integer
    shown = f"one of {', '.join(map(repr, values))}"
    return Simple(
        model=model.customize(values=list(values)),
        shown=shown,
        fits=lambda value: type(value) in classes and value in values,
    )


def _record(hint: type) -> Record:
    """Return the kind of a dataclass. It is known before its fields are, for those that are of the same class."""
    record = Record(
        model=ComplexModel.produce("", hint.__name__, {}), shown=f"a {hint.__name__}", type=hint, members=[]
    )
    record.model.Annotations = type("Annotations", (record.model.Annotations,), {"doc": _documentation(hint)})
    known = set(_records)
    _records[hint] = record
    try:
        hints = typing.get_type_hints(hint, include_extras=True)
        for each in dataclasses.fields(hint):
            if each.init:
                found = member(each.name, hints[each.name], _default(each))
                record.members.append(found)
                record.model.append_field(each.name, found.model())
    except (Unsuitable, NameError) as error:
        for new in _records.keys() - known:  # what was found meanwhile may hold the one that is no good
            del _records[new]
        raise Unsuitable(f"{hint.__name__}: {error}") from None
    return record


def _documentation(hint: type) -> str:
    """Return a class's own documentation; what dataclass writes where there is none is a signature."""
    own = inspect.cleandoc(hint.__doc__ or "")
    return "" if own.startswith(f"{hint.__name__}(") else own


def _default(field: "dataclasses.Field[Any]") -> Any:
    if field.default is not dataclasses.MISSING:
        return field.default
    return NOTHING if field.default_factory is dataclasses.MISSING else field.default_factory


def _name(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) and not get_args(hint) else str(hint).replace("typing.", "")
