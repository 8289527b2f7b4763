"""What a service has on its machine: the data folder, its port and token, and the file that says where it is."""

import contextlib
import json
import os
import secrets
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from wsrf_activity.engines import processes
from wsrf_activity.model.identity import Principal
from wsrf_activity.model.tables import SettingsError
from wsrf_activity.server.settings import Settings
from wsrf_activity.store import locks
from wsrf_activity.web.security import LOOPBACK, Gate, token_digest

LOCAL = Principal("local", may_run_commands=True)  #: who holds the token of the data folder
ANONYMOUS = Principal("anonymous")
_LAST_BREATH = 30.0  #: seconds that the workers of a killed server have to be gone on a machine that is busy


@dataclass(frozen=True, slots=True)
class Site:
    """What is the same in each process of a service."""

    base_url: str
    gate: Gate


def take(settings: Settings, stack: contextlib.ExitStack) -> int:
    """Take the data folder, and a SQLite database, for this service alone, and return the folder's lock.

    They are free again when the last process that has the descriptor open is gone, however that ends.
    """
    data = settings.data
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = _take_folder(data, stack)
        server_file(data).unlink(missing_ok=True)
    except OSError as error:
        raise SettingsError(f"the data folder cannot be used: {error}") from None
    database = locks.database_lock(settings.database)
    if database is not None:
        refusal = (
            f"another server runs on the database {database.with_suffix('')}; SQLite has one server at a time: "
            "stop that one first, name another --database, or use PostgreSQL"
        )
        stack.enter_context(locks.held(database, refusal))
    return lock


def _take_folder(data: Path, stack: contextlib.ExitStack) -> int:
    """Hold the folder's lock; wait where a server that was killed has left it to workers, which die with it."""
    path = data / locks.DATA_LOCK
    refusal = f"another server runs on {data}; stop it first, or name another --data"
    until = time.monotonic() + _LAST_BREATH
    while True:
        try:
            return stack.enter_context(locks.held(path, refusal))
        except locks.Taken:
            owner = locks.holder(path)
            if owner is None or processes.is_running(owner) or time.monotonic() > until:
                raise
            time.sleep(0.05)


def listen(settings: Settings) -> socket.socket:
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


def site(settings: Settings, listening: socket.socket) -> Site:
    """Return how the service is reached, and by whom."""
    base_url = settings.base_url or _own_url(settings.host, listening)
    return Site(base_url, _gate(settings, base_url))


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


def server_file(data: Path) -> Path:
    """Return the file by which programs on this machine find the service."""
    return data / "server.json"


def write_server_file(data: Path, base_url: str) -> None:
    """Let programs know, with this process as the one that stops or ends it all; the file appears whole."""
    part = server_file(data).with_suffix(".json.part")
    part.write_text(json.dumps({"base_url": base_url, "pid": os.getpid()}) + "\n")
    part.rename(server_file(data))
