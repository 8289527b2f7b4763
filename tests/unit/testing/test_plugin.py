"""The plugin as pytest finds it where this package is installed: at no cost for tests that do not use it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SETTINGS = "[pytest]\nfilterwarnings = error\nasyncio_default_fixture_loop_scope = function\n"
CHOSEN = "nothing_of_it or test_count or request_id or many_on_one"
UNUSED = """
import sys

def test_nothing_of_it_is_here():
    loaded = {name.partition(".")[0] for name in sys.modules}
    assert "wsrf_activity.testing.plugin" in sys.modules
    assert not loaded & {"lxml", "spyne", "sqlalchemy", "hypothesis", "zeep", "starlette"}
    assert [name for name in sys.modules if name.startswith("wsrf_activity")] == [
        "wsrf_activity", "wsrf_activity.testing", "wsrf_activity.testing.plugin"
    ]
"""
USED = """
from wsrf_activity.author import activity
from wsrf_activity.testing import EngineContract, StoreContract

@activity
def count(job, text: str) -> int:
    job.warn("careful")
    return len(text.split())

def test_count(activities):
    started = activities(count).start("count", text="a b")
    assert started.wait().value == 2

async def nothing():
    pass

class TestMemory(StoreContract):
    several = concurrent = lasting = False

    @__import__("pytest").fixture
    def store_url(self):
        return "memory://"
"""


@pytest.mark.parametrize(("content", "said"), [(UNUSED, "1 passed"), (USED, "3 passed")])
def test_it_is_found_by_its_entry_point_and_warns_of_nothing(tmp_path: Path, content: str, said: str) -> None:
    installed = tmp_path / "site" / "as_if_installed-1.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: as-if-installed\nVersion: 1\n")
    plugin = "wsrf_activity.testing.plugin"
    (installed / "entry_points.txt").write_text(f"[pytest11]\n{plugin} = {plugin}\n")
    tests = tmp_path / "tests"
    tests.mkdir()
    (tests / "test_it.py").write_text(content)
    (tests / "pytest.ini").write_text(
        "[pytest]\nfilterwarnings = error\nasyncio_default_fixture_loop_scope = function\n"
    )
    path = os.pathsep.join([str(installed.parent), str(ROOT)])
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-k",
        "here or count or keeps or request_id",
        "-p",
        "no:cacheprovider",
        str(tests),
    ]
    environment = {**os.environ, "PYTHONPATH": path}
    ran = subprocess.run(command, env=environment, cwd=tests, capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert said in ran.stdout
    assert "warning" not in ran.stdout
