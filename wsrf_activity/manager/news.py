"""News on its way from what was committed, here or on another server, to whoever delivers it."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from wsrf_activity.manager.ledger import Ledger
from wsrf_activity.manager.subscribing import Subscriptions
from wsrf_activity.manager.telling import Telling
from wsrf_activity.model.errors import Unavailable
from wsrf_activity.model.events import Logged
from wsrf_activity.store.notices import Notice

_RETRY = 1.0  #: seconds before the database is asked again after it did not answer


class Teller(Protocol):
    """Who delivers what is published."""

    def lead(self, leads: bool) -> None:
        """Deliver from now on, or no more: of several servers one does."""

    def changed(self, subscription_id: str) -> None:
        """Hear that a subscription was made, changed or removed, or that its pull point has room."""

    def news(self, activity_id: str, owner: str | None) -> None:
        """Hear that there is more in the log of an activity; None is an owner that is not known."""


class _Nobody:
    """Delivers nothing."""

    def lead(self, leads: bool) -> None:
        pass

    def changed(self, subscription_id: str) -> None:
        pass

    def news(self, activity_id: str, owner: str | None) -> None:
        pass


class News:
    """Brings to the teller what concerns it."""

    def __init__(self, ledger: Ledger, telling: Telling, subscriptions: Subscriptions) -> None:
        """Hear what is committed here."""
        self.teller: Teller = _Nobody()
        self._ledger = ledger
        self._telling = telling
        self._subscriptions = subscriptions
        self._leads = False
        self._roomy: set[str] = set()  #: pull points of which it is to be found out who fills them
        self._looking: asyncio.Task[None] | None = None
        ledger.news = self.of_activity
        ledger.reads = telling.reads
        ledger.subscription_gone = self.of_subscription
        subscriptions.changed = self.of_subscription
        telling.unsaid = self._of_unsaid
        telling.filled = subscriptions.filled

    def lead(self, leads: bool) -> None:
        """Hear whether this server delivers."""
        if leads != self._leads:
            self._leads = leads
            self._telling.forget()
            self.teller.lead(leads)

    def of_activity(self, activity_id: str, owner: str | None, logged: Sequence[Logged] = ()) -> None:
        """Hear of a change that was committed, and what of it is in the log, if that is known.

        The teller hears in the event loop's next turn: who waits for the change is answered in this one.
        """
        if self._leads:
            self._telling.news(activity_id, owner, logged)
            asyncio.get_running_loop().call_soon(self._tell, activity_id, owner)

    def _tell(self, activity_id: str, owner: str | None) -> None:
        if self._leads:
            self.teller.news(activity_id, owner)

    def of_subscription(self, subscription_id: str) -> None:
        """Hear that a subscription was made, changed or removed, or that its pull point has room."""
        self.teller.changed(subscription_id)

    def _of_unsaid(self, activity_id: str, owner: str) -> None:
        self.teller.news(activity_id, owner)

    def of_others(self, notice: Notice) -> None:
        """Hear what another server has done."""
        if notice.activity_id:
            self.of_activity(notice.activity_id, None)
        if notice.subscription:
            self.of_subscription(notice.subscription)
        if notice.pull_point:
            self._subscriptions.filled(notice.pull_point)
            if self._leads:
                self._room_in(notice.pull_point)

    def of_anything(self) -> None:
        """Look at everything anew: nobody listened for a while."""
        self._subscriptions.all_filled()
        if self._leads:
            self.lead(False)
            self.lead(True)

    def _room_in(self, pull_point_id: str) -> None:
        self._roomy.add(pull_point_id)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._tell_of_room(), name="room in pull points")

    async def _tell_of_room(self) -> None:
        """Tell until the database has answered: nobody else wakes who waits for room."""
        while self._roomy and self._leads:
            pull_points, self._roomy = self._roomy, set()
            try:
                for pull_point_id in pull_points:
                    await self._tell_who_fills(pull_point_id)
            except Unavailable:
                self._roomy |= pull_points
                await asyncio.sleep(_RETRY)

    async def _tell_who_fills(self, pull_point_id: str) -> None:
        for subscription_id in await self._ledger.database.read(
            lambda records: records.subscriptions.fill(pull_point_id)
        ):
            self.of_subscription(subscription_id)
