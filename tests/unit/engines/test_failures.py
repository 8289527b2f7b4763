"""Why work failed, as it says itself: no work can fool or flood who reads it."""

import json
import os
from pathlib import Path

import pytest

from wsrf_activity.engines import attempt, failures
from wsrf_activity.engines.attempt import Claim, Record
from wsrf_activity.engines.base import Failure


@pytest.fixture
def said(tmp_path: Path) -> Path:
    return tmp_path / "failure"


@pytest.mark.parametrize(
    ("content", "meaning"),
    [
        ({"code": "A", "message": "b", "trace": "c\n\td"}, Failure("A", "b", "c\n\td")),
        ({"message": "b"}, Failure("Error", "b")),
        ({"code": 3, "message": "a\x00\x1bb\nc", "trace": "\x00\ud800d\uffff"}, Failure("Error", "a  b c", "  d ")),
        ({"message": "b" * 5000, "code": "c" * 300}, Failure("c" * 200, "b" * 4000)),
        ({"code": "A", "message": " \n"}, None),
        ({"code": "A"}, None),
        (["A"], None),
        ("A", None),
    ],
    ids=range(8),
)
def test_what_is_said_means(tmp_path: Path, said: Path, content: object, meaning: Failure | None) -> None:
    said.write_text(json.dumps(content))
    assert failures.read(str(tmp_path)) == meaning


@pytest.mark.parametrize("content", [b"", b"\xff", b"{", b"[" * 100_000, b'{"message": "b"}' + b" " * (1 << 18)])
def test_what_says_nothing(tmp_path: Path, said: Path, content: bytes) -> None:
    said.write_bytes(content)
    assert failures.read(str(tmp_path)) is None


def test_what_is_no_file_says_nothing(tmp_path: Path, said: Path) -> None:
    assert failures.read(str(tmp_path)) is None
    os.mkfifo(said)
    assert failures.read(str(tmp_path)) is None
    said.unlink()
    (tmp_path / "other").write_text('{"message": "b"}')
    said.symlink_to("other")
    assert failures.read(str(tmp_path)) is None


@pytest.mark.parametrize("text", ["line\n" * 9999 + "end", "\u00e9" * 20_000 + "end", "\x01\ud800" * 9999 + "end"])
def test_of_a_long_trace_the_end_is_kept(tmp_path: Path, said: Path, text: str) -> None:
    failures.write(str(said), Failure("A", "b", text))
    found = failures.read(str(tmp_path))
    assert found is not None
    assert found.trace is not None
    assert found.trace.endswith("end")
    assert 16_000 < len(found.trace.encode()) <= failures.TRACE


def test_there_is_room_for_it_on_a_disk_that_fills_up(tmp_path: Path) -> None:
    failures.make_room(str(tmp_path))
    record = Record(str(tmp_path), 4096 + attempt.FAILURE_ROOM)
    assert record.claim(Claim(1, 2, "boot", None))
    before = (tmp_path / attempt.SUPERVISOR).stat().st_blocks
    failures.make_room(str(tmp_path))
    freed = before - (tmp_path / attempt.SUPERVISOR).stat().st_blocks
    assert freed * 512 >= 2 * failures.TRACE
    assert attempt.read_claim(str(tmp_path)) == Claim(1, 2, "boot", None)
    record.report(b"{}")
    assert attempt.read_report(str(tmp_path)) == b"{}"
    failures.write(str(tmp_path / "failure"), Failure("OSError", "full", None))
    assert failures.read(str(tmp_path)) == Failure("OSError", "full", None)
