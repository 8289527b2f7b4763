"""Where activities are kept: SQLite, PostgreSQL, or a store of others, behind a handful of named statements."""

from wsrf_activity.store.base import Database, Families, Horizon, Records, Servers, Subscriptions, Transaction
from wsrf_activity.store.opening import open_database, prepare_database

__all__ = [
    "Database",
    "Families",
    "Horizon",
    "Records",
    "Servers",
    "Subscriptions",
    "Transaction",
    "open_database",
    "prepare_database",
]
