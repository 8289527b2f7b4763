"""One activity and its results, as coroutines; `sync.py` drives the same over a port that blocks."""

import os
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import IO, Self, TypeVar, Unpack

from lxml import etree

from wsrf_activity.client import calls, values
from wsrf_activity.client.errors import (
    ResourceUnavailable,
    ResourceUnknown,
    TooBusy,
    Unreachable,
    WaitTimeout,
)
from wsrf_activity.client.exchange import Exchange
from wsrf_activity.client.failed import no_result
from wsrf_activity.client.following import Events, chosen
from wsrf_activity.client.outputs import Outputs
from wsrf_activity.client.patience import AWAY, Deadline, Patience
from wsrf_activity.client.references import Reference
from wsrf_activity.client.streams import ResultStream
from wsrf_activity.client.subscriptions import Subscription, Whom, subscribe
from wsrf_activity.client.values import Described, Entry, Properties, State
from wsrf_activity.client.written import EVENTS, Subscribing
from wsrf_activity.model import ns
from wsrf_activity.model.activity import ActivityError, Progress
from wsrf_activity.model.lifetime import parse_time
from wsrf_activity.model.phases import ErrorStatus, Phase, Status

T = TypeVar("T")
WAIT = 50.0  #: seconds of one Wait; the server's own cap is of that size


