"""When a delivery that failed is tried again, and when it is given up. Values only, no I/O."""

import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from wsrf_activity.model.subscriptions import Delivery, Subscription

MAX_ERROR = 500  #: characters


@dataclass(frozen=True, slots=True)
class Backoff:
    """Pauses that double from ``first`` up to ``most``, each shortened by up to a half by chance."""

    first: timedelta = timedelta(seconds=1)
    most: timedelta = timedelta(minutes=10)
    give_up: timedelta = timedelta(hours=24)  #: after the first failure since the last success

    def pause(self, failures: int) -> timedelta:
        """Return how long to wait after so many failures, from 1. Chance keeps those apart that failed together."""
        longest: timedelta = min(self.first * (1 << min(failures - 1, 20)), self.most)
        return longest * random.uniform(0.5, 1.0)

    def failed(self, subscription: Subscription, now: datetime, error: str) -> Subscription:
        """Return a subscription after one more failure; ``error`` is for its owner."""
        since = subscription.failing_since or now
        failures = subscription.failures + 1
        over = now - since >= self.give_up
        return replace(
            subscription,
            delivery=Delivery.DEAD_LETTER if over else Delivery.RETRYING,
            failures=failures,
            failing_since=since,
            next_try=None if over else now + self.pause(failures),
            last_error=error[:MAX_ERROR],
        )
