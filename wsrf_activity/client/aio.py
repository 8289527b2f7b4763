"""The client for asyncio. `sync.py` drives the same coroutines over a port that blocks."""

import os
from collections.abc import AsyncIterator, Generator, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self, Unpack

import httpx
from lxml import etree

from wsrf_activity.client.activities import Activity, Result, Stream
from wsrf_activity.client.calls import Listing, Options, Parameter, Start, named
from wsrf_activity.client.consumers import AwaitedConsumer as Consumer
from wsrf_activity.client.exchange import Exchange
from wsrf_activity.client.following import Events, chosen
from wsrf_activity.client.inputs import Input
from wsrf_activity.client.ports import AwaitedPort, Port
from wsrf_activity.client.references import Reference
from wsrf_activity.client.starting import created
from wsrf_activity.client.subscriptions import Subscription, Whom, subscribe
from wsrf_activity.client.typed import TypedService
from wsrf_activity.client.values import Entry, read_entries
from wsrf_activity.client.where import Where
from wsrf_activity.client.written import EVENTS, Subscribing
from wsrf_activity.model import ns
from wsrf_activity.model.lifetime import Requested
from wsrf_activity.model.phases import Phase

__all__ = ["Activity", "Consumer", "Events", "Result", "Service", "Stream", "Subscription", "TypedService", "connect"]
PATIENCE = 60.0  #: seconds that a server may stay away where no other time is given


def connect(
    url: str | None = None,
    *,
    token: str | None = None,
    data: str | os.PathLike[str] | None = None,
    patience: float = PATIENCE,
    http: httpx.AsyncClient | None = None,
) -> "Service":
    """Return the service at ``url``, or the one that runs on this machine, with its token.

    Use it as ``async with connect() as service``, or ``service = await connect()`` and later ``await service.close()``.
    ``data`` is the server's data folder where that is not the usual one. ``patience`` is for how many seconds a server
    that was there may stay away before Unreachable is raised; ``wait`` has its own. ``http`` is a client with settings
    of yours, for certificates and proxies. Raises Unreachable where no server is known, ValueError for a URL that is
    none.
    """
    where = Where(url, token, data)
    made = http or httpx.AsyncClient(trust_env=not where.here, limits=httpx.Limits(max_connections=None))
    return Service(AwaitedPort(made), where, patience)


