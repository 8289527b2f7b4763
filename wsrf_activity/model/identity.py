"""Who calls: the principal that a face has established, and what it may do."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller. Its name is the owner of what it starts; it sees nothing of anybody else's."""

    name: str
    may_run_commands: bool = False  #: ad-hoc command lines, that is, anything that the server's account may do
    maximum: timedelta | None = None  #: the longest lifetime, from now, that it may choose; None: as the server has
