"""The services of the TOML file: a command, its typed parameters, its results, and what becomes of it after a crash."""

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any, Literal, get_args

from wsrf_activity.model.activity import COMMAND_SERVICE, DEFAULT_ENGINE, RestartPolicy, ResultSpec
from wsrf_activity.model.errors import InvalidParameter
from wsrf_activity.model.services import Parameter, ParameterType, Service, placeholders
from wsrf_activity.model.tables import SettingsError, Table, flag, span, text, whole

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,62}")
_OWN_RESULTS = ("stdout", "stderr")


def read_services(table: Table, recoveries: int) -> Mapping[str, Service]:
    """Return the configured services by name; ``recoveries`` holds for those that say nothing. Raises SettingsError."""
    return {name: _service(name, service, recoveries) for name, service in table.tables()}


def _service(name: str, table: Table, recoveries: int) -> Service:
    if not _NAME.fullmatch(name) or name == COMMAND_SERVICE:
        raise SettingsError(f"{table.name}: a service cannot have that name")
    parameters = tuple(_parameter(key, given) for key, given in table.table("parameters").tables())
    service = Service(
        name=name,
        command=table.take("command", _command, ()),
        shell=table.take("shell", text, None),
        parameters=parameters,
        stdin=table.take("input", _input, "stdin"),
        media_type=table.take("media_type", text, "application/octet-stream"),
        results={key: _result(key, given) for key, given in table.table("results").tables()},
        work_limit=table.take("work_limit", span, None),
        keep=table.take("keep", span, None),
        maximum=table.take("maximum", span, None),
        fixed_lifetime=table.take("lifetime", _fixed, False),
        restart=table.take("restart", _restart, RestartPolicy.ABORT),
        retries=table.take("retries", whole, 0),
        recoveries=table.take("recoveries", whole, recoveries),
        engine=table.take("engine", text, DEFAULT_ENGINE),
        documentation=table.take("documentation", text, None),
    )
    _check(service, table)
    return service


def _check(service: Service, table: Table) -> None:
    if bool(service.command) == (service.shell is not None):
        raise SettingsError(f"{table.name}: exactly one of command and shell is needed")
    if table.take("synchronous", flag, False):
        raise SettingsError(f"{table.name}.synchronous: services answer asynchronously; accepted: false")
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
    if not isinstance(value, str | int | float | bool):
        raise ValueError("accepted: a text, a number, true or false")
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
