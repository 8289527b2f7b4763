"""Where activities are kept: one SQL database, SQLite or PostgreSQL, behind a handful of named statements."""

from wsrf_activity.store.database import Database, open_database, prepare_database
from wsrf_activity.store.records import Records

__all__ = ["Database", "Records", "open_database", "prepare_database"]
