"""Functions whose calls share processes, behind a real server on each database: whatever is killed, no call is lost."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests import databases
from tests.acceptance.watching import Life, eventually
from tests.server import Server, Wire, running

MODULE = """
import os
from pathlib import Path
from wsrf_activity.author import activity

calls = 0

@activity(restart="rerun", reuse=100)
def tells(job, gate: str | None = None) -> str:
    global calls
    calls += 1
    print(job.id)
    if gate and job.attempt == 1:
        job.progress(str(os.getpid()))
        Path(gate).read_bytes()
    return f"{os.getpid()} {calls}"
"""
CONFIG = """
[limits]
parallel = 2
grace = "PT1S"

[services.sharing]
python = "{module}"
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    module = tmp_path / "sharing.py"
    module.write_text(MODULE)
    with ExitStack() as stack:
        url = None
        if request.param == "postgresql":
            cluster: databases.Cluster = request.getfixturevalue("postgresql")
            url = stack.enter_context(cluster.database())
        yield stack.enter_context(running(Server(tmp_path / "data", url, CONFIG.format(module=module))))


def _start(wire: Wire, gate: Path | None = None) -> str:
    parameter = "" if gate is None else f'<act:Parameter name="gate">{gate}</act:Parameter>'
    return wire.start(f"<act:Service>sharing.tells</act:Service>{parameter}")


def _told(wire: Wire, activity_id: str) -> tuple[int, int]:
    """Return the process that served a call, and which call of it this was."""
    assert wire.ended(activity_id) == "Completed", wire.errors(activity_id)
    assert wire.result(activity_id, "stdout") == f"{activity_id}\n".encode()
    process, number = map(int, wire.result(activity_id).split())
    return process, number


def _standing(wire: Wire, gate: Path) -> tuple[str, int]:
    """Start a call that stands at a gate; return its activity and its process."""
    os.mkfifo(gate)
    activity_id = _start(wire, gate)
    said: list[str] = []

    def stands() -> bool:
        said[:] = [wire.document(activity_id).findtext("{*}Progress/{*}Message") or ""]
        return bool(said[0])

    eventually(stands)
    return activity_id, int(said[0])


def _shared(wire: Wire) -> int:
    """Return a process that has served several calls: before the zygote is ready, each has one of its own."""
    told: list[tuple[int, int]] = []

    def shares() -> bool:
        told.append(_told(wire, _start(wire)))
        return told[-1][1] > 1

    eventually(shares)
    return told[-1][0]


def test_no_call_is_lost_whatever_is_killed(server: Server, tmp_path: Path) -> None:
    with server.client() as wire:
        idle = Life(_shared(wire))
        idle.kill()
        assert _told(wire, _start(wire))[1] == 1
        started = [_start(wire) for _ in range(10)]
        assert len({_told(wire, each) for each in started}) == 10
        killed, process = _standing(wire, tmp_path / "killed")
        Life(process).kill()
        orphan, process = _standing(wire, tmp_path / "orphan")
        life = Life(process)
        eventually(lambda: wire.property(orphan, "EngineJobId") is not None)
        Life(int(wire.property(orphan, "EngineJobId") or "")).kill()
        life.await_end()
        for each in (killed, orphan):
            assert _told(wire, each)[0] != process
            assert wire.property(each, "Attempt") == "2"
        _shared(wire)
        survivor, process = _standing(wire, tmp_path / "survivor")
        idle = Life(_told(wire, _start(wire))[0])
        life = Life(process)
    server.kill()
    idle.await_end()
    assert not life.over()
    server.start()
    (tmp_path / "survivor").open("wb").close()
    with server.client() as wire:
        assert _told(wire, survivor)[0] == process
        assert wire.property(survivor, "Attempt") == "1"
        life.await_end()
        _shared(wire)


def test_an_operator_may_have_calls_share_none(tmp_path: Path) -> None:
    module = tmp_path / "sharing.py"
    module.write_text(MODULE)
    config = f"{CONFIG.format(module=module)}reuse = 1\n"
    with running(Server(tmp_path / "data", None, config)) as server, server.client() as wire:
        assert [_told(wire, _start(wire))[1] for _ in range(3)] == [1, 1, 1]
