"""Services in Python, as the server knows them: it asks a process of its own, and never imports what authors write."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from wsrf_activity.author.describe import FAILED
from wsrf_activity.author.preload import PREFIX, functions
from wsrf_activity.engines.base import Engine
from wsrf_activity.engines.local import LocalEngine
from wsrf_activity.model.interfaces import Argument, Interface, Operation
from wsrf_activity.model.services import Service
from wsrf_activity.model.tables import SettingsError

#: Finds the packages where the server does. Whatever author code and its libraries write, it is not to standard output,
#: and whatever threads they have begun, nobody waits for them.
_PROGRAM = """
import json, os, sys
sys.stdout = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)
sys.path[:] = json.loads(sys.argv[1])
from wsrf_activity.author.__main__ import main
code = main(sys.argv[2:])
sys.stdout.flush()
sys.stderr.flush()
os._exit(code)
"""
_PATIENCE = 120.0  #: seconds that author code may take to be imported
_SAID = 65536  #: bytes that are read of the end of what it has written
_SECRETS = ("WSRF_ACTIVITY_", "PG")  #: how the names of variables begin that author code is not shown


@dataclass(frozen=True, slots=True)
class Described:
    """A service as its author wrote it."""

    target: str  #: the same from whatever folder
    interface: Interface
    policies: Mapping[str, Mapping[str, Any]]  #: by the operation's name, as TOML has them

    def command(self, operation: str) -> tuple[str, ...]:
        """Return the command line that calls the function of an operation."""
        return (*PREFIX, self.target, operation)


def describe(target: str, folder: Path, *, name: str | None = None, namespace: str | None = None) -> Described:
    """Return what is in a target, as it is written in ``folder``; raises SettingsError with one line."""
    # -P: a file of the author's that is named as a module of Python's must not take its place.
    command = [
        sys.executable,
        "-P",
        "-c",
        _PROGRAM,
        json.dumps([os.path.abspath(each) for each in sys.path]),
        "describe",
    ]
    command += ["--name", name] if name else []
    command += [f"--namespace={namespace}"] if namespace else []
    environ = {key: value for key, value in os.environ.items() if not key.startswith(_SECRETS)}
    with tempfile.TemporaryFile() as told, tempfile.TemporaryFile() as said:
        try:
            code = _run([*command, "--", target], cwd=folder, env=environ, stdout=told, stderr=said)
        except subprocess.TimeoutExpired:
            raise SettingsError(f"{target}: importing it took longer than {_PATIENCE:g} seconds") from None
        except OSError as error:
            raise SettingsError(f"{target}: {error}") from None
        told.seek(0)
        if code == 0 and (content := told.read()):
            return read_description(json.loads(content))
        raise SettingsError(_why(target, code, _last_line(said)))


def _run(command: list[str], **how: Any) -> int:
    """Run a program and return its exit code; with it ends all that it has started, if in its session."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, **how)
    try:
        return process.wait(_PATIENCE)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _last_line(said: IO[bytes]) -> str:
    said.seek(max(0, said.seek(0, os.SEEK_END) - _SAID))
    return (said.read().decode("utf-8", "replace").strip().splitlines() or [""])[-1]


def _why(target: str, code: int, said: str) -> str:
    """Return a sentence for a description that is not there; ``describe`` says itself what is wrong with a service."""
    if code == FAILED and said:
        return said
    ended = f"was ended by signal {-code}" if code < 0 else f"ended Python with code {code}"
    return f"{target}: importing it {ended}{said and f': {said}'}"


def prepare(engines: Mapping[str, Engine], services: Iterable[Service]) -> None:
    """Tell the engines of this machine what functions need, before they are opened."""
    functions_of = [service for service in services if service.function[: len(PREFIX)] == PREFIX]
    for name, engine in engines.items():
        if isinstance(engine, LocalEngine):
            its = [each for each in functions_of if each.engine == name]
            reuse = {each.function: each.reuse for each in its if each.reuse > 1}
            engine.prepare(functions((each.function[-2] for each in its), os.environ, reuse))


def read_description(told: Mapping[str, Any]) -> Described:
    """Return a service from what ``python -m wsrf_activity.author describe`` tells of it."""
    interface = Interface(
        name=told["name"],
        namespace=told["namespace"],
        schema=told["schema"].encode("utf-8"),
        operations=tuple(_operation(each) for each in told["operations"]),
        documentation=told["documentation"],
    )
    return Described(told["target"], interface, {each["name"]: each["policies"] for each in told["operations"]})


def _operation(told: Mapping[str, Any]) -> Operation:
    return Operation(
        name=told["name"],
        service=told["service"],
        arguments=tuple(Argument(**each) for each in told["arguments"]),
        returns=told["returns"],
        documentation=told["documentation"],
    )
