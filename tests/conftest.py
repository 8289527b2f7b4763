"""What every test stands on: a clean environment, no network but loopback, and the databases that exist."""

import ipaddress
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import databases

_LONGEST_ID = 500  #: characters of a value that names a test


@pytest.fixture(scope="session", autouse=True)
def clean_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing of the person who runs the tests is read by them or by what they start, and nothing of theirs written."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("WSRF_ACTIVITY_", "XDG_")) or name.lower().endswith("_proxy"):
                patch.delenv(name)
        patch.setenv("HOME", str(home))
        yield


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name what is long by its size: older versions of pytest write all of it, which takes minutes for megabytes.

    What is made by chance, which is long as well, has the same name in each worker of pytest-xdist then.
    """
    return f"{argname} of {len(val)}" if isinstance(val, str | bytes) and len(val) > _LONGEST_ID else None


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Who runs in the background of a script inherits that SIGINT is ignored, and so would all that tests interrupt."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that would leave this machine fails, so that no test depends on the network or disturbs anyone."""
    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, _guarded(name, getattr(socket.socket, name)))


def _guarded(name: str, real: Any) -> Any:
    def guarded(self: socket.socket, address: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(address[0]):
            raise AssertionError(f"{name} to {address!r}: tests stay on this machine")
        return real(self, address)

    return guarded


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"


@pytest.fixture(scope="session")
def official_schemas() -> Path:
    """The folder of the standards' own WSDL and XSD files, which are not ours to ship: OFFICIAL_SCHEMAS says where."""
    folder = os.environ.get("OFFICIAL_SCHEMAS")
    if not folder:
        pytest.skip("OFFICIAL_SCHEMAS does not name the folder of the standards' files")
    return Path(folder)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[databases.Cluster]:
    """A real PostgreSQL; each worker of pytest-xdist starts its own."""
    try:
        with databases.cluster() as running:
            yield running
    except databases.NoPostgreSQL as reason:
        if os.environ.get("CI") == "true":
            pytest.fail(str(reason))
        pytest.skip(str(reason))


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL, as SQLAlchemy wants it, of an empty database; each test that asks for one runs on either kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'activities.sqlite'}"
        return
    cluster: databases.Cluster = request.getfixturevalue("postgresql")
    with cluster.database() as url:
        yield url
