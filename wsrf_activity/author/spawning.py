"""What a job wants started besides itself: the file that says so, which the server reads."""

import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wsrf_activity.engines import attempt
from wsrf_activity.model.activity import new_id
from wsrf_activity.types.errors import Unfit
from wsrf_activity.types.hints import member
from wsrf_activity.types.signatures import Signature, write_arguments


@dataclass(frozen=True, slots=True)
class Output:
    """A result of an activity that has perhaps not begun. As another one's parameter it has that one wait for it."""

    activity_id: str
    result: str = "result"


@dataclass(frozen=True, slots=True)
class Child:
    """An activity that was asked for; the server starts it while the one that asked goes on."""

    id: str

    def output(self, name: str = "result") -> Output:
        """Return one of its results, to be given to a later `Job.spawn` in the place of a value."""
        return Output(self.id, name)


@dataclass(frozen=True, slots=True)
class Known:
    """The operations of the job's own interface, whose parameters are checked at once."""

    interface: str = ""  #: its name: what "NAME.OPERATION" begins with
    namespace: str = ""
    operations: Mapping[str, Signature] = field(default_factory=dict)
    functions: Mapping[Callable[..., Any], str] = field(default_factory=dict)  #: of the operations, with their names

    def name(self, operation: str | Callable[..., Any]) -> str:
        """Return what an operation is called that is given by its function or by its name; raises TypeError."""
        if isinstance(operation, str):
            return operation
        try:
            return self.functions[operation]
        except (KeyError, TypeError):
            shown = getattr(operation, "__qualname__", repr(operation))
            raise TypeError(
                f"{shown} is no operation of this service; accepted: one of its functions with @activity above it, its "
                'name, or "SERVICE.OPERATION"'
            ) from None


def spawn(
    folder: Path,
    known: Known,
    operation: str | Callable[..., Any],
    parameters: Mapping[str, Any],
    *,
    name: str | None,
    after: Iterable[Child | str],
    source: Output | None,
) -> tuple[Child, Path]:
    """Write what is to be started into an attempt's folder; return it, and the file, which is not yet synced.

    Raises TypeError or ValueError for parameters that the operation cannot take, OSError.
    """
    called = known.name(operation)
    child = Child(new_id())
    outputs = {key: value for key, value in parameters.items() if isinstance(value, Output)}
    values = {key: value for key, value in parameters.items() if key not in outputs and value is not None}
    said: dict[str, Any] = {
        "id": child.id,
        "service": f"{known.interface}.{called}" if called in known.operations else called,
        "name": name,
        "after": [each.id if isinstance(each, Child) else str(each) for each in after],
        "outputs": [[key, value.activity_id, value.result] for key, value in outputs.items()],
    }
    if source is not None:
        said["outputs"].append([None, source.activity_id, source.result])
    signature = known.operations.get(called)
    if signature is not None and not outputs:
        said["document"] = write_arguments(signature, values, known.namespace).decode()
    else:
        said["parameters"] = {key: _texts(key, value, signature) for key, value in values.items()}
    return child, _write(folder, child, said)


def _texts(name: str, value: Any, signature: Signature | None) -> list[str]:
    """Return a parameter as texts; of another service's operation nothing is known but the value itself."""
    values = list(value) if isinstance(value, list | tuple | set | frozenset) else [value]
    known = None if signature is None else signature.member(name)
    try:
        return [(known or member(name, type(each))).kind.text(each) for each in values]
    except (TypeError, Unfit) as error:
        raise TypeError(
            f"parameter {name} cannot be given so: {error}; accepted: simple values, and lists of them"
        ) from error


def _write(folder: Path, child: Child, said: Mapping[str, Any]) -> Path:
    spawned = folder / attempt.SPAWNED
    spawned.mkdir(mode=0o700, exist_ok=True)
    path = spawned / f"{child.id}.json"
    unfinished = spawned / f".{child.id}"  # what begins with a dot is not read
    unfinished.write_text(json.dumps(said), encoding="utf-8")
    os.replace(unfinished, path)
    return path
