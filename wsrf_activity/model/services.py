"""What can be started: configured command services, their typed parameters, and how these make a command line."""

import itertools
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Literal
from urllib.parse import urlsplit

from wsrf_activity.model.activity import (
    COMMAND_SERVICE,
    DEFAULT_ENGINE,
    RECOVERIES,
    Link,
    RestartPolicy,
    ResultSpec,
    Work,
)
from wsrf_activity.model.errors import InvalidParameter
from wsrf_activity.model.lifetime import parse_time

ParameterType = Literal["string", "integer", "number", "boolean", "date", "datetime", "duration", "uri"]
SHELL = "/bin/sh"
_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_-]*)\}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,400}\.?[0-9]{0,400}|\.[0-9]{1,400})(?:[eE][+-]?[0-9]{1,4})?")
#: Where the shell would not take a quoted value as one text: in quotes, backquotes, comments, arithmetic, after a
#: backslash, and in all that may be a here-document.
_OPAQUE = re.compile(
    r"""'[^']*(?:'|\Z)|"(?:\\.|[^"\\])*(?:"|\Z)|`(?:\\.|[^`\\])*(?:`|\Z)|\$\(\(.*?(?:\)\)|\Z)"""
    r"""|(?<![^\s;&|()])\#[^\n]*|<<.*|\\.""",
    re.DOTALL,
)
_COMMAND_START = re.compile(r"[;&|()\n]")  #: what may stand before a new command of a line
_END_OF_OPTIONS = re.compile(r"(?<!\S)--(?!\S)")
_DATE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:Z|[+-][0-9]{2}:[0-9]{2})?")
_DURATION = re.compile(
    r"-?P(?=.)(?:[0-9]+Y)?(?:[0-9]+M)?(?:[0-9]+D)?(?:T(?=.)(?:[0-9]+H)?(?:[0-9]+M)?(?:[0-9]+(?:\.[0-9]+)?S)?)?"
)
#: Characters of a reference (RFC 3986), and those of other languages; none of an address of IPv6.
_URI = re.compile(r"(?:[^\s<>\"{}|\\^`\[\]%#]|%[0-9A-Fa-f]{2})*(?:#(?:[^\s<>\"{}|\\^`\[\]%#]|%[0-9A-Fa-f]{2})*)?")
_AUTHORITY = re.compile(r"(?:[^@]*@)?[^@:]+(?::[0-9]{1,5})?")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_FREE: tuple[ParameterType, ...] = ("string", "uri")  #: types of which a caller writes nearly any text
_DASHED: tuple[ParameterType, ...] = (*_FREE, "duration")  #: types whose texts may begin with a dash and a letter
_BOOLEANS = {"true": "true", "1": "true", "false": "false", "0": "false"}


def _is_date(text: str) -> bool:
    found = _DATE.fullmatch(text)
    try:
        return found is not None and bool(date.fromisoformat(found.group(1)))
    except ValueError:
        return False


def _is_datetime(text: str) -> bool:
    try:
        return bool(parse_time(text))
    except ValueError:
        return False


def _is_uri(text: str) -> bool:
    before, colon, _ = text.partition(":")
    if colon and not _SCHEME.fullmatch(before) and not re.search("[/?#]", before):
        return False
    if not text.isprintable() or not _URI.fullmatch(text):
        return False
    try:
        parts = urlsplit(text)
        return parts.port != 0 and (not parts.netloc or _AUTHORITY.fullmatch(parts.netloc) is not None)
    except ValueError:  # a port that is no number
        return False


