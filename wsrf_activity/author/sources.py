"""The files that a process has its modules from: which are a library's, and whether the author's have changed since."""

import os
import site
import sys
import sysconfig
from types import ModuleType

_COARSE = 0.05  #: seconds by which the time of a change may be earlier than the clock

Signature = tuple[int, int, int, int, int]


class Sources:
    """The files of the modules that this process has imported since, but for those of libraries."""

    def __init__(self) -> None:
        """Count none of those that are imported already."""
        self._modules = set(sys.modules)
        self._known: dict[str, Signature | None] = {}

    def add(self, since: float) -> bool:
        """Add what was imported since then, in seconds of the epoch; False where a file may not be what was imported.

        That is so where it has changed in that time, since it may have done so after it was read.
        """
        new = sys.modules.keys() - self._modules
        self._modules |= new
        for file in {_file(sys.modules[name]) for name in new}:
            if file is not None and not _of_a_library(file):
                signature = self._known[file] = _signature(file)
                if signature is None or signature[0] >= (since - _COARSE) * 1e9:
                    return False
        return True

    def unchanged(self) -> bool:
        """Whether all of them are as they were."""
        return all(_signature(file) == signature for file, signature in self._known.items())


def is_library(module: ModuleType) -> bool:
    """Whether it is a module of Python's, or of a package that is installed."""
    file = _file(module)
    return file is not None and _of_a_library(file)


def _file(module: ModuleType) -> str | None:
    file = getattr(module, "__file__", None)
    return file if isinstance(file, str) else None


def _of_a_library(file: str) -> bool:
    return os.path.realpath(file).startswith(_library_folders())


def _library_folders() -> tuple[str, ...]:
    paths = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    paths += [*site.getsitepackages(), site.getusersitepackages()]
    return tuple({os.path.realpath(path) + os.sep for path in paths})


def _signature(file: str) -> Signature | None:
    try:
        status = os.stat(file)
    except OSError:
        return None
    return status.st_ctime_ns, status.st_mtime_ns, status.st_size, status.st_ino, status.st_dev
