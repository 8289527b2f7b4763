"""Where files lie, and that they go whatever the work has made of them."""

import os
import signal
import sys
from pathlib import Path

import pytest

from wsrf_activity.manager import sweep, sweeping
from wsrf_activity.manager.folders import Folders


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path / "data")


def test_they_are_for_the_server_alone(folders: Folders) -> None:
    for name in ("activities", "uploads", "staging"):
        assert (folders.root / name).stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("as_file", [False, True])
def test_an_input_is_staged_until_it_is_accepted(folders: Folders, as_file: bool) -> None:
    source = folders.upload("u")
    source.write_bytes(b"data")
    folders.stage("abc", source if as_file else b"data")
    assert folders.input("abc").read_bytes() == b"data"
    assert folders.staged() == ["abc"]
    folders.accepted("abc")
    assert folders.staged() == []
    assert folders.input("abc").exists()
    folders.discard("abc")
    assert not folders.activity("abc").exists()
    assert source.read_bytes() == b"data"


def test_a_copy_is_made_where_no_link_can_be(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: object, target: object) -> None:
        raise OSError(18, "cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    folders.upload("u").write_bytes(b"data")
    folders.stage("abc", folders.upload("u"))
    assert folders.input("abc").read_bytes() == b"data"


def test_removal_goes_on_past_what_is_odd(folders: Folders, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_bytes(b"")
    work = folders.attempt("abc", 1)
    (work / "closed" / "deeper").mkdir(parents=True)
    (work / "closed" / "deeper" / "file").write_bytes(b"")
    (work / "link").symlink_to(outside)
    (work / "dangling").symlink_to("nowhere")
    os.mkfifo(work / "pipe")
    (work / "closed").chmod(0)
    paths = ["activities/no/nothing", folders.relative("abc"), "uploads/nothing"]
    assert folders.remove(paths) == paths
    assert not folders.activity("abc").exists()
    assert (outside / "kept").exists()


def test_a_link_in_the_place_of_a_folder_is_not_followed(folders: Folders, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    folders.activity("abc").parent.mkdir()
    folders.activity("abc").symlink_to(outside)
    folders.remove([folders.relative("abc")])
    assert outside.exists()
    assert not folders.activity("abc").is_symlink()


def test_many_go_in_a_process_which_can_be_killed(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill() -> list[str]:
        for number in range(40):
            work = folders.attempt(f"abc{number}", 1)
            work.mkdir(parents=True)
            (work / "stdout").write_bytes(b"data")
            work.chmod(0)
        return [folders.relative(f"abc{number}") for number in range(40)]

    here: list[str] = []
    remove = sweep.remove

    def note(path: str) -> None:
        here.append(path)
        remove(path)

    monkeypatch.setattr(sweep, "remove", note)
    paths = fill()
    assert folders.remove(paths) == paths
    assert here == []
    process = folders._sweeper._process
    assert process is not None
    fill()
    process.kill()
    process.wait()
    assert folders.remove(paths) == paths
    assert len(here) == 40
    assert folders.remove(fill()) == paths
    assert len(here) == 40
    assert list(folders.every()) == []
    again = folders._sweeper._process
    assert again is not None
    folders.rest()
    folders.rest()
    assert again.returncode == 0


def test_a_process_that_is_stopped_is_replaced(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "PATIENCE", 0.3)
    monkeypatch.setattr(sweeping, "_LEAVING", 0.2)
    long = [f"uploads/{number:0200}" for number in range(2000)]  # more than a pipe or a socket takes
    assert folders.remove(long) == long
    for paths in (long, long[:40]):
        process = folders._sweeper._process
        assert process is not None
        process.send_signal(signal.SIGSTOP)
        folders.upload(paths[0][8:]).touch()
        assert folders.remove(paths) == paths
        assert process.returncode == -signal.SIGKILL
        assert folders.uploads() == []
    process = folders._sweeper._process
    assert process is not None
    process.send_signal(signal.SIGSTOP)
    folders.rest()
    assert process.returncode == -signal.SIGKILL


def test_a_process_may_take_its_time(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "PATIENCE", 0.3)
    busy = "import sys, time\nsys.stdin.readline()\nwhile time.process_time() < 1: pass\nprint('{}')"
    monkeypatch.setattr(sweeping, "_PROGRAM", (sys.executable, "-c", busy))
    assert folders.remove(["uploads/nothing"] * 40) == ["uploads/nothing"] * 40
    folders.rest()


def test_what_no_process_removes_is_left_for_later(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the file system hangs the server is not to hang as well."""
    monkeypatch.setattr(sweeping, "PATIENCE", 0.3)
    silent = (sys.executable, "-c", "import time; time.sleep(3600)")
    with monkeypatch.context() as patch:
        patch.setattr(sweeping, "_PROGRAM", silent)
        assert folders.remove(["uploads/nothing"] * 40) == []
    assert folders.remove(["uploads/nothing"] * 40) == ["uploads/nothing"] * 40
    folders.rest()


def test_what_the_process_cannot_remove_is_left(folders: Folders) -> None:
    paths = [folders.relative(f"abc{number}") for number in range(40)]
    folders.activity("abc0").mkdir(parents=True)
    too_long = "uploads/" + "x" * 300
    assert folders.remove([too_long, *paths]) == paths
    assert not folders.activity("abc0").exists()
    folders.rest()


def test_folders_may_lie_deeper_than_calls_may(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folders.activity("ab1")
    folder.mkdir(parents=True)
    with monkeypatch.context() as patch:
        patch.chdir(folder)
        for _ in range(400):
            os.mkdir("a-long-name")
            with open("file", "wb"):
                os.chdir("a-long-name")
    usual = sys.getrecursionlimit()
    sys.setrecursionlimit(300)
    try:
        gone = folders.remove([folders.relative("ab1")])
    finally:
        sys.setrecursionlimit(usual)
    assert gone == [folders.relative("ab1")]
    assert not folder.exists()
