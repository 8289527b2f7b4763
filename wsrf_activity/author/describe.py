"""``describe TARGET``: what a service looks like from outside, and its policies, as JSON. The server reads that."""

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from wsrf_activity.author.declare import Declaration
from wsrf_activity.author.targets import Loaded, TargetError, load
from wsrf_activity.model.interfaces import NAMESPACE, check_namespace
from wsrf_activity.model.lifetime import format_duration
from wsrf_activity.types.errors import Unsuitable
from wsrf_activity.types.schema import write_schema

FAILED = 3  #: the exit code with which the last line of standard error is a sentence for the author


def main(argv: Sequence[str]) -> int:
    """Print the description of a target. Whatever author code prints goes to standard error."""
    parser = argparse.ArgumentParser(prog="python -m wsrf_activity.author describe")
    parser.add_argument("target", help="words.py, words:Words, package.module or package.module:Class")
    parser.add_argument("--name", help="of the service; the file's, the module's or the class's otherwise")
    parser.add_argument("--namespace", help=f"of its messages; {NAMESPACE}NAME otherwise")
    given, process = parser.parse_args(argv), os.getpid()
    try:
        with contextlib.redirect_stdout(sys.stderr):
            description = describe(load(given.target), given.name, given.namespace)
    except TargetError as error:
        sys.stderr.write(f"{error}\n")
        return FAILED
    if os.getpid() != process:
        return 0  # a child that the module forked as it was imported: one of them tells
    json.dump(description, sys.stdout, indent=1)
    sys.stdout.write("\n")
    return 0


def describe(loaded: Loaded, name: str | None = None, namespace: str | None = None) -> dict[str, Any]:
    """Return what is told of a service: the fields of an Interface, and of each operation its policies."""
    name = name or loaded.name
    namespace = namespace or loaded.namespace or f"{NAMESPACE}{name}"
    declarations = list(loaded.declarations.values())
    try:
        check_namespace(namespace)
        schema = write_schema(namespace, [each.offered.messages for each in declarations])
    except (Unsuitable, ValueError) as error:
        raise TargetError(f"{loaded.target}: {error}") from None
    return {
        "target": str(loaded.target),
        "name": name,
        "namespace": namespace,
        "documentation": loaded.documentation,
        "schema": schema.decode("utf-8"),
        "operations": [_operation(name, each) for each in declarations],
    }


def _operation(service: str, declaration: Declaration) -> dict[str, Any]:
    offered = declaration.offered
    return {
        "name": declaration.name,
        "service": f"{service}.{declaration.name}",
        "documentation": offered.documentation,
        "returns": offered.messages.result is not None,
        "arguments": [
            {
                "name": each.name,
                "simple": each.simple,
                "required": each.required,
                "repeats": each.repeats,
                "default": each.default,
                "documentation": each.documentation,
            }
            for each in offered.arguments
        ],
        "policies": {name: _plain(value) for name, value in declaration.policies.said().items()},
    }


def _plain(value: Any) -> Any:
    """Return a policy's value as JSON has it, as an operator writes it in TOML."""
    return format_duration(value) if isinstance(value, timedelta) else value
