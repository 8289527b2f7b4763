"""Makes Spyne 2.14, its only release, importable on Python 3.12 and later, and quiet everywhere."""

import importlib
import importlib.machinery
import importlib.util
import sys
import warnings
from pathlib import Path
from types import ModuleType

_SIX = "spyne.util.six"


def install() -> None:
    """Import Spyne, mended; to be called before anything else imports it. A second call does nothing.

    Spyne carries a `six` of its own, whose importer of `six.moves` has only `find_module` and
    `load_module`; from 3.12 on Python asks importers for `find_spec` alone. The `six` of PyPI cannot take
    its place, as Spyne's copy has names that it lacks. So that copy is loaded from its file, ahead of
    Spyne, and its importer taught the three methods. `cgi`, which left the standard library in 3.13, comes
    from `legacy-cgi`.

    Raises ImportError where Spyne is not installed.
    """
    if _SIX in sys.modules:
        return
    with warnings.catch_warnings():
        # What Python says of Spyne's source while compiling and importing it, and nobody here can mend, stays
        # out of a server's log and does not end a test run that takes warnings for errors.
        warnings.filterwarnings("ignore", ".*invalid escape sequence", DeprecationWarning)
        warnings.filterwarnings("ignore", ".*invalid escape sequence", SyntaxWarning)
        warnings.filterwarnings("ignore", "'cgi' is deprecated", DeprecationWarning)
        _load_six()
        importlib.import_module("spyne.protocol.soap")


def _load_six() -> None:
    spyne = importlib.util.find_spec("spyne")
    if spyne is None or spyne.origin is None:
        raise ImportError("Spyne is not installed")
    spec = importlib.util.spec_from_file_location(_SIX, Path(spyne.origin).parent / "util" / "six.py")
    if spec is None or spec.loader is None:
        raise ImportError("Spyne is installed without its util/six.py")
    six = importlib.util.module_from_spec(spec)
    sys.modules[_SIX] = six
    spec.loader.exec_module(six)
    _teach(six)


def _teach(six: ModuleType) -> None:
    """Give six's importer what Python asks of one since 3.4, in terms of what it has."""
    importer = six._importer

    def find_spec(name: str, _path: object = None, _target: object = None) -> importlib.machinery.ModuleSpec | None:
        return importlib.util.spec_from_loader(name, importer) if name in importer.known_modules else None

    def create_module(spec: importlib.machinery.ModuleSpec) -> ModuleType:
        module: ModuleType = importer.load_module(spec.name)
        return module

    importer.find_spec = find_spec
    importer.create_module = create_module
    importer.exec_module = lambda _module: None
