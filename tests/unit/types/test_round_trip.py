"""Every value comes back from a request as it was, and what is written is what the schema says."""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, StrEnum
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from wsrf_activity.types.results import write_result
from wsrf_activity.types.schema import write_schema
from wsrf_activity.types.signatures import read_arguments, signature_of, write_arguments

NAMESPACE = "urn:test:round"


class Colour(Enum):
    """Written by name, since its values are no texts."""

    RED = 1
    BLUE = 2


class Size(StrEnum):
    """Written by value."""

    SMALL = "small size"
    NONE = ""


@dataclass
class Inner:
    """A record in a record."""

    a: str
    many: list[int] = field(default_factory=list)
    maybe: float | None = 1.5


@dataclass
class Tree:
    """A record that holds itself."""

    inner: Inner
    children: "list[Tree]" = field(default_factory=list)
    colour: Colour | None = None


def everything(  # noqa: PLR0917 - one of each type
    job: object,
    text: str,
    whole: int,
    real: float,
    yes: bool,
    data: bytes,
    moment: datetime,
    day: date,
    clock: time,
    span: timedelta,
    number: Decimal,
    id: UUID,
    path: Path,
    colour: Colour,
    size: Size,
    letter: Literal["a", "b"],
    digit: Literal[1, 2],
    tree: Tree,
    texts: list[str],
    holes: list[int | None],
    pair: tuple[date, ...],
    maybe: timedelta | None,
    later: int | None = 7,
) -> Tree:
    """Take one of everything."""
    raise AssertionError("nobody calls it")


SIGNATURE = signature_of(everything, "everything")
SCHEMA = etree.XMLSchema(etree.fromstring(write_schema(NAMESPACE, [SIGNATURE.messages])))

#: What XML 1.0 has; a carriage return among it.
text = st.text(
    st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters="\ufffe\uffff") | st.sampled_from("\t\n\r")
)
zones = st.none() | st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
wholes = st.integers() | st.sampled_from([2**4000, -(2**4000)])
decimals = st.decimals(allow_nan=False, allow_infinity=False)
inners = st.builds(Inner, a=text, many=st.lists(wholes, max_size=3), maybe=st.none() | st.floats(allow_nan=False))
trees = st.recursive(
    st.builds(Tree, inner=inners, colour=st.none() | st.sampled_from(Colour)),
    lambda inside: st.builds(Tree, inner=inners, children=st.lists(inside, max_size=2)),
    max_leaves=4,
)
arguments = st.fixed_dictionaries(
    {
        "text": text,
        "whole": wholes,
        "real": st.floats(allow_nan=False),
        "yes": st.booleans(),
        "data": st.binary(),
        "moment": st.datetimes(timezones=zones),
        "day": st.dates(),
        "clock": st.times(timezones=zones),
        "span": st.timedeltas(),
        "number": decimals,
        "id": st.uuids(),
        "path": text.filter(lambda each: "\0" not in each).map(Path),
        "colour": st.sampled_from(Colour),
        "size": st.sampled_from(Size),
        "letter": st.sampled_from(["a", "b"]),
        "digit": st.sampled_from([1, 2]),
        "tree": trees,
        "texts": st.lists(text, max_size=3),
        "holes": st.lists(st.none() | wholes, max_size=3),
        "pair": st.lists(st.dates(), max_size=3).map(tuple),
        "maybe": st.none() | st.timedeltas(),
        "later": st.none() | wholes,
    }
)


def zone(value: datetime | time) -> timedelta | None:
    """Equal times may have different zones."""
    return value.utcoffset()


@settings(max_examples=80, deadline=None)
@given(arguments)
def test_arguments_come_back_as_they_were(values: dict[str, Any]) -> None:
    document = write_arguments(SIGNATURE, values, NAMESPACE)
    assert SCHEMA.validate(etree.fromstring(document)), SCHEMA.error_log
    found = read_arguments(SIGNATURE, document)
    assert found == values
    assert {name: type(value) for name, value in found.items()} == {name: type(value) for name, value in values.items()}
    assert (zone(found["moment"]), zone(found["clock"])) == (zone(values["moment"]), zone(values["clock"]))


@settings(max_examples=40, deadline=None)
@given(trees)
def test_a_result_is_what_its_schema_says(tree: Tree) -> None:
    written = write_result(SIGNATURE, tree, NAMESPACE)
    assert written.media_type == "application/xml"
    assert isinstance(written.content, bytes)
    element = etree.fromstring(written.content)
    assert SCHEMA.validate(element), SCHEMA.error_log
    assert SIGNATURE.result is not None
    assert SIGNATURE.result.kind.read(element) == tree


def test_not_a_number_comes_back_as_such() -> None:
    def one(job: object, x: float) -> float:
        raise AssertionError(job, x)

    signature = signature_of(one, "one")
    document = write_arguments(signature, {"x": float("nan")}, NAMESPACE)
    assert str(read_arguments(signature, document)["x"]) == "nan"
    assert write_result(signature, float("-inf"), NAMESPACE).content == b"-INF"


def test_what_is_left_out_is_left_to_python() -> None:
    def one(job: object, a: int, b: str = "x", c: list[int] = [], d: int | None = None, e: str | None = None) -> None:  # noqa: B006 - nobody calls it
        raise AssertionError(job, a, b, c, d, e)

    signature = signature_of(one, "one")
    document = f'<one xmlns="{NAMESPACE}"><a>1</a></one>'.encode()
    assert read_arguments(signature, document) == {"a": 1}
    assert [each.required for each in signature.members] == [True, False, False, False, False]


@pytest.mark.parametrize("absent", [list[int], set[str]])
def test_a_list_without_members_is_empty(absent: Any) -> None:
    def one(job: object, a: absent) -> None:
        raise AssertionError(job, a)

    assert not read_arguments(signature_of(one, "one"), f'<one xmlns="{NAMESPACE}"/>'.encode())["a"]
