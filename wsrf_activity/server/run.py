"""A service's life: take the data folder, listen, see to the database, serve with one process or several, let go."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import uvloop

from wsrf_activity.model.addresses import Addresses
from wsrf_activity.model.errors import Unavailable
from wsrf_activity.model.tables import SettingsError
from wsrf_activity.server import place
from wsrf_activity.server.place import Site
from wsrf_activity.server.process import HttpServer, serve_here
from wsrf_activity.server.settings import Settings
from wsrf_activity.server.stopping import obeyed
from wsrf_activity.server.workers import Workers
from wsrf_activity.store import Database, open_database, prepare_database


@dataclass(frozen=True, slots=True)
class Started:
    """What a person needs to know of a server that has begun to serve."""

    base_url: str
    wsdl_url: str
    services: tuple[tuple[str, str], ...]  #: name and WSDL of each service
    data: Path
    token_file: Path | None  #: None without authentication
    database: str  #: its URL, without the password


def serve(settings: Settings, announce: Callable[[Started], None] = lambda started: None) -> None:
    """Serve until a signal says stop; work that runs goes on without us.

    ``announce`` is called when requests are answered. Raises SettingsError where the data folder, the port or the
    database cannot be had.
    """
    with contextlib.ExitStack() as stack:
        try:
            lock = place.take(settings, stack)
            listening = stack.enter_context(place.listen(settings))
            database = _database(settings)
            site = place.site(settings, listening)
        except (OSError, Unavailable) as error:
            raise SettingsError(str(error)) from None
        stack.callback(place.server_file(settings.data).unlink, missing_ok=True)
        answers = partial(_tell, settings, site, announce)
        if database is None:
            asyncio.run(Workers(settings, site, listening, lock, answers).serve())
        else:
            told = partial(_told, drains=settings.drain)
            uvloop.run(serve_here(settings, site, listening, database, answers=answers, told=told))


def _database(settings: Settings) -> Database | None:
    """Return the database for one process; for several make it ready, for each of them to open."""
    if settings.workers == 1:
        return open_database(settings.database)
    prepare_database(settings.database)
    return None


def _told(server: HttpServer, *, drains: bool) -> contextlib.AbstractContextManager[None]:
    return obeyed(server.stop, server.drain if drains else None)


def _tell(settings: Settings, site: Site, announce: Callable[[Started], None]) -> None:
    """Let programs and people know."""
    place.write_server_file(settings.data, site.base_url)
    token_file = settings.data / "token" if settings.auth else None
    shown = without_password(settings.database)
    addresses = Addresses(site.base_url)
    services = tuple((name, f"{addresses.interface(name)}?wsdl") for name in sorted(settings.interfaces))
    announce(Started(site.base_url, f"{addresses.service}?wsdl", services, settings.data, token_file, shown))


def without_password(url: str) -> str:
    """Return a database URL that can be shown: no password in it, neither before the host nor in the query."""
    head, at, tail = url.partition("?")[0].rpartition("@")
    scheme, _, credentials = head.partition("://")
    return f"{scheme}://{credentials.partition(':')[0]}@{tail}" if at else tail
