"""For tests of others: contracts that engines and stores have to keep, and a fixture that runs an author's service.

Nothing is imported before it is used: pytest loads the plugin of this package wherever that is installed.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsrf_activity.testing.engines import EngineContract, fresh_job
    from wsrf_activity.testing.stores import StoreContract

_PLACES = {"EngineContract": "engines", "fresh_job": "engines", "StoreContract": "stores"}

__all__ = ["EngineContract", "StoreContract", "fresh_job"]


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
