"""The client that blocks: each method drives the coroutine of the same name over a port that blocks."""

import os
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, Unpack

import httpx
from lxml import etree

from wsrf_activity.client import activities, aio, calls
from wsrf_activity.client.calls import Listing, Options, Parameter, named
from wsrf_activity.client.inputs import Input
from wsrf_activity.client.ports import BlockingPort, run
from wsrf_activity.client.references import Reference
from wsrf_activity.client.subscriptions import Whom
from wsrf_activity.client.sync_events import Events, Subscription
from wsrf_activity.client.sync_results import Result, file_of
from wsrf_activity.client.sync_typed import TypedService
from wsrf_activity.client.values import Entry, Properties, State
from wsrf_activity.client.where import Where
from wsrf_activity.client.written import EVENTS, Subscribing
from wsrf_activity.model.activity import ActivityError, Progress
from wsrf_activity.model.lifetime import Requested
from wsrf_activity.model.phases import ErrorStatus, Phase, Status

__all__ = ["Activity", "Result", "Service", "connect"]


def connect(
    url: str | None = None,
    *,
    token: str | None = None,
    data: str | os.PathLike[str] | None = None,
    patience: float = aio.PATIENCE,
    http: httpx.Client | None = None,
) -> "Service":
    """Return the service at ``url``, or the one that runs on this machine, with its token.

    ``data`` is the server's data folder where that is not the usual one. ``patience`` is for how many seconds a server
    that was there may stay away before Unreachable is raised; ``wait`` has its own. ``http`` is a client with settings
    of yours, for certificates and proxies. Threads may share the service. Raises Unreachable where no server is known
    or none answers, ValueError for a URL that is none.
    """
    where = Where(url, token, data)
    made = http or httpx.Client(trust_env=not where.here, limits=httpx.Limits(max_connections=None))
    service = Service(aio.Service(BlockingPort(made), where, patience))
    if http is None:
        weakref.finalize(service.core.exchange, made.close)  # which its activities hold, too
    run(service.core.open())
    return service


