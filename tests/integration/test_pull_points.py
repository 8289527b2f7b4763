"""Pull points, on both databases: who fetches what, when they are full, and how they end."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from tests.integration.house import ADA, BOB, House, until
from tests.integration.telling import asked
from wsrf_activity.manager import Limits
from wsrf_activity.model.errors import NoSuchPullPoint, NoSuchSubscription, SubscribeRefused, TooBusy
from wsrf_activity.model.identity import Principal
from wsrf_activity.model.subscriptions import Pulled, SubscribeRequest

HOUR = timedelta(hours=1)


@pytest.fixture
def limits() -> Limits:
    return Limits(parallel=1, pull_points=2)


async def test_what_is_fetched_at_once_is_bounded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsrf_activity.manager.subscribing._AT_ONCE_BYTES", 9)
    subscriptions = house.manager.subscriptions
    point = await subscriptions.create_pull_point(ADA)
    await subscriptions.put(ADA, point.id, [b"<a/>", b"<b/>", b"<c/>", b"<much-more/>", b"<d/>"])
    fetched = [[m.content for m in await subscriptions.pulled(ADA, point.id)] for _ in range(5)]
    assert fetched == [[b"<a/>", b"<b/>"], [b"<c/>"], [b"<much-more/>"], [b"<d/>"], []]


async def test_what_comes_at_the_last_moment_is_returned(house: House) -> None:
    subscriptions = house.manager.subscriptions
    point = await subscriptions.create_pull_point(ADA)
    fetch = subscriptions._fetch

    async def filled_meanwhile(pull_point_id: str, most: int, drop: bool) -> Sequence[Pulled]:
        subscriptions._fetch = fetch  # type: ignore[method-assign]  # from now on
        found = await fetch(pull_point_id, most, drop)
        await subscriptions.put(ADA, point.id, [b"<a/>"])
        return found

    subscriptions._fetch = filled_meanwhile  # type: ignore[method-assign]  # what happens in between
    fetched = [each.content for _ in range(2) for each in await subscriptions.pulled(ADA, point.id)]
    assert fetched == [b"<a/>"]


async def test_who_hangs_up_has_made_room_all_the_same(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    subscriptions, change = house.manager.subscriptions, house.database.change
    point = await subscriptions.create_pull_point(ADA)
    made = await subscriptions.subscribe(ADA, asked(pull_point=point.id), None)
    await subscriptions.put(ADA, point.id, [b"<a/>"])
    changed: list[str] = []
    subscriptions.changed = changed.append
    committed, heard = asyncio.Event(), asyncio.Event()

    async def slowly(transaction: Any) -> Any:
        done = await change(transaction)
        if isinstance(done, tuple):  # what was fetched, and who waits for room
            committed.set()
            await heard.wait()
        return done

    monkeypatch.setattr(house.database, "change", slowly)
    fetching = asyncio.create_task(subscriptions.pulled(ADA, point.id))
    await committed.wait()
    fetching.cancel()
    await asyncio.wait([fetching])
    heard.set()
    await until(lambda: changed == [made.id])


async def test_none_is_filled_that_is_destroyed_meanwhile(house: House) -> None:
    subscriptions = house.manager.subscriptions
    point = await subscriptions.create_pull_point(ADA)
    check = subscriptions._check_consumer

    async def destroyed(caller: Principal, request: SubscribeRequest) -> None:
        await check(caller, request)
        await subscriptions.destroy_pull_point(ADA, point.id)

    subscriptions._check_consumer = destroyed  # type: ignore[method-assign]  # what happens in between
    with pytest.raises(SubscribeRefused, match="destroyed"):
        await subscriptions.subscribe(ADA, asked(pull_point=point.id), None)


async def test_who_delivers_hears_of_those_that_have_expired(house: House) -> None:
    subscriptions = house.manager.subscriptions
    point = await subscriptions.create_pull_point(ADA)
    one = await subscriptions.subscribe(ADA, asked(lifetime=HOUR), None)
    other = await subscriptions.subscribe(ADA, asked(pull_point=point.id), None)
    gone: list[str] = []
    house.manager.ledger.subscription_gone = gone.append
    house.now += timedelta(days=15)
    await house.manager.remover.reap(house.now)
    assert set(gone) == {one.id, other.id}


async def test_messages_come_in_order_and_once(house: House) -> None:
    subscriptions = house.manager.subscriptions
    point = await subscriptions.create_pull_point(ADA)
    await subscriptions.put(ADA, point.id, [b"<a/>", b"<b/>", b"<c/>"])
    assert await subscriptions.pulled(ADA, point.id, 0) == []
    assert [each.content for each in await subscriptions.pulled(ADA, point.id, 2)] == [b"<a/>", b"<b/>"]
    assert [each.content for each in await subscriptions.pulled(ADA, point.id)] == [b"<c/>"]
    assert await subscriptions.pulled(ADA, point.id) == []
    with pytest.raises(NoSuchPullPoint):
        await subscriptions.pulled(BOB, point.id)


async def test_with_an_acknowledgement_a_lost_answer_loses_nothing(house: House) -> None:
    subscriptions = house.manager.subscriptions
    point = await subscriptions.create_pull_point(ADA)
    await subscriptions.put(ADA, point.id, [b"<a/>", b"<b/>"])
    lost = await subscriptions.pulled(ADA, point.id, 1, acknowledged=0)
    assert await subscriptions.pulled(ADA, point.id, 1, acknowledged=0) == lost
    assert [e.content for e in await subscriptions.pulled(ADA, point.id, acknowledged=lost[0].number)] == [b"<b/>"]


async def test_who_waits_is_answered_at_once(house: House) -> None:
    subscriptions = house.manager.subscriptions
    point = await subscriptions.create_pull_point(ADA)
    waiting = asyncio.create_task(subscriptions.pulled(ADA, point.id, timeout=HOUR))
    await until(lambda: point.id in subscriptions._fetching)
    await subscriptions.put(ADA, point.id, [b"<a/>"])
    assert [each.content for each in await waiting] == [b"<a/>"]
    stopping = asyncio.create_task(subscriptions.pulled(ADA, point.id, timeout=HOUR))
    await until(lambda: point.id in subscriptions._fetching)
    house.manager.release_waits()
    assert await stopping == []


async def test_a_full_one_says_so_and_loses_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsrf_activity.manager.subscribing.PULLED", 2)
    monkeypatch.setattr("wsrf_activity.manager.telling.PULLED", 2)
    subscriptions = house.manager.subscriptions
    point = await subscriptions.create_pull_point(ADA)
    made = await subscriptions.subscribe(ADA, asked(pull_point=point.id), None)
    assert await house.manager.telling.put(made, [b"<a/>", b"<b/>"], 7)
    assert not await house.manager.telling.put(made, [b"<c/>"], 9)
    with pytest.raises(TooBusy, match="full"):
        await subscriptions.put(ADA, point.id, [b"<c/>"])
    [kept] = await house.manager.telling.subscriptions([made.id])
    assert (kept.position, kept.delivered) == (7, 2)
    changed: list[str] = []
    subscriptions.changed = changed.append
    assert len(await subscriptions.pulled(ADA, point.id)) == 2
    assert changed == [made.id]
    assert await house.manager.telling.put(made, [b"<c/>"], 9)


async def test_they_end_with_all_that_fills_them(house: House) -> None:
    subscriptions = house.manager.subscriptions
    points = [await subscriptions.create_pull_point(ADA) for _ in range(2)]
    with pytest.raises(TooBusy, match="at most 2"):
        await subscriptions.create_pull_point(ADA)
    made = [await subscriptions.subscribe(ADA, asked(pull_point=each.id), None) for each in points]
    await subscriptions.put(ADA, points[0].id, [b"<a/>"])
    await subscriptions.destroy_pull_point(ADA, points[0].id)
    with pytest.raises(NoSuchSubscription):
        await subscriptions.get(ADA, made[0].id)
    house.now += timedelta(days=15)
    with pytest.raises(NoSuchPullPoint):
        await subscriptions.pulled(ADA, points[1].id)
    await house.manager.remover.reap(house.now)
    assert await house.manager.telling.subscriptions() == []
