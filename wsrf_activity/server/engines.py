"""The engines of the TOML file: `[engines.NAME]` with a kind and that kind's own settings. `local` is always there."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from wsrf_activity.engines.base import Engine
from wsrf_activity.engines.kinds import find_kind, is_kind
from wsrf_activity.engines.limits import WorkLimits, read_limits
from wsrf_activity.engines.local import LocalEngine
from wsrf_activity.model.activity import DEFAULT_ENGINE
from wsrf_activity.model.services import Service
from wsrf_activity.model.tables import SettingsError, Table, text

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,62}")


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """What makes one engine, as often as processes need it."""

    name: str
    kind: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def make(self, usual: WorkLimits) -> Engine:
        """Return the engine; a local one has the ``usual`` limits where it sets no others. Raises SettingsError."""
        table = Table(f"engines.{self.name}", dict(self.values))
        if self.kind == "local":
            engine: Engine = LocalEngine(read_limits(table, usual))
        else:
            engine = table.checked(lambda: find_kind(self.kind)(table))
        table.done()
        return engine


USUAL: Mapping[str, EngineSettings] = {DEFAULT_ENGINE: EngineSettings(name=DEFAULT_ENGINE, kind="local")}


def read_engines(table: Table, usual: WorkLimits) -> Mapping[str, EngineSettings]:
    """Return what is configured, with the default engine, by name; raises SettingsError where one cannot be made."""
    engines = dict(USUAL)
    for name, given in table.tables():
        if not _NAME.fullmatch(name):
            raise SettingsError(f"{given.name}: an engine cannot have that name")
        kind = given.take("kind", text, name if is_kind(name) else None)
        if kind is None:
            raise SettingsError(f'{given.name}.kind: needed, such as kind = "local"')
        engines[name] = EngineSettings(name=name, kind=kind, values=given.rest())
        engines[name].make(usual)
    return engines


def make_engines(settings: Mapping[str, EngineSettings], usual: WorkLimits) -> Mapping[str, Engine]:
    """Return the engines of one process by name."""
    return {name: each.make(usual) for name, each in settings.items()}


def check_engines(services: Iterable[Service], engines: Iterable[str]) -> None:
    """Raise SettingsError where the work of a service is to run on an engine that there is not."""
    known = sorted(engines)
    for service in services:
        if service.engine not in known:
            said = f"there is no engine {service.engine!r}; configured: {', '.join(known)}"
            raise SettingsError(f"services.{service.name}.engine: {said}")
