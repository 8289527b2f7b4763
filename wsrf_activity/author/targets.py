"""Where author code is: ``words.py``, ``words:Words``, ``package.module:Class``; and importing it."""

import hashlib
import importlib
import importlib.util
import re
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from wsrf_activity.author.declare import Declaration, DeclarationError, declaration_of
from wsrf_activity.author.job import Cancelled

_MEMBER = re.compile(r":[A-Za-z_]\w*$")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}")
_MODULE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")


class TargetError(Exception):
    """A target that cannot be used; the text is one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A place of author code, as it is written.

    ``FOLDER/module:Class`` is a module below a folder that Python does not know by itself; with a folder that is
    absolute, or without one, it means the same in whatever folder it is used.
    """

    folder: Path | None  #: which goes on Python's path
    module: str  #: its dotted name; of a file, its name without ``.py``
    file: bool = False
    member: str | None = None  #: a class

    @classmethod
    def parse(cls, text: str) -> "Target":
        """Read a target; raises TargetError."""
        place, _, member = text.rpartition(":") if _MEMBER.search(text) else (text, "", "")
        folder, slash, module = place.rpartition("/")
        file = module.endswith(".py")
        if not (module[:-3] if file else _MODULE.fullmatch(module)):
            raise TargetError(f"{text!r} is no target; accepted: words.py, words:Words, package.module:Class")
        return cls(
            folder=Path(folder or "/") if slash else Path() if file else None,
            module=module[:-3] if file else module,
            file=file,
            member=member or None,
        )

    def __str__(self) -> str:
        """Write it as it can be read anywhere."""
        name = f"{self.module}.py" if self.file else self.module
        place = name if self.folder is None else str(self.folder.absolute() / name)
        return f"{place}:{self.member}" if self.member else place

    @property
    def name(self) -> str:
        """What a service is called whose author says nothing."""
        return self.member or self.module.rpartition(".")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A service as its author wrote it."""

    target: Target  #: where it was found, so that it is found again from any folder
    name: str
    namespace: str | None
    documentation: str | None
    declarations: Mapping[str, Declaration]  #: by the operation's name


def load(text: str) -> Loaded:
    """Import a target and return the service in it; raises TargetError with one line.

    The folder of a file, or the one that is named, goes on Python's path, and stays there.
    """
    target = Target.parse(text)
    try:
        module = _import_file(target) if target.file else _import_module(target)
    except (TargetError, Cancelled, KeyboardInterrupt):
        raise
    except DeclarationError as error:
        raise TargetError(f"{_where(error) or text}: {error}") from None
    except BaseException as error:
        raise TargetError(f"{_where(error) or text}: {type(error).__name__}: {_one_line(error)}") from error
    return _service(_resolved(target, module), module)


def loaded(holder: object) -> Loaded:
    """Return the service in a module or a class that is imported already, or of one operation; raises TargetError."""
    module = sys.modules.get(getattr(holder, "__module__", None) or "", None)
    if isinstance(holder, ModuleType):
        return _service(_target_of(holder, None), holder)
    if isinstance(holder, type) and module is not None:
        return _collected(_target_of(module, holder.__qualname__), holder)
    declaration = declaration_of(holder)
    if declaration is None or module is None:
        raise TargetError(f"{holder!r} is no service; accepted: a module, a class, or a function with @activity")
    target = _target_of(module, declaration.name)
    return Loaded(
        target=target,
        name=target.name,
        namespace=None,
        documentation=declaration.offered.documentation,
        declarations={declaration.name: declaration},
    )


def _target_of(module: ModuleType, member: str | None) -> Target:
    file = Path(getattr(module, "__file__", None) or f"{module.__name__}.py").absolute()
    return Target(folder=file.parent, module=file.stem, file=True, member=member)


def _import_file(target: Target) -> ModuleType:
    """Import a file under its own name, unless that is another module's already."""
    folder = (target.folder or Path()).absolute()
    path = folder / f"{target.module}.py"
    if not path.is_file():
        raise TargetError(f"{path}: there is no such file")
    _on_path(folder)
    name, known = target.module, sys.modules.get(target.module)
    if known is not None:
        if getattr(known, "__file__", None) == str(path):
            return known
        name = f"{target.module}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
        if name in sys.modules:
            return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise TargetError(f"{path}: Python cannot import it")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _import_module(target: Target) -> ModuleType:
    _on_path((target.folder or Path()).absolute())
    try:
        return importlib.import_module(target.module)
    except ModuleNotFoundError as error:
        if error.name and f"{target.module}.".startswith(f"{error.name}."):
            raise TargetError(f"{target}: there is no module {error.name}") from None
        raise


def _on_path(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _resolved(target: Target, module: ModuleType) -> Target:
    """Return the target with the folder that a module was found in only since Python began there."""
    file = getattr(module, "__file__", None)
    if target.file or target.folder is not None or file is None:
        return target
    up = target.module.count(".") + (Path(file).name == "__init__.py")
    folder = Path(file).absolute().parents[up]
    if folder != Path.cwd():
        return target
    return Target(folder=folder, module=target.module, member=target.member)


def _service(target: Target, module: ModuleType) -> Loaded:
    holder: Any = module if target.member is None else getattr(module, target.member, None)
    if holder is None or not isinstance(holder, ModuleType | type):
        raise TargetError(f"{target}: there is no class {target.member} in {target.module}")
    return _collected(target, holder)


def _collected(target: Target, holder: ModuleType | type) -> Loaded:
    declarations: dict[str, Declaration] = {}
    for found in _functions(holder):
        if declarations.setdefault(found.name, found) is not found:
            raise TargetError(f"{target}: two operations are named {found.name}; give one of them @activity(name=...)")
    if not declarations:
        raise TargetError(f"{target}: nothing in it is an operation; write @activity above a function")
    own = isinstance(holder, type)  # what a module calls so may be anything
    return Loaded(
        target=target,
        name=_text(holder.__dict__.get("name") if own else None) or target.name.rpartition(".")[2],
        namespace=_text(getattr(holder, "namespace", None) if own else None),
        documentation=_documentation(holder),
        declarations=declarations,
    )


def _functions(holder: ModuleType | type) -> list[Declaration]:
    """Return what is declared in a class or its bases, or in a module itself and not elsewhere, in its order."""
    if isinstance(holder, ModuleType):
        values = [each for each in vars(holder).values() if getattr(each, "__module__", None) == holder.__name__]
    else:
        merged: dict[str, object] = {}
        for each in reversed(holder.__mro__):
            merged.update(vars(each))
        values = [each.__func__ if isinstance(each, staticmethod) else each for each in merged.values()]
    found = [declaration_of(each) for each in values]
    return list(dict.fromkeys(each for each in found if each is not None))


def _documentation(holder: ModuleType | type) -> str | None:
    """Return its own docstring, and not one that it has from a base."""
    text = holder.__dict__.get("__doc__")
    return "\n".join(line.strip() for line in text.strip().splitlines()) if isinstance(text, str) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _where(error: BaseException) -> str | None:
    """Return the file and line of the author's that an error came from: the last that is not Python's or ours."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    own = str(Path(__file__).parent)
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith((own, "<frozen"))]
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else None


def _one_line(error: BaseException) -> str:
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return " ".join(text.split())
