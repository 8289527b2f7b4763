"""The services of the TOML file and of the command line: commands with typed parameters, and functions in Python."""

import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Any, Literal, get_args

from wsrf_activity.model.activity import COMMAND_SERVICE, DEFAULT_ENGINE, RECOVERIES, RestartPolicy, ResultSpec
from wsrf_activity.model.errors import InvalidParameter
from wsrf_activity.model.interfaces import COMMON_OPERATIONS, NAMESPACE, Interface, check_namespace
from wsrf_activity.model.services import Parameter, ParameterType, Service, placeholders
from wsrf_activity.model.tables import SettingsError, Table, flag, several, span, text, whole
from wsrf_activity.server.functions import Described, describe
from wsrf_activity.server.links import check_links, read_links
from wsrf_activity.types.commands import command_interface

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,62}")
_OWN_RESULTS = ("stdout", "stderr")
_BOUNDED = ("string", "integer", "number", "uri")  #: types of parameters that have a least and a most
#: What an operator may say of all operations of a service in Python.
_OVERRIDING: tuple[str, ...] = (
    "input",
    "work_limit",
    "keep",
    "maximum",
    "lifetime",
    "restart",
    "retries",
    "retry_after",
    "recoveries",
)
_OVERRIDING += ("engine", "synchronous", "then", "reuse")


@dataclass(frozen=True, slots=True)
class Configured:
    """What callers can start, and what it looks like from outside."""

    services: Mapping[str, Service] = field(default_factory=dict)  #: by what act:Service calls them
    interfaces: Mapping[str, Interface] = field(default_factory=dict)  #: by name


@dataclass(frozen=True, slots=True, kw_only=True)
class _Python:
    """A service in Python that is to be asked for."""

    where: str  #: how its table is called
    target: str
    folder: Path  #: where the target is written
    name: str | None = None
    namespace: str | None = None
    said: Mapping[str, Any] = field(default_factory=dict)  #: what the operator says of all its operations

    @classmethod
    def read(cls, name: str, target: str, folder: Path, table: Table) -> "_Python":
        """Read what is said of it, and whether that can be, before anybody is asked; raises SettingsError."""
        namespace, said = table.take("namespace", _namespace, None), table.take_all(_OVERRIDING)
        table.done()
        _of_a_function(Table(table.name, dict(said)), RECOVERIES)
        return cls(where=table.name, target=target, folder=folder, name=name, namespace=namespace, said=said)

    def describe(self) -> Described:
        """Ask for it; raises SettingsError."""
        try:
            return describe(self.target, self.folder, name=self.name, namespace=self.namespace)
        except SettingsError as error:
            where = f"{self.where}.python: " if self.name else ""
            raise SettingsError(f"{where}{error}") from None


def read_services(
    table: Table,
    recoveries: int = RECOVERIES,
    *,
    folder: Path = Path(),
    targets: Sequence[str] = (),
    functions: bool = True,
) -> Configured:
    """Return what is configured, and what is in the ``targets`` that stand on the command line.

    ``recoveries`` holds for services that say nothing; targets in the table are written in ``folder``. Those that are
    in Python are left out without ``functions``. Raises SettingsError.
    """
    services: list[Service] = []
    interfaces: list[Interface] = []
    python = [_Python(where=each, target=each, folder=Path.cwd()) for each in targets]
    for name, given in table.tables():
        if not _NAME.fullmatch(name) or name == COMMAND_SERVICE:
            raise SettingsError(f"{given.name}: a service cannot have that name")
        target = given.take("python", text, None)
        if target is not None and not functions:
            given.rest()
        elif target is not None:
            python.append(_Python.read(name, target, folder, given))
        else:
            command, interface = _command_service(name, given, recoveries)
            services.append(command)
            interfaces.append(interface)
    if functions:
        for asked, described in zip(python, _describe(python), strict=True):
            services.extend(function_services(described, asked.said, recoveries, asked.where))
            interfaces.append(described.interface)
    configured = _distinct(services, interfaces)
    if functions:
        check_links(configured.services, configured.interfaces)
    return configured


