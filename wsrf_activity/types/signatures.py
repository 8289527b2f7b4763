"""What a function takes and gives, from its hints; and its values as the elements of a request and of a result."""

import contextlib
import inspect
import re
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from lxml import etree

from wsrf_activity.model.interfaces import Argument, canonical
from wsrf_activity.types.errors import Unfit, Unsuitable
from wsrf_activity.types.hints import NOTHING, member
from wsrf_activity.types.kinds import Member, read_members
from wsrf_activity.types.models import COMPLEX, built_in, facets
from wsrf_activity.types.schema import Messages, write_schema

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_PLAIN = (str, int, float, bool, bytes)  #: what a parameter is most often, and the job never
_POSITIONAL = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Signature:
    """What one operation takes and gives."""

    name: str  #: of the operation
    members: tuple[Member, ...] = ()
    result: Member | None = None  #: None where it gives nothing
    result_file: bool = False  #: whether what it gives is the name of a file
    defaults: Mapping[str, str] = field(default_factory=dict)  #: of arguments, where they are texts
    documentation: str | None = None

    def member(self, name: str) -> Member | None:
        """Return the argument of a name."""
        return next((each for each in self.members if each.name == name), None)

    @property
    def arguments(self) -> tuple[Argument, ...]:
        """Its arguments as an interface has them."""
        return tuple(
            Argument(
                name=each.name,
                simple=each.kind.simple,
                required=each.required,
                repeats=each.repeats,
                default=self.defaults.get(each.name),
                documentation=each.documentation,
            )
            for each in self.members
        )

    @property
    def messages(self) -> Messages:
        """Its elements, for a schema."""
        return Messages(
            name=self.name,
            arguments=[(each.name, each.model()) for each in self.members],
            result=None if self.result is None or self.result_file else self.result.model(),
            documentation=self.documentation,
        )


def signature_of(function: Callable[..., Any], name: str) -> Signature:
    """Return what a function takes after its first argument, the job, and what it gives; raises Unsuitable."""
    given = list(inspect.signature(function).parameters.values())
    if not given or given[0].kind in (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD):
        raise Unsuitable(f"{name}: the first parameter is the job; write def {name}(job, ...)")
    _expect_job(name, given[0])
    if not _NAME.fullmatch(name):
        raise Unsuitable(f"{name}: the name of an operation is of the letters A to Z, digits and _, at most 63")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise Unsuitable(f"{name} has a yield, so that a call of it runs nothing; return a list, or use job.result")
    hints = _hints(function, name, given[0].name)
    members = tuple(_parameter(name, each, hints) for each in given[1:])
    signature = Signature(
        name=name,
        members=members,
        defaults=dict(_defaults(members, given[1:])),
        result=_result(name, hints),
        result_file=_is_path(hints.get("return")),
        documentation=inspect.getdoc(function),
    )
    try:
        _check_types(signature)
    except (Unsuitable, etree.LxmlError, ValueError) as error:
        said = str(error).replace("{http://www.w3.org/2001/XMLSchema}", "")
        raise Unsuitable(f"{name}: {said}") from None
    return signature


def _check_types(signature: Signature) -> None:
    """Raise where no schema can be made of it: for what Spyne's own types hold, and for facets that contradict.

    Of plain types there is nothing to find, and to make a schema takes longer than to call a short function.
    """
    taken = signature.members if signature.result is None else (*signature.members, signature.result)
    if not (all(_is_plain(each) for each in taken) and _is_text(signature.documentation)):
        etree.XMLSchema(etree.fromstring(write_schema("urn:checked", [signature.messages])))


def _is_plain(member: Member) -> bool:
    """Whether a schema has it as an element of a built-in type, under a name that is one in XML, too."""
    if not (member.name.isascii() and member.kind.simple) or member.repeats:
        return False
    model = member.kind.model
    return built_in(model) != COMPLEX and not any(facets(model)) and _is_text(member.documentation)


def _is_text(text: str | None) -> bool:
    """Whether XML can hold it for certain."""
    return text is None or text.replace("\n", "").isprintable()


def _expect_job(name: str, first: inspect.Parameter) -> None:
    """Refuse a function whose author has forgotten the job, or written a method: it would fail only when called."""
    if first.name in ("self", "cls"):
        raise Unsuitable(f"{name}: there is no object, so no {first.name}; write def {name}(job, ...)")
    if first.annotation in (*_PLAIN, *(each.__name__ for each in _PLAIN)):
        raise Unsuitable(f"{name}: the first parameter is the job, not {first}; write def {name}(job, {first}, ...)")


