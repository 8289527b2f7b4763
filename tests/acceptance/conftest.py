"""Servers for the tests of the whole: one for all that leave it as it was, one of its own for a test that kills it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests import databases
from tests.acceptance.commands import Gate
from tests.acceptance.probing import peak
from tests.server import Server, Wire, running
from wsrf_activity.model import ns

CONFIG = """
[limits]
parallel = 8
wait = "PT20S"
grace = "PT1S"

[principals.alice]
token = "alice-0123456789abcdef"
commands = true

[principals.bob]
token = "bob-0123456789abcdef"

[services.count]
command = ["wc", "-{what}"]
media_type = "text/plain"
[services.count.parameters.what]
choices = ["c", "l", "w"]
default = "l"

[services.greet]
shell = "echo {greeting}, {name} > out.txt; echo {times}"
work_limit = "PT1H"
[services.greet.parameters.name]
max = 40
[services.greet.parameters.greeting]
default = "Hello"
[services.greet.parameters.times]
type = "integer"
min = 1
max = 9
default = 1
[services.greet.results.text]
path = "out.txt"
media_type = "text/plain; charset=utf-8"

[services.typed]
command = ["printf", "%s|", "{text}", "{number}", "{flag}", "{whole}", "{optional}"]
[services.typed.parameters.text]
min = 2
pattern = "[a-z ]+"
[services.typed.parameters.number]
type = "number"
min = -1.5
max = 2.5
[services.typed.parameters.flag]
type = "boolean"
default = true
[services.typed.parameters.whole]
type = "integer"
default = 7
[services.typed.parameters.optional]
required = false

[services.flaky]
shell = "echo attempt $ACTIVITY_ATTEMPT >&2; test $ACTIVITY_ATTEMPT -ge {needed}"
retries = 2
[services.flaky.parameters.needed]
type = "integer"

[services.again]
shell = "echo attempt $ACTIVITY_ATTEMPT; . {script}; echo over"
restart = "rerun"
[services.again.parameters.script]

[services.several]
shell = "test {code} != 1 && echo {code}"
each = "code"
media_type = "text/plain"
[services.several.parameters.code]
type = "integer"

[services.file]
shell = "cat input; cat $ACTIVITY_INPUT; cat"
input = "file"
"""

MOST_MEMORY = 450_000_000  #: bytes that no message may drive a server above
ALICE, BOB = "alice-0123456789abcdef", "bob-0123456789abcdef"


#: Either database and either version of SOAP, once: neither knows of the other. Without PostgreSQL, SQLite for both.
SERVERS = [("sqlite", ns.S11), ("postgresql", ns.S12)]
if not databases.available():
    SERVERS.insert(1, ("sqlite", ns.S12))
NAMES = [f"{kind}-{'soap11' if version == ns.S11 else 'soap12'}" for kind, version in SERVERS]


@pytest.fixture(scope="module", params=SERVERS, ids=NAMES)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that a module's tests share, on either database."""
    data = tmp_path_factory.mktemp("data") / "server"
    kind, version = request.param
    with ExitStack() as stack:
        database = None
        if kind == "postgresql":
            cluster: databases.Cluster = request.getfixturevalue("postgresql")
            database = stack.enter_context(cluster.database())
        yield stack.enter_context(running(Server(data, database, CONFIG, version=version)))


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for what concerns no database. At the end it has had nothing to complain of, and has not grown."""
    with running(Server(tmp_path_factory.mktemp("data") / "server", None, CONFIG)) as server:
        yield server
        assert "Traceback" not in server.log.read_text()
        assert peak(server) < MOST_MEMORY


@pytest.fixture
def anybody(alone: Server) -> Iterator[Wire]:
    """A client without a token."""
    with alone.client(token="") as client:
        yield client


@pytest.fixture
def holder(alone: Server) -> Iterator[Wire]:
    """A client with the token of the data folder."""
    with alone.client() as client:
        yield client


@pytest.fixture
def wire(server: Server) -> Iterator[Wire]:
    """A client of the shared server, in the version of SOAP that goes with it."""
    with server.client(server.version) as client:
        yield client


@pytest.fixture
def own_server(tmp_path: Path, database_url: str) -> Iterator[Callable[..., Server]]:
    """Makes servers of the test's own, on either database: to be killed, or set up otherwise."""
    with ExitStack() as stack:

        def make(config: str = CONFIG, **settings: object) -> Server:
            database = None if database_url.startswith("sqlite") else database_url
            server = Server(tmp_path / "server", database, config, **settings)  # type: ignore[arg-type]  # as they come
            return stack.enter_context(running(server))

        yield make


@pytest.fixture
def gates(tmp_path: Path) -> Callable[[], Gate]:
    """Makes gates, each of which holds up the work that comes to it."""
    made: list[Gate] = []

    def make() -> Gate:
        made.append(Gate(tmp_path / f"gate{len(made)}"))
        return made[-1]

    return make


@pytest.fixture
def bob(server: Server, wire: Wire) -> Iterator[Wire]:
    """A client of another principal, who may not run command lines."""
    with server.client(wire.version, BOB) as client:
        yield client
