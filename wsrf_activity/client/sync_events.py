"""Events and subscriptions for programs that block: each method drives the coroutine of the same name."""

import weakref
from collections.abc import Iterator
from datetime import datetime
from types import TracebackType
from typing import Self

from wsrf_activity.client import following, subscriptions
from wsrf_activity.client.events import Event
from wsrf_activity.client.ports import run
from wsrf_activity.client.references import Reference
from wsrf_activity.client.subscriptions import SubscriptionProperties
from wsrf_activity.model.lifetime import Requested


class Events(Iterator[Event]):
    """What happens to some activities, or to all of the caller's; to be used with ``for`` or ``with``."""

    def __init__(self, core: following.Events) -> None:
        """Take it from `Activity.events` or `Service.events`."""
        self.core = core
        run(core.begin())
        self._end = weakref.finalize(self, _close, core)  # also when a loop is left in the middle, or the program ends

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __next__(self) -> Event:
        event = run(self.core.next())
        if event is None:
            raise StopIteration
        return event

    def close(self) -> None:
        """End the subscriptions and leave nothing on the server, if it can be reached."""
        self._end()


def _close(core: following.Events) -> None:
    run(core.close())


class Subscription:
    """What was asked to be told. It lives on the server, and outlives this program."""

    def __init__(self, core: subscriptions.Subscription) -> None:
        """Take it from ``subscribe``, or by its endpoint reference or address from `Service.subscription`."""
        self.core = core

    def __str__(self) -> str:
        return str(self.core)

    def __repr__(self) -> str:
        return repr(self.core)

    @property
    def reference(self) -> Reference:
        """Its endpoint reference."""
        return self.core.reference

    @property
    def id(self) -> str | None:
        """Its id; None for one of a server of another kind."""
        return self.core.id

    @property
    def address(self) -> str:
        """Where it is."""
        return self.core.address

    @property
    def terminates(self) -> datetime | None:
        """When it ends, as it was when it was made or renewed; None is never."""
        return self.core.terminates

    @property
    def properties(self) -> SubscriptionProperties:
        """All that the server says of it. Raises ResourceUnknown where it has ended."""
        return run(self.core.properties)

    def renew(self, lifetime: Requested) -> datetime | None:
        """Change when it ends: a timedelta from now, an aware datetime, or NEVER where it may be. Return when that is.

        Delivery that was given up is begun again. Raises RenewalRejected, ResourceUnknown.
        """
        return run(self.core.renew(lifetime))

    def pause(self) -> None:
        """Have nothing delivered until `resume`; what happens meanwhile is kept. Raises ResourceUnknown."""
        run(self.core.pause())

    def resume(self) -> None:
        """Have all delivered that is owed, also where delivery was given up. Raises ResourceUnknown."""
        run(self.core.resume())

    def unsubscribe(self) -> None:
        """End it. Raises ResourceUnknown where it has ended already."""
        run(self.core.unsubscribe())
