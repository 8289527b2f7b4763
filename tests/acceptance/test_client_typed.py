"""Services with operations of their own in the Python client, blocking and with asyncio: values there and back."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

import pytest

from tests.server import TIMEOUT, Server, running
from tests.toolkits.running import SERVICES
from wsrf_activity.client import InvalidParameter, Service, UnknownService, WaitTimeout, WorkFailed, aio, connect

LARGE = """
[services.large]
shell = "head -c {bytes} /dev/zero | tr '\\\\0' x"
parameters.bytes.type = "integer"
[services.slow]
command = ["sleep", "600"]
"""


class Unit(Enum):
    """As the service has it."""

    FOOT = "foot"


@dataclass
class Point:
    """As the service has it."""

    label: str
    height: float
    seen: datetime | None = None


POINTS = [Point("hill", 12.5), Point("peak", 99.25, datetime(2026, 1, 1, 10, 30, tzinfo=UTC))]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with two services in Python, and commands."""
    with running(Server(tmp_path_factory.mktemp("typed") / "server", config=SERVICES + LARGE)) as server:
        yield server


@pytest.fixture
def service(server: Server) -> Iterator[Service]:
    with connect(server.base, token=server.token) as connected:
        yield connected


def test_an_operation_is_started_or_called(service: Service) -> None:
    words = service.service("words")
    assert list(words.operations()) == ["count"]
    assert words.call("count", text="to be or not to be") == 6
    activity = words.count(text="to be", request_id="once")
    assert activity.wait(TIMEOUT).phase == "Completed"
    assert activity.result().read() == b"2"
    assert words.start("count", {"text": "to be"}, request_id="once", name=None) == activity


def test_options_are_those_of_every_start(service: Service) -> None:
    activity = service.service("words").start("count", text="a", name="n", groups=["g"], run_id="r", input=b"data")
    found = activity.properties
    assert (found.name, found.groups, found.run_id, found.service) == ("n", ("g",), "r", "words.count")


def test_records_lists_and_times_there_and_back(service: Service) -> None:
    summary = service.service("survey").call("summarise", points=POINTS, unit=Unit.FOOT, tags=("a", "b"))
    assert (summary.unit, summary.labels) == ("foot", ["hill", "peak", "a", "b"])
    assert (summary.highest.label, summary.highest.height, summary.highest.seen) == ("peak", 99.25, POINTS[1].seen)
    assert summary.made == datetime(2026, 1, 31, 12, 30, tzinfo=UTC)


def test_what_goes_wrong(service: Service) -> None:
    survey = service.service("survey")
    with pytest.raises(InvalidParameter) as refused:
        survey.summarise(points=[{"label": "a", "height": 1}, {"label": "b", "height": "deep"}])
    assert (refused.value.parameter, refused.value.row, refused.value.column) == ("points", 2, "height")
    with pytest.raises(WorkFailed, match="nothing was measured") as failed:
        survey.call("summarise", points=[])
    assert (failed.value.phase, failed.value.code) == ("Failed", "ValueError")
    assert failed.value.originator is not None
    assert service.activity(failed.value.originator).phase == "Failed"
    with pytest.raises(UnknownService, match="no operation 'sum'; there: summarise"):
        survey.start("sum")
    with pytest.raises(UnknownService, match="no service 'none'"):
        service.service("none").start("run")


def test_what_is_too_large_for_an_answer_is_fetched(service: Service) -> None:
    value = service.service("large").call("large", bytes=(1 << 20) + 1)
    assert len(value) == (1 << 20) + 1


def test_what_takes_too_long_goes_on(service: Service) -> None:
    with pytest.raises(WaitTimeout):
        service.service("slow").call("slow", timeout=0.3)
    [activity] = service.list(service="slow")
    assert not activity.phase.ended
    activity.destroy()


async def test_the_same_with_asyncio(server: Server) -> None:
    async with aio.connect(server.base, token=server.token) as service:
        words = service.service("words")
        assert await words.call("count", text="a b") == 2
        activity = await words.count(text="a b c")
        assert (await activity.wait(TIMEOUT)).phase == "Completed"
