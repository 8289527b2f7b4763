"""What a server asks of a supervisor, as it goes over the channel. Imported by every supervisor."""

import json
from collections.abc import Mapping
from typing import NamedTuple

from wsrf_activity.engines import attempt


class Order(NamedTuple):
    """One attempt to be run, or to be buried."""

    folder: str
    activity_id: str
    attempt: int
    argv: tuple[str, ...] = ()
    stdin: str | None = None
    input_as_file: bool = False
    service: str = ""
    arguments: str | None = None  #: what the work finds in a file
    place: int | None = None  #: among those that one request has started
    earlier: str | None = None  #: the folder of the attempt whose checkpoint this one goes on from
    environment: Mapping[str, str] = {}  #: beside the variables that all work has
    limit: float | None = None  #: seconds
    results: Mapping[str, tuple[str, str]] = {}  #: name -> path in the working folder, media type
    media_type: str = ""
    rlimits: tuple[tuple[int, int], ...] = ()
    cap: int = 0  #: bytes that a file may have
    grace: float = 5.0  #: seconds
    reuse: int = 0  #: calls that the process of a function may serve; up to 1: this one only
    bury: bool = False  #: begin nothing: end what a dead supervisor left, and report what can be known
    aborted: bool = False  #: a client wanted it ended

    def encode(self) -> bytes:
        """Write it for the channel."""
        return json.dumps(self._asdict()).encode() + b"\n"

    @property
    def keeps(self) -> tuple[str, ...]:
        """The command line for whose other calls a process is kept; empty where none is."""
        return self.argv if self.reuse > 1 else ()

    @property
    def cookies(self) -> dict[str, str]:
        """What the work and all that it starts carry in their environment."""
        return {attempt.ACTIVITY_ID: self.activity_id, attempt.ACTIVITY_ATTEMPT: str(self.attempt)}


class NotStarted(Exception):
    """The work did not begin; its text says why."""
