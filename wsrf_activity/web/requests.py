"""Requests whose headers are found by their names: Starlette's go through all of them for each that is asked for."""

from functools import lru_cache
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Receive, Scope, Send


class NamedHeaders(Headers):
    """Headers by their names; of one that comes again the first counts, as with Starlette's."""

    def __init__(self, raw: list[tuple[bytes, bytes]]) -> None:
        """Take what ASGI has in a scope, whose names are in lower case."""
        super().__init__(raw=raw)
        self._first = dict(reversed(raw))

    def __getitem__(self, name: str) -> str:
        """Return the value; raises KeyError."""
        return self._first[_key(name)].decode("latin-1")

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value, or ``default``."""
        value = self._first.get(_key(name))
        return default if value is None else value.decode("latin-1")


@lru_cache(maxsize=128)
def _key(name: str) -> bytes:
    """Return a name as ASGI has it; those that are asked for are few."""
    return name.lower().encode("latin-1")


class NamedRequest(Request):
    """A request of which many headers are asked for."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Make it as Starlette does."""
        super().__init__(scope, receive, send)
        self._found = NamedHeaders(scope["headers"])

    @property
    def headers(self) -> Headers:
        """The headers."""
        return self._found