class Service:
    """A server on which activities are started and found again."""

    def __init__(self, port: Port, where: Where, patience: float) -> None:
        """Speak over ``port``; use `connect` instead."""
        self.exchange = Exchange(port, where, patience)

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __await__(self) -> Generator[Any, Any, Self]:
        return self.open().__await__()

    async def open(self) -> Self:
        """Read the server's description, once in a process. Raises Unreachable."""
        await self.exchange.document()
        return self

    async def close(self) -> None:
        """Give all connections back; activities are not concerned."""
        await self.exchange.port.close()

    @property
    def base(self) -> str:
        """The address of the server."""
        return self.exchange.where.base

    async def run(self, command: str, /, *, input: Input | None = None, **options: Unpack[Options]) -> Activity:
        """Start a shell command line, where the server lets you, and return its activity at once.

        The rest is as in `start`.
        """
        return await self._create(Start(command=command, **options), input)

    async def start(  # noqa: PLR0913  # each is one of CreateActivity
        self,
        service: str,
        parameters: Mapping[str, Parameter] | None = None,
        /,
        *,
        input: Input | None = None,
        name: str | None = None,
        groups: Sequence[str] = (),
        run_id: str | None = None,
        expires: Requested | None = None,
        work_limit: timedelta | None = None,
        request_id: str | None = None,
        **more: Parameter,
    ) -> Activity:
        """Start a configured service and return its activity at once.

        Its parameters are keywords, or a mapping where their names are those of other arguments. ``input`` is bytes, a
        pathlib.Path, a binary file or an iterable of bytes; what is large is streamed ahead. ``expires`` is when the
        record goes: a timedelta from now, an aware datetime, or NEVER; without it, some time after the end (the server
        says). ``work_limit`` is how long the work may take. A ``request_id`` of yours makes two starts one, even from
        two processes. Raises UnknownService, InvalidParameter, RequestConflict, NotPermitted, TooBusy,
        InitialTerminationTimeRejected, Unreachable.
        """
        asked = Start(
            service=service,
            parameters=named(parameters, more),
            name=name,
            groups=groups,
            run_id=run_id,
            expires=expires,
            work_limit=work_limit,
            request_id=request_id,
        )
        return await self._create(asked, input)

    async def _create(self, asked: Start, given: Input | None) -> Activity:
        await self.exchange.document()  # so that a server that is not there is found out before an input is read
        inline, reference = await self.exchange.input(given)
        found = await self.exchange.ask(asked.call(inline, reference), None, created)
        return Activity(self.exchange, found)

    def service(self, name: str) -> TypedService:
        """Return a service with operations of its own, by its own WSDL. Nothing is asked yet."""
        return TypedService(self.exchange, name)

    def activity(self, text: str | Reference) -> Activity:
        """Return an activity of old: from what ``str(activity)`` gave, or its address or id. Nothing is asked yet.

        Any endpoint reference will do, in WS-Addressing 1.0 or 2004/08; its reference parameters are sent as they are.
        A token goes to this server alone. Raises ValueError for what is none.
        """
        reference = text if isinstance(text, Reference) else Reference.parse(text, self.base)
        return Activity(self.exchange, reference)

    async def list(
        self,
        *,
        phase: Phase | str | Iterable[Phase | str] = (),
        group: str | None = None,
        run_id: str | None = None,
        service: str | None = None,
        created_after: datetime | None = None,
        parent: str | None = None,
        page: int = 100,
    ) -> AsyncIterator[Activity]:
        """Yield your activities that match all that is given, newest first; ``page`` of them are asked for at a time.

        ``parent`` is the id of an activity that waits for them. ``activity.entry`` holds what the listing says of each.
        Raises Unreachable, NotPermitted.
        """
        phases = (phase,) if isinstance(phase, str) else tuple(phase)
        wanted = Listing(phases, group, run_id, service, created_after, page, parent)
        cursor = None
        while True:
            found, cursor = await self.page(wanted, cursor)
            for activity in found:
                yield activity
            if cursor is None:
                return

    async def page(self, wanted: Listing, cursor: str | None) -> tuple[Sequence[Activity], str | None]:
        """Return one page of a listing, and where the next one begins (None: there is none)."""
        entries, following = await self.exchange.ask(wanted.call(cursor), None, _page)
        return [Activity(self.exchange, entry.reference, entry) for entry in entries], following

    def events(
        self,
        *activities: Activity,
        topics: str | Iterable[str] | None = EVENTS,
        content: str | None = None,
        namespaces: Mapping[str, str] | None = None,
        from_sequence: int | None = 1,
        follow: bool = False,
    ) -> Events:
        """Return what happens to these activities, until the work of all is over, as `Activity.events` does.

        Without activities: what happens from now on to all of yours, also those that are still to be started, without
        end; ``async with`` says when now is. ``from_sequence`` and ``follow`` then mean nothing.
        """
        wanted = chosen(topics, content, namespaces)
        return Events(self.exchange, [each.reference for each in activities], wanted, from_sequence, follow)

    async def subscribe(self, consumer: Whom, **options: Unpack[Subscribing]) -> Subscription:
        """Have a consumer told what happens to all of your activities from now on, as `Activity.subscribe` says."""
        return await subscribe(self.exchange, None, consumer, **options)

    def subscription(self, text: str | Reference) -> Subscription:
        """Return a subscription of old: from what ``str(subscription)`` gave, or its address. Nothing is asked yet.

        Raises ValueError for what is none.
        """
        reference = text if isinstance(text, Reference) else Reference.parse(text, self.base)
        return Subscription(self.exchange, reference)


def _page(response: etree._Element) -> tuple[list[Entry], str | None]:
    """Read act:ListActivitiesResponse."""
    return list(read_entries(response)), response.findtext(f"{{{ns.ACT}}}Cursor") or None
