"""Some kills on each database with a seed that is always the same; TORTURE_KILLS=30, as .ci/nightly has it, takes more
of them, and another seed each time as well.
"""

import os
import random
import shutil
from pathlib import Path

import pytest

from tests import databases
from tests.torture.driver import torture
from tests.torture.options import Options, Store

MORE = os.environ.get("TORTURE_KILLS")
KILLS = int(MORE or "8")


@pytest.mark.parametrize("seed", [20_061, None] if MORE else [20_061])
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
