"""What an operator can set: defaults, then the TOML file, then the environment, then options. Read once, on entry."""

import os
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from platformdirs import user_data_path

from wsrf_activity.engines.limits import WorkLimits, read_limits
from wsrf_activity.manager import Limits
from wsrf_activity.model.activity import RECOVERIES
from wsrf_activity.model.addresses import is_loopback
from wsrf_activity.model.identity import Principal
from wsrf_activity.model.interfaces import Interface
from wsrf_activity.model.lifetime import LifetimePolicy
from wsrf_activity.model.services import Service
from wsrf_activity.model.tables import SettingsError, Table, flag, size, span, text, whole
from wsrf_activity.notify.backoff import Backoff
from wsrf_activity.notify.policy import CallbackPolicy, Rules
from wsrf_activity.server.engines import USUAL, EngineSettings, check_engines, read_engines
from wsrf_activity.server.services import Configured, read_services
from wsrf_activity.store.opening import MEMORY

PREFIX = "WSRF_ACTIVITY_"
DEFAULT_PORT = 8427
CONFIG_NAME = "config.toml"  #: read from the data folder where no file is named
_OPTIONS = ("data", "files", "host", "port", "database", "base_url", "no_auth", "drain", "workers")


@dataclass(frozen=True, kw_only=True)
class Account:
    """A caller that the operator has named, with the token that shows who it is."""

    principal: Principal
    token: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One server's settings, checked."""

    data: Path
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT  #: 0: the last run's port again, or a free one
    files: Path  #: where inputs and results lie; all servers on one database need the same
    database: str = field(repr=False)  #: a SQLAlchemy URL, perhaps with a password
    base_url: str | None = None  #: what addresses begin with, where a proxy gives another name
    auth: bool = True
    drain: bool = False  #: whether a signal to stop waits for the work that runs
    workers: int = 1  #: processes that serve; more than one share a PostgreSQL
    limits: Limits = field(default_factory=Limits)
    work: WorkLimits = field(default_factory=WorkLimits)
    engines: Mapping[str, EngineSettings] = field(default_factory=lambda: USUAL)
    envelope: int = 16 << 20  #: bytes of one SOAP message
    lifetime: LifetimePolicy = field(default_factory=LifetimePolicy)
    services: Mapping[str, Service] = field(default_factory=dict)
    interfaces: Mapping[str, Interface] = field(default_factory=dict)  #: the services' own operations, by name
    accounts: tuple[Account, ...] = ()
    callbacks: CallbackPolicy = field(default_factory=CallbackPolicy)
    backoff: Backoff = field(default_factory=Backoff)  #: when a notification that failed is sent again

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return is_loopback(self.host)

    @classmethod
    def load(
        cls,
        *,
        config: Path | None,
        options: Mapping[str, object],
        environment: Mapping[str, str] | None = None,
        targets: Sequence[str] = (),
        functions: bool = True,
    ) -> "Settings":
        """Return the settings; raises SettingsError with one line that says what to mend.

        ``targets`` are services in Python that stand on the command line. Without ``functions`` all those in Python are
        left out: their code is imported by nobody.
        """
        environment = os.environ if environment is None else environment
        named = config or _path(environment.get(f"{PREFIX}CONFIG"))
        found = {name: environment.get(f"{PREFIX}{name.upper()}", "") for name in _OPTIONS}
        said = {name: value for name, value in found.items() if value}  # an empty variable sets nothing
        said.update({name: str(value) for name, value in options.items() if value is not None})
        data = _path(said.get("data"))
        path = named or (data or default_data()) / CONFIG_NAME
        file = _read(path, needed=named is not None)
        table, recoveries = file.table("services"), _recoveries(file.table("limits"))
        read = partial(read_services, table, recoveries, targets=targets, folder=path.parent, functions=functions)
        return _build(file, said, read)


def default_data() -> Path:
    """Return the data folder where none is named."""
    return user_data_path("wsrf-activity")


def _path(text: str | None) -> Path | None:
    return Path(text).expanduser() if text else None


def _read(path: Path, *, needed: bool) -> Table:
    try:
        if not needed and not path.exists():
            return Table("", {})
        return Table("", tomllib.loads(path.read_text("utf-8")))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from None


def _build(file: Table, said: Mapping[str, str], services: Callable[[], Configured]) -> Settings:
    server = file.table("server")
    texts = {name: server.take(name, text, None) for name in ("data", "files", "host", "database", "base_url")}
    merged: dict[str, Any] = {**server.take_all(_OPTIONS), **{k: v for k, v in texts.items() if v is not None}, **said}
    limits = _limits(file.table("limits"))
    data = (_path(merged.get("data")) or default_data()).absolute()
    host, base_url = _host(merged.get("host", "127.0.0.1")), _base_url(merged.get("base_url"))
    configured = services()
    settings = Settings(
        data=data,
        files=(_path(merged.get("files")) or data).absolute(),
        host=host,
        port=_port(merged.get("port", DEFAULT_PORT)),
        database=merged.get("database") or f"sqlite:///{data / 'activities.db'}",
        base_url=base_url,
        auth=not _flag("no_auth", merged),
        drain=_flag("drain", merged),
        workers=_workers(merged.get("workers", 1)),
        lifetime=_lifetime(file.table("lifetime")),
        services=configured.services,
        interfaces=configured.interfaces,
        accounts=_accounts(file.table("principals")),
        backoff=_backoff(file.table("callbacks")),
        callbacks=_callbacks(file.table("callbacks"), host, base_url),
        engines=read_engines(file.table("engines"), limits["work"]),
        **limits,
    )
    file.done()
    check_engines(settings.services.values(), settings.engines)
    if settings.database.startswith(MEMORY):
        raise SettingsError(f"database: {MEMORY} is for tests: a server would forget what it has accepted")
    if settings.database.startswith("sqlite"):
        _check_sqlite(settings)
    if not settings.auth and not settings.on_loopback:
        raise SettingsError(f"--no-auth is for loopback only; the host is {settings.host}")
    return settings


