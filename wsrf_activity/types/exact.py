"""Spyne's XML, with the values that it writes wrongly or cannot write mended."""

from collections.abc import Callable
from typing import Any

from lxml import etree
from spyne.model import ByteArray
from spyne.model.primitive import Boolean, Date, DateTime, Decimal, Double, Duration, Integer, Time
from spyne.protocol.xml import XmlDocument

from wsrf_activity.model import ns
from wsrf_activity.types import lexical

NIL = f"{{{ns.XSI}}}nil"
_FORMS: tuple[tuple[Any, Callable[[Any], str], Callable[[str], Any]], ...] = (
    (Boolean, lexical.write_boolean, lexical.read_boolean),
    (Integer, lexical.write_integer, lexical.read_integer),
    (Double, lexical.write_float, lexical.read_float),
    (Decimal, lexical.write_decimal, lexical.read_decimal),
    (DateTime, lexical.write_datetime, lexical.read_datetime),
    (Date, lexical.write_date, lexical.read_date),
    (Time, lexical.write_time, lexical.read_time),
    (Duration, lexical.write_duration, lexical.read_duration),
)


class ExactXml(XmlDocument):
    """XmlDocument whose values come back as they were.

    Spyne writes a fraction of a second in a duration wrongly, infinities as Python does and decimals with exponents,
    and reads ``xsi:nil="false"`` as nil.
    """

    def __init__(self) -> None:
        """Take no notice of ``xsi:type``: what a type is, its place says."""
        super().__init__(parse_xsi_type=False, replace_null_with_default=False)
        for model, write, read in _FORMS:
            self._to_unicode_handlers[model] = _writer(write)
            self._from_unicode_handlers[model] = _reader(read)

    def from_element(self, ctx: Any, cls: Any, element: etree._Element) -> Any:
        """Read an element; ``xsi:nil="false"`` says nothing."""
        if element.get(NIL) in ("false", "0"):
            del element.attrib[NIL]
        if element.text is None and NIL not in element.attrib and not issubclass(cls, ByteArray):
            element.text = ""
        return super().from_element(ctx, cls, element)


def _writer(write: Callable[[Any], str]) -> Callable[..., str]:
    return lambda _cls, value, *_args, **_named: write(value)


def _reader(read: Callable[[str], Any]) -> Callable[..., Any]:
    return lambda _cls, text, *_args, **_named: read(text)


XML = ExactXml()
__all__ = ["NIL", "XML", "ExactXml"]