#: Types whose values are given on as they are written, if they are good.
_WRITTEN: Mapping[ParameterType, tuple[Callable[[str], bool], str]] = {
    "date": (_is_date, "a day such as 2027-01-31"),
    "datetime": (_is_datetime, "a time such as 2027-01-31T12:00:00Z, of the years 1 to 9999"),
    "duration": (lambda text: _DURATION.fullmatch(text) is not None, "a duration such as PT30M or P14D"),
    "uri": (_is_uri, "a URI such as https://example.org/data"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A named value of a service: ``minimum`` and ``maximum`` bound a number, or the length of a string."""

    name: str
    type: ParameterType = "string"
    default: str | None = None
    required: bool = True
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    choices: tuple[str, ...] = ()
    pattern: str | None = None  #: of the whole value
    documentation: str | None = None

    def check(self, text: str) -> str:
        """Return the value in its canonical form; raises InvalidParameter with what is accepted."""
        value = self._typed(text)
        if self.choices and value not in self.choices:
            raise self._wrong(text, f"one of {', '.join(self.choices)}")
        if self.pattern is not None and not re.fullmatch(self.pattern, value):
            raise self._wrong(text, f"what matches {self.pattern}")
        return value

    @property
    def free(self) -> bool:
        """Whether a caller may put any character into it."""
        return self.type in _FREE and not self.choices

    @property
    def vetted(self) -> bool:
        """Whether the operator said which texts are good, so that a leading dash is his wish."""
        return bool(self.choices) or self.pattern is not None

    def _typed(self, text: str) -> str:
        if self.type == "string":
            self._bound(Decimal(len(text)), text, " characters")
            return text
        text = text.strip()
        if self.type == "boolean":
            if text not in _BOOLEANS:
                raise self._wrong(text, "true or false")
            return _BOOLEANS[text]
        if self.type in _WRITTEN:
            good, accepted = _WRITTEN[self.type]
            if not good(text):
                raise self._wrong(text, accepted)
            if self.type == "uri":
                self._bound(Decimal(len(text)), text, " characters")
            return text
        return self._number(text)

    def _number(self, text: str) -> str:
        if self.type == "integer" and not re.fullmatch(r"[+-]?[0-9]{1,100}", text):
            raise self._wrong(text, "a whole number")
        if not _NUMBER.fullmatch(text):
            raise self._wrong(text, "a number")
        number = Decimal(text)
        if abs(number.adjusted()) > 400:
            raise self._wrong(text, "a number that is not as extreme")
        self._bound(number, text, "")
        return str(int(number)) if self.type == "integer" else text

    def _bound(self, number: Decimal, text: str, unit: str) -> None:
        if (self.minimum is not None and number < self.minimum) or (self.maximum is not None and number > self.maximum):
            low = "" if self.minimum is None else f"from {self.minimum} "
            high = "" if self.maximum is None else f"up to {self.maximum}"
            raise self._wrong(text, f"{low}{high}".strip() + unit)

    def _wrong(self, text: str, accepted: str) -> InvalidParameter:
        shown = text if len(text) <= 60 else text[:57] + "..."
        return InvalidParameter(f"parameter {self.name}: {shown!r} is not accepted; accepted: {accepted}", self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What callers start by name. Exactly one of ``command``, ``shell`` and ``function`` is set."""

    name: str
    command: tuple[str, ...] = ()
    shell: str | None = None  #: a line for /bin/sh; parameters are quoted into it
    parameters: tuple[Parameter, ...] = ()
    stdin: Literal["stdin", "file"] = "stdin"
    media_type: str = "application/octet-stream"
    results: Mapping[str, ResultSpec] = field(default_factory=dict)
    work_limit: timedelta | None = None
    keep: timedelta | None = None
    maximum: timedelta | None = (
        None  #: the longest lifetime, from now, that a client may choose; None: as the server has
    )
    fixed_lifetime: bool = False  #: whether clients choose none at all
    function: tuple[str, ...] = ()  #: the command line that calls a function, which reads its arguments itself
    reuse: int = 1  #: calls of a function that one process may serve
    interface: str = ""  #: the name of the interface that its operation stands in; empty: it has none
    engine: str = DEFAULT_ENGINE  #: by its name among the configured engines
    synchronous: bool = False  #: whether its operation waits for the end where the caller says nothing
    each: str | None = None  #: the parameter of whose values every one is an activity of its own
    times: str | None = None  #: the parameter that says how many activities one request starts
    then: tuple[Link, ...] = ()
    restart: RestartPolicy = RestartPolicy.ABORT
    retries: int = 0
    retry_after: timedelta = timedelta(0)  #: before failed work is run again; each further time twice as long
    recoveries: int = RECOVERIES
    documentation: str | None = None

    @property
    def several(self) -> bool:
        """Whether one request starts a set of activities."""
        return self.each is not None or self.times is not None

    def work(self, values: Mapping[str, str], keep: timedelta, arguments: bytes | None = None) -> Work:
        """Return the work for these parameter values, or for a function's arguments; raises InvalidParameter."""
        return Work(
            argv=self.function or self._command_line(self._checked(values)),
            arguments=arguments if self.function else None,
            stdin=self.stdin,
            media_type=self.media_type,
            results=self.results,
            restart=self.restart,
            retries=self.retries,
            recoveries=self.recoveries,
            retry_after=self.retry_after,
            keep=self.keep or keep,
            then=self.then,
        )

    def _command_line(self, checked: Mapping[str, str]) -> tuple[str, ...]:
        return self._line(self.shell, checked) if self.shell is not None else self._argv(checked)

    def _checked(self, values: Mapping[str, str]) -> dict[str, str]:
        known = {parameter.name: parameter for parameter in self.parameters}
        for name in values:
            if name not in known:
                accepted = ", ".join(known) or "none"
                raise InvalidParameter(f"service {self.name} has no parameter {name!r}; accepted: {accepted}", name)
        checked = {}
        for name, parameter in known.items():
            value = values.get(name, parameter.default)
            if value is not None:
                checked[name] = parameter.check(value)
            elif parameter.required:
                raise InvalidParameter(f"parameter {name} is missing", name)
        return checked

    def unquotable(self) -> str | None:
        """Return a parameter that the shell line uses where no quoting keeps its value from being run, or None."""
        opaque = [found.span() for found in _OPAQUE.finditer(self.shell or "")]
        free = {parameter.name for parameter in self.parameters if parameter.free}
        for found in _PLACEHOLDER.finditer(self.shell or ""):
            start, end = found.span()
            if found.group(1) in free and any(start < last and first < end for first, last in opaque):
                return found.group(1)
        return None

    def _line(self, line: str, values: Mapping[str, str]) -> tuple[str, ...]:
        for found in _PLACEHOLDER.finditer(line):
            before = _COMMAND_START.split(line[: found.start()])[-1]
            if not before[-1:].strip() and not _END_OF_OPTIONS.search(before):
                self._refuse_option(found.group(1), values)
        quoted = {parameter.name: shlex.quote(values.get(parameter.name, "")) for parameter in self.parameters}
        return (SHELL, "-c", _fill(line, quoted) or "")

    def _argv(self, values: Mapping[str, str]) -> tuple[str, ...]:
        for argument in itertools.takewhile(lambda argument: argument != "--", self.command):
            found = _PLACEHOLDER.match(argument)
            if found is not None:
                self._refuse_option(found.group(1), values)
        filled = (_fill(argument, values) for argument in self.command)
        return tuple(argument for argument in filled if argument is not None)

    def _refuse_option(self, name: str | None, values: Mapping[str, str]) -> None:
        """A text that stands where an argument begins must not be able to pose as an option."""
        exposed = any(p.name == name and p.type in _DASHED and not p.vetted for p in self.parameters)
        if name is not None and exposed and values.get(name, "").startswith("-"):
            raise InvalidParameter(f"parameter {name}: a value must not begin with a dash", name)


def _fill(template: str, values: Mapping[str, str]) -> str | None:
    """Return the template with its placeholders filled, or None where an optional one has no value."""
    if not placeholders(template) <= values.keys():
        return None
    return _PLACEHOLDER.sub(lambda match: values[match.group(1)] if match.group(1) else match.group(0)[0], template)


@lru_cache(maxsize=4096)
def placeholders(template: str) -> frozenset[str]:
    """Return the names of the parameters that a template uses."""
    return frozenset(name for name in _PLACEHOLDER.findall(template) if name)


def ad_hoc(line: str, keep: timedelta) -> Work:
    """Return the work of a command line given by a caller: whatever the shell makes of it."""
    return Work(argv=(SHELL, "-c", line), keep=keep)


__all__ = ["COMMAND_SERVICE", "Parameter", "ParameterType", "Service", "ad_hoc", "placeholders"]
