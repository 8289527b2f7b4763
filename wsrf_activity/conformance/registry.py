"""The list of checks: what each is called, what it cites, what it needs, and how a module adds its own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from wsrf_activity.conformance.probe import Probe

Body = Callable[[Probe], None]


class Level(StrEnum):
    """How much a check asks for."""

    MUST = "MUST"  #: the standard requires it
    SHOULD = "SHOULD"  #: the standard recommends it
    OURS = "ours"  #: the standard leaves it open, and the contract of activities settles it


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that holds of a conforming service, or does not."""

    id: str
    group: str  #: the document that it is reported under
    title: str
    cites: str  #: document and section
    level: Level
    operations: tuple[str, ...]  #: Clark names of the requests without which it does not apply
    contract: bool  #: whether it applies to services with the contract of activities alone
    slow: bool  #: whether it waits for a lifetime to pass
    each_version: bool  #: whether it is made in either version of SOAP
    body: Body

    def matches(self, pattern: str) -> bool:
        """Whether a pattern names it: its id or its group, with ``*`` and ``?``, in upper or lower case."""
        wanted = pattern.lower()
        return any(fnmatchcase(text.lower(), wanted) for text in (self.id, self.group))


class Group:
    """The checks of one document, in the order in which they are written."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.checks: list[Check] = []

    def check(
        self,
        id: str,
        title: str,
        cites: str,
        *,
        level: Level = Level.MUST,
        operations: Sequence[str] = (),
        contract: bool = False,
        slow: bool = False,
        each_version: bool = True,
    ) -> Callable[[Body], Body]:
        """Return a decorator that adds a function to the group."""

        def add(body: Body) -> Body:
            found = Check(id, self.title, title, cites, level, tuple(operations), contract, slow, each_version, body)
            self.checks.append(found)
            return body

        return add
