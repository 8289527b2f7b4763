"""Which store a URL names, by its scheme: ours, and those of others by entry points of what is installed."""

import re
from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points

from sqlalchemy.engine import URL

from wsrf_activity.model.errors import Unavailable
from wsrf_activity.store.base import Database
from wsrf_activity.store.connecting import parse_url, unavailable
from wsrf_activity.store.database import Sqlite
from wsrf_activity.store.memory import Memory
from wsrf_activity.store.pooled import Pooled, prepare

GROUP = "wsrf_activity.stores"  #: of entry points, named as the scheme of URLs; each is an ``Opener``

#: Connects, brings what is stored to its version's form, and returns the store; raises Unavailable where it cannot. It
#: gets the whole URL, of which it repeats no password in an error. It is called once in each process that serves.
Opener = Callable[[str], Database]

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9.-]*)(?:\+[A-Za-z0-9_.-]+)?:")
_OURS = ("sqlite", "postgresql", "postgres")
MEMORY = "memory://"  #: a new empty store in memory, each time that it is opened


def open_database(url: str) -> Database:
    """Connect, bring what is stored to this version's form and return the database.

    Raises Unavailable where it cannot be reached, is of a newer version than this program, or is of no known kind.
    """
    if url == MEMORY:
        return Memory()
    opener = _other(url)
    if opener is not None:
        return opener(url)
    parsed = _ours(url)
    with unavailable(opening=True):
        return Sqlite(parsed) if parsed.get_backend_name() == "sqlite" else Pooled(parsed)


def prepare_database(url: str) -> None:
    """Bring a database to this version's form, for several servers that open it then; one of others does so itself.

    Raises Unavailable as ``open_database`` does.
    """
    if _other(url) is None:
        parsed = _ours(url)
        with unavailable(opening=True):
            prepare(parsed)


def _ours(url: str) -> URL:
    try:
        return parse_url(url)
    except Unavailable as error:
        others = ", ".join(f"{name}://" for name in sorted(_others()))
        raise Unavailable(f"{error}, or what is installed: {others}" if others else str(error)) from None


def _other(url: str) -> Opener | None:
    scheme = _SCHEME.match(url)
    if scheme is None or scheme.group(1).lower() in _OURS:
        return None
    found = _others().get(scheme.group(1).lower())
    if found is None:
        return None
    try:
        opener: Opener = found.load()
    except Exception as error:  # whatever a package of others does when it is imported
        raise Unavailable(f"the store {found.value} cannot be loaded: {type(error).__name__}: {error}") from error
    return opener


def _others() -> Mapping[str, EntryPoint]:
    return {found.name: found for found in entry_points(group=GROUP)}
