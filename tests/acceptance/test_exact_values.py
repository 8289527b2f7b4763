"""Values of all types go through a request, a server, a function's process and an answer, and are what they were."""

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.server import Fault, Server, running
from wsrf_activity.author.targets import Loaded, load
from wsrf_activity.types.signatures import write_arguments

NAMESPACE = "urn:test:echo"
ECHO = """
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID
from wsrf_activity.author import Facets, activity

class Colour(Enum):
    RED = 1

@dataclass
class Everything:
    text: str = " a\\r\\n\\tb <&>\\u20ac "
    whole: int = 2**100
    real: float = 5e-324
    yes: bool = True
    data: bytes = bytes(range(256))
    moment: datetime = datetime(2020, 2, 29, 23, 59, 59, 999999, timezone(timedelta(hours=-9, minutes=-30)))
    naive: datetime = datetime(1, 1, 1)
    day: date = date(9999, 12, 31)
    clock: time = time(0, 0, 0, 1)
    span: timedelta = timedelta(days=-3, microseconds=5)
    number: Decimal = Decimal("0.10")
    id: UUID = UUID(int=2**127)
    path: Path = Path("a b/c")
    colour: Colour = Colour.RED
    letter: Literal["a", "b"] = "b"
    texts: list[str] = field(default_factory=lambda: ["", " ", "x"])
    holes: list[int | None] = field(default_factory=lambda: [None, 1, None])
    maybe: float | None = None
    inner: "list[Everything]" = field(default_factory=list)

@activity(synchronous=True)
def echo(job, given: Everything) -> Everything:
    return given

@activity(synchronous=True)
def double(job, n: Annotated[int, Facets(min=1)], texts: list[str] = ()) -> list[str]:
    return list(texts) * n

@activity(synchronous=True)
def wrong(job) -> int:
    return "no number"
"""


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loaded]:
    """The service, as it is on the server, imported here."""
    path = tmp_path_factory.mktemp("echo") / "exact_echo.py"
    path.write_text(ECHO)
    yield load(str(path))
    sys.modules.pop("exact_echo")
    sys.path.remove(str(path.parent))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, echo: Loaded) -> Iterator[Server]:
    """A server with that service."""
    config = f'[services.echo]\npython = "{echo.target}"\nnamespace = "{NAMESPACE}"\n'
    with running(Server(tmp_path_factory.mktemp("exact") / "server", config=config)) as server:
        yield server
        assert "Traceback" not in server.log.read_text()


def called(server: Server, echo: Loaded, operation: str, **values: Any) -> Any:
    """Return what an operation returns at once."""
    signature = echo.declarations[operation].signature
    document = write_arguments(signature, values, NAMESPACE).decode()
    with server.client() as wire:
        answer = wire.call(document, url=f"{wire.base}/service/echo")
    element = answer.find(f"{{{NAMESPACE}}}{operation}Result")
    assert element is not None
    assert signature.result is not None
    return (
        signature.result.as_item().read(list(element))
        if signature.result.repeats
        else signature.result.kind.read(element)
    )


def test_everything_comes_back(server: Server, echo: Loaded) -> None:
    everything = sys.modules["exact_echo"].Everything
    given = everything(inner=[everything(inner=[everything(maybe=1.5)]), everything(text="", texts=[], holes=[5])])
    returned = called(server, echo, "echo", given=given)
    assert [returned.inner[1].texts, returned.inner[1].holes] == [everything().texts, [5]]  # nothing there: the default
    given.inner[1].texts = everything().texts
    assert returned == given
    assert str(returned.number) == "0.10"
    assert returned.moment.utcoffset() == given.moment.utcoffset()
    assert returned.naive.tzinfo is None


def test_lists_come_back(server: Server, echo: Loaded) -> None:
    assert called(server, echo, "double", n=2, texts=["", "b"]) == ["", "b", "", "b"]
    assert called(server, echo, "double", n=1) == []


def test_what_a_function_returns_wrongly_is_its_failure(server: Server) -> None:
    with server.client() as wire, pytest.raises(Fault, match="what wrong returned is not what it says: 'no number'"):
        wire.call(f'<wrong xmlns="{NAMESPACE}"/>', url=f"{wire.base}/service/echo")


def test_what_does_not_fit_is_refused_before_it_starts(server: Server) -> None:
    with server.client() as wire, pytest.raises(Fault, match="parameter n: '0' is not accepted; accepted: from 1"):
        wire.call(f'<double xmlns="{NAMESPACE}"><n>0</n></double>', url=f"{wire.base}/service/echo")
