"""The services that have a WSDL of their own: the list of them and a page on each, as JSON for scripts. For everybody,
as the WSDLs are: it is no more than these say.
"""

import html
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from lxml import etree
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from wsrf_activity.model import ns
from wsrf_activity.model.interfaces import Argument, Interface, Operation
from wsrf_activity.web.faces import Faces
from wsrf_activity.web.pages import html_page, wants


def listing(faces: Faces, request: Request) -> Response:
    """Return all services with their operations."""
    known = sorted(faces.soap.services.values(), key=lambda interface: interface.name)
    if wants(request) != "html":
        return JSONResponse({"services": [as_json(faces, interface) for interface in known]})
    rows = "".join(_row(faces, interface) for interface in known)
    head = "<tr><th>Service</th><th>Operations</th><th>WSDL</th></tr>"
    body = f"<table>{head}{rows}</table>" if rows else "<p>No service has operations of its own.</p>"
    return html_page("Services", body + _link(faces.addresses.service, "Activities"))


def service(faces: Faces, request: Request, interface: Interface) -> Response:
    """Return what one service is, and where its WSDL is."""
    if wants(request) != "html":
        return JSONResponse(as_json(faces, interface))
    address = faces.addresses.interface(interface.name)
    rows = "".join(_operation(interface, operation) for operation in interface.operations)
    head = "<tr><th>Operation</th><th>Parameters</th><th>Result</th><th></th></tr>"
    body = (
        f"{_paragraph(interface.documentation)}<p>SOAP 1.1 and 1.2 at <code>{html.escape(address)}</code>, in the "
        f"namespace <code>{html.escape(interface.namespace)}</code>.</p>"
        f"<p>{_link(f'{address}?wsdl', 'WSDL')} &middot; {_link(f'{address}?singleWsdl', 'WSDL in one document')}</p>"
        f"<table>{head}{rows}</table>{_link(faces.addresses.interfaces, 'All services')}"
    )
    return html_page(interface.name, body)


def as_json(faces: Faces, interface: Interface) -> dict[str, Any]:
    """Return a service for scripts."""
    address = faces.addresses.interface(interface.name)
    return {
        "name": interface.name,
        "namespace": interface.namespace,
        "documentation": interface.documentation,
        "address": address,
        "wsdl": f"{address}?wsdl",
        "singleWsdl": f"{address}?singleWsdl",
        "operations": [
            {
                "name": operation.name,
                "service": operation.service,
                "documentation": operation.documentation,
                "parameters": [
                    _parameter(argument, _types(interface).get((operation.name, argument.name)))
                    for argument in operation.arguments
                ],
                "returns": operation.returns,
            }
            for operation in interface.operations
        ],
    }


def _parameter(argument: Argument, kind: str | None) -> dict[str, Any]:
    return {
        "name": argument.name,
        "type": kind,
        "required": argument.required,
        "repeats": argument.repeats,
        "documentation": argument.documentation,
    }


def _row(faces: Faces, interface: Interface) -> str:
    address = faces.addresses.interface(interface.name)
    names = ", ".join(html.escape(operation.name) for operation in interface.operations)
    cells = (_link(address, interface.name), names, _link(f"{address}?wsdl", "WSDL"))
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _operation(interface: Interface, operation: Operation) -> str:
    kinds = _types(interface)
    shown = (_shown(argument, kinds.get((operation.name, argument.name))) for argument in operation.arguments)
    result = (kinds.get((f"{operation.name}Result", None)) or "as the WSDL says") if operation.returns else ""
    return (
        f"<tr><td><code>{html.escape(operation.name)}</code></td><td>{'<br>'.join(map(html.escape, shown))}</td>"
        f"<td>{html.escape(result)}</td><td>{html.escape(operation.documentation or '')}</td></tr>"
    )


def _shown(argument: Argument, kind: str | None) -> str:
    """Return a parameter as ``most: integer = 3``."""
    several = "any number of " if argument.repeats else ""
    named = f"{argument.name}: {several}{kind}" if kind else f"{argument.name}{several and ': any number'}"
    if argument.default is not None:
        return f"{named} = {argument.default}"
    return named if argument.required or argument.repeats else f"{named} (may be left out)"


@lru_cache(maxsize=64)
def _types(interface: Interface) -> dict[tuple[str, str | None], str]:
    """Return the type of each parameter of each operation, and of each result, by its name in XML Schema."""
    return dict(_named_types(etree.fromstring(interface.schema)))


def _named_types(schema: etree._Element) -> Iterator[tuple[tuple[str, str | None], str]]:
    xsd = f"{{{ns.XSD}}}"
    for declared in schema.iterchildren(f"{xsd}element"):
        for place in (declared, *declared.iterfind(f"{xsd}complexType/{xsd}sequence/{xsd}element")):
            restricted = place.find(f"{xsd}simpleType/{xsd}restriction")
            kind = place.get("type") or (None if restricted is None else restricted.get("base"))
            if kind is not None:
                name = None if place is declared else place.get("name")
                yield (declared.get("name", ""), name), kind.rpartition(":")[2]


def _paragraph(text: str | None) -> str:
    return f"<p>{html.escape(text)}</p>" if text else ""


def _link(address: str, text: str) -> str:
    return f'<a href="{html.escape(address)}">{html.escape(text)}</a>'
