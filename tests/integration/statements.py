"""The statements behind a transaction of ours, for tests that look past what stores promise."""

from sqlalchemy import Connection

from wsrf_activity import store
from wsrf_activity.store.records import Records


def statements(records: store.Records) -> Records:
    """Return what a transaction on a database of ours gets, as what it is."""
    assert isinstance(records, Records)
    return records


def connection(records: store.Records) -> Connection:
    """Return the connection that a transaction runs on."""
    return statements(records)._connection
