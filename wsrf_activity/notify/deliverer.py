"""The deliverer: pushes what subscriptions are owed, each in order, at least once, and none at another's expense.

It keeps cursors, not copies: what is owed is read from the log when it is sent, by one short-lived task for each
subscription that has been woken. One that is owed nothing costs its memory alone.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from wsrf_activity.model.errors import Unavailable
from wsrf_activity.model.filters import Filter
from wsrf_activity.model.lifetime import add
from wsrf_activity.model.subscriptions import Delivery, Expression, Subscription
from wsrf_activity.notify.backoff import Backoff
from wsrf_activity.notify.base import Log, Message, Renderer
from wsrf_activity.notify.lanes import Lanes
from wsrf_activity.notify.lines import SLOW, Line, Lines
from wsrf_activity.notify.owed import Documents, Owed
from wsrf_activity.notify.sender import NotDelivered, Sender

ASK_AGAIN = timedelta(seconds=1)  #: after the database did not answer
LOOK_AGAIN = 60.0  #: seconds after which a timer looks at the wall clock, which may have been set
GRACE = 1.0  #: seconds that what is being sent has to end when the server stops
READ_AT_A_TIME = 500  #: subscriptions

log = logging.getLogger(__name__)


class Deliverer:
    """Delivers for all subscriptions of a database, as long as this server leads. For one event loop."""

    def __init__(
        self,
        log: Log,
        renderer: Renderer,
        sender: Sender,
        *,
        compile: Callable[[tuple[Expression, ...]], Filter],
        clock: Callable[[], datetime],
        backoff: Backoff | None = None,
        lanes: Lanes | None = None,
        ask_again: timedelta = ASK_AGAIN,
    ) -> None:
        """Begin with nothing to do. ``clock`` tells the time in aware UTC.

        ``ask_again`` is how long to wait for a database that does not answer, and for a log to settle.
        """
        self._log = log
        self._renderer = renderer
        self._sender = sender
        self._compile = compile
        self._clock = clock
        self._backoff = backoff or Backoff()
        self._lanes = lanes or Lanes()
        self._ask_again = ask_again
        self._documents = Documents(renderer)
        self._lines = Lines()
        self._running = False
        self._leading = False
        self._changed: set[str] = set()  #: subscriptions that are to be read
        self._read_all = False
        self._loading: asyncio.Task[None] | None = None
        self._leaving: set[asyncio.Task[None]] = set()  #: cancelled, not ended yet

    def start(self) -> None:
        """Begin to deliver, if this server leads."""
        self._running = True
        self._begin()

    async def stop(self) -> None:
        """Let go within two seconds. What was not acknowledged by then is sent again by the next server."""
        self._running = False
        tasks = self._let_go(spare_sending=True)
        if tasks:
            await asyncio.wait(tasks, timeout=GRACE)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def lead(self, leads: bool) -> None:
        """Deliver, or leave that to another server from now on."""
        if leads == self._leading:
            return
        self._leading = leads
        if leads:
            self._begin()
        else:
            self._let_go()

    def changed(self, subscription_id: str) -> None:
        """Read a subscription anew: it was created, renewed, paused, resumed or removed, or may be put into again."""
        if not self._active:
            return
        line = self._lines.get(subscription_id)
        if line is not None and line.task is not None:
            line.stale = line.woken = True
            return
        self._changed.add(subscription_id)
        self._load_soon()

    def news(self, activity_id: str, owner: str | None) -> None:
        """Wake all who may be interested in an activity of which something was committed; its owner may be unknown."""
        for line in self._lines.interested(activity_id, owner):
            self._wake(line)

    @property
    def _active(self) -> bool:
        return self._running and self._leading

    # Subscriptions come and go

    def _begin(self) -> None:
        if self._active:
            self._read_all = True
            self._load_soon()

    def _let_go(self, *, spare_sending: bool = False) -> set[asyncio.Task[None]]:
        """Forget everything and return the tasks that are ending."""
        lines = [line for line in self._lines if line.task is not None]
        tasks = {line.task for line in lines if line.task is not None}
        spared = {line.task for line in lines if line.sending and spare_sending}
        if self._loading is not None:
            tasks.add(self._loading)
            self._loading = None
        for task in tasks - spared:
            task.cancel()
        for task in tasks:
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)
        self._lines.clear()
        self._changed.clear()
        self._read_all = False
        return set(self._leaving)

    def _load_soon(self) -> None:
        if self._loading is None:
            self._loading = asyncio.create_task(self._load())

    async def _load(self) -> None:
        """Read what has changed until nothing has. What led here before has to end first, so that nothing overlaps."""
        leaving = self._leaving - {asyncio.current_task()}
        if leaving:
            await asyncio.wait(leaving)
        while self._read_all or self._changed:
            try:
                await self._load_some()
            except Exception as error:  # without this task nothing would ever be read again
                _complain(error, "subscriptions cannot be read")
                await asyncio.sleep(self._ask_again.total_seconds())
        self._loading = None

    async def _load_some(self) -> None:
        if self._read_all:
            for subscription in await self._log.subscriptions():
                self._apply(subscription.id, subscription)
            self._read_all = False
            return
        ids = set(list(self._changed)[:READ_AT_A_TIME])
        self._changed -= ids
        try:
            found = {subscription.id: subscription for subscription in await self._log.subscriptions(ids)}
        except BaseException:
            self._changed |= ids
            raise
        for subscription_id in ids:
            self._apply(subscription_id, found.get(subscription_id))

    def _apply(self, subscription_id: str, fresh: Subscription | None) -> None:
        line = self._lines.get(subscription_id)
        if line is not None and line.task is not None:
            line.stale = line.woken = True  # it reads for itself what may be newer than this
            return
        if fresh is None:
            if line is not None:
                self._lines.remove(line)
            return
        if line is None:
            line = Line(fresh)
            self._lines.add(line)
        else:
            line.renew(fresh)
        self._schedule(line)

    # Each has its turn

    def _wake(self, line: Line) -> None:
        line.woken = True
        if line.task is None:
            self._schedule(line)

    def _schedule(self, line: Line) -> None:
        """Begin a task for what is due, or set a timer for what will be."""
        line.rest()
        if not self._knows(line):
            return
        now = self._clock()
        due = line.due(now) if line.woken else None
        if due is None:
            if line.lags:
                line.timer = asyncio.get_running_loop().call_later(
                    self._ask_again.total_seconds(), self._catch_up, line
                )
            return
        delay = (due - now).total_seconds()
        if delay <= 0:
            line.task = asyncio.create_task(self._run(line))
        else:
            line.timer = asyncio.get_running_loop().call_later(min(delay, LOOK_AGAIN), self._schedule, line)

    def _catch_up(self, line: Line) -> None:
        if line.advance():
            line.unnoted = True
            self._wake(line)
        else:
            self._schedule(line)

    def _knows(self, line: Line) -> bool:
        return self._active and self._lines.get(line.subscription.id) is line

    def _ready(self, line: Line) -> bool:
        now = self._clock()
        due = line.due(now)
        return due is not None and due <= now and self._knows(line)

    async def _run(self, line: Line) -> None:
        """Give a subscription one turn after the other as long as something is due; others come in between."""
        try:
            while line.woken and self._ready(line):
                line.woken = False
                async with self._lanes.place(line.lane, line.host):
                    more = await self._turn(line)
                line.woken = line.woken or more
        except Exception as error:  # the log did not do what it was asked
            _complain(error, f"subscription {line.subscription.id} waits")
            line.owed = None
            line.woken = True
            line.again_at = self._clock() + self._ask_again
        finally:
            line.task = None
        self._schedule(line)

    async def _turn(self, line: Line) -> bool:
        """Do what can be done at once; return whether there may be more."""
        if line.stale:
            await self._reread(line)
        await self._settle(line)
        if not self._ready(line):
            return True
        try:
            return await self._deliver(line)
        except Unavailable:
            raise
        except NotDelivered as problem:
            await self._failed(line, str(problem))
        except Exception:
            log.exception("a message of subscription %s cannot be sent", line.subscription.id)
            await self._failed(line, "the server could not write the message; its log says why")
        return True

    async def _reread(self, line: Line) -> None:
        line.stale = False
        try:
            found = await self._log.subscriptions([line.subscription.id])
        except BaseException:
            line.stale = True
            raise
        if found:
            line.renew(found[0])
        elif self._knows(line):
            self._lines.remove(line)

    async def _deliver(self, line: Line) -> bool:
        """Read on and deliver that; return whether there may be more."""
        subscription = line.subscription
        if subscription.policy.verify and not subscription.confirmed:
            await self._verify(line)
        owed = line.owed = line.owed or self._owed(line)
        ended = await owed.fill()
        messages = owed.messages(line.had)
        put = self._put if subscription.pull_point is not None else self._send
        if not await put(line, owed, messages):
            return True
        if owed.over:
            await self._log.finished(subscription.id)
            if self._knows(line):
                self._lines.remove(line)
            return False
        if line.advance():  # over what was not wanted
            line.unnoted = True
            await self._settle(line)
        if subscription.policy.at_most_every is not None and messages and ended:
            line.rests_until = add(self._clock(), subscription.policy.at_most_every)
        return not ended

    def _owed(self, line: Line) -> Owed:
        if line.filter is None:
            line.filter = self._compile(line.subscription.filter)
        reader = self._log.reader(line.subscription)
        return Owed(line.subscription, line.filter, reader, self._renderer, self._documents)

    async def _verify(self, line: Line) -> None:
        line.sending = True
        try:
            await self._sender.verify(line.subscription)
            await self._log.confirmed(line.subscription.id)
            line.delivered(())
            line.subscription = replace(line.subscription, confirmed=True)
            await self._settle(line)
        finally:
            line.sending = False

    async def _send(self, line: Line, owed: Owed, messages: Sequence[Message]) -> bool:
        """Send all of these, and note it; False where something has changed before all were sent."""
        line.sending = True
        try:
            while messages and not line.stale and self._knows(line):
                began = asyncio.get_running_loop().time()
                count = await self._sender.send(line.subscription, messages)
                line.slow = asyncio.get_running_loop().time() - began >= SLOW
                line.delivered(messages[:count])
                line.count += count
                line.unnoted = True
                messages = messages[count:]
                line.advance()
                await self._settle(line)
        finally:
            line.sending = False
        return not messages

    async def _put(self, line: Line, owed: Owed, messages: Sequence[Message]) -> bool:
        """Put all of these into the pull point, in parts where there is no room for all; False if some are left."""
        count = len(messages)
        while count:
            whole = count == len(messages) and not owed.over
            position = owed.position if whole else line.subscription.position
            rendered = [self._renderer.pulled(line.subscription, message) for message in messages[:count]]
            if await self._log.put(line.subscription, rendered, position):
                line.delivered(messages[:count])
                messages = messages[count:]
                count = len(messages)
                if line.advance() and line.subscription.position != position:
                    line.unnoted = True
            else:
                count //= 2
        if messages:
            line.full = True
            line.owed = None
        await self._settle(line)
        return not messages

    async def _settle(self, line: Line) -> None:
        """Note and write what has not been; raises Unavailable."""
        if line.unnoted:
            await self._log.delivered(line.subscription.id, line.subscription.position, line.count)
            line.unnoted, line.count = False, 0
        if line.unwritten:
            await self._log.failed(line.subscription)
            line.unwritten = False

    async def _failed(self, line: Line, told: str) -> None:
        """Let go of what was read, so that thousands of dead consumers cost no memory, and try again later."""
        line.owed = None
        line.subscription = self._backoff.failed(line.subscription, self._clock(), told)
        line.unwritten = True
        if line.subscription.delivery is Delivery.DEAD_LETTER:
            log.warning("delivery for subscription %s is given up: %s", line.subscription.id, told)
        await self._settle(line)


def _complain(error: Exception, what: str) -> None:
    if isinstance(error, Unavailable):
        log.info("%s: %s", what, error)
    else:
        log.error("%s", what, exc_info=error)
