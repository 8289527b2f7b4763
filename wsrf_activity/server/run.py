"""A server's life: take the data folder, open the database, take up old work, listen, tell, serve, let go."""

import asyncio
import contextlib
import json
import logging
import os
import secrets
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import FrameType

import uvicorn
import uvloop
from starlette.types import ASGIApp, Receive, Scope, Send

from wsrf_activity.engines.local import LocalEngine
from wsrf_activity.manager import Manager
from wsrf_activity.model.addresses import Addresses
from wsrf_activity.model.errors import Unavailable
from wsrf_activity.model.identity import Principal
from wsrf_activity.notify.callbacks import Callbacks
from wsrf_activity.reaper import Reaper
from wsrf_activity.server.connections import BoundedProtocol
from wsrf_activity.server.settings import Settings
from wsrf_activity.server.tables import SettingsError
from wsrf_activity.soap.replies import Replies
from wsrf_activity.soap.transport import SoapServer
from wsrf_activity.store import Database, locks, open_database
from wsrf_activity.web.app import application
from wsrf_activity.web.faces import Faces
from wsrf_activity.web.security import LOOPBACK, Gate, token_digest

LOCAL = Principal("local", may_run_commands=True)  #: who holds the token of the data folder
ANONYMOUS = Principal("anonymous")
log = logging.getLogger(__name__)
_STOPPING = (signal.SIGINT, signal.SIGTERM)
_STOP_WITHIN = 5  #: seconds that requests under way have after a signal


@dataclass(frozen=True, slots=True)
class Started:
    """What a person needs to know of a server that has begun to serve."""

    base_url: str
    wsdl_url: str
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
            _take(settings, stack)
            listening = stack.enter_context(_listen(settings))
            database = open_database(settings.database)
        except (OSError, Unavailable) as error:
            raise SettingsError(str(error)) from None
        uvloop.run(_serve(settings, listening, database, announce))


async def _serve(
    settings: Settings, listening: socket.socket, database: Database, announce: Callable[[Started], None]
) -> None:
    base_url = settings.base_url or _own_url(settings.host, listening)
    manager = Manager(
        database,
        LocalEngine(settings.work),
        settings.files,
        services=settings.services,
        limits=settings.limits,
        lifetime=settings.lifetime,
        clock=_utc_now,
    )
    reaper = Reaper(manager, _utc_now)
    addresses = Addresses(base_url)
    gate = _gate(settings, base_url)
    replies = Replies(Callbacks(settings.callbacks))
    soap = SoapServer(manager, addresses, settings.envelope, gate.login, replies)
    faces = Faces(manager, soap, gate, addresses)
    tell = partial(_tell, settings, base_url, announce)
    server = _Server(_stoppable(application(faces), manager), manager, tell, drain=settings.drain)
    try:
        try:
            await manager.start()
        except Unavailable as error:
            raise SettingsError(str(error)) from None
        await reaper.start()
        await server.serve(sockets=[listening])
    finally:
        await replies.stop()
        await reaper.stop()
        await manager.stop()
        await database.close()
        (settings.data / "server.json").unlink(missing_ok=True)


def _stoppable(app: ASGIApp, manager: Manager) -> ASGIApp:
    """Let a reader who takes too long be cut off when the server stops, without a traceback for it."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except asyncio.CancelledError:
            if not manager.stopping:
                raise
            log.info("%s was cut off: the server stops", scope.get("path"))

    return answer


class _Server(uvicorn.Server):
    """uvicorn, that says when it answers, and answers all who wait before it stops.

    With ``drain`` it goes on at the first signal until the work has ended, and stops at the second.
    """

    def __init__(self, app: ASGIApp, manager: Manager, started: Callable[[], None], *, drain: bool) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=BoundedProtocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=_STOP_WITHIN,
            )
        )
        self._manager = manager
        self._tell_started = started
        self._drains = drain
        self._draining: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._tell_started()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop at a signal; uvicorn would then raise it once more, which ends a process before it has let go of all."""
        loop = asyncio.get_running_loop()
        for number in _STOPPING:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in _STOPPING:
                loop.remove_signal_handler(number)
            if self._draining is not None:
                self._draining.cancel()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._drains and self._draining is None:
            self._draining = asyncio.create_task(self._drain(sig))
        else:
            self._stop(sig)

    async def _drain(self, sig: int) -> None:
        if self._manager.running:
            log.warning(
                "stopping when the work of %d activities has ended; a second signal stops at once and "
                "leaves it running",
                self._manager.running,
            )
        await self._manager.drain()
        self._stop(sig)

    def _stop(self, sig: int) -> None:
        self._manager.release_waits()
        super().handle_exit(sig, None)