class Service:
    """A server on which activities are started and found again."""

    def __init__(self, core: aio.Service) -> None:
        """Use `connect` instead."""
        self.core = core

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give all connections back; activities are not concerned."""
        run(self.core.close())

    @property
    def base(self) -> str:
        """The address of the server."""
        return self.core.base

    def run(self, command: str, /, *, input: Input | None = None, **options: Unpack[Options]) -> "Activity":
        """Start a shell command line, where the server lets you, and return its activity at once.

        The rest is as in `start`.
        """
        return Activity(run(self.core.run(command, input=input, **options)))

    def start(  # noqa: PLR0913  # each is one of CreateActivity
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
    ) -> "Activity":
        """Start a configured service and return its activity at once.

        Its parameters are keywords, or a mapping where their names are those of other arguments. ``input`` is bytes, a
        pathlib.Path, a binary file or an iterable of bytes; what is large is streamed ahead. ``expires`` is when the
        record goes: a timedelta from now, an aware datetime, or NEVER; without it, some time after the end (the server
        says). ``work_limit`` is how long the work may take. A ``request_id`` of yours makes two starts one, even from
        two processes. Raises UnknownService, InvalidParameter, RequestConflict, NotPermitted, TooBusy,
        InitialTerminationTimeRejected, Unreachable.
        """
        started = self.core.start(
            service,
            named(parameters, more),
            input=input,
            name=name,
            groups=groups,
            run_id=run_id,
            expires=expires,
            work_limit=work_limit,
            request_id=request_id,
        )
        return Activity(run(started))

    def service(self, name: str) -> TypedService:
        """Return a service with operations of its own, by its own WSDL. Nothing is asked yet.

        ``service("words").call("count", text="a b")`` returns the value; ``start``, or the operation as an attribute,
        returns the activity at once.
        """
        return TypedService(self.core.service(name), Activity)

    def activity(self, text: str | Reference) -> "Activity":
        """Return an activity of old: from what ``str(activity)`` gave, or its address or id. Nothing is asked yet.

        Any endpoint reference will do, in WS-Addressing 1.0 or 2004/08; its reference parameters are sent as they are.
        A token goes to this server alone. Raises ValueError for what is none.
        """
        return Activity(self.core.activity(text))

    def list(
        self,
        *,
        phase: Phase | str | Iterable[Phase | str] = (),
        group: str | None = None,
        run_id: str | None = None,
        service: str | None = None,
        created_after: datetime | None = None,
        parent: str | None = None,
        page: int = 100,
    ) -> Iterator["Activity"]:
        """Yield your activities that match all that is given, newest first; ``page`` of them are asked for at a time.

        ``parent`` is the id of an activity that waits for them. ``activity.entry`` holds what the listing says of each.
        Raises Unreachable, NotPermitted.
        """
        phases = (phase,) if isinstance(phase, str) else tuple(phase)
        wanted = Listing(phases, group, run_id, service, created_after, page, parent)
        cursor = None
        while True:
            found, cursor = run(self.core.page(wanted, cursor))
            yield from map(Activity, found)
            if cursor is None:
                return

    def events(
        self,
        *activities: "Activity",
        topics: str | Iterable[str] | None = EVENTS,
        content: str | None = None,
        namespaces: Mapping[str, str] | None = None,
        from_sequence: int | None = 1,
        follow: bool = False,
    ) -> Events:
        """Return what happens to these activities, until the work of all is over, as `Activity.events` does.

        Without activities: what happens from now on to all of yours, also those that are still to be started, without
        end. ``from_sequence`` and ``follow`` then mean nothing.
        """
        cores = [each.core for each in activities]
        core = self.core.events(
            *cores, topics=topics, content=content, namespaces=namespaces, from_sequence=from_sequence, follow=follow
        )
        return Events(core)

    def subscribe(self, consumer: Whom, **options: Unpack[Subscribing]) -> Subscription:
        """Have a consumer told what happens to all of your activities from now on, as `Activity.subscribe` says."""
        return Subscription(run(self.core.subscribe(consumer, **options)))

    def subscription(self, text: str | Reference) -> Subscription:
        """Return a subscription of old: from what ``str(subscription)`` gave, or its address. Nothing is asked yet.

        Raises ValueError for what is none.
        """
        return Subscription(self.core.subscription(text))


class Activity:
    """One activity: a handle with which to ask for what is so now. ``str()`` of it is the text to store.

    Each property asks the server; `properties` asks for all at once.
    """

    def __init__(self, core: activities.Activity) -> None:
        """Take it from a service: `Service.start`, `Service.activity`, `Service.list`."""
        self.core = core

    def __str__(self) -> str:
        return str(self.core)

    def __repr__(self) -> str:
        return repr(self.core)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Activity) and self.core == other.core

    def __hash__(self) -> int:
        return hash(self.core)

    @property
    def id(self) -> str | None:
        """Its id; None for one of a server of another kind."""
        return self.core.id

    @property
    def address(self) -> str:
        """Where it is."""
        return self.core.address

    @property
    def reference(self) -> Reference:
        """Its endpoint reference."""
        return self.core.reference

    @property
    def entry(self) -> Entry | None:
        """What the listing said that it comes from."""
        return self.core.entry

    def wait(
        self,
        timeout: float | timedelta | None = None,
        *,
        until: str | Iterable[str] = "Ended",
        since: int | None = None,
    ) -> State:
        """Return when it has ended, however long that takes and however often the server is restarted meanwhile.

        ``timeout`` is in seconds. ``until`` is "Ended", "Change" (of the version, from ``since`` on), a phase, or
        several of them. Raises WaitTimeout, ResourceUnknown when it is destroyed or expires, and without a timeout
        Unreachable after a day without the server.
        """
        return run(self.core.wait(timeout, until=until, since=since))

    @property
    def properties(self) -> Properties:
        """All properties at one moment. Raises ResourceUnknown."""
        return run(self.core.properties)

    @property
    def phase(self) -> Phase:
        """The phase that it is in."""
        return run(self.core.phase)

    @property
    def status(self) -> Status:
        """Running or Ended."""
        return run(self.core.status)

    @property
    def error_status(self) -> ErrorStatus:
        """The list of errors in one word."""
        return run(self.core.error_status)

    @property
    def errors(self) -> tuple[ActivityError, ...]:
        """The list of errors, oldest first; warnings are among them."""
        return run(self.core.errors)

    @property
    def progress(self) -> Progress | None:
        """What the work last said of itself; None until it does."""
        return run(self.core.progress)

    @property
    def results(self) -> tuple[Result, ...]:
        """Its results, which are there when it has ended."""
        return tuple(map(Result, run(self.core.results)))

    def result(self, name: str = "result") -> Result:
        """Return the result of that name: the usual one is what a command wrote to standard output.

        Raises NoSuchResult; where the work has failed without one, ActivityFailed, which tells where in a function.
        """
        return Result(run(self.core.result(name)))

    def open(self, name: str = "result") -> BinaryIO:
        """Return a binary file of the bytes of a result, to be used with ``with``.

        Of an activity that has not ended it gives what there is. Where the line breaks it is taken up again, and at its
        end the SHA-256 is checked. Reading raises NoSuchResult, ResourceUnknown, CorruptResult, Unreachable.
        """
        return file_of(self.core.open(name))

    def stream(self, name: str = "stdout", *, follow: bool = True) -> Iterator[bytes]:
        """Yield the bytes of an output while the work writes them, until it has ended and all of them came.

        Raises what reading from `open` does.
        """
        stream = activities.Stream(self.core, name, follow)
        try:
            yield from iter(lambda: run(stream.block()), b"")
        finally:
            run(stream.close())

    def save(self, path: str | os.PathLike[str], name: str = "result") -> Path:
        """Write a result to a file, which is there when it is whole and checked, and not before. Return its path."""
        return run(self.core.save(path, name))

    def query(self, expression: str, namespaces: Mapping[str, str] | None = None) -> str | tuple[etree._Element, ...]:
        """Return what an XPath 1.0 expression finds in the property document: the text of a value, or elements.

        The prefixes of the contract are known (act, wsrfbf, wsrfrl ...), others are given by ``namespaces``.
        Raises InvalidQuery, QueryFailed.
        """
        return run(self.core.query(expression, namespaces))

    def set_termination(
        self,
        *,
        in_: timedelta | None = None,
        at: datetime | None = None,
        never: bool = False,
        if_version: int | None = None,
    ) -> datetime | None:
        """Change when the record goes, with all results: after a while, at a time, or never. Return when that is.

        ``if_version`` binds the change to a version, here as with the other changes. Raises TerminationTimeRejected,
        whose description says what is accepted, VersionMismatch.
        """
        return run(self.core.set_termination(in_=in_, at=at, never=never, if_version=if_version))

    def update(
        self,
        *,
        name: str | None = calls.KEEP,
        groups: Sequence[str] | None = (calls.KEEP,),
        run_id: str | None = calls.KEEP,
        work_limit: timedelta | None = timedelta.min,
        if_version: int | None = None,
    ) -> None:
        """Change what is given, all of it or nothing; None takes it away.

        Raises InvalidModification, UnableToModify, VersionMismatch.
        """
        run(self.core.update(name=name, groups=groups, run_id=run_id, work_limit=work_limit, if_version=if_version))

    def abort(self, reason: str | None = None, *, if_version: int | None = None) -> Phase:
        """End the work; the record and its results so far stay. Return the phase that it is in then."""
        return run(self.core.abort(reason, if_version=if_version))

    def events(
        self,
        *,
        topics: str | Iterable[str] | None = EVENTS,
        content: str | None = None,
        namespaces: Mapping[str, str] | None = None,
        from_sequence: int | None = 1,
        follow: bool = False,
    ) -> Events:
        """Return what happens to it, to be used with ``for``: from its beginning to the end of its work.

        None is told twice, and none is missing, however often the server is restarted meanwhile: they are fetched from
        a pull point, which keeps what was not acknowledged, and needs no port here that the server could reach.

        ``topics`` are paths such as "StatusChanged/Failed" or "wsrfrl:TerminationTime"; None is all, those of each
        property too. ``content`` is XPath 1.0 that a message has to satisfy, with ``namespaces`` beside the usual ones.
        ``from_sequence`` is where to begin; None is now. The events that end it come always, whatever the filters say;
        with ``follow`` it goes on until the record of the activity is gone. Leaving the loop ends the subscription.
        Raises ResourceUnknown and the faults of filters, and Unreachable after a day without the server.
        """
        core = self.core.events(
            topics=topics, content=content, namespaces=namespaces, from_sequence=from_sequence, follow=follow
        )
        return Events(core)

    def subscribe(self, consumer: Whom, **options: Unpack[Subscribing]) -> Subscription:
        """Have a consumer told what happens: a `Consumer`, or the address or endpoint reference of one elsewhere.

        ``topics`` (None: all), ``content`` and ``namespaces`` are as in `events`, ``properties`` is XPath over the
        property document, ``lifetime`` a timedelta, a datetime or NEVER. The policies: ``from_sequence``, ``raw``,
        ``latest_only``, ``at_most_every``, ``verify`` (the consumer has to confirm), ``secret`` (signs; a `Consumer`
        brings its own), ``credentials`` (user and password, or a token). Raises SubscribeRefused, ResourceUnknown,
        InitialTerminationTimeRejected, and the faults of filters and policies.
        """
        return Subscription(run(self.core.subscribe(consumer, **options)))

    def destroy(self, *, if_version: int | None = None) -> None:
        """End the work and remove everything. Raises ResourceUnknown where that is done already."""
        run(self.core.destroy(if_version=if_version))
