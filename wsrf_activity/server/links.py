"""What is started when work has completed, as the TOML file has it; links that would go on for ever are refused."""

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from wsrf_activity.model.activity import Link
from wsrf_activity.model.interfaces import Interface
from wsrf_activity.model.services import Service
from wsrf_activity.model.tables import SettingsError, Table, flag, text


def read_links(value: Any) -> tuple[Link, ...]:
    """Return the links of a service; raises ValueError."""
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise ValueError('accepted: a list of tables, such as [{ service = "next", results = { text = "result" } }]')
    return tuple(_link(number, each) for number, each in enumerate(value, 1))


def _link(number: int, values: dict[str, Any]) -> Link:
    table = Table("", values)
    try:
        service = table.take("service", text, None)
        link = Link(
            service=service or "",
            results=table.take("results", _texts, {}),
            parameters=table.take("parameters", _texts, {}),
            multiple=table.take("multiple", flag, False),
        )
        table.done()
    except SettingsError as error:
        raise ValueError(f"link {number}: {error}") from None
    if service is None:
        raise ValueError(f"link {number}: service: needed, the name of what is to be started")
    if twice := link.results.keys() & link.parameters.keys():
        raise ValueError(f"link {number}: {min(twice)} is among results and parameters")
    return link


def _texts(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(each, str | int | float) for each in value.values()):
        raise ValueError("accepted: a table of texts")
    return {key: str(each).lower() if isinstance(each, bool) else str(each) for key, each in value.items()}


def check_links(services: Mapping[str, Service], interfaces: Mapping[str, Interface]) -> None:
    """Raise SettingsError for links that cannot be followed, and for services that would start each other for ever."""
    for service in services.values():
        for link in service.then:
            _check(service, link, services, interfaces)
    try:
        TopologicalSorter({name: [link.service for link in each.then] for name, each in services.items()}).prepare()
    except CycleError as error:
        way = error.args[1][::-1]
        raise SettingsError(f"services.{way[0]}.then: {' -> '.join(way)} would go on for ever") from None


def _check(service: Service, link: Link, services: Mapping[str, Service], interfaces: Mapping[str, Interface]) -> None:
    where = f"services.{service.name}.then"
    target = services.get(link.service)
    if target is None:
        raise SettingsError(f"{where}: there is no service {link.service!r}; configured: {', '.join(sorted(services))}")
    interface = interfaces.get(target.interface)
    operation = interface.starting(target.name) if interface else None
    arguments = {each.name: each for each in operation.arguments} if operation else {}
    given = {*link.results, *link.parameters} - {""}
    for name in sorted(given):
        if name not in arguments or not arguments[name].simple:
            accepted = ", ".join(each.name for each in arguments.values() if each.simple) or "none"
            raise SettingsError(f"{where}: service {link.service} takes no text {name!r}; accepted: {accepted}")
    for name, argument in arguments.items():
        if argument.required and name not in given:
            raise SettingsError(f"{where}: service {link.service} needs its parameter {name}")
    _check_results(where, service, link)


def _check_results(where: str, service: Service, link: Link) -> None:
    """Raise SettingsError for a result that a command does not leave; what a function leaves it says when it runs."""
    left = {"result", "stdout", "stderr", *service.results}
    for result in link.results.values():
        if result not in left and not service.function:
            raise SettingsError(f"{where}: {service.name} leaves no {result!r}; accepted: {', '.join(sorted(left))}")
