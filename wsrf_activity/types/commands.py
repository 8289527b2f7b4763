"""The typed operation of a command that an operator has configured."""

import math
from decimal import Decimal
from typing import Any

from spyne.model import ByteArray
from spyne.model import primitive as spyne

from wsrf_activity.model.interfaces import Argument, Interface, Operation
from wsrf_activity.model.services import Parameter, Service
from wsrf_activity.types.models import PATTERN
from wsrf_activity.types.patterns import as_xml_schema
from wsrf_activity.types.schema import Messages, write_schema

_TYPES = {
    "string": spyne.Unicode,
    "integer": spyne.Integer,
    "number": spyne.Double,
    "boolean": spyne.Boolean,
    "date": spyne.Date,
    "datetime": spyne.DateTime,
    "duration": spyne.Duration,
    "uri": spyne.AnyUri,
}
_BYTES = ByteArray.customize(nillable=False)
_TEXT = spyne.Unicode.customize(nillable=False)
_REWRITTEN = ("integer", "boolean")  #: types whose texts are made canonical before choices and patterns are tried


def command_interface(service: Service, namespace: str) -> Interface:
    """Return the interface of a command, with the one operation that has its name.

    Its schema refuses nothing that the command's own parameters accept: they have the last word. What it returns is its
    output: a text where the media type says so, else bytes.
    """
    arguments = tuple(_argument(service, each) for each in service.parameters)
    messages = Messages(
        name=service.name,
        arguments=[(each.name, _model(service, each)) for each in service.parameters],
        result=_TEXT if _is_text(service.media_type) else _BYTES,
        documentation=service.documentation,
    )
    operation = Operation(
        name=service.name,
        service=service.name,
        arguments=arguments,
        returns=True,
        documentation=service.documentation,
    )
    return Interface(
        name=service.name,
        namespace=namespace,
        schema=write_schema(namespace, [messages]),
        operations=(operation,),
        documentation=service.documentation,
    )


def _is_text(media_type: str) -> bool:
    return media_type.strip().lower().startswith("text/")


def _required(parameter: Parameter) -> bool:
    return parameter.required and parameter.default is None


def _argument(service: Service, parameter: Parameter) -> Argument:
    return Argument(
        name=parameter.name,
        required=_required(parameter),
        repeats=parameter.name == service.each,
        default=parameter.default,
        documentation=_documentation(parameter),
    )


def _documentation(parameter: Parameter) -> str | None:
    default = f"Default: {parameter.default}" if parameter.default is not None else None
    return " ".join(each for each in (parameter.documentation, default) if each) or None


def _model(service: Service, parameter: Parameter) -> Any:
    return _TYPES[parameter.type].customize(
        **_facets(parameter),
        min_occurs=int(_required(parameter) or parameter.name == service.each),
        max_occurs="unbounded" if parameter.name == service.each else 1,
        nillable=False,
        doc=_documentation(parameter) or "",
    )


def _facets(parameter: Parameter) -> dict[str, Any]:
    found: dict[str, Any] = dict(_bounds(parameter))
    if parameter.choices and parameter.type != "boolean":
        found["values"] = list(dict.fromkeys(parameter.choices))
    if parameter.pattern is not None and parameter.type not in _REWRITTEN:
        found[PATTERN] = as_xml_schema(parameter.pattern)
    return {name: value for name, value in found.items() if value is not None}


def _bounds(parameter: Parameter) -> dict[str, Any]:
    low, high = parameter.minimum, parameter.maximum
    match parameter.type:
        case "string" | "uri":
            return {"min_len": None if low is None else max(0, math.ceil(low)), "max_len": _floor(high)}
        case "integer":
            return {"ge": None if low is None else math.ceil(low), "le": _floor(high)}
        case "number":
            return {"ge": None if low is None else float(low), "le": None if high is None else float(high)}
    return {}


def _floor(number: Decimal | None) -> int | None:
    return None if number is None else math.floor(number)
