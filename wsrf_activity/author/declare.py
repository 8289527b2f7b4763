"""What ``@activity`` makes of a function: a declaration, with everything checked that can be checked before it runs."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, overload

from wsrf_activity.model.activity import RestartPolicy
from wsrf_activity.model.interfaces import COMMON_OPERATIONS
from wsrf_activity.model.lifetime import parse_duration
from wsrf_activity.types.errors import Unsuitable
from wsrf_activity.types.kinds import Member
from wsrf_activity.types.signatures import Signature, signature_of

F = TypeVar("F", bound=Callable[..., Any])
_MARK = "__wsrf_activity__"
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(\s*;.*)?")


class DeclarationError(TypeError):
    """What was declared cannot be an operation; the text is one sentence for its author."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """How an operation's activities are treated. None: the operation says nothing, and the server's default holds."""

    restart: RestartPolicy | None = None
    retries: int | None = None
    retry_after: timedelta | None = None
    recoveries: int | None = None
    work_limit: timedelta | None = None
    keep: timedelta | None = None
    maximum: timedelta | None = None
    synchronous: bool | None = None
    engine: str | None = None
    each: str | None = None
    times: str | None = None
    media_type: str | None = None
    reuse: int | None = None

    def said(self) -> Mapping[str, Any]:
        """Return those that say something."""
        return {each.name: value for each in fields(self) if (value := getattr(self, each.name)) is not None}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Declaration:
    """One operation: the function, what it takes and gives, and how its activities are treated."""

    name: str
    function: Callable[..., Any]  #: called with the job and its keyword arguments
    signature: Signature  #: of one call
    policies: Policies = field(default_factory=Policies)
    state: Any = None  #: the class of its checkpoints, with to_json and from_json; None: they are JSON

    @property
    def offered(self) -> Signature:
        """What callers see: where each value of a parameter is an activity of its own, that parameter is a list."""
        each = self.policies.each
        members = tuple(_several(member) if member.name == each else member for member in self.signature.members)
        return replace(self.signature, members=members)


def _several(member: Member) -> Member:
    return member if member.repeats else replace(member, container=list, least=1, nillable=False)


@overload
def activity(function: F, /) -> F: ...


@overload
def activity(
    *,
    name: str | None = None,
    restart: str | None = None,
    retries: int | None = None,
    retry_after: timedelta | str | None = None,
    recoveries: int | None = None,
    work_limit: timedelta | str | None = None,
    keep: timedelta | str | None = None,
    maximum: timedelta | str | None = None,
    synchronous: bool | None = None,
    engine: str | None = None,
    each: str | None = None,
    times: str | None = None,
    media_type: str | None = None,
    reuse: int | None = None,
    state: Any = None,
) -> Callable[[F], F]: ...


def activity(function: Any = None, /, *, name: str | None = None, state: Any = None, **policies: Any) -> Any:
    """Make a function an operation whose calls are activities; it can be called as before, too.

    Its first parameter is the job; the others and what it returns need type hints. ``name`` is the operation's, the
    function's where nothing is said. ``state`` is a class with ``to_json`` and ``from_json`` for its checkpoints.
    Durations are timedeltas or texts such as ``"PT30M"``. ``reuse`` is how many calls one process may serve, one after
    another; each has a process of its own where nothing is said. Raises DeclarationError, with one sentence.
    """
    if function is None:
        return lambda decorated: _declared(decorated, name, state, policies)
    return _declared(function, name, state, policies)


def _declared(function: Any, name: str | None, state: Any, policies: Mapping[str, Any]) -> Any:
    if isinstance(function, staticmethod):
        _declared(function.__func__, name, state, policies)
        return function
    if not callable(function) or isinstance(function, type):
        raise DeclarationError("@activity is for functions; write it above a def, and options as @activity(retries=3)")
    called = name or function.__name__
    try:
        declaration = Declaration(
            name=called,
            function=function,
            signature=signature_of(function, called),
            policies=read_policies(policies),
            state=_state(state),
        )
        _check(declaration)
    except (Unsuitable, ValueError, TypeError) as error:
        text = str(error)
        raise DeclarationError(text if text.startswith(called) else f"{called}: {text}") from None
    setattr(function, _MARK, declaration)
    return function


def declaration_of(function: object) -> Declaration | None:
    """Return what ``@activity`` left on a function, or None."""
    found = getattr(function, _MARK, None)
    return found if isinstance(found, Declaration) else None


def read_policies(given: Mapping[str, Any]) -> Policies:
    """Return policies as an author writes them; raises ValueError or TypeError that names the one that is wrong."""
    found: dict[str, Any] = {}
    for name, value in given.items():
        if name not in _READ:
            raise TypeError(f"there is no option {name}; accepted: name, state, {', '.join(_READ)}")
        if value is not None:
            try:
                found[name] = _READ[name](value)
            except (ValueError, TypeError) as error:
                raise ValueError(f"{name}: {error}") from None
    return Policies(**found)


def _restart(value: Any) -> RestartPolicy:
    if value not in tuple(RestartPolicy):
        raise ValueError(f"{value!r}; accepted: resume, rerun, abort")
    return RestartPolicy(value)


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r}; accepted: a whole number from 0")
    return value


def _calls(value: Any) -> int:
    if _count(value) < 1:
        raise ValueError(f"{value!r}; accepted: a whole number from 1, of calls that one process serves")
    return int(value)


def _span(value: Any) -> timedelta:
    span = value if isinstance(value, timedelta) else parse_duration(_text(value), datetime.now(UTC))
    if span <= timedelta(0):
        raise ValueError("accepted: a timedelta above zero, or a duration such as PT30M or P14D")
    return span


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r}; accepted: True, False")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r}; accepted: a text")
    return value


def _media_type(value: Any) -> str:
    if not _MEDIA_TYPE.fullmatch(_text(value)):
        raise ValueError(f"{value!r}; accepted: a media type such as text/csv")
    return str(value)


_READ: Mapping[str, Callable[[Any], Any]] = {
    "restart": _restart,
    "retries": _count,
    "retry_after": _span,
    "recoveries": _count,
    "work_limit": _span,
    "keep": _span,
    "maximum": _span,
    "synchronous": _flag,
    "engine": _text,
    "each": _text,
    "times": _text,
    "media_type": _media_type,
    "reuse": _calls,
}


def _state(state: Any) -> Any:
    if state is None or (callable(getattr(state, "to_json", None)) and callable(getattr(state, "from_json", None))):
        return state
    raise ValueError("state: accepted: a class with the methods to_json(self) and from_json(json)")


def _check(declaration: Declaration) -> None:
    """Raise ValueError where options and parameters do not go together."""
    said, signature = declaration.policies, declaration.signature
    if declaration.name in COMMON_OPERATIONS:
        raise ValueError(f"every service has an operation {declaration.name} already; give this one another name")
    for option in ("each", "times"):
        named = getattr(said, option)
        if named is not None and signature.member(named) is None:
            known = ", ".join(member.name for member in signature.members) or "none"
            raise ValueError(f"{option}: there is no parameter {named}; there is: {known}")
    if said.each is not None and said.times is not None:
        raise ValueError("each and times: accepted: one of the two")
    if said.times is not None and not _is_count(signature.member(said.times)):
        raise ValueError(f"times: the parameter {said.times} is not an int")
    result = signature.result
    if said.media_type is not None and (result is None or result.repeats or not result.kind.simple):
        raise ValueError("media_type: it is for an operation that returns str, bytes or Path")


def _is_count(member: Member | None) -> bool:
    return member is not None and not member.repeats and member.kind.shown == "an int"
