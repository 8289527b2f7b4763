"""Kills on each database: 30 in CI; TORTURE_KILLS of them where that is set, and as many with a seed of their own."""

import os
import random
import shutil
from pathlib import Path

import pytest

from tests import databases
from tests.torture.driver import torture
from tests.torture.options import Options, Store

ASKED = os.environ.get("TORTURE_KILLS")
KILLS = int(ASKED or (30 if os.environ.get("CI") == "true" else 0))
pytestmark = pytest.mark.skipif(KILLS == 0, reason="takes minutes: runs in CI, and where TORTURE_KILLS=30, say")


@pytest.mark.parametrize("seed", [20_061, None] if ASKED else [20_061])
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_nothing_is_forgotten(database: Store, seed: int | None, tmp_path: Path) -> None:
    if database == "postgresql" and not databases.available():
        pytest.skip("this machine has no PostgreSQL server programs")
    seed = random.randrange(1 << 32) if seed is None else seed
    options = Options(KILLS, seed, database, keep=tmp_path, consumers=True)
    print(options.command())
    figures = torture(options)
    print(figures)
    assert not figures.violations, str(figures)
    shutil.rmtree(tmp_path)
