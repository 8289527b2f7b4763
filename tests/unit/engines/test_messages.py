"""The progress protocol: what a line says, and that no work can fool or flood who reads it."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from wsrf_activity.engines import messages
from wsrf_activity.engines.base import Estimated, Said, Spawned, Warned
from wsrf_activity.engines.messages import Messages, parse
from wsrf_activity.model.activity import Heard, Progress

All = list[Said]


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        (b"progress 42 aligning reads", Progress(42.0, "aligning reads")),
        (b"progress 42%", Progress(42.0)),
        (b"progress 42.5", Progress(42.5)),
        (b"  progress\t0   starting\r", Progress(0.0, "starting")),
        (b"progress 100%", Progress(100.0)),
        (b"progress aligning", Progress(None, "aligning")),
        (b"progress 100.1", None),
        (b"progress 4200", Progress(None, "4200")),
        (b"progress nan", Progress(None, "nan")),
        (b"progress", None),
        (b"progress - 3 of 7", Progress(None, "3 of 7")),
        (b"progress -", Progress(None, "-")),
        (b"estimate 2026-01-02T03:04:05Z", Estimated(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))),
        (b"estimate 2026-01-02T03:04:05+02:00", Estimated(datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC))),
        (b"estimate soon", None),
        (b"estimate", None),
        (b"spawn", Spawned()),
        (b"warn disk is nearly full", Warned("disk is nearly full")),
        (b"warn", None),
        (b"warn a\x00b\x1b[31m", Warned("ab[31m")),
        ("warn Größe \udcff".encode(errors="surrogateescape"), Warned("Größe \ufffd")),
        (b"warn \xef\xbf\xbf", None),
        (b"error all is lost", None),
        (b"PROGRESS 3", None),
        (b"", None),
    ],
)
def test_a_line_means(line: bytes, meaning: Said | None) -> None:
    assert parse(line) == meaning


@pytest.fixture
def said() -> All:
    return []


@pytest.fixture
def reader(tmp_path: Path, said: All) -> Messages:
    return Messages(tmp_path, said.append)


def _append(folder: Path, text: str) -> None:
    with (folder / "messages").open("a") as file:
        file.write(text)


def _heard(said: Said) -> Heard:
    assert isinstance(said, Warned)
    assert said.heard is not None
    return said.heard


def test_nothing_is_said_before_there_is_a_file(reader: Messages, said: All) -> None:
    assert not reader.read(last=True)
    assert said == []


def test_of_many_progresses_the_newest_is_told(reader: Messages, said: All, tmp_path: Path) -> None:
    _append(tmp_path, "progress 1\nwarn a\nprogress 2\nwarn b\nnonsense\n")
    reader.read()
    assert said == [Warned("a"), Warned("b"), Progress(2.0)]
    reader.read()
    assert len(said) == 3


def test_of_estimates_and_of_what_is_to_be_started_one_is_told(reader: Messages, said: All, tmp_path: Path) -> None:
    _append(tmp_path, "spawn\nestimate 2026-01-01T00:00:00Z\nspawn\nestimate 2027-01-01T00:00:00Z\nspawn\n")
    reader.read()
    assert said == [Spawned(), Estimated(datetime(2027, 1, 1, tzinfo=UTC))]


def test_what_is_to_be_started_is_told_even_if_nobody_could_read_it(
    reader: Messages, said: All, tmp_path: Path
) -> None:
    """A flood may swallow the word, as may a full disk: what lies in the folder counts."""
    (tmp_path / "spawned").mkdir()
    _append(tmp_path, "spawn\n" + "nonsense\n" * (messages.BACKLOG // 5))
    reader.read()
    assert said == [Spawned()]
    for _ in range(2):
        reader.read(last=True)
    assert said == [Spawned(), Spawned()]


def test_half_a_line_is_told_when_it_is_whole_or_the_last(reader: Messages, said: All, tmp_path: Path) -> None:
    _append(tmp_path, "progress 4")
    reader.read()
    assert said == []
    _append(tmp_path, "2\nprogress 50")
    reader.read()
    assert said == [Progress(42.0)]
    reader.read(last=True)
    assert said == [Progress(42.0), Progress(50.0)]


def test_a_warning_is_told_once_whoever_reads(reader: Messages, said: All, tmp_path: Path) -> None:
    _append(tmp_path, "warn a\nprogress 1\n")
    reader.read()
    _append(tmp_path, "warn b\n")
    [first, _] = said
    Messages(tmp_path, said.append, _heard(first)).read()
    assert said == [Warned("a"), Progress(1.0), Warned("b"), Progress(1.0)]


def test_a_file_that_is_written_anew_is_read_anew(reader: Messages, said: All, tmp_path: Path) -> None:
    for number, text in enumerate(["progress 10\n", "progress 20\n", "progress 3\n"]):
        (tmp_path / "messages").write_text(text)
        os.utime(tmp_path / "messages", ns=(number + 1, number + 1))
        reader.read()
    assert said == [Progress(10.0), Progress(20.0), Progress(3.0)]


@pytest.mark.parametrize("length", [messages.LINE + 1, messages.BATCH - 3, 3 * messages.BATCH])
def test_a_line_that_is_too_long_is_passed_over(reader: Messages, said: All, tmp_path: Path, length: int) -> None:
    _append(tmp_path, f"warn {'x' * length}\nprogress 7\n")
    while reader.read():
        pass
    assert said == [Progress(7.0)]


def test_of_a_flood_only_the_end_is_read(reader: Messages, said: All, tmp_path: Path) -> None:
    _append(tmp_path, "warn flood\n" * (messages.BACKLOG // 5) + "progress 99\n")
    reader.read()
    assert said[-1] == Progress(99.0)
    assert len(said) <= messages.WARNINGS + 1


def test_a_flood_of_progress_swallows_no_warning(reader: Messages, said: All, tmp_path: Path) -> None:
    """As much is left by work that goes on while no server runs; and work can say it faster than it is read."""
    flood = "progress 5 of warn nothing\n" * (messages.SKIM // 20)
    _append(tmp_path, f"warn a\n{flood}warn b\n{flood}warn c\nprogress 99\n")
    while reader.read():
        continue
    assert [each for each in said if isinstance(each, Warned)] == [Warned("a"), Warned("b"), Warned("c")]
    assert said[-1] == Progress(99.0)
    again: All = []
    rest = Messages(tmp_path, again.append, _heard(said[-2]))
    while rest.read():
        continue
    assert again == [Progress(99.0)]


def test_a_line_without_an_end_is_passed_over(reader: Messages, said: All, tmp_path: Path) -> None:
    _append(tmp_path, "warn " + "x" * (messages.SKIM + messages.BACKLOG))
    while reader.read():
        continue
    _append(tmp_path, "warn x\nwarn a\n")
    reader.read()
    assert said == [Warned("a")]


def test_so_many_warnings_are_told_and_no_more(reader: Messages, said: All, tmp_path: Path) -> None:
    _append(tmp_path, "warn x\n" * (messages.WARNINGS + 5))
    reader.read()
    again: All = []
    _append(tmp_path, "warn y\nprogress 1\n")
    Messages(tmp_path, again.append, _heard(said[-1])).read()
    assert len(said) == messages.WARNINGS
    assert again == [Progress(1.0)]


def test_what_is_no_file_is_left_alone(reader: Messages, said: All, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "messages")
    assert not reader.read()
    (tmp_path / "messages").unlink()
    (tmp_path / "secret").write_text("warn secret\n")
    (tmp_path / "messages").symlink_to("secret")
    assert not reader.read(last=True)
    assert said == []