class Activity:
    """One activity: a handle with which to ask for what is so now. ``str()`` of it is the text to store."""

    def __init__(self, exchange: Exchange, reference: Reference, entry: Entry | None = None) -> None:
        """Take it from a service: `Service.start`, `Service.activity`, `Service.list`."""
        self.reference = reference
        self.entry = entry  #: what the listing said that it comes from
        self._exchange = exchange

    def __str__(self) -> str:
        return self.reference.xml

    def __repr__(self) -> str:
        return f"<Activity {self.address}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Activity) and (self.id, self.address) == (other.id, other.address)

    def __hash__(self) -> int:
        return hash((self.id, self.address))

    @property
    def id(self) -> str | None:
        """Its id; None for one of a server of another kind."""
        return self.reference.id

    @property
    def address(self) -> str:
        """Where it is."""
        return self._exchange.where.current(self.reference.address)

    async def wait(
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
        wanted = (until,) if isinstance(until, str) else tuple(until)
        deadline = Deadline(timeout)
        patience = self._exchange.patience(self.reference, AWAY, deadline)
        while True:
            each = deadline.left(WAIT)
            paused = Deadline(min(each, 1.0))  # a server whose cap is tiny must not be asked in a tight loop
            try:
                state = await self._ask(
                    calls.wait(each, wanted, since), values.read_state, patience=patience, within=each
                )
                if not state.timed_out:
                    return state
                said = f"it is {state.phase} still"
            except TooBusy as busy:
                paused = Deadline(busy.retry_after or 1.0)
                said = str(busy)
            except (Unreachable, ResourceUnavailable) as problem:
                if not deadline.over:
                    raise
                raise WaitTimeout(f"{self.address}: not {' or '.join(wanted)}: {problem}") from problem
            if deadline.over:
                raise WaitTimeout(f"{self.address}: not {' or '.join(wanted)} after {deadline.timeout:g} s: {said}")
            await self._exchange.port.pause(paused.left(deadline.left(WAIT)))

    @property
    async def properties(self) -> Properties:
        """All properties at one moment. Raises ResourceUnknown."""
        return await self._ask(calls.document(), lambda response: values.read_properties(response[0]))

    @property
    async def phase(self) -> Phase:
        """The phase that it is in."""
        return await self._ask(calls.property_values("Phase"), lambda found: values.needed(found, "Phase", Phase))

    @property
    async def status(self) -> Status:
        """Running or Ended."""
        return await self._property("Status", lambda found: values.needed(found, "Status", Status))

    @property
    async def error_status(self) -> ErrorStatus:
        """The list of errors in one word."""
        return await self._property("ErrorStatus", lambda found: values.needed(found, "ErrorStatus", ErrorStatus))

    @property
    async def errors(self) -> tuple[ActivityError, ...]:
        """The list of errors, oldest first; warnings are among them."""
        return await self._property("Error", values.read_errors)

    @property
    async def progress(self) -> Progress | None:
        """What the work last said of itself; None until it does."""
        return await self._property("Progress", values.read_progress)

    @property
    async def results(self) -> "tuple[Result, ...]":
        """Its results, which are there when it has ended."""
        described = await self._property("Result", values.read_results)
        return tuple(Result(self, each) for each in described)

    async def result(self, name: str = "result") -> "Result":
        """Return the result of that name: the usual one is what a command wrote to standard output.

        Raises NoSuchResult; where the work has failed without one, ActivityFailed, which tells where in a function.
        """
        results = await self.results
        found = next((result for result in results if result.name == name), None)
        if found is None:
            there = [result.name for result in results]
            raise no_result(self.address, name, there, await self.phase, await self.errors)
        return found

    def open(self, name: str = "result") -> "Stream":
        """Return a stream of the bytes of a result, to be used with ``async with``.

        Of an activity that has not ended it gives what there is. Where the line breaks it is taken up again, and at its
        end the SHA-256 is checked. Reading raises NoSuchResult, ResourceUnknown, CorruptResult, Unreachable.
        """
        return Stream(self, name, follow=False)

    async def stream(self, name: str = "stdout", *, follow: bool = True) -> AsyncIterator[bytes]:
        """Yield the bytes of an output while the work writes them, until it has ended and all of them came.

        Raises what reading from `open` does.
        """
        async with Stream(self, name, follow) as stream:
            async for block in stream:
                yield block

    async def save(self, path: str | os.PathLike[str], name: str = "result") -> Path:
        """Write a result to a file, which is there when it is whole and checked, and not before. Return its path."""
        return await save(self.open(name), Path(path), self._exchange)

    async def query(
        self, expression: str, namespaces: Mapping[str, str] | None = None
    ) -> str | tuple[etree._Element, ...]:
        """Return what an XPath 1.0 expression finds in the property document: the text of a value, or elements.

        The prefixes of the contract are known (act, wsrfbf, wsrfrl ...), others are given by ``namespaces``.
        Raises InvalidQuery, QueryFailed.
        """
        return await self._ask(calls.query(expression, namespaces or {}), values.read_query)

    async def set_termination(
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
        call = replace(calls.set_termination(in_, at, never), if_version=if_version)
        return await self._ask(call, lambda found: values.value(found, "NewTerminationTime", parse_time, ns.RL))

    async def update(
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
        asked = {"Name": name, "Group": groups, "RunId": run_id, "ExecutionDuration": work_limit}
        kept = (calls.KEEP, (calls.KEEP,), timedelta.min)
        call = calls.update({key: value for key, value in asked.items() if value not in kept})
        await self._ask(replace(call, if_version=if_version), _nothing)

    async def abort(self, reason: str | None = None, *, if_version: int | None = None) -> Phase:
        """End the work; the record and its results so far stay. Return the phase that it is in then."""
        call = replace(calls.abort(reason), if_version=if_version)
        return await self._ask(call, lambda found: values.needed(found, "Phase", Phase))

    def events(
        self,
        *,
        topics: str | Iterable[str] | None = EVENTS,
        content: str | None = None,
        namespaces: Mapping[str, str] | None = None,
        from_sequence: int | None = 1,
        follow: bool = False,
    ) -> Events:
        """Return what happens to it, to be used with ``async for``: from its beginning to the end of its work.

        None is told twice, and none is missing, however often the server is restarted meanwhile: they are fetched from
        a pull point, which keeps what was not acknowledged, and needs no port here that the server could reach.

        ``topics`` are paths such as "StatusChanged/Failed" or "wsrfrl:TerminationTime"; None is all, those of each
        property too. ``content`` is XPath 1.0 that a message has to satisfy, with ``namespaces`` beside the usual ones.
        ``from_sequence`` is where to begin; None is now. The events that end it come always, whatever the filters say;
        with ``follow`` it goes on until the record of the activity is gone. Leaving the loop ends the subscription.
        Raises, when begun, ResourceUnknown and the faults of filters, and Unreachable after a day without the server.
        """
        return Events(self._exchange, [self.reference], chosen(topics, content, namespaces), from_sequence, follow)

    async def subscribe(self, consumer: Whom, **options: Unpack[Subscribing]) -> Subscription:
        """Have a consumer told what happens: a `Consumer`, or the address or endpoint reference of one elsewhere.

        ``topics`` (None: all), ``content`` and ``namespaces`` are as in `events`, ``properties`` is XPath over the
        property document, ``lifetime`` a timedelta, a datetime or NEVER. The policies: ``from_sequence``, ``raw``,
        ``latest_only``, ``at_most_every``, ``verify`` (the consumer has to confirm), ``secret`` (signs; a `Consumer`
        brings its own), ``credentials`` (user and password, or a token). Raises SubscribeRefused, ResourceUnknown,
        InitialTerminationTimeRejected, and the faults of filters and policies.
        """
        return await subscribe(self._exchange, self.reference, consumer, **options)

    async def destroy(self, *, if_version: int | None = None) -> None:
        """End the work and remove everything. Raises ResourceUnknown where that is done already."""
        patience = self._exchange.patience(self.reference)
        try:
            await self._ask(replace(calls.destroy(), if_version=if_version), _nothing, patience=patience)
        except ResourceUnknown:
            if not patience.tried:
                raise  # else it was our own first attempt, whose answer was lost

    async def _property(self, name: str, read: Callable[[etree._Element], T]) -> T:
        return await self._ask(calls.property_values(name), read)

    async def _ask(
        self,
        call: calls.Call,
        read: Callable[[etree._Element], T],
        *,
        patience: Patience | None = None,
        within: float = 0.0,
    ) -> T:
        return await self._exchange.ask(call, self.reference, read, patience=patience, within=within)


def _nothing(response: etree._Element) -> None:
    """Read an answer that says nothing but that it was done."""


class Result:
    """One result of an activity that has ended."""

    def __init__(self, activity: Activity, described: Described) -> None:
        """Take it from an activity."""
        self._activity = activity
        self.described = described

    @property
    def name(self) -> str:
        """Its name, the only one of its activity's."""
        return self.described.name

    @property
    def media_type(self) -> str:
        """What kind of data it is, as far as the service says."""
        return self.described.media_type

    @property
    def size(self) -> int | None:
        """How many bytes it has."""
        return self.described.size

    @property
    def sha256(self) -> str | None:
        """Their SHA-256, in lower-case hex."""
        return self.described.sha256

    @property
    def href(self) -> str:
        """Where it is, for whatever speaks HTTP."""
        return self.described.href

    async def read(self) -> bytes:
        """Return all of it; a small one came with its description. Raises CorruptResult, Unreachable."""
        if self.described.inline is not None:
            return self.described.inline
        async with self.open() as stream:
            return await stream.read()

    def open(self) -> "Stream":
        """Return a stream of its bytes."""
        return self._activity.open(self.name)

    async def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it to a file, as `Activity.save` does."""
        return await self._activity.save(path, self.name)


class Stream:
    """The bytes of a result as they come, a block at a time."""

    def __init__(self, activity: Activity, name: str, follow: bool) -> None:
        """Take it from `Activity.open`."""
        patience = activity._exchange.patience(activity.reference)
        self.raw = ResultStream(Outputs(activity._exchange, activity.reference), patience, name, follow)
        self._rest = b""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        block = await self.block()
        if not block:
            raise StopAsyncIteration
        return block

    async def read(self, size: int = -1) -> bytes:
        """Return so many bytes, fewer at the end, or all where no number is given."""
        blocks, wanted = [], size
        while wanted and (block := await self.block(wanted)):
            blocks.append(block)
            wanted -= len(block) if size >= 0 else 0
        return b"".join(blocks)

    async def block(self, most: int = -1) -> bytes:
        """Return what comes next, at most so many bytes; none at the end."""
        data = self._rest or await self.raw.block()
        data, self._rest = (data, b"") if most < 0 else (data[:most], data[most:])
        return data

    async def close(self) -> None:
        """Read no more."""
        await self.raw.close()


async def save(stream: Stream, path: Path, exchange: Exchange) -> Path:
    """Write a stream to a file beside the one that it is to become at its end."""
    work = exchange.port.work
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        async with stream:
            file: IO[bytes] = await work(lambda: unfinished.open("xb"))
            try:
                async for block in stream:
                    await work(partial(file.write, block))
            finally:
                await work(file.close)
        await work(lambda: unfinished.replace(path))
    except BaseException:
        await work(lambda: unfinished.unlink(missing_ok=True))
        raise
    return path