def _describe(python: Sequence[_Python]) -> Sequence[Described]:
    """Ask for several at a time: each takes as long as Python takes to start and to import what its author wrote."""
    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        return list(threads.map(_Python.describe, python))


def _distinct(services: Sequence[Service], interfaces: Sequence[Interface]) -> Configured:
    for names in ([each.name for each in services], [each.name for each in interfaces]):
        for name in names:
            if names.count(name) > 1:
                raise SettingsError(
                    f"services.{name}: two services have that name; give one of them a table of its own"
                )
    return Configured({each.name: each for each in services}, {each.name: each for each in interfaces})


def function_services(described: Described, said: Mapping[str, Any], recoveries: int, where: str) -> Iterator[Service]:
    """Yield the service of each operation: what the operator says of all goes before what its author says of it."""
    interface = described.interface
    if not _NAME.fullmatch(interface.name) or interface.name == COMMAND_SERVICE:
        raise SettingsError(f"{described.target}: a service cannot have the name {interface.name!r}")
    for operation in interface.operations:
        # The media type of what it returns is the function's own matter; what it prints are texts.
        own = {"input": "file", **described.policies[operation.name], "media_type": "text/plain; charset=utf-8"}
        policies = Table(where, {**own, **said})
        yield Service(
            name=operation.service,
            interface=interface.name,
            function=described.command(operation.name),
            documentation=operation.documentation,
            **_of_a_function(policies, recoveries),
        )
        policies.done()


def _command_service(name: str, table: Table, recoveries: int) -> tuple[Service, Interface]:
    parameters = tuple(_parameter(key, given) for key, given in table.table("parameters").tables())
    service = Service(
        name=name,
        interface=name,
        command=table.take("command", _command, ()),
        shell=table.take("shell", text, None),
        parameters=parameters,
        results={key: _result(key, given) for key, given in table.table("results").tables()},
        documentation=table.take("documentation", text, None),
        **_policies(table, recoveries),
    )
    _check(service, table)
    if name in COMMON_OPERATIONS:
        raise SettingsError(f"{table.name}: every service has an operation {name} already; give this one another name")
    namespace = table.take("namespace", _namespace, f"{NAMESPACE}{name}")
    try:
        return service, command_interface(service, namespace)
    except (ValueError, TypeError) as error:
        raise SettingsError(f"{table.name}: {error}") from None


def _of_a_function(table: Table, recoveries: int) -> dict[str, Any]:
    return {**_policies(table, recoveries), "reuse": table.take("reuse", several, 1)}


def _policies(table: Table, recoveries: int) -> dict[str, Any]:
    """Return what may be said of a command and of a function alike."""
    return {
        "stdin": table.take("input", _input, "stdin"),
        "media_type": table.take("media_type", text, "application/octet-stream"),
        "work_limit": table.take("work_limit", span, None),
        "keep": table.take("keep", span, None),
        "maximum": table.take("maximum", span, None),
        "fixed_lifetime": table.take("lifetime", _fixed, False),
        "restart": table.take("restart", _restart, RestartPolicy.ABORT),
        "retries": table.take("retries", whole, 0),
        "retry_after": table.take("retry_after", span, timedelta(0)),
        "recoveries": table.take("recoveries", whole, recoveries),
        "engine": table.take("engine", text, DEFAULT_ENGINE),
        "synchronous": table.take("synchronous", flag, False),
        "each": table.take("each", text, None),
        "times": table.take("times", text, None),
        "then": table.take("then", read_links, ()),
    }


def _check(service: Service, table: Table) -> None:
    if bool(service.command) == (service.shell is not None):
        raise SettingsError(f"{table.name}: exactly one of command, shell and python is needed")
    templates = (*service.command, service.shell or "")
    used = {name for template in templates for name in placeholders(template)}
    unknown = used - {parameter.name for parameter in service.parameters}
    if unknown:
        raise SettingsError(f"{table.name}: {{{min(unknown)}}} is no parameter of it")
    if (unsafe := service.unquotable()) is not None:
        raise SettingsError(
            f"{table.name}.shell: write {{{unsafe}}} outside quotes, comments, here-documents and arithmetic: "
            "its value is quoted for you"
        )
    _check_many(service, table)


