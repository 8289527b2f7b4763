"""What the zygote of functions does before it forks."""

import os
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from wsrf_activity.author import preload, run


@pytest.fixture
def performed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The requests that functions were called with meanwhile."""
    seen: list[bytes] = []
    perform = run.perform

    def note(*given: Any) -> None:
        perform(*given)
        seen.append(given[3])

    monkeypatch.setattr(run, "perform", note)
    return seen


def _state() -> object:
    known = {name for name in sys.modules if "rehears" in name}
    return list(sys.path), known, dict(os.environ), os.getcwd(), threading.active_count(), os.listdir("/proc/self/fd")


def test_a_rehearsal_calls_a_function_and_leaves_nothing(performed: list[bytes]) -> None:
    before = _state()
    preload.rehearse()
    preload.rehearse()
    assert _state() == before
    assert len(performed) == 2


def test_without_room_for_files_there_is_none(performed: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, text: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    before = _state()
    preload.rehearse()
    assert _state() == before
    assert performed == []