def _hints(function: Callable[..., Any], name: str, job: str) -> dict[str, Any]:
    """Return the hints of all but the job, whose own may be known to type checkers only."""
    try:
        said = {each: hint for each, hint in inspect.get_annotations(function).items() if each != job}
        where = getattr(inspect.unwrap(function), "__globals__", {})
        return typing.get_type_hints(SimpleNamespace(__annotations__=said), where, include_extras=True)
    except NameError as error:
        raise Unsuitable(f"{name}: a hint cannot be read where it stands: {error}") from None
    except TypeError as error:  # a hint that is no type at all
        raise Unsuitable(f"{name}: {error}") from None


def _parameter(name: str, parameter: inspect.Parameter, hints: Mapping[str, Any]) -> Member:
    if parameter.kind not in _POSITIONAL:
        raise Unsuitable(f"{name}: {parameter} cannot be given by name; write each parameter with its own name")
    if parameter.name not in hints:
        raise Unsuitable(f"{name}: parameter {parameter.name} has no type; write {parameter.name}: str, or what it is")
    default = NOTHING if parameter.default is inspect.Parameter.empty else parameter.default
    try:
        return member(parameter.name, hints[parameter.name], default)
    except Unsuitable as error:
        raise Unsuitable(f"{name}: parameter {error}") from None


def _defaults(members: Sequence[Member], given: Sequence[inspect.Parameter]) -> Iterator[tuple[str, str]]:
    """Yield the texts of defaults, those that have one."""
    for each, parameter in zip(members, given, strict=True):
        if each.defaults and each.kind.simple and not each.repeats and parameter.default is not None:
            with contextlib.suppress(Unfit):  # it is the function's own affair what it is called with then
                yield each.name, each.kind.text(parameter.default)


def _result(name: str, hints: Mapping[str, Any]) -> Member | None:
    if "return" not in hints:
        raise Unsuitable(f"{name}: what it returns has no type; write -> int, or what it is, or -> None")
    if hints["return"] in (None, type(None)):
        return None
    try:
        found = member("result", hints["return"])
    except Unsuitable as error:
        raise Unsuitable(f"{name}: its {error}") from None
    return replace(found, nillable=found.optional and not found.repeats)


def _is_path(hint: Any) -> bool:
    inner = [each for each in typing.get_args(hint) if each is not type(None)] or [hint]
    return len(inner) == 1 and isinstance(inner[0], type) and issubclass(inner[0], Path)


def namespace_of(document: bytes) -> str:
    """Return the namespace of the interface that a request is for."""
    return etree.QName(_parsed(document)).namespace or ""


def read_arguments(signature: Signature, document: bytes) -> dict[str, Any]:
    """Return the keyword arguments of a request; what was left out and has a default is not there.

    Raises Unfit, with the argument's name, for a value that Python cannot hold (the year 10000).
    """
    return read_members(signature.members, _parsed(document))


def write_arguments(signature: Signature, values: Mapping[str, Any], namespace: str) -> bytes:
    """Return the request with these values; raises Unfit for one that is missing, unknown or no value of its type."""
    for name in values:
        if signature.member(name) is None:
            known = ", ".join(each.name for each in signature.members) or "none"
            raise Unfit(f"{signature.name} has no parameter {name}; it has: {known}")
    request = etree.Element(f"{{{namespace}}}{signature.name}")
    for each in signature.members:
        if each.name in values:
            each.write(request, namespace, values[each.name])
        elif each.required:
            raise Unfit(f"parameter {each.name} of {signature.name} is missing")
    check(signature, request, namespace)
    return canonical(request)


@lru_cache(maxsize=64)
def _schema(namespace: str, signature: Signature) -> etree.XMLSchema:
    return etree.XMLSchema(etree.fromstring(write_schema(namespace, [signature.messages])))


def check(signature: Signature, element: etree._Element, namespace: str) -> None:
    """Raise Unfit where an element is not what its own schema says: a bound, a length, a pattern."""
    schema = _schema(namespace, signature)
    if not schema.validate(element):
        raise Unfit(schema.error_log[0].message.replace(f"{{{namespace}}}", ""))  # type: ignore[index]  # as its stub lacks


def _parsed(document: bytes) -> etree._Element:
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, huge_tree=True, remove_comments=True, remove_pis=True
    )
    return etree.fromstring(document, parser)
