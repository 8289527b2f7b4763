"""What Spyne's types are in XML Schema: the built-in type that each is or narrows, and its facets."""

from collections.abc import Iterator
from typing import Any

from spyne.model import AnyXml, Array, ComplexModelBase, File, ModelBase, XmlAttribute, XmlData
from spyne.model.enum import EnumBase
from spyne.model.primitive import Any as AnyElement
from spyne.model.primitive import AnyDict, AnyHtml

from wsrf_activity.types.errors import Unsuitable
from wsrf_activity.types.exact import XML

COMPLEX = "complexType"
_WITHOUT_PLACE = (AnyXml, AnyElement, AnyDict, AnyHtml, File, XmlAttribute, XmlData)
_BUILT_IN = frozenset(
    {"string", "normalizedString", "token", "language", "NMTOKEN", "Name", "NCName", "anyURI", "hexBinary"}
    | {"base64Binary", "boolean", "decimal", "float", "double", "duration", "dateTime", "time", "date", "integer"}
    | {"nonPositiveInteger", "negativeInteger", "nonNegativeInteger", "positiveInteger", "long", "int", "short"}
    | {"byte", "unsignedLong", "unsignedInt", "unsignedShort", "unsignedByte"}
)
PATTERN = "xml_pattern"  #: an attribute of ours: what Spyne calls pattern, it compiles as one of Python's
_FACETS = {
    "ge": "minInclusive",
    "le": "maxInclusive",
    "gt": "minExclusive",
    "lt": "maxExclusive",
    "min_len": "minLength",
    "max_len": "maxLength",
    "total_digits": "totalDigits",
    "fraction_digits": "fractionDigits",
    "pattern": "pattern",
    PATTERN: "pattern",
}


def built_in(model: Any) -> str:
    """Return the name of the type in XML Schema that a type is or narrows, or COMPLEX; raises Unsuitable."""
    if issubclass(model, _WITHOUT_PLACE):
        raise Unsuitable(f"Spyne's {model.__name__} has no place in a typed operation")
    if issubclass(model, ComplexModelBase):
        return COMPLEX
    return "string" if issubclass(model, EnumBase) else str(_base(model).__type_name__)


def facets(model: Any) -> Iterator[tuple[str, str]]:
    """Yield the facets by which a simple type narrows its built-in one, as names and texts of XML Schema."""
    if issubclass(model, EnumBase):
        yield from (("enumeration", str(each)) for each in model.__values__)
        return
    usual, own = _base(model).Attributes, model.Attributes
    for each in own.values or ():
        yield "enumeration", each if isinstance(each, str) else XML.to_unicode(model, each)
    for name, called in _FACETS.items():
        value = getattr(own, name, None)
        if value is not None and value != getattr(usual, name, None):
            yield called, XML.to_unicode(model, value) if name in ("ge", "le", "gt", "lt") else str(value)


def type_name(model: Any) -> str | None:
    """Return the name that a type, or the nearest that it narrows, was given."""
    for each in model.__mro__:
        name = vars(each).get("__type_name__")
        if isinstance(name, str):
            return None if name in _BUILT_IN else name
    return None


def is_array(model: Any) -> bool:
    """Whether it is Spyne's list in an element of its own."""
    return issubclass(model, Array)


def original(model: Any) -> Any:
    """Return the type itself, of which one in its place is a variant."""
    return model if is_array(model) else getattr(model, "__orig__", None) or model


def identity(model: Any) -> Any:
    """Return what is the same for all variants of a type; of a list of Spyne's, all is in what it holds."""
    return (type_name(model), *original(model)._type_info.values()) if is_array(model) else original(model)


def _base(model: Any) -> Any:
    for each in model.__mro__:
        if vars(each).get("__type_name__") in _BUILT_IN:
            return each
        if each is ModelBase:
            break
    raise Unsuitable(f"Spyne's {model.__name__} has no type in XML Schema")
