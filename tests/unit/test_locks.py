"""Who has a data folder or a database for itself."""

import os
from pathlib import Path

import pytest

from wsrf_activity.store.locks import Taken, database_lock, held, is_held


def test_one_at_a_time_and_free_again(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    assert not is_held(lock)
    for _ in range(2):
        with held(lock, "taken"):
            assert is_held(lock)
            with pytest.raises(Taken, match="taken"), held(lock, "taken"):
                pass
        assert not is_held(lock)


def test_a_database_is_one_whatever_leads_to_it(tmp_path: Path) -> None:
    (tmp_path / "other").symlink_to(tmp_path)
    wanted = tmp_path / "a.db.lock"
    assert database_lock(f"sqlite:///{tmp_path / 'a.db'}") == wanted
    assert database_lock(f"sqlite+pysqlite:///{tmp_path / 'other' / 'a.db'}") == wanted
    assert database_lock(f"sqlite:///{os.path.relpath(tmp_path / 'a.db')}") == wanted
    for url in ("sqlite://", "sqlite:///:memory:", "postgresql://ada@localhost/a", "nonsense"):
        assert database_lock(url) is None
