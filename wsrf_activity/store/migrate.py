"""The tables' form: brought up to this version by Alembic, refused where it is of a later one."""

from pathlib import Path
from typing import NamedTuple

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from wsrf_activity.model.errors import Unavailable

_SCRIPTS = Path(__file__).parent / "migrations"
_TURN = 0x77737266  #: the number of our lock in PostgreSQL; SQLite's transactions take turns by themselves


def configuration(connection: Connection) -> Config:
    """Return what Alembic needs to work on ``connection``."""
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["connection"] = connection
    return config


class Form(NamedTuple):
    """Which form the tables have, and which this program wants; None is no tables at all."""

    current: str | None
    wanted: str
    known: bool  #: False of a form that a later program has made


def form(connection: Connection) -> Form:
    """Return the form of the tables."""
    scripts = ScriptDirectory.from_config(configuration(connection))
    current = MigrationContext.configure(connection).get_current_revision()
    known = current is None or current in {script.revision for script in scripts.walk_revisions()}
    return Form(current, scripts.get_current_head() or "", known)


def migrate(engine: Engine) -> None:
    """Bring the tables to this version's form; raises Unavailable where a later version has been here.

    Servers that start at once on a new database take turns: whoever comes second finds the tables made. Where it fails
    the engine has no connections left.
    """
    try:
        _upgrade(engine)
    except BaseException:
        engine.dispose()
        raise


def _upgrade(engine: Engine) -> None:
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_TURN})")
        found = form(connection)
        if found.current == found.wanted:
            return
        if not found.known:
            raise Unavailable(
                f"the database is of a newer version (schema {found.current}) than this program knows; "
                "start it with the version that wrote it, or a later one"
            )
        command.upgrade(configuration(connection), "head")
