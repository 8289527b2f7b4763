"""What ``@activity`` leaves on a function, and the one sentence for whoever wrote what cannot be an operation."""

import enum
import re
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Literal

import pytest
from spyne import AnyDict, ComplexModel, Integer, Unicode

from wsrf_activity.author import DeclarationError, Facets, activity
from wsrf_activity.author.declare import Policies, declaration_of
from wsrf_activity.model.activity import RestartPolicy


class State:
    """A checkpoint's class."""

    def to_json(self) -> dict[str, int]:
        return {}

    @classmethod
    def from_json(cls, json: dict[str, int]) -> "State":
        return cls()


@activity
def count(job: object, text: str, *, least: int = 1) -> int:
    """Count the words of a text."""
    return sum(len(word) >= least for word in text.split())


@activity(
    name="Many",
    restart="resume",
    retries=3,
    retry_after=timedelta(seconds=5),
    keep="P1D",
    each="text",
    synchronous=True,
    state=State,
    media_type="text/plain",
)
def many(job: object, text: Annotated[str, "One of them."]) -> str:
    return text


def test_a_function_can_be_called_as_before() -> None:
    assert count(None, "a bc", least=2) == 1
    declaration = declaration_of(count)
    assert declaration is not None
    assert (declaration.name, declaration.policies, declaration.state) == ("count", Policies(), None)
    assert declaration.signature.documentation == "Count the words of a text."
    assert [(each.name, each.required) for each in declaration.offered.arguments] == [("text", True), ("least", False)]


def test_options_are_kept() -> None:
    declaration = declaration_of(many)
    assert declaration is not None
    assert (declaration.name, declaration.state) == ("Many", State)
    assert declaration.policies.said() == {
        "restart": RestartPolicy.RESUME,
        "retries": 3,
        "retry_after": timedelta(seconds=5),
        "keep": timedelta(days=1),
        "synchronous": True,
        "each": "text",
        "media_type": "text/plain",
    }


def test_a_parameter_of_which_each_is_an_activity_is_a_list_for_callers_only() -> None:
    declaration = declaration_of(many)
    assert declaration is not None
    [offered], [own] = declaration.offered.arguments, declaration.signature.arguments
    assert (offered.repeats, offered.required, offered.documentation) == (True, True, "One of them.")
    assert not own.repeats


def no_hint(job, x) -> int: ...  # type: ignore[no-untyped-def, empty-body]  # what is refused
def no_result(job: object, x: int): ...  # type: ignore[no-untyped-def]  # what is refused
def no_job() -> int: ...  # type: ignore[empty-body]  # what is refused
def forgets_job(text: str, x: int) -> int: ...  # type: ignore[empty-body]  # what is refused
def quotes_hint(text: "str") -> int: ...  # type: ignore[empty-body]  # what is refused
def has_object(self, job, x: int) -> int: ...  # type: ignore[no-untyped-def, empty-body]  # what is refused
def star(job: object, *x: int) -> None: ...
def stars(job: object, **x: int) -> None: ...
def only(job: object, x: int, /) -> None: ...
def unknown(job: object, x: "Nowhere") -> None: ...  # type: ignore[name-defined]  # noqa: F821 - what is refused
def anything(job: object, x: Any) -> None: ...
def mapping(job: object, x: dict[str, int]) -> None: ...
def either(job: object, x: int | str) -> None: ...
def bare(job: object, x: list) -> None: ...  # type: ignore[type-arg]  # what is refused
def nested(job: object, x: list[list[int]]) -> None: ...
def mixed(job: object, x: Literal["a", 1]) -> None: ...
def wrong_facet(job: object, x: Annotated[bool, Facets(min=1)]) -> None: ...
def wrong_length(job: object, x: Annotated[int, Facets(max_length=1)]) -> None: ...
def wrong_pattern(job: object, x: Annotated[str, Facets(pattern="(")]) -> None: ...
def wild(job: object, x: AnyDict) -> None: ...
def gives_mapping(job: object) -> dict[str, int]: ...  # type: ignore[empty-body]  # what is refused
def fine(job: object, x: int) -> list[int]: ...  # type: ignore[empty-body]  # its options are refused


class Bits(enum.Flag):
    """No enumeration of texts."""

    A = 1


def flags(job: object, x: Bits) -> None: ...


@dataclass
class Broken:
    """A record with a field that cannot be."""

    a: int
    b: complex


def broken(job: object, x: list[Broken]) -> None: ...


class Deep(ComplexModel):
    """A type of Spyne's with a part that cannot be."""

    a = Unicode
    b = AnyDict


def deep(job: object, x: Deep) -> None: ...


def yields(job: object) -> Iterator[int]:
    yield 1


