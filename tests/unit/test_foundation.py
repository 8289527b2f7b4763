"""The ground under the other tests holds: databases are real and empty, and no connection leaves this machine."""

import os
import socket

import pytest
import sqlalchemy


@pytest.mark.parametrize("_again", [1, 2])
def test_each_test_has_an_empty_database_of_its_own(database_url: str, _again: int) -> None:
    engine = sqlalchemy.create_engine(database_url)
    try:
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text("CREATE TABLE once (n INTEGER)"))
        assert sqlalchemy.inspect(engine).get_table_names() == ["once"]
    finally:
        engine.dispose()


def test_a_connection_to_elsewhere_fails() -> None:
    # An address for documentation (RFC 5737), which nobody has.
    with socket.socket() as client, pytest.raises(AssertionError, match="tests stay on this machine"):
        client.connect(("192.0.2.1", 9))


def test_no_setting_of_ours_comes_in_from_outside() -> None:
    assert [name for name in os.environ if name.startswith("WSRF_ACTIVITY_")] == []
