"""Services whose activities belong together, and what their work leaves and wants."""

import hashlib
import json
from datetime import timedelta
from typing import Any

from tests.integration.house import ADA, House, report, until
from wsrf_activity.engines.base import Output, Spawned
from wsrf_activity.model.activity import Link, RestartPolicy, new_id
from wsrf_activity.model.phases import Phase
from wsrf_activity.model.services import Parameter, Service

HOUR = timedelta(hours=1)
TEXT = Parameter(name="text", required=False)
SERVICES = {
    "one": Service(name="one", command=("echo", "{text}"), parameters=(TEXT,)),
    "rerun": Service(name="rerun", command=("run",), restart=RestartPolicy.RERUN),
    "resume": Service(name="resume", command=("run",), restart=RestartPolicy.RESUME),
    "again": Service(name="again", command=("run",), retries=1),
    "each": Service(name="each", command=("wc", "{text}"), parameters=(TEXT,), each="text"),
    "times": Service(name="times", command=("try",), parameters=(Parameter(name="n", type="integer"),), times="n"),
    "reads": Service(name="reads", command=("sort",), then=(Link(service="one", results={"text": "result"}),)),
    "lists": Service(
        name="lists", command=("ls",), then=(Link(service="one", results={"text": "out"}, multiple=True),)
    ),
    "feeds": Service(name="feeds", command=("cut",), then=(Link(service="rerun", results={"": "result"}),)),
}


async def a_set(house: House, count: int = 3, **said: Any) -> tuple[str, list[str]]:
    """Start a set, and return it and its members when all of them run."""
    parent = await house.create(command=None, service="times", parameters={"n": (str(count),)}, **said)
    members = [each.id for each in await house.manager.members(ADA, parent)]
    for each in members:
        await house.begun(each)
    return parent, members


def leaves(house: House, activity_id: str, name: str, content: bytes, code: int = 0) -> None:
    """End work that has left a result."""
    folder = house.manager._folders.attempt(activity_id, 1)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    output = Output(name, name, "text/plain", len(content), hashlib.sha256(content).hexdigest())
    house.engine.finish(activity_id, report(code, outputs=(output,)))


def wishes(house: House, activity_id: str, service: str, *, attempt: int = 1, **said: Any) -> str:
    """Have work want an activity started, and return its id."""
    child = said.pop("id", new_id())
    folder = house.manager._folders.attempt(activity_id, attempt) / "spawned"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{child}.json").write_text(json.dumps({"id": child, "service": service, **said}))
    return str(child)


async def spawned(house: House, activity_id: str, service: str, **said: Any) -> str:
    """Have work start an activity."""
    child = wishes(house, activity_id, service, **said)
    house.engine.tell(activity_id, Spawned())
    await until(lambda: is_there(house, child))
    return child


async def is_there(house: House, activity_id: str) -> bool:
    return await house.database.read(lambda records: records.get(activity_id)) is not None


async def ended_members(house: House, parent: str, phase: Phase) -> None:
    for each in await house.manager.members(ADA, parent):
        assert each.phase is phase, each


async def gathers(house: House, activity_id: str) -> bool:
    return (await house.get(activity_id)).gathering


async def told(house: House, activity_id: str, count: int) -> bool:
    return len((await house.get(activity_id)).errors) == count
