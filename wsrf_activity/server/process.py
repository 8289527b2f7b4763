"""One process that serves: the wiring of all rooms, on a socket and a database that it is given."""

import asyncio
import contextlib
import gc
import logging
import signal
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from types import FrameType

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from wsrf_activity.engines import openfiles
from wsrf_activity.manager import Manager, Publishing, Rules
from wsrf_activity.manager.slots import Slots
from wsrf_activity.model.addresses import Addresses, Described
from wsrf_activity.model.errors import Unavailable
from wsrf_activity.model.filters import Filter
from wsrf_activity.model.interfaces import Interface
from wsrf_activity.model.tables import SettingsError
from wsrf_activity.notify.callbacks import Callbacks
from wsrf_activity.notify.deliverer import Deliverer
from wsrf_activity.notify.sender import Sender
from wsrf_activity.reaper import Reaper
from wsrf_activity.server.connections import BoundedProtocol
from wsrf_activity.server.engines import make_engines
from wsrf_activity.server.functions import prepare
from wsrf_activity.server.place import Site
from wsrf_activity.server.settings import Settings
from wsrf_activity.soap.notifications import Notifications
from wsrf_activity.soap.properties import topic_space
from wsrf_activity.soap.replies import Replies
from wsrf_activity.soap.transport import SoapServer
from wsrf_activity.store import Database
from wsrf_activity.web.app import application
from wsrf_activity.web.faces import Faces

log = logging.getLogger(__name__)
_ALLOCATED = 10_000  #: objects more than before, until the youngest are looked through; usually 700
_STOP_WITHIN = 5  #: seconds that requests under way have after a signal

Told = Callable[["HttpServer"], AbstractContextManager[None]]  #: lets a server be told to stop while it serves


async def serve_here(
    settings: Settings,
    site: Site,
    listening: socket.socket,
    database: Database,
    *,
    answers: Callable[[], None],
    told: Told,
    slots: Slots | None = None,
) -> None:
    """Serve until ``told`` to stop; work that runs goes on without us.

    When requests are answered ``answers`` is called. ``slots`` are those of one process among several. Raises
    SettingsError where the database cannot be used.
    """
    openfiles.raise_limit()
    callbacks = Callbacks(settings.callbacks)
    engines = make_engines(settings.engines, settings.work)
    prepare(engines, settings.services.values())
    manager = Manager(
        database,
        engines,
        settings.files,
        Rules(
            services=settings.services,
            interfaces=settings.interfaces,
            limits=settings.limits,
            lifetime=settings.lifetime,
        ),
        clock=_utc_now,
        publishing=Publishing(topic_space(), callbacks.target),
        slots=slots,
    )
    reaper = Reaper(manager, _utc_now)
    addresses = Addresses(site.base_url, _described(settings.interfaces.values()))
    replies, notifications = Replies(callbacks), Notifications(addresses)
    deliverer = Deliverer(
        manager.telling,
        notifications,
        Sender(callbacks, notifications, _utc_now),
        compile=lambda expressions: Filter.of(expressions, topic_space(), stored=True),
        clock=_utc_now,
        backoff=settings.backoff,
    )
    manager.tell(deliverer)
    soap = _soap(settings, site, manager, addresses, replies, notifications)
    faces = Faces(manager, soap, site.gate, addresses)
    server = HttpServer(_stoppable(application(faces), manager), manager, answers, told)
    try:
        try:
            await manager.start()
        except Unavailable as error:
            raise SettingsError(str(error)) from None
        await reaper.start()
        deliverer.start()
        await server.serve(sockets=[listening])
    finally:
        await deliverer.stop()
        await replies.stop()
        await reaper.stop()
        await manager.stop()
        await database.close()


def _described(interfaces: Iterable[Interface]) -> Mapping[str, Described]:
    return {
        operation.service: Described(interface.name, interface.namespace)
        for interface in interfaces
        for operation in interface.operations
    }


def _soap(
    settings: Settings,
    site: Site,
    manager: Manager,
    addresses: Addresses,
    replies: Replies,
    notifications: Notifications,
) -> SoapServer:
    """Raise SettingsError where two services cannot both be served."""
    interfaces = settings.interfaces.values()
    try:
        return SoapServer(manager, addresses, settings.envelope, site.gate.login, replies, notifications, interfaces)
    except ValueError as error:
        raise SettingsError(str(error)) from None


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


class HttpServer(uvicorn.Server):
    """uvicorn, that says when it answers, and answers all who wait before it stops."""

    def __init__(self, app: ASGIApp, manager: Manager, answers: Callable[[], None], told: Told) -> None:
        """Listen to ``told`` for as long as it serves."""
        super().__init__(
            uvicorn.Config(
                app,
                http=BoundedProtocol,
                ws="wsproto",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=_STOP_WITHIN,
            )
        )
        self.manager = manager
        self._answers = answers
        self._told = told

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Say so, once requests are answered."""
        _leave_what_stays()
        await super().startup(sockets)
        if self.started:
            self._answers()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop when told; uvicorn would raise a signal once more, which ends a process before it has let go of all."""
        with self._told(self):
            yield

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Stop, as at this signal."""
        self.manager.release_waits()
        super().handle_exit(number, None)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop as uvicorn asks for it."""
        self.stop(sig)

    async def drain(self) -> None:
        """Return when the work that runs has ended."""
        if self.manager.running:
            log.warning(
                "stopping when the work of %d activities has ended; a second signal stops at once and "
                "leaves it running",
                self.manager.running,
            )
        await self.manager.drain()


def _leave_what_stays() -> None:
    """Have the collector of garbage look no more at what is there for good, and less often at what is under way.

    The modules alone are a hundred thousand objects, which take it as long as a hundred requests each time; and by its
    usual number it comes with every second request of a crowd, and finds most of it under way.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATED, *gc.get_threshold()[1:])


def _utc_now() -> datetime:
    return datetime.now(UTC)
