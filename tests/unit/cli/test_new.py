"""What `wsrf-activity new` takes for a name, and where it writes."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from wsrf_activity.cli.main import app

RUN = CliRunner()


@pytest.mark.parametrize("name", ["Poems", "1st", "../up", "class", "json", "tests", "a-b", "", "a" * 41])
def test_what_cannot_be_a_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ended = RUN.invoke(app, ["new", name])
    assert ended.exit_code == 2
    assert "accepted: small letters" in ended.output
    assert list(tmp_path.iterdir()) == []


def test_it_is_made_elsewhere(tmp_path: Path) -> None:
    ended = RUN.invoke(app, ["new", "poems", "--in", str(tmp_path)])
    assert ended.exit_code == 0, ended.output
    assert (tmp_path / "poems" / "poems.py").is_file()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    ended = RUN.invoke(app, ["new", "poems", "--in", str(tmp_path / "gone")])
    assert (ended.exit_code, "cannot be made" in ended.output) == (2, True)


def test_a_folder_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "poems").mkdir()
    ended = RUN.invoke(app, ["new", "poems", "--in", str(tmp_path)])
    assert (ended.exit_code, "exists already" in ended.output) == (2, True)
    assert list((tmp_path / "poems").iterdir()) == []