def _check_sqlite(settings: Settings) -> None:
    if settings.files != settings.data:
        raise SettingsError("files: on SQLite inputs and results lie in the data folder; other places need PostgreSQL")
    if settings.workers > 1:
        raise SettingsError(
            f"workers: SQLite has one server process, not {settings.workers}; "
            "leave --workers out, or use PostgreSQL: --database postgresql://USER@HOST/NAME"
        )


def _workers(value: object) -> int:
    number = str(value)
    if not re.fullmatch("[1-9][0-9]{0,2}", number):
        raise SettingsError(f"workers: {number!r}; accepted: the number of server processes, 1 to 999")
    return int(number)


def _host(value: str) -> str:
    """Return a name or an address; one of IPv6 may stand in brackets, as it does in URLs."""
    host = value[1:-1] if value.startswith("[") and value.endswith("]") else value
    if not re.fullmatch(r"[A-Za-z0-9._:%-]+", host):
        raise SettingsError(f"host: {value!r}; accepted: a name or an address, such as 127.0.0.1 or ::1")
    return host


def _port(value: object) -> int:
    port = str(value)
    if not re.fullmatch("[0-9]{1,5}", port) or int(port) > 65535:
        raise SettingsError(f"port: {port!r} is none; accepted: 0 to 65535")
    return int(port)


def _flag(name: str, merged: Mapping[str, Any]) -> bool:
    said = str(merged.get(name, False)).lower()
    if said not in ("true", "false", "1", "0", "yes", "no"):
        raise SettingsError(f"{name}: {said!r}; accepted: true or false")
    return said in ("true", "1", "yes")


def _base_url(value: object) -> str | None:
    url = str(value or "").rstrip("/")
    if url and not re.fullmatch(r"https?://[^/?#@\s]+(/[^?#\s]*)?", url):
        raise SettingsError(f"base_url: {url!r}; accepted: http://HOST or https://HOST, with a path where it has one")
    return url or None


def _callbacks(table: Table, host: str, base_url: str | None) -> CallbackPolicy:
    """A server on loopback that has another name outside has others than this machine among its callers."""
    local = is_loopback(host) and is_loopback(urlsplit(base_url or "http://localhost").hostname or "")
    allow, deny = (table.take(name, _rules, Rules()) for name in ("allow", "deny"))
    return CallbackPolicy.of(allow, deny, local=local)


def _backoff(table: Table) -> Backoff:
    usual = Backoff()
    return Backoff(
        first=table.take("retry_first", span, usual.first),
        most=table.take("retry_most", span, usual.most),
        give_up=table.take("give_up", span, usual.give_up),
    )


def _rules(value: object) -> Rules:
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise ValueError("accepted: a list of texts, such as ['10.0.0.0/8', '*.example.org', 'https']")
    return Rules.parse(value)


def _limits(table: Table) -> dict[str, Any]:
    limits = Limits(
        parallel=table.take("parallel", whole, os.cpu_count() or 1),
        input=table.take("input", size, Limits().input),
        work=table.take("work", span, None),
        wait=table.take("wait", span, Limits().wait),
        page=table.take("page", whole, Limits().page) or 1,
        uploads=table.take("uploads", span, Limits().uploads),
        lease=table.take("lease", span, Limits().lease),
        host_grace=table.take("host_grace", span, Limits().host_grace),
        subscriptions=table.take("subscriptions", whole, Limits().subscriptions),
        pull_points=table.take("pull_points", whole, Limits().pull_points),
    )
    return {"limits": limits, "work": read_limits(table), "envelope": table.take("envelope", size, 16 << 20)}


def _recoveries(table: Table) -> int:
    return table.take("recoveries", whole, RECOVERIES)


def _lifetime(table: Table) -> LifetimePolicy:
    usual = LifetimePolicy()
    return LifetimePolicy(
        keep=table.take("keep", span, usual.keep), maximum=table.take("maximum", _maximum, usual.maximum)
    )


def _maximum(value: object) -> timedelta | None:
    return None if value == "never" else span(value)


def _accounts(table: Table) -> tuple[Account, ...]:
    accounts: list[Account] = []
    for name, principal in table.tables():
        token = principal.take("token", text, None)
        file = principal.take("token_file", text, None)
        if (token is None) == (file is None):
            raise SettingsError(f"principals.{name}: exactly one of token and token_file is needed")
        try:
            token = token or Path(str(file)).expanduser().read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"principals.{name}.token_file: {error}") from None
        if len(token) < 16 or any(account.token == token for account in accounts):
            raise SettingsError(f"principals.{name}: a token has 16 characters or more, and each principal its own")
        if not 0 < len(name) <= 255:
            raise SettingsError("principals: a name has 1 to 255 characters")
        commands = principal.take("commands", flag, False)
        maximum = principal.take("maximum", span, None)
        accounts.append(Account(principal=Principal(name, commands, maximum), token=token))
    return tuple(accounts)
