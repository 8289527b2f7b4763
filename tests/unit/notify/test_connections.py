"""Connections that are kept: for whom, for how long, and what happens where the other side does not keep them."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from tests.unit.notify.consumers import Behaviour, Consumer
from tests.unit.notify.resolving import Certificate, Names
from tests.unit.notify.twins import Bell
from wsrf_activity.notify import names as names_module
from wsrf_activity.notify.callbacks import CallbackFailed, CallbackRefused, Callbacks
from wsrf_activity.notify.connections import Connections
from wsrf_activity.notify.policy import CallbackPolicy
from wsrf_activity.notify.posting import Place

BODY = b"<Notify/>"


@pytest.fixture
async def callbacks() -> AsyncIterator[Callbacks]:
    made = Callbacks(CallbackPolicy(), pauses=())
    yield made
    await made.close()


async def push(callbacks: Callbacks, consumer: Consumer) -> int:
    return (await callbacks.push(await callbacks.target(consumer.address), BODY, {})).status


async def test_a_connection_serves_again(callbacks: Callbacks) -> None:
    """Also after an answer that was no success; those who send at once have one each."""
    async with Consumer(Bell()).listening() as consumer:
        consumer.behaviour = "500"
        assert await push(callbacks, consumer) == 500
        consumer.behaviour = "slow"
        assert [await push(callbacks, consumer) for _ in range(3)] == [202] * 3
        assert consumer.connections == 1
        await asyncio.gather(*(push(callbacks, consumer) for _ in range(3)))
        await asyncio.gather(*(push(callbacks, consumer) for _ in range(3)))
        assert consumer.connections == 3


@pytest.mark.parametrize("how", ["close after", "drop next", "hang up"])
async def test_a_connection_that_was_closed_is_no_failure(callbacks: Callbacks, how: Behaviour) -> None:
    async with Consumer(Bell()).listening() as consumer:
        if how != "drop next":
            consumer.behaviour = "close after" if how == "close after" else "ok"
            assert await push(callbacks, consumer) == 202
        if str(how) == "hang up":
            await consumer.hang_up()
        if how == "drop next":
            assert await push(callbacks, consumer) == 202
            consumer.behaviour = how
        assert await push(callbacks, consumer) == 202


async def test_a_connection_that_was_not_used_before_is_not_tried_again(callbacks: Callbacks) -> None:
    async with Consumer(Bell(), "drop next").listening() as consumer:
        with pytest.raises(CallbackFailed):
            await push(callbacks, consumer)
        assert len(consumer.bodies) == 1


async def test_a_half_answer_is_a_failure_on_any_connection(callbacks: Callbacks) -> None:
    async with Consumer(Bell()).listening() as consumer:
        await push(callbacks, consumer)
        consumer.behaviour = "half"
        with pytest.raises(CallbackFailed):
            await push(callbacks, consumer)
        assert len(consumer.bodies) == 2


async def test_what_must_not_arrive_twice_uses_no_connection_again(callbacks: Callbacks) -> None:
    async with Consumer(Bell()).listening() as consumer:
        await push(callbacks, consumer)
        target = await callbacks.target(consumer.address)
        assert await callbacks.post(target, BODY, {}) == 202
        assert consumer.connections == 2
        assert b"connection: close" in consumer.heads[-1].lower()
        consumer.behaviour = "drop next"
        with pytest.raises(CallbackFailed):
            await callbacks.post(target, BODY, {})
        assert len(consumer.bodies) == 3


async def test_a_kept_connection_is_checked_like_a_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that moves leaves its connections behind."""
    monkeypatch.setattr(names_module, "KEPT_FOR", 0)
    monkeypatch.setattr(names_module, "FAILURE_KEPT_FOR", 0)
    resolver = Names(consumer=["127.0.0.1"])
    callbacks = Callbacks(CallbackPolicy(), resolve=resolver, pauses=())
    async with Consumer(Bell()).listening() as consumer:
        address = f"http://consumer:{consumer.port}/"
        for _ in range(2):
            await callbacks.push(await callbacks.target(address), BODY, {})
        assert (consumer.connections, resolver.asked) == (1, 2)
        resolver.names["consumer"] = ["8.8.8.8"]
        with pytest.raises(CallbackRefused):
            await callbacks.target(address)
        for _ in range(10):  # until the refusal is forgotten
            await asyncio.sleep(0)
        resolver.names["consumer"] = ["127.0.0.2"]
        target = await callbacks.target(address)
        with pytest.raises(CallbackFailed, match="connected"):
            await callbacks.push(target, BODY, {})
    await callbacks.close()


