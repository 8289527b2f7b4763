"""Types at their edges: what is refused and how, the form that a result has, and schemas that toolkits digest."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, NewType
from uuid import UUID

import pytest
from lxml import etree

from wsrf_activity.model import ns
from wsrf_activity.types import lexical
from wsrf_activity.types.errors import Unfit, Unsuitable
from wsrf_activity.types.facets import Facets
from wsrf_activity.types.results import write_result
from wsrf_activity.types.schema import write_schema
from wsrf_activity.types.signatures import Signature, read_arguments, signature_of, write_arguments

NAMESPACE = "urn:test:types"
Name = NewType("Name", str)


class Colour(Enum):
    """Written by name."""

    RED = 1


@dataclass
class Point:
    """A point."""

    x: float
    tags: list[str] = field(default_factory=list)
    size: int | None = 3
    hidden: int = field(init=False, default=7)


@dataclass
class Count:
    """Its name is that of an operation, but for a capital."""

    n: int

    def __post_init__(self) -> None:
        if self.n < 0:
            raise ValueError("less than nothing")


def taking(hint: Any, default: Any = ...) -> Signature:
    """Return the signature of an operation with one parameter ``a``."""

    def with_default(job: object, a: hint = default) -> None: ...
    def without(job: object, a: hint) -> None: ...

    return signature_of(without if default is ... else with_default, "take")


def giving(hint: Any) -> Signature:
    """Return the signature of an operation that returns one value."""

    def give(job: object) -> hint: ...

    return signature_of(give, "give")


def document(*texts: str) -> bytes:
    """Return a request with the parameter ``a``."""
    return f'<take xmlns="{NAMESPACE}">{"".join(f"<a>{text}</a>" for text in texts)}</take>'.encode()


@pytest.mark.parametrize(
    ("hint", "value", "content", "media_type"),
    [
        (str, "é\0", "é\0".encode(), "text/plain; charset=utf-8"),
        (str, "", b"", "text/plain; charset=utf-8"),
        (bytes, b"\xff", b"\xff", "application/octet-stream"),
        (int, 2**200, str(2**200).encode(), "text/plain; charset=utf-8"),
        (int, True, b"1", "text/plain; charset=utf-8"),
        (float, 1, b"1.0", "text/plain; charset=utf-8"),
        (float, math.inf, b"INF", "text/plain; charset=utf-8"),
        (bool, False, b"false", "text/plain; charset=utf-8"),
        (Decimal, Decimal("1E+3"), b"1000", "text/plain; charset=utf-8"),
        (Decimal, Decimal("1E-7"), b"0.0000001", "text/plain; charset=utf-8"),
        (datetime, datetime(2020, 1, 1, 0, 0, 0, 5, UTC), b"2020-01-01T00:00:00.000005Z", "text/plain; charset=utf-8"),
        (datetime, datetime(2020, 1, 1), b"2020-01-01T00:00:00", "text/plain; charset=utf-8"),  # noqa: DTZ001 - naive
        (date, date(2020, 1, 1), b"2020-01-01", "text/plain; charset=utf-8"),
        (time, time(1, 2, 3), b"01:02:03", "text/plain; charset=utf-8"),
        (timedelta, timedelta(seconds=3, microseconds=5), b"PT3.000005S", "text/plain; charset=utf-8"),
        (UUID, UUID(int=1), b"00000000-0000-0000-0000-000000000001", "text/plain; charset=utf-8"),
        (Colour, Colour.RED, b"RED", "text/plain; charset=utf-8"),
        (Literal["a"], "a", b"a", "text/plain; charset=utf-8"),
        (Point | None, None, b"", "text/plain; charset=utf-8"),
        (int | None, None, b"", "text/plain; charset=utf-8"),
        (None, None, b"", "text/plain; charset=utf-8"),
        (Name, "x", b"x", "text/plain; charset=utf-8"),
        (Path, Path("a/b.csv"), Path("a/b.csv"), "text/csv"),
        (Path, "b.unknown", Path("b.unknown"), "application/octet-stream"),
        (Path, "b.tar.gz", Path("b.tar.gz"), "application/octet-stream"),
    ],
)
def test_a_result_has_its_natural_form(hint: Any, value: Any, content: object, media_type: str) -> None:
    written = write_result(giving(hint), value, NAMESPACE)
    assert (written.content, written.media_type) == (content, media_type)


@pytest.mark.parametrize(
    ("hint", "value", "inside"),
    [
        (list[int], [1, 2], b"<item>1</item><item>2</item>"),
        (list[int], [], b""),
        (list[int | None], [None], b'<item xsi:nil="true"/>'),
        (tuple[Colour, ...], (Colour.RED,), b"<item>RED</item>"),
        (Point, Point(1.5, ["", "b"], None), b'<x>1.5</x><tags></tags><tags>b</tags><size xsi:nil="true"/>'),
    ],
)
def test_what_has_parts_is_an_element_by_its_schema(hint: Any, value: Any, inside: bytes) -> None:
    signature = giving(hint)
    written = write_result(signature, value, NAMESPACE)
    assert written.media_type == "application/xml"
    assert isinstance(written.content, bytes)
    element = etree.fromstring(written.content)
    assert element.tag == f"{{{NAMESPACE}}}giveResult"
    expected = f'<a xmlns="{NAMESPACE}" xmlns:xsi="{ns.XSI}">{inside.decode()}</a>'
    found = [(each.tag, each.text or "", dict(each.attrib)) for each in element]
    assert found == [(each.tag, each.text or "", dict(each.attrib)) for each in etree.fromstring(expected)]


@pytest.mark.parametrize(
    ("hint", "value", "said"),
    [
        (int, "1", "'1' is not an int"),
        (int, None, "None is not an int"),
        (str, 1, "1 is not a text"),
        (str, "\ud800", "a text with half of a surrogate pair"),
        (date, datetime(2020, 1, 1, tzinfo=UTC), "is not a date"),
        (Decimal, Decimal("NaN"), "cannot be written"),
        (Decimal, Decimal("1E+99999"), "cannot be written"),
        (float, 10**400, "cannot be written"),
        (list[int], [1, None], "None is not an int"),
        (list[int], "12", "'12' is not a list"),
        (list[int], 5, "5 is not a list"),
        (Point, {"x": 1}, "is not a Point"),
        (Point, Point("1"), "x: '1' is not a float"),  # type: ignore[arg-type]  # what is refused
        (Point, Point(1, ["\0"]), "tags: '\\x00' has characters that XML has not"),
        (Literal["a"], "b", "'b' is not one of 'a'"),
        (Annotated[int, Facets(max=5)], 6, "6"),
        (None, 5, "a value where -> None was written: int"),
        (time, time(1, tzinfo=timezone(timedelta(seconds=1))), "is not one of whole minutes"),
    ],
)
def test_what_is_not_what_was_promised_is_refused(hint: Any, value: Any, said: str) -> None:
    with pytest.raises(Unfit) as error:
        write_result(giving(hint), value, NAMESPACE)
    assert said in str(error.value)
    assert str(error.value).startswith("what give returned is not what it says: ")
    assert len(str(error.value)) < 300


@pytest.mark.parametrize(
    ("hint", "texts", "value"),
    [
        (int, ["  +007 "], 7),
        (bool, ["1"], True),
        (float, ["+INF"], math.inf),
        (datetime, ["2020-01-01T24:00:00Z"], datetime(2020, 1, 2, tzinfo=UTC)),
        (datetime, ["2020-01-01T00:00:00.1234567Z"], datetime(2020, 1, 1, 0, 0, 0, 123456, UTC)),
        (date, ["2020-01-01+02:00"], date(2020, 1, 1)),
        (timedelta, ["P0Y0M1DT0H0M0.50S"], timedelta(days=1, seconds=0.5)),
        (timedelta, ["-PT1S"], timedelta(seconds=-1)),
        (bytes, [" QQ= =\n"], b"A"),
        (bytes, [""], b""),
        (str, ["a<!-- b -->c"], "ac"),
        (Path, ["a b"], Path("a b")),
        (set[int], ["1", "01"], {1}),
        (Annotated[list[int], Facets(min_length=1)], ["1"], [1]),
    ],
)
def test_values_are_read_as_other_toolkits_write_them(hint: Any, texts: list[str], value: object) -> None:
    assert read_arguments(taking(hint), document(*texts)) == {"a": value}


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (lexical.read_integer, "1_0"),
        (lexical.read_integer, "٣"),
        (lexical.read_integer, "9" * 5000),
        (lexical.read_decimal, "1e5"),
        (lexical.read_decimal, "NaN"),
        (lexical.read_float, "nan"),
        (lexical.read_boolean, "TRUE"),
        (lexical.read_datetime, "10000-01-01T00:00:00Z"),
        (lexical.read_datetime, "2020-01-01T24:00:01Z"),
        (lexical.read_datetime, "9999-12-31T24:00:00Z"),
        (lexical.read_datetime, "2020-01-01T00:00:00+15:00"),
        (lexical.read_datetime, "2020-02-30T00:00:00Z"),
        (lexical.read_date, "2020-1-1"),
        (lexical.read_time, "25:00:00"),
        (lexical.read_duration, "P1Y"),
        (lexical.read_duration, "PT"),
        (lexical.read_duration, "P"),
        (lexical.read_duration, "P9999999999D"),
        (lexical.read_bytes, "A"),
        (lexical.read_uuid, "1"),
    ],
)
def test_texts_that_are_no_values(read: Callable[[str], object], text: str) -> None:
    with pytest.raises(ValueError, match=r".{5,150}"):
        read(text)


def test_what_a_class_itself_refuses_is_told_with_its_place() -> None:
    with pytest.raises(Unfit, match="a: a Count: less than nothing"):
        read_arguments(taking(Count), document("<n>-1</n>"))


def test_arguments_that_are_missing_or_unknown_are_told() -> None:
    with pytest.raises(Unfit, match="parameter a of take is missing"):
        write_arguments(taking(int), {}, NAMESPACE)
    with pytest.raises(Unfit, match="take has no parameter b; it has: a"):
        write_arguments(taking(int), {"b": 1}, NAMESPACE)


def test_nil_is_none_and_what_is_not_there_is_the_default() -> None:
    signature = taking(int | None, 5)
    nil = f'<take xmlns="{NAMESPACE}"><a xmlns:i="{ns.XSI}" i:nil="true"/></take>'.encode()
    not_nil = f'<take xmlns="{NAMESPACE}"><a xmlns:i="{ns.XSI}" i:nil="false">4</a></take>'.encode()
    assert read_arguments(signature, nil) == {"a": None}
    assert read_arguments(signature, not_nil) == {"a": 4}
    assert read_arguments(signature, document()) == {}
    assert read_arguments(taking(int | None), document()) == {"a": None}
    assert b"nil" in write_arguments(signature, {"a": None}, NAMESPACE)
    assert b"nil" not in write_arguments(taking(int | None, None), {"a": None}, NAMESPACE)


def test_a_schema_names_all_its_types_and_imports_nothing() -> None:
    def count(
        job: object, colour: Colour, near: Point, n: Annotated[int, Facets(min=1)], span: timedelta, other: Count
    ) -> list[Annotated[str, Facets(max_length=3)]]:
        return []

    schema = etree.fromstring(write_schema(NAMESPACE, [signature_of(count, "count").messages]))
    xsd = f"{{{ns.XSD}}}"
    assert not schema.findall(f".//{xsd}import")
    assert not schema.findall(f".//{xsd}element/{xsd}simpleType")
    types = [each.get("name", "") for each in schema if each.tag != f"{xsd}element"]
    assert sorted(types) == ["Colour", "CountN", "CountResultItem", "CountType", "Point", "Span"]
    elements = [each.get("name", "") for each in schema.findall(f"{xsd}element")]
    assert elements == ["count", "countResult"]
    names = [each.lower() for each in (*types, *elements)]
    assert len(set(names)) == len(names)  # generators make classes of both
    etree.XMLSchema(schema)


def test_two_operations_cannot_need_the_same_element() -> None:
    def nothing(job: object) -> None: ...

    with pytest.raises(Unsuitable, match="two operations need an element givEresult"):
        write_schema(NAMESPACE, [giving(int).messages, signature_of(nothing, "givEresult").messages])


def test_an_interface_knows_defaults_that_are_texts() -> None:
    """Of an argument that says how many activities one request starts, the server has to know its own."""

    def function(
        job: object,
        n: int = 3,
        text: str = "a",
        none: int | None = None,
        many: tuple[int, ...] = (1,),
        odd: int = 2.5,  # type: ignore[assignment]  # what is wrong is tried
    ) -> None: ...

    assert [each.default for each in signature_of(function, "function").arguments] == ["3", "a", None, None, None]


@pytest.mark.parametrize(
    "hint", [str, int, float, bool, bytes, Decimal, datetime, date, time, timedelta, UUID, Path, Name, str | None]
)
def test_of_plain_types_there_is_always_a_schema(hint: Any) -> None:
    """Which is why none is made when a function is declared."""
    for signature in (taking(hint), taking(hint, None), giving(hint)):
        etree.XMLSchema(etree.fromstring(write_schema(NAMESPACE, [signature.messages])))


def test_a_docstring_that_xml_cannot_hold_is_refused() -> None:
    def odd(job: object) -> None:
        """A \x07 bell."""

    with pytest.raises(Unsuitable, match="odd: "):
        signature_of(odd, "odd")
