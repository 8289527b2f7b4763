"""What comes before every statement: URLs that are known here, and what is said when a database fails."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from wsrf_activity.model.errors import Unavailable

log = logging.getLogger(__name__)
ACCEPTED = "accepted: sqlite:///FILE or postgresql://USER@HOST/NAME"
_CONNECT_TIMEOUT = 10  #: seconds; without a limit a host that is silent would hold a thread for minutes


def parse_url(url: str) -> URL:
    """Return what is to be connected to; raises Unavailable where that is no database for us.

    No part of ``url`` is repeated in an error, since it may hold a password.
    """
    try:
        parsed = make_url(url)
    except (SQLAlchemyError, ValueError):
        raise Unavailable(f"the database has no URL that can be read; {ACCEPTED}") from None
    if parsed.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg")  # the driver that comes with us, not SQLAlchemy's usual one
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise Unavailable(f"a database of the kind {parsed.drivername!r} is not known here; {ACCEPTED}")
    if parsed.database in (None, "", ":memory:"):
        raise Unavailable(f"a database in memory would forget what was accepted; {ACCEPTED}")
    return parsed


def patience(url: URL) -> dict[str, int]:
    """Return how long a connection to a server database may take to come about, where the URL does not say."""
    return {} if "connect_timeout" in url.query else {"connect_timeout": _CONNECT_TIMEOUT}


@contextmanager
def unavailable(opening: bool = False) -> Iterator[None]:
    """Say that the database failed: to the operator who opens it why, to a caller nothing of the inside."""
    try:
        yield
    except SQLAlchemyError as error:
        first = _first(error)
        cause = getattr(first, "orig", None) or first
        first_line = (str(cause).strip().splitlines() or [type(cause).__name__])[0]
        if opening:
            raise Unavailable(f"the database does not answer: {first_line}") from error
        log.error("the database does not answer: %s", first_line)
        raise Unavailable("the database does not answer; the server's log says why") from error


def _first(error: SQLAlchemyError) -> SQLAlchemyError:
    """Return what began it: a full disk, and not that the savepoint which it has cost cannot be rolled back to."""
    context = error.__context__
    while context is not None:
        if isinstance(context, SQLAlchemyError):
            error = context
        context = context.__context__
    return error