async def yields_later(job: object) -> AsyncIterator[int]:
    yield 1


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (no_hint, "no_hint: parameter x has no type; write x: str"),
        (no_result, "no_result: what it returns has no type; write -> int"),
        (no_job, "no_job: the first parameter is the job; write def no_job(job, ...)"),
        (
            forgets_job,
            "forgets_job: the first parameter is the job, not text: str; write def forgets_job(job, text: str",
        ),
        (quotes_hint, "quotes_hint: the first parameter is the job, not text: "),
        (has_object, "has_object: there is no object, so no self; write def has_object(job, ...)"),
        (star, "star: *x: int cannot be given by name"),
        (stars, "stars: **x: int cannot be given by name"),
        (only, "only: x: int cannot be given by name"),
        (unknown, "unknown: a hint cannot be read where it stands: name 'Nowhere' is not defined"),
        (anything, "anything: parameter x: Any has no type in XML Schema; accepted: str, int"),
        (mapping, "mapping: parameter x: dict[str, int] has no type in XML Schema"),
        (either, "either: parameter x: int | str may be several types"),
        (bare, "bare: parameter x: list does not say what is in it; write list[str]"),
        (nested, "nested: parameter x: list[list[int]] has lists in a list"),
        (mixed, "mixed: parameter x: Literal['a', 1] is not all texts or all whole numbers"),
        (wrong_facet, "wrong_facet: parameter x: a bool has no min"),
        (wrong_length, "wrong_length: parameter x: an int has no max_length"),
        (wrong_pattern, "wrong_pattern: "),
        (wild, "wild: parameter x: Spyne's AnyDict has no place in a typed operation"),
        (deep, "deep: Spyne's AnyDict has no place in a typed operation"),
        (flags, "flags: parameter x: Bits has no type in XML Schema"),
        (broken, "broken: parameter x: Broken: b: complex has no type in XML Schema"),
        (yields, "yields has a yield, so that a call of it runs nothing"),
        (yields_later, "yields_later has a yield"),
        (gives_mapping, "gives_mapping: its result: dict[str, int] has no type in XML Schema"),
    ],
)
def test_what_has_no_type_is_told_at_once(function: Callable[..., Any], said: str) -> None:
    with pytest.raises(DeclarationError) as error:
        activity(function)
    assert str(error.value).startswith(said)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"retry": 1}, "there is no option retry; accepted: name, state, restart"),
        ({"restart": "always"}, "restart: 'always'; accepted: resume, rerun, abort"),
        ({"retries": -1}, "retries: -1; accepted: a whole number from 0"),
        ({"retries": True}, "retries: True; accepted"),
        ({"keep": "14 days"}, "keep: not a duration"),
        ({"keep": timedelta(0)}, "keep: accepted: a timedelta above zero"),
        ({"synchronous": 1}, "synchronous: 1; accepted: True, False"),
        ({"each": "y"}, "each: there is no parameter y; there is: x"),
        ({"times": "y"}, "times: there is no parameter y; there is: x"),
        ({"each": "x", "times": "x"}, "each and times: accepted: one of the two"),
        ({"media_type": "text/csv"}, "media_type: it is for an operation that returns str, bytes or Path"),
        ({"media_type": "csv"}, "media_type: 'csv'; accepted: a media type such as text/csv"),
        ({"state": dict}, "state: accepted: a class with the methods to_json(self) and from_json(json)"),
        ({"name": "a b"}, "the name of an operation is of the letters A to Z"),
        ({"name": "Destroy"}, "every service has an operation Destroy already"),
    ],
)
def test_options_that_cannot_be_are_told_at_once(options: dict[str, Any], said: str) -> None:
    with pytest.raises(DeclarationError, match=re.escape(said)) as error:
        activity(**options)(fine)
    assert str(error.value).startswith(f"{options.get('name', 'fine')}: ")


def test_a_static_method_is_a_function() -> None:
    class Here:
        @activity(retries=1)
        @staticmethod
        def one(job: object) -> int:
            return 1

        @staticmethod
        @activity
        def two(job: object) -> int:
            return 2

    assert [declaration_of(each) is None for each in (Here.one, Here.two)] == [False, False]
    assert (Here.one(None), Here.two(None)) == (1, 2)


def test_the_hint_of_the_job_is_for_type_checkers() -> None:
    def later(job: "Nowhere", x: "int") -> "list[State]": ...  # type: ignore[name-defined, empty-body]  # noqa: F821

    with pytest.raises(DeclarationError, match=r"later: its result: State has no type in XML Schema"):
        activity(later)


def test_facets_are_checked_with_each_other() -> None:
    def one(job: object, x: Annotated[int, Facets(min="a")]) -> None: ...
    def two(job: object, x: Annotated[timedelta, "How long.", Facets(min=timedelta(days=1))]) -> None: ...

    with pytest.raises(DeclarationError, match="one: "):
        activity(one)
    assert activity(two) is two


def test_only_functions_are_declared() -> None:
    with pytest.raises(DeclarationError, match="@activity is for functions"):
        activity("count")  # type: ignore[call-overload]  # what is refused


def test_types_of_spynes_stand_where_hints_do() -> None:
    @activity
    def own(job: object, a: Unicode(max_len=3), b: Integer(min_occurs=1), c: Deep2) -> Integer: ...  # type: ignore[valid-type]  # Spyne's way

    declaration = declaration_of(own)
    assert declaration is not None
    assert [each.required for each in declaration.offered.arguments] == [False, True, False]
    assert [each.simple for each in declaration.offered.arguments] == [True, True, False]


class Deep2(ComplexModel):
    """A type of Spyne's."""

    a = Unicode