def _check_many(service: Service, table: Table) -> None:
    types = {parameter.name: parameter.type for parameter in service.parameters}
    for key, named in (("each", service.each), ("times", service.times)):
        if named is not None and named not in types:
            raise SettingsError(
                f"{table.name}.{key}: there is no parameter {named}; there is: {', '.join(types) or 'none'}"
            )
    if service.times is not None and types[service.times] != "integer":
        raise SettingsError(f"{table.name}.times: the parameter {service.times} is not an integer")
    if service.each is not None and service.times is not None:
        raise SettingsError(f"{table.name}: each and times: accepted: one of the two")


def _parameter(name: str, table: Table) -> Parameter:
    default = table.take("default", _plain, None)
    parameter = Parameter(
        name=name,
        type=table.take("type", _type, "string"),
        default=default,
        required=table.take("required", flag, default is None),
        minimum=table.take("min", _number, None),
        maximum=table.take("max", _number, None),
        choices=table.take("choices", _choices, ()),
        pattern=table.take("pattern", _pattern, None),
        documentation=table.take("documentation", text, None),
    )
    if placeholders(f"{{{name}}}") != {name}:
        raise SettingsError(f"{table.name}: a parameter cannot have that name")
    if parameter.type not in _BOUNDED and (parameter.minimum is not None or parameter.maximum is not None):
        raise SettingsError(f"{table.name}: min and max are for {', '.join(_BOUNDED)}")
    if parameter.minimum is not None and parameter.maximum is not None and parameter.minimum > parameter.maximum:
        raise SettingsError(f"{table.name}: min is above max")
    if default is not None:
        try:
            parameter.check(default)
        except InvalidParameter as error:
            raise SettingsError(f"{table.name}.default: {error}") from None
    return parameter


def _result(name: str, table: Table) -> ResultSpec:
    path = PurePosixPath(table.take("path", text, ""))
    if name in _OWN_RESULTS or not _NAME.fullmatch(name):
        raise SettingsError(f"{table.name}: a result cannot have that name")
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise SettingsError(f"{table.name}.path: accepted: a path inside the working folder")
    return ResultSpec(str(path), table.take("media_type", text, "application/octet-stream"))


def _namespace(value: Any) -> str:
    return check_namespace(text(value))


def _fixed(value: Any) -> bool:
    if value not in ("open", "fixed"):
        raise ValueError("accepted: open, fixed")
    return bool(value == "fixed")


def _command(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        raise ValueError('accepted: a list of texts, ["program", "argument"]; a line for the shell is `shell`')
    return tuple(value)


def _plain(value: Any) -> str:
    """TOML has types of its own; a parameter's value is its text."""
    if isinstance(value, datetime | date):
        return value.isoformat().replace("+00:00", "Z")
    if not isinstance(value, str | int | float | bool):
        raise ValueError("accepted: a text, a number, a time, true or false")
    return str(value).lower() if isinstance(value, bool) else str(value)


def _choices(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError("accepted: a list of values")
    return tuple(_plain(item) for item in value)


def _number(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("accepted: a number")
    return Decimal(str(value))


def _pattern(value: Any) -> str:
    try:
        re.compile(text(value))
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return text(value)


def _type(value: Any) -> ParameterType:
    for known in get_args(ParameterType):
        if value == known:
            return known  # type: ignore[no-any-return]  # one of the literals themselves
    raise ValueError(f"accepted: {', '.join(get_args(ParameterType))}")


def _input(value: Any) -> Literal["stdin", "file"]:
    if value == "stdin":
        return "stdin"
    if value == "file":
        return "file"
    raise ValueError("accepted: stdin, file")


def _restart(value: Any) -> RestartPolicy:
    if value not in tuple(RestartPolicy):
        raise ValueError("accepted: resume, rerun, abort")
    return RestartPolicy(value)
