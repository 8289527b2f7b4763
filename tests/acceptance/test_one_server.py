"""SQLite has one server at a time, whichever way a second one comes to it; programs that read are welcome."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.conftest import CONFIG
from tests.server import Server, running

PYTHON = [sys.executable, "-m", "wsrf_activity"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server on SQLite."""
    with running(Server(tmp_path / "server", None, CONFIG)) as server:
        yield server


def test_a_second_server_on_the_same_database_is_refused(server: Server, tmp_path: Path) -> None:
    """By the data folder, by the database's own path, by a link to it: with what to do about it."""
    (tmp_path / "link.db").symlink_to(server.data / "activities.db")
    (tmp_path / "link").symlink_to(server.data)
    others = {
        ("--data", str(server.data)): "name another --data",
        ("--data", str(tmp_path / "link")): "name another --data",
        ("--data", str(tmp_path / "b"), "--database", f"sqlite:///{server.data / 'activities.db'}"): "PostgreSQL",
        ("--data", str(tmp_path / "c"), "--database", f"sqlite:///{tmp_path / 'link.db'}"): "PostgreSQL",
    }
    for options, advice in others.items():
        command = [*PYTHON, "serve", "--port", "0", *options]
        refused = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert "another server runs on" in refused.stderr
        assert advice in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
    with server.client() as wire:
        assert wire.ended(wire.create("true")) == "Completed"
    assert json.loads((server.data / "server.json").read_text())["pid"] == server.process.pid  # type: ignore[union-attr]  # it runs


def test_who_reads_beside_the_server_is_in_nobodys_way(server: Server) -> None:
    """A reader that keeps a transaction open, and the list that a person asks for, while work comes and goes."""
    with sqlite3.connect(server.data / "activities.db", isolation_level=None) as reader, server.client() as wire:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM activity").fetchone() == (0,)
        made = [wire.create("true") for _ in range(5)]
        assert {wire.ended(activity_id) for activity_id in made} == {"Completed"}
        command = [*PYTHON, "list", "--json", "--data", str(server.data)]
        listed = json.loads(subprocess.run(command, capture_output=True, timeout=60, check=True).stdout)
        assert {row["id"] for row in listed} == set(made)
        assert reader.execute("SELECT count(*) FROM activity").fetchone() == (0,)
        reader.execute("COMMIT")
        assert reader.execute("SELECT count(*) FROM activity").fetchone() == (5,)
    reader.close()
