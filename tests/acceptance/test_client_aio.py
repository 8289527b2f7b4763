"""The client for asyncio: the same, awaited, and many at a time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.acceptance.clients import Watch, watched_async
from tests.acceptance.commands import Gate
from tests.server import TIMEOUT, Server
from wsrf_activity.client import InvalidParameter, NoSuchResult, ResourceUnknown, WaitTimeout, aio, sync
from wsrf_activity.client.aio import Service, connect
from wsrf_activity.model.phases import ErrorStatus, Phase, Status


@pytest.fixture
async def service(alone: Server) -> AsyncIterator[Service]:
    """The client, watched."""
    async with watched_async(alone, Watch()) as connected:
        yield connected


async def blocks() -> AsyncIterator[bytes]:
    """Yield an input as asyncio has it."""
    for _ in range(100):
        yield b"x" * 10_000


def test_the_surface_is_that_of_the_other() -> None:
    """Whoever knows one knows both."""

    def public(kind: type) -> set[str]:
        return {name for name in vars(kind) if not name.startswith("_")}

    assert public(sync.Result) == public(aio.Result)
    assert public(sync.Activity) - {"reference", "entry"} == public(aio.Activity)
    assert public(sync.Service) == public(aio.Service) - {"open", "page"}


async def test_the_whole_way(service: Service, tmp_path: Path) -> None:
    activity = await service.run("sort | uniq -c", input=b"b\na\nb\n", name="async")
    state = await activity.wait(TIMEOUT)
    assert (state.phase, state.ended) == (Phase.COMPLETED, True)
    expected = b"      1 a\n      2 b\n"
    assert await (await activity.result()).read() == expected
    async with activity.open("stdout") as stream:
        assert await stream.read(9) == expected[:9]
        assert await stream.read() == expected[9:]
    assert (await activity.save(tmp_path / "saved")).read_bytes() == expected
    assert await activity.phase is Phase.COMPLETED
    assert (await activity.status, await activity.error_status) == (Status.ENDED, ErrorStatus.NO_ERRORS)
    assert (await activity.errors, await activity.progress) == ((), None)
    assert (await activity.properties).name == "async"
    assert [result.name for result in await activity.results] == ["result", "stdout", "stderr"]
    assert await activity.query("string(act:Name)") == "async"
    assert await activity.set_termination(in_=timedelta(days=1)) is not None
    await activity.update(name="other", run_id="async")
    assert [each async for each in service.list(run_id="async")] == [activity]
    assert await service.activity(str(activity)).abort() is Phase.COMPLETED
    await activity.destroy()
    with pytest.raises(ResourceUnknown):
        await activity.wait(TIMEOUT)


async def test_inputs(service: Service, tmp_path: Path) -> None:
    file = tmp_path / "input"
    file.write_bytes(b"y" * 200_000)
    counted = [await service.start("count", what="c", input=given) for given in (blocks(), file)]
    for activity in counted:
        await activity.wait(TIMEOUT)
    assert [int(await (await activity.result()).read()) for activity in counted] == [1_000_000, 200_000]
    with pytest.raises(InvalidParameter):
        await service.start("count", what="x")


async def test_many_at_once(service: Service) -> None:
    """Each is started, waited for and read at its own pace on one connection pool."""

    async def one(number: int) -> bytes:
        activity = await service.run(f"echo {number}")
        await activity.wait(TIMEOUT)
        return await (await activity.result()).read()

    assert await asyncio.gather(*map(one, range(60))) == [f"{number}\n".encode() for number in range(60)]


async def test_while_one_waits_others_work(service: Service, gates: Callable[[], Gate]) -> None:
    gate = gates()
    activity = await service.run(f"echo one; {gate.held}; echo two")
    waiting = [asyncio.create_task(activity.wait()) for _ in range(20)]
    stream = activity.stream()
    assert await anext(stream) == b"one\n"
    with pytest.raises(WaitTimeout):
        await activity.wait(0.05)
    with pytest.raises(NoSuchResult):
        await activity.result("nothing")
    await asyncio.to_thread(gate.open)
    assert b"".join([block async for block in stream]) == b"two\n"
    assert {state.phase for state in await asyncio.gather(*waiting)} == {Phase.COMPLETED}


async def test_it_can_be_awaited_instead(alone: Server) -> None:
    service = await connect(data=alone.data)
    try:
        activity = await service.run("cat", input=b"x")
        assert (await activity.wait(TIMEOUT)).ended
    finally:
        await service.close()


async def test_a_cancelled_wait_leaves_the_activity_alone(service: Service, gates: Callable[[], Gate]) -> None:
    gate = gates()
    activity = await service.run(gate.held)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(activity.wait(), 0.2)
    await asyncio.to_thread(gate.open)
    assert (await activity.wait(TIMEOUT)).phase is Phase.COMPLETED
