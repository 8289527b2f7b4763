"""Spyne answers SOAP calls on this Python and without what later ones lack, and says nothing on stderr."""

import subprocess
import sys
from pathlib import Path

import pytest

_PROGRAM = Path(__file__).with_name("spyne_call.py")
_ROOT = _PROGRAM.parents[2]


def _run(cache: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own, since each imports Spyne once; `cache` is empty, so it is compiled too."""
    environment = {"PYTHONPATH": str(_ROOT), "PYTHONPYCACHEPREFIX": str(cache)}
    command = [sys.executable, "-W", "error", str(_PROGRAM), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environment)


@pytest.mark.parametrize("options", [(), ("--as-later",)], ids=["this-python", "as-later-pythons"])
def test_soap_calls_are_answered_and_nothing_is_warned_of(options: tuple[str, ...], tmp_path: Path) -> None:
    run = _run(tmp_path, *options)
    assert (run.returncode, run.stdout, run.stderr) == (0, "42 42\n", "")


def test_without_the_shim_later_pythons_cannot_import_spyne(tmp_path: Path) -> None:
    run = _run(tmp_path, "--as-later", "--no-shim")
    assert run.returncode != 0
    assert "No module named 'spyne.util.six.moves'" in run.stderr
