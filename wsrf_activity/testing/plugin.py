"""What pytest loads where this package is installed. It imports nothing of ours before a test asks for a fixture."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from wsrf_activity.testing.activities import Services
    from wsrf_activity.testing.background import Background
    from wsrf_activity.testing.http import Servers

# Their assertions say what they compared, as those of a test's own file do.
pytest.register_assert_rewrite("wsrf_activity.testing.engines", "wsrf_activity.testing.stores")


@pytest.fixture(scope="session")
def _background_of_activities() -> "Iterator[Background]":
    from wsrf_activity.testing.background import Background

    background = Background()
    yield background
    background.close()


@pytest.fixture
def activities(_background_of_activities: "Background", tmp_path: Path) -> "Iterator[Services]":
    """Run an author's service in this process: ``activities(words).start("count", text="a b").wait().value``."""
    from wsrf_activity.testing.activities import Services

    services = Services(_background_of_activities, tmp_path)
    yield services
    services.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Servers]":
    """Serve an author's service over HTTP, in processes as ever: ``zeep.Client(served(words).wsdl)``."""
    from wsrf_activity.testing.http import Servers

    servers = Servers(tmp_path_factory.mktemp("served"))
    yield servers
    servers.close()
