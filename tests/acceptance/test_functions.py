"""Functions of authors behind a real server: what callers see of them, and that they go on whatever is killed."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.watching import Life, eventually
from tests.server import TIMEOUT, Server, Wire, running
from wsrf_activity.client import ActivityFailed, Service, connect
from wsrf_activity.engines import attempt
from wsrf_activity.model.phases import Phase

WORK = """
import os, time
from pathlib import Path
from wsrf_activity.author import activity

@activity
def count(job, text: str) -> int:
    "Count the words of a text."
    print("counting")
    job.warn("a rough count")
    job.result("words.txt", "\\n".join(text.split()))
    return len(text.split())

@activity
def fails(job, text: str) -> int:
    return int(text)

@activity(retries=1)
def flaky(job) -> str:
    if job.attempt == 1:
        raise RuntimeError("not yet")
    return "now"

@activity(restart="resume")
def steps(job, gate: str) -> str:
    first = begun = job.state or 0
    for step in range(begun, 6):
        if step == 3 and job.attempt == 1:
            job.progress(50, f"{step} of 6")
            job.estimate(3600)
            Path(gate).read_bytes()
        job.checkpoint(step + 1)
    return f"from {first} to {job.state}"

@activity
def forever(job) -> None:
    try:
        job.progress("begun")
        time.sleep(1000)
    finally:
        job.result("tidied", "yes")

@activity
def breaks_off(job) -> int:
    os._exit(0)

@activity
def reads(job) -> str:
    return job.input.read_text() if job.input else "nothing"
"""
CONFIG = """
[limits]
parallel = 4
grace = "PT2S"

[services.work]
python = "{module}"
"""


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("author") / "work.py"
    path.write_text(WORK)
    return path


@pytest.fixture(scope="module")
def server(module: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data = tmp_path_factory.mktemp("data") / "server"
    with running(Server(data, None, CONFIG.format(module=module))) as server:
        yield server


@pytest.fixture
def service(server: Server) -> Iterator[Service]:
    with connect(server.base, token=server.token) as connected:
        yield connected


def test_what_a_function_returns_prints_and_says(service: Service) -> None:
    activity = service.start("work.count", text="a b c")
    assert activity.wait(timeout=TIMEOUT).phase is Phase.COMPLETED
    results = {each.name: (each.media_type, each.read()) for each in activity.results}
    text = "text/plain; charset=utf-8"
    assert results == {
        "result": (text, b"3"),
        "words.txt": (text, b"a\nb\nc"),
        "stdout": (text, b"counting\n"),
        "stderr": (text, b""),
    }
    [warning] = activity.errors
    assert (warning.description, warning.handled) == ("a rough count", True)


def test_an_exception_is_raised_again_where_the_result_was_wanted(service: Service) -> None:
    activity = service.start("work.fails", text="abc")
    assert activity.wait(timeout=TIMEOUT).phase is Phase.FAILED
    with pytest.raises(ActivityFailed, match="invalid literal for int") as raised:
        activity.result()
    assert raised.value.error.code == "ValueError"
    assert "work.py" in (raised.value.trace or "")
    assert "return int(text)" in str(raised.value)
    assert activity.result("stderr").read().decode().strip() == raised.value.trace


def test_a_function_whose_process_ends_before_it_has_not_completed(service: Service) -> None:
    activity = service.start("work.breaks_off")
    assert activity.wait(timeout=TIMEOUT).phase is Phase.FAILED
    with pytest.raises(ActivityFailed, match="ended before the function did") as raised:
        activity.result()
    assert raised.value.error.code == "NoResult"


def test_each_attempt_is_told_of(service: Service) -> None:
    activity = service.start("work.flaky")
    assert activity.wait(timeout=TIMEOUT).phase is Phase.COMPLETED
    assert (activity.result().read(), activity.properties.attempt) == (b"now", 2)
    [error] = activity.errors
    assert (error.code, error.handled, "not yet" in (error.trace or "")) == ("RuntimeError", True, True)


def test_an_abort_ends_a_function_where_it_stands(service: Service) -> None:
    activity = service.start("work.forever")
    eventually(lambda: activity.progress is not None)
    assert activity.abort() is Phase.ABORTED
    assert activity.result("tidied").read() == b"yes"
    with pytest.raises(ActivityFailed, match="aborted"):
        activity.result()


def test_the_input_is_a_file(service: Service) -> None:
    activity = service.start("work.reads", input=b"sent")
    activity.wait(timeout=TIMEOUT)
    assert activity.result().read() == b"sent"


def _function(server: Server, activity_id: str) -> int:
    """Return the process that calls a function: the leader of the session that the engine has begun."""
    [folder] = server.data.glob(f"**/{activity_id}/1")
    session = attempt.read_session(os.fspath(folder))
    assert session is not None
    return session[0]


def test_functions_go_on_at_their_checkpoints(own_server: Callable[..., Server], module: Path, tmp_path: Path) -> None:
    """Killed is one function alone, another one with the server, and of a third the server only."""
    server, gates = own_server(CONFIG.format(module=module)), [tmp_path / f"gate{number}" for number in range(3)]
    with server.client() as wire:
        alone, both, survivor = [_standing(wire, gate) for gate in gates]
        Life(_function(server, alone)).kill()
        assert wire.ended(alone) == "Completed", wire.errors(alone)
        assert wire.property(survivor, "EstimatedEndTime") is not None
    life = Life(_function(server, both))
    server.kill()
    life.kill()
    server.start()
    gates[2].open("wb").close()
    with server.client() as wire:
        for activity_id, again in ((alone, True), (both, True), (survivor, False)):
            assert wire.ended(activity_id) == "Completed", wire.errors(activity_id)
            assert wire.result(activity_id) == (b"from 3 to 6" if again else b"from 0 to 6")
            assert wire.property(activity_id, "Attempt") == ("2" if again else "1")
            assert [code for _, code, _ in wire.errors(activity_id)] == ["WorkLost"] * again


def _standing(wire: Wire, gate: Path) -> str:
    """Start a function that keeps checkpoints, and return its activity when it stands at the gate."""
    os.mkfifo(gate)
    parameter = f'<act:Parameter name="gate">{gate}</act:Parameter>'
    activity_id = wire.start(f"<act:Service>work.steps</act:Service>{parameter}")
    eventually(lambda: wire.document(activity_id).findtext("{*}Progress/{*}Message") == "3 of 6")
    return activity_id
