"""One HTTP/1.1 connection on which messages are POSTed, one after the other. h11 says what bytes mean; nothing is
decided here of whom to call, or whether to do so again.
"""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import h11

CONNECTED_WITHIN = 5.0  #: seconds, for each address that a name has
MAX_HEAD = 1 << 16  #: bytes of an answer before its content
MAX_ANSWER = 1 << 16  #: bytes of an answer's content that are read


@dataclass(frozen=True, slots=True)
class Place:
    """Where a connection goes, and in whose name."""

    scheme: str
    name: str
    port: int
    address: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    content: bytes  #: or its beginning, where it is longer than is read


class Unreachable(Exception):
    """Nobody could be connected to, or is who they should be: nothing was sent."""


class Broken(Exception):
    """No answer has come, or none that is HTTP. Whether what was sent has arrived is not known."""

    def __init__(self, text: str, *, unheard: bool) -> None:
        """``unheard`` says that not a byte has come back."""
        super().__init__(text)
        self.unheard = unheard


class Connection(asyncio.Protocol):
    """An open connection, which who has it uses alone. asyncio calls the methods that its own protocols have."""

    def __init__(self, place: Place) -> None:
        """Belong to ``opened``."""
        self.place = place
        self.until = 0.0  #: when it is closed without work, by the loop's clock; 0 before it was kept
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Answer] | None = None  #: of what was sent last
        self._status = 0
        self._content = bytearray()
        self._heard = False  #: whether anything has come since that was sent

    @property
    def lasts(self) -> bool:
        """Whether another message can be sent: the last one is answered, and neither side has hung up."""
        open_ = self._transport is not None and not self._transport.is_closing()
        return open_ and self._http.our_state is h11.IDLE and self._http.their_state is h11.IDLE

    async def post(self, path: bytes, headers: Mapping[str, str], content: bytes) -> Answer:
        """POST once, and return what comes back. ``headers`` have ``host``; the length is added to them.

        Raises Broken, and h11.LocalProtocolError or UnicodeEncodeError for headers that HTTP cannot have.
        """
        if self._transport is None or not self.lasts:
            raise Broken("the connection was closed", unheard=True)
        head = [*headers.items(), ("content-length", str(len(content)))]
        request = h11.Request(method="POST", target=path, headers=head)
        events = (request, h11.Data(content), h11.EndOfMessage())
        written = (self._http.send_with_data_passthrough(event) or () for event in events)
        # Nothing empty: from Python 3.12 on asyncio's own loop tries for ever to write that, and nothing else.
        whole = [part for parts in written for part in parts if part]
        self._answer = asyncio.get_running_loop().create_future()  # not before: of what is no HTTP nobody would ask
        self._heard, self._status, self._content = False, 0, bytearray()
        self._transport.writelines(whole)
        return await self._answer

    def close(self) -> None:
        """Hang up. What the other side has not taken by now is of no use to anybody."""
        if self._transport is None:
            return
        if self._transport.get_write_buffer_size():
            self._transport.abort()
        else:
            self._transport.close()

    def abort(self) -> None:
        """Hang up without a word."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none by name

    def data_received(self, data: bytes) -> None:
        """Hear a part of an answer; hang up on who speaks without having been asked."""
        self._heard = True
        if self._answer is None or self._answer.done():
            self.close()
        else:
            self._hear(self._answer, data)

    def eof_received(self) -> None:
        """Hear that no more comes: the end of an answer that says no length, or of one that is cut off."""
        if self._answer is not None and not self._answer.done():
            self._hear(self._answer, b"")

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(Broken(f"the connection was lost: {exc!r}", unheard=not self._heard))

    def _hear(self, answer: "asyncio.Future[Answer]", data: bytes) -> None:
        try:
            self._http.receive_data(data)
            while not answer.done():
                event = self._http.next_event()
                if event is h11.NEED_DATA:
                    return
                self._take(answer, event)
        except h11.RemoteProtocolError as error:
            answer.set_exception(Broken(f"not HTTP: {error}", unheard=not self._heard))

    def _take(self, answer: "asyncio.Future[Answer]", event: object) -> None:
        if isinstance(event, h11.Response):
            self._status = event.status_code
        elif isinstance(event, h11.Data):
            self._content += event.data
            if len(self._content) > MAX_ANSWER:
                answer.set_result(Answer(self._status, bytes(self._content[:MAX_ANSWER])))
        elif isinstance(event, h11.EndOfMessage):
            more, _ = self._http.trailing_data  # would be taken for the answer to the next message
            if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE and not more:
                self._http.start_next_cycle()
            answer.set_result(Answer(self._status, bytes(self._content)))


async def opened(place: Place, trust: ssl.SSLContext | None) -> Connection:
    """Return a connection to a place, whose certificate ``trust`` has found to be that of the name, where there is one.

    Raises Unreachable.
    """
    loop = asyncio.get_running_loop()
    name = None if trust is None else place.name
    try:
        async with asyncio.timeout(CONNECTED_WITHIN):
            _, connection = await loop.create_connection(
                lambda: Connection(place), place.address, place.port, ssl=trust, server_hostname=name
            )
    except OSError as error:
        raise Unreachable(repr(error)) from None
    return connection
