"""Kills on each database, TORTURE_KILLS of them, with a seed that is always the same and with one that never is."""

import os
import random
import shutil
from pathlib import Path

import pytest

from tests import databases
from tests.torture.driver import torture
from tests.torture.options import Options, Store

KILLS = int(os.environ.get("TORTURE_KILLS", "0"))
pytestmark = pytest.mark.skipif(KILLS == 0, reason="takes minutes: runs where TORTURE_KILLS=30, say, as in .ci/nightly")


@pytest.mark.parametrize("seed", [20_061, None])
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_nothing_is_forgotten(database: Store, seed: int | None, tmp_path: Path) -> None:
    if database == "postgresql" and not databases.available():
        pytest.skip("this machine has no PostgreSQL server programs")
    options = Options(KILLS, random.randrange(1 << 32) if seed is None else seed, database, keep=tmp_path)
    print(options.command())
    figures = torture(options)
    print(figures)
    assert not figures.violations, str(figures)
    shutil.rmtree(tmp_path)
