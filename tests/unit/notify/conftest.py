"""A deliverer with its twins, over real sockets."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.notify.consumers import Consumer
from tests.unit.notify.resolving import Certificate, make_certificate
from tests.unit.notify.twins import Bell, Clock, MemoryLog, PlainRenderer, compiled
from wsrf_activity.model.subscriptions import Subscription
from wsrf_activity.notify.backoff import Backoff
from wsrf_activity.notify.callbacks import Callbacks
from wsrf_activity.notify.deliverer import Deliverer
from wsrf_activity.notify.lanes import Lane, Lanes
from wsrf_activity.notify.policy import CallbackPolicy
from wsrf_activity.notify.sender import Sender

QUICK = Backoff(timedelta(milliseconds=10), timedelta(milliseconds=40))


@dataclass
class Scene:
    """Everything around one log. More deliverers are more servers on it."""

    bell: Bell = field(default_factory=Bell)
    clock: Clock = field(default_factory=Clock)
    renderer: PlainRenderer = field(default_factory=PlainRenderer)
    callbacks: Callbacks = field(default_factory=lambda: Callbacks(CallbackPolicy()))
    log: MemoryLog = field(init=False)
    deliverers: list[Deliverer] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.log = MemoryLog(self.bell)

    def deliverer(
        self, backoff: Backoff = QUICK, within: float = 10.0, widths: dict[Lane, int] | None = None
    ) -> Deliverer:
        """Start a server that leads."""
        made = Deliverer(
            self.log,
            self.renderer,
            Sender(self.callbacks, self.renderer, self.clock, within),
            compile=compiled,
            clock=self.clock,
            backoff=backoff,
            lanes=Lanes(widths) if widths else None,
            ask_again=timedelta(milliseconds=10),
        )
        self.deliverers.append(made)
        made.start()
        made.lead(True)
        return made

    def tell(
        self, deliverer: Deliverer, activity_id: str = "a", topic: str = "ProgressReported", count: int = 1
    ) -> None:
        """Commit events and say so, once for each."""
        for _ in range(count):
            event = self.log.tell(activity_id, topic).logged.event
            deliverer.news(activity_id, event.owner)

    def consumer(self) -> Consumer:
        return Consumer(self.bell)

    def add(self, subscription: Subscription) -> Subscription:
        return self.log.add(subscription)

    async def quiet(self, subscription_id: str = "s") -> None:
        """Wait until a subscription has been told everything."""
        await self.bell.until(lambda: self.log.kept[subscription_id].position == len(self.log.rows))


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    made = Scene()
    yield made
    for deliverer in made.deliverers:
        await deliverer.stop()
    await made.callbacks.close()


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    """One for the name ``consumer``."""
    return make_certificate(tmp_path)
