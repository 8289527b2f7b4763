"""Places: so many in a lane and at a host, one host after the other, and none lost."""

import asyncio
import random
from contextlib import suppress

from wsrf_activity.notify.lanes import Lane, Lanes


async def settled() -> None:
    """Let everybody go as far as they can."""
    for _ in range(20):
        await asyncio.sleep(0)


class Crowd:
    """Takes places, and holds them until it is told to give them back."""

    def __init__(self, lanes: Lanes) -> None:
        self.lanes = lanes
        self.holding: list[tuple[Lane, str]] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.leave = asyncio.Event()

    def come(self, lane: Lane, host: str, count: int = 1) -> None:
        self.tasks += [asyncio.create_task(self._hold(lane, host)) for _ in range(count)]

    async def _hold(self, lane: Lane, host: str) -> None:
        async with self.lanes.place(lane, host):
            self.holding.append((lane, host))
            try:
                await self.leave.wait()
            finally:
                self.holding.remove((lane, host))


async def test_a_host_that_is_full_holds_no_place_that_others_need() -> None:
    crowd = Crowd(Lanes({Lane.HEALTHY: 10, Lane.FAILING: 4, Lane.LOCAL: 1}, per_host=8))
    crowd.come(Lane.HEALTHY, "a", 100)
    crowd.come(Lane.HEALTHY, "b", 1)
    crowd.come(Lane.FAILING, "b", 100)
    crowd.come(Lane.FAILING, "a", 1)
    await settled()
    assert crowd.holding.count((Lane.HEALTHY, "a")) == 8
    assert crowd.holding.count((Lane.HEALTHY, "b")) == 1
    assert crowd.holding.count((Lane.FAILING, "b")) == 4
    crowd.come(Lane.HEALTHY, "b", 1)  # those who fail leave room for those who do not
    await settled()
    assert len(crowd.holding) == 14
    crowd.leave.set()
    await asyncio.gather(*crowd.tasks)


async def test_hosts_take_turns() -> None:
    lanes = Lanes({Lane.HEALTHY: 1, Lane.FAILING: 1, Lane.LOCAL: 1})
    order = []

    async def take(host: str) -> None:
        async with lanes.place(Lane.HEALTHY, host):
            order.append(host)
            await asyncio.sleep(0)

    await asyncio.gather(*map(take, "aaaaab"))
    assert order == list("aabaaa")


async def test_no_place_is_lost() -> None:
    """Whoever is cancelled, waiting or holding, or just when its turn has come."""
    chance = random.Random(7)
    lanes = Lanes(dict.fromkeys(Lane, 3), per_host=2)
    crowd = Crowd(lanes)
    for _ in range(300):
        crowd.come(chance.choice(list(Lane)), chance.choice("abc"))
        for _ in range(chance.randrange(3)):
            chance.choice(crowd.tasks).cancel()
        if chance.random() < 0.5:
            await asyncio.sleep(0)
        assert all(sum(at == host for _, at in crowd.holding) <= 2 for host in "abc")
    crowd.leave.set()
    for task in crowd.tasks:
        with suppress(asyncio.CancelledError):
            await task
    fresh = Crowd(lanes)
    for lane in Lane:
        fresh.come(lane, str(lane), 2)
    await settled()
    assert len(fresh.holding) == 2 + 1 + 1  # of the lanes but the healthy one, a half
    fresh.leave.set()
    await asyncio.gather(*fresh.tasks)