def _take(settings: Settings, stack: contextlib.ExitStack) -> None:
    """Take the data folder, and a SQLite database, for this process alone; they go with it, however that ends."""
    data = settings.data
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        refusal = f"another server runs on {data}; stop it first, or name another --data"
        stack.enter_context(locks.held(data / locks.DATA_LOCK, refusal))
        (data / "server.json").unlink(missing_ok=True)
    except OSError as error:
        raise SettingsError(f"the data folder cannot be used: {error}") from None
    database = locks.database_lock(settings.database)
    if database is not None:
        refusal = (
            f"another server runs on the database {database.with_suffix('')}; SQLite has one server at a time: "
            "stop that one first, name another --database, or use PostgreSQL"
        )
        stack.enter_context(locks.held(database, refusal))


def _listen(settings: Settings) -> socket.socket:
    """Bind the port: the one that is set, or for 0 the last run's where it is free."""
    remembered = settings.data / "port"
    wanted = [settings.port]
    with contextlib.suppress(OSError, ValueError):
        if settings.port == 0:
            wanted.insert(0, int(remembered.read_text()))
    for port in wanted:
        with contextlib.suppress(OSError):
            listening = _bind(settings.host, port)
            remembered.write_text(str(listening.getsockname()[1]))
            return listening
    raise SettingsError(f"port {settings.port} of {settings.host} is taken or not ours to take; name another --port")


def _bind(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listening = socket.socket(family, kind, protocol)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(address)
        listening.listen(2048)
    except OSError:
        listening.close()
        raise
    return listening


def _own_url(host: str, listening: socket.socket) -> str:
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{listening.getsockname()[1]}"


def _gate(settings: Settings, base_url: str) -> Gate:
    """Who is let in: the holders of tokens, or on loopback, if the operator wants it so, everybody."""
    tokens = {token_digest(account.token): account.principal for account in settings.accounts}
    if settings.auth:
        tokens[token_digest(_token(settings.data))] = LOCAL
    own = base_url.partition("://")[2].partition("/")[0].lower()
    name = own[: own.index("]") + 1] if own.startswith("[") else own.partition(":")[0]
    hosts = LOOPBACK | {name} if settings.on_loopback else None
    return Gate(tokens, None if settings.auth else ANONYMOUS, hosts)


def _token(data: Path) -> str:
    """Return the data folder's token, made at the first start and readable for its owner alone."""
    path = data / "token"
    if not path.exists():
        part = path.with_suffix(".part")
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
        part.rename(path)
    return path.read_text().strip()


def _tell(settings: Settings, base_url: str, announce: Callable[[Started], None]) -> None:
    """Let programs and people know; the file appears whole, under its name, once requests are answered."""
    part = settings.data / "server.json.part"
    part.write_text(json.dumps({"base_url": base_url, "pid": os.getpid()}) + "\n")
    part.rename(settings.data / "server.json")
    token_file = settings.data / "token" if settings.auth else None
    shown = without_password(settings.database)
    announce(Started(base_url, f"{base_url}/activity?wsdl", settings.data, token_file, shown))


def without_password(url: str) -> str:
    """Return a database URL that can be shown: no password in it, neither before the host nor in the query."""
    head, at, tail = url.partition("?")[0].rpartition("@")
    scheme, _, credentials = head.partition("://")
    return f"{scheme}://{credentials.partition(':')[0]}@{tail}" if at else tail


def _utc_now() -> datetime:
    return datetime.now(UTC)
