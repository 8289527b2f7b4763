"""TOML tables read strictly: each key is taken once, and one that nobody took is a mistake to be told."""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from wsrf_activity.model.lifetime import parse_duration

T = TypeVar("T")
D = TypeVar("D")
_SIZE = re.compile(r"(\d{1,18})\s*(B|KiB|MiB|GiB|TiB)?")
_UNITS = {None: 0, "B": 0, "KiB": 10, "MiB": 20, "GiB": 30, "TiB": 40}


class SettingsError(Exception):
    """A setting that cannot be used; its text is one line and says what is accepted."""


class Table:
    """A table of the file, and how it is called there."""

    def __init__(self, name: str, values: object) -> None:
        """Read ``values``; raises SettingsError where they are no table."""
        if not isinstance(values, dict):
            raise SettingsError(f"{name}: a table is needed, [{name}]")
        self.name = name
        self._left: dict[str, Any] = dict(values)
        self._tables: dict[str, Table] = {}

    def table(self, name: str) -> "Table":
        """Return a table in this one, empty where there is none."""
        if name not in self._tables:
            self._tables[name] = Table(self._full(name), self._left.pop(name, {}))
        return self._tables[name]

    def tables(self) -> Iterator[tuple[str, "Table"]]:
        """Yield every table in this one."""
        for name in list(self._left):
            yield name, self.table(name)

    def take(self, name: str, read: Callable[[Any], T], default: D) -> T | D:
        """Return a value, read; raises SettingsError where it is not what is needed."""
        if name not in self._left:
            return default
        try:
            return read(self._left.pop(name))
        except (ValueError, TypeError) as error:
            raise SettingsError(f"{self._full(name)}: {error}") from None

    def checked(self, make: Callable[[], T]) -> T:
        """Return what is made of several values; raises SettingsError where they do not go together."""
        try:
            return make()
        except ValueError as error:
            raise SettingsError(f"{self.name}: {error}") from None

    def take_all(self, names: Iterable[str]) -> dict[str, Any]:
        """Return those of these values that are there, as they are."""
        return {name: self._left.pop(name) for name in names if name in self._left}

    def rest(self) -> dict[str, Any]:
        """Return all that nobody has taken yet, as it is, for somebody else to read it."""
        rest, self._left = self._left, {}
        return rest

    def done(self) -> None:
        """Raise SettingsError for what nobody has taken, here and below."""
        for name in self._left:
            raise SettingsError(f"{self._full(name)}: there is no such setting")
        for table in self._tables.values():
            table.done()

    def _full(self, name: str) -> str:
        return f"{self.name}.{name}" if self.name else name


def size(value: object) -> int:
    """Return a size in bytes: a number, or one with B, KiB, MiB, GiB or TiB; raises ValueError."""
    match = _SIZE.fullmatch(str(value).strip())
    if match is None or isinstance(value, bool):
        raise ValueError(f"{value!r} is no size; accepted: 1024, 16 MiB, 2 GiB")
    return int(match.group(1)) << _UNITS[match.group(2)]


def span(value: object) -> timedelta:
    """Return a duration such as PT30M or P14D; raises ValueError."""
    found = parse_duration(str(value), datetime.now(UTC))
    if found <= timedelta(0):
        raise ValueError("accepted: a duration above zero, such as PT30M or P14D")
    return found


def text(value: object) -> str:
    """Return a text that is not empty; raises ValueError."""
    if not isinstance(value, str) or not value:
        raise ValueError("accepted: a text")
    return value


def flag(value: object) -> bool:
    """Return true or false, which a text is neither of; raises ValueError."""
    if not isinstance(value, bool):
        raise ValueError(f"{value!r}: accepted: true or false")
    return value


def whole(value: object) -> int:
    """Return a whole number from 0; raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r}: accepted: a whole number from 0")
    return value


def several(value: object) -> int:
    """Return a whole number from 1; raises ValueError."""
    if whole(value) < 1:
        raise ValueError(f"{value!r}: accepted: a whole number from 1")
    return whole(value)
