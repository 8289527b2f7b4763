"""Several engines by name: each service's work runs on its own, and what ran on one that is gone comes to an end."""

from pathlib import Path

from tests.integration.house import PATIENCE, HeldEngine, House, report
from wsrf_activity.manager import Limits
from wsrf_activity.model.activity import DEFAULT_ENGINE, RestartPolicy
from wsrf_activity.model.phases import ErrorStatus, Phase
from wsrf_activity.model.services import Service


def far_house(folder: Path, restart: RestartPolicy = RestartPolicy.ABORT) -> tuple[House, HeldEngine]:
    """Return a house whose service `s` runs on an engine `far`."""
    house = House(f"sqlite:///{folder / 'small.db'}", folder / "data")
    house.services["s"] = Service(name="s", command=("true",), engine="far", restart=restart)
    far = HeldEngine(house.clock)
    house.others["far"] = far
    return house, far


async def begun(house: House) -> str:
    activity_id = await house.create(service="s", command=None)
    await house.wait(activity_id, Phase.EXECUTING)
    return activity_id


async def test_each_runs_where_its_service_says(tmp_path: Path) -> None:
    house, far = far_house(tmp_path)
    await house.open()
    there, here = await begun(house), await house.running()
    assert [(await house.get(each)).engine for each in (there, here)] == ["far", DEFAULT_ENGINE]
    assert [key[0] for key in house.engine.runs] == [here]
    await house.restart()  # each is found where it runs
    far.finish(there, report(3))
    house.engine.finish(here)
    assert (await house.wait(there)).exit_code == 3
    assert (await house.wait(here)).phase is Phase.COMPLETED
    await house.close()


async def test_work_of_an_engine_that_is_gone_ends_as_lost(tmp_path: Path) -> None:
    house, _ = far_house(tmp_path)
    await house.open()
    running = await begun(house)
    await house.close()
    del house.others["far"], house.services["s"]
    await house.open()
    ended = await house.wait(running)
    assert (ended.phase, ended.engine, ended.error_status) == (Phase.ABORTED, "far", ErrorStatus.FATAL_ERRORS)
    assert "The engine 'far', which had the work, is not configured any more" in ended.errors[-1].description
    await house.close()


async def test_work_that_is_not_begun_fails_with_its_engine_and_moves_with_its_service(tmp_path: Path) -> None:
    house, far = far_house(tmp_path, restart=RestartPolicy.RERUN)
    house.limits = Limits(wait=PATIENCE, parallel=0)
    await house.open()
    queued = [await house.create(service="s", command=None) for _ in range(2)]
    await house.close()
    service = house.services.pop("s")
    del house.others["far"]
    house.limits = Limits(wait=PATIENCE, parallel=1)
    await house.open()
    failed = await house.wait(queued[0])
    assert (failed.phase, failed.errors[-1].code) == (Phase.FAILED, "CannotStart")
    assert failed.errors[-1].description == "The engine 'far' is not configured any more."
    assert (await house.wait(queued[1])).phase is Phase.FAILED
    await house.close()

    # The operator gives the engine another name, in the middle of work and with more of it in the queue.
    house.services["s"], house.others["far"] = service, far
    await house.open()
    running, queued = await begun(house), [await house.create(service="s", command=None)]
    await house.close()
    house.others["near"] = house.others.pop("far")
    house.services["s"] = Service(name="s", command=("true",), engine="near", restart=RestartPolicy.RERUN)
    await house.open()
    far.finish(running)
    assert (await house.wait(running)).phase is Phase.COMPLETED
    moved = await house.wait(queued[0], Phase.EXECUTING)
    assert moved.engine == "near"
    await house.close()


async def test_work_that_may_be_run_again_is(tmp_path: Path) -> None:
    house, _ = far_house(tmp_path, restart=RestartPolicy.RERUN)
    await house.open()
    running = await begun(house)
    await house.close()
    del house.others["far"]
    house.services["s"] = Service(name="s", command=("true",), restart=RestartPolicy.RERUN)
    await house.open()
    await house.begun(running, attempt=2)
    assert (await house.get(running)).engine == DEFAULT_ENGINE
    await house.close()
