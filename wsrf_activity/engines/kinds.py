"""The kinds of engines there are, by name: ours, and those of others by entry points of what is installed."""

from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points

from wsrf_activity.engines.base import Engine
from wsrf_activity.engines.limits import read_limits
from wsrf_activity.engines.local import LocalEngine
from wsrf_activity.engines.memory import MemoryEngine
from wsrf_activity.model.tables import Table

GROUP = "wsrf_activity.engines"  #: of entry points; each names a ``Kind``

#: Makes an engine of its own settings, which are what ``[engines.NAME]`` says but for ``kind``. What it does not take
#: is refused. It is called when settings are read and once more in each process: it opens and starts nothing.
Kind = Callable[[Table], Engine]


def find_kind(name: str) -> Kind:
    """Return a kind of engine; raises ValueError where there is none of that name, or it cannot be loaded."""
    if name in _OURS:
        return _OURS[name]
    others = _others()
    if name not in others:
        raise ValueError(f"there is no kind of engine {name!r}; installed: {', '.join(sorted({*_OURS, *others}))}")
    try:
        kind: Kind = others[name].load()
    except Exception as error:  # whatever a package of others does when it is imported
        raise ValueError(f"{others[name].value} cannot be loaded: {type(error).__name__}: {error}") from error
    return kind


def is_kind(name: str) -> bool:
    """Whether there is a kind of that name; nothing of it is loaded."""
    return name in _OURS or name in _others()


def _local(settings: Table) -> LocalEngine:
    return LocalEngine(read_limits(settings))


def _memory(settings: Table) -> MemoryEngine:
    return MemoryEngine()


_OURS: Mapping[str, Kind] = {"local": _local, "memory": _memory}


def _others() -> Mapping[str, EntryPoint]:
    return {found.name: found for found in entry_points(group=GROUP)}