async def test_what_was_found_serves_for_a_while() -> None:
    resolver = Names(consumer=["127.0.0.1"])
    callbacks = Callbacks(CallbackPolicy(), resolve=resolver)
    await asyncio.gather(*(callbacks.target("http://consumer/") for _ in range(5)))
    resolver.names["consumer"] = ["127.0.0.2"]
    assert [str(found) for found in (await callbacks.target("http://consumer/")).addresses] == ["127.0.0.1"]
    assert resolver.asked == 1
    await callbacks.close()


async def test_failures_to_find_a_name_are_shared() -> None:
    resolver = Names()
    callbacks = Callbacks(CallbackPolicy(), resolve=resolver)
    for _ in range(3):
        with pytest.raises(CallbackRefused):
            await callbacks.target("http://nobody/")
    assert resolver.asked == 1
    await callbacks.close()


async def test_idle_connections_are_closed_and_bounded() -> None:
    connections = Connections(ssl.create_default_context, idle_for=0.05, most_idle=2)
    bell = Bell()
    async with Consumer(bell).listening() as consumer:
        places = [Place("http", name, consumer.port, "127.0.0.1") for name in "abc"]
        opened = [await connections.fresh(place) for place in places]
        for connection in opened:
            assert (await connection.post(b"/", {"host": "a"}, BODY)).status == 202
        assert consumer.open == 3
        for connection in opened:
            connections.keep(connection)
        assert connections.kept(places[:1]) is None
        assert connections.kept(places) is opened[1]
        await bell.until(lambda: consumer.open == 1)
        assert connections.kept(places) is None
        connections.keep(opened[1])
        await connections.close()
        await bell.until(lambda: consumer.open == 0)


async def test_tls_is_about_each_name(certificate: Certificate) -> None:
    """A connection that was made for one name serves no other at the same address."""
    context, trust = certificate
    resolver = Names(consumer=["127.0.0.1"], other=["127.0.0.1"])
    callbacks = Callbacks(CallbackPolicy(), resolve=resolver, trust=trust)
    async with AsyncExitStack() as stack:
        consumer = await stack.enter_async_context(Consumer(Bell()).listening(context=context))
        for _ in range(2):
            await callbacks.push(await callbacks.target(f"https://consumer:{consumer.port}/"), BODY, {})
        assert consumer.connections == 1
        with pytest.raises(CallbackFailed, match="certificate") as failed:
            await callbacks.push(await callbacks.target(f"https://other:{consumer.port}/"), BODY, {})
        assert "127.0.0.1" not in failed.value.told
        await callbacks.close()
    assert len(consumer.bodies) == 2


async def test_where_no_certificate_can_be_checked_that_is_said_once_and_tried_again(
    certificate: Certificate, caplog: pytest.LogCaptureFixture
) -> None:
    context, trust = certificate
    broken = True

    def may_break() -> ssl.SSLContext:
        if broken:
            raise OSError(24, "Too many open files")
        return trust()

    callbacks = Callbacks(CallbackPolicy(), resolve=Names(consumer=["127.0.0.1"]), trust=may_break)
    async with Consumer(Bell()).listening(context=context) as consumer:
        target = await callbacks.target(f"https://consumer:{consumer.port}/")
        with pytest.raises(CallbackFailed, match="certificates") as failed:
            await callbacks.push(target, BODY, {})
        assert failed.value.__cause__ is None
        [record] = caplog.records
        assert (record.levelname, record.exc_info) == ("WARNING", None)
        assert "Too many open files" in record.getMessage()
        broken = False
        assert (await callbacks.push(target, BODY, {})).status == 202
        await callbacks.close()
