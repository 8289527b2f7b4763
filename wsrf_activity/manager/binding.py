"""Values that are not known before another activity has completed: kept open when work is accepted, filled in when it
is begun.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from lxml import etree

from wsrf_activity.engines.base import CannotStart
from wsrf_activity.manager.folders import Folders
from wsrf_activity.manager.requests import Rules, StartRequest, parsed
from wsrf_activity.model.activity import Activity, Binding, Result, Work
from wsrf_activity.model.errors import InvalidParameter, Refused
from wsrf_activity.model.interfaces import NAMESPACE, Interface, canonical
from wsrf_activity.model.services import Service
from wsrf_activity.store import Database

_MOST = 1 << 20  #: bytes of a result that a parameter may take

_Value = str | etree._Element


def draft(rules: Rules, service: Service, request: StartRequest, bindings: Sequence[Binding]) -> bytes:
    """Return a service's request in which what is bound is still missing.

    Raises InvalidParameter for names that the service does not know.
    """
    bound = [binding.parameter for binding in bindings if binding.parameter is not None]
    known = _names(rules, service)
    for name in (*bound, *request.parameters):
        if name not in known:
            accepted = ", ".join(known) or "none"
            raise InvalidParameter(f"service {service.name} has no parameter {name!r}; accepted: {accepted}", name)
    for name in bound:
        if request.parameters.get(name):
            raise InvalidParameter(f"parameter {name} is given twice: as a value and as a result", name)
    if request.document is not None:
        return request.document
    namespace = _namespace(rules, service)
    made = etree.Element(f"{{{namespace}}}{_operation(rules, service)}")
    for name in known:
        for text in request.parameters.get(name, ()):
            try:
                etree.SubElement(made, f"{{{namespace}}}{name}").text = text
            except ValueError:
                raise InvalidParameter(f"parameter {name}: it has characters that XML has not", name) from None
    return canonical(made)


class Binder:
    """Fills in what was kept open."""

    def __init__(self, database: Database, folders: Folders, rules: Rules) -> None:
        """Keep where results are found, and what services are."""
        self._database = database
        self._folders = folders
        self._rules = rules

    async def bind(self, activity: Activity) -> tuple[Work, bool]:
        """Return an activity's work with all its values, and whether it has got an input, which lies in its place.

        Raises CannotStart where a result is not there, or is nothing that the service takes.
        """
        bindings = activity.work.bindings
        wanted = list({binding.activity_id for binding in bindings})
        sources = await self._database.read(lambda records: records.get_many(wanted))
        return await asyncio.to_thread(self._bound, activity, sources)

    def _bound(self, activity: Activity, sources: Mapping[str, Activity]) -> tuple[Work, bool]:
        values: dict[str, list[_Value]] = {}
        has_input = False
        for binding in activity.work.bindings:
            if binding.parameter is None:
                self._take_input(activity, binding, sources)
                has_input = True
            else:
                value = self._value(activity, binding, sources)
                values.setdefault(binding.parameter, []).append(value)
        if not values:
            return replace(activity.work, bindings=()), has_input
        service = self._rules.services.get(activity.service)
        if service is None:
            raise CannotStart(f"the service {activity.service!r} is not configured any more")
        try:
            return _filled(self._rules, service, activity.work, values), has_input
        except Refused as error:
            raise CannotStart(f"with the results that it was to get: {error.description}") from None

    def _take_input(self, activity: Activity, binding: Binding, sources: Mapping[str, Activity]) -> None:
        if binding.activity_id == activity.parent:
            source = self._folders.input(binding.activity_id)
        else:
            source = self._result(activity, binding, sources)[1]
        try:
            self._folders.give_input(activity.id, source)
        except OSError as error:
            raise CannotStart(f"its input cannot be taken from {binding.activity_id}: {error.strerror}") from None

    def _value(self, activity: Activity, binding: Binding, sources: Mapping[str, Activity]) -> _Value:
        result, path = self._result(activity, binding, sources)
        where = f"result {binding.result!r} of {binding.activity_id}"
        if result.size > _MOST:
            raise CannotStart(f"{where} has {result.size} bytes; a parameter takes {_MOST}, an input any number")
        try:
            content = path.read_bytes() if result.inline is None else result.inline
            if result.media_type == "application/xml":
                return parsed(content)
            return as_text(content)
        except OSError as error:
            raise CannotStart(f"{where} cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise CannotStart(f"{where} is no text in UTF-8") from None
        except etree.XMLSyntaxError as error:
            raise CannotStart(f"{where} is no XML: {error}") from None

    def _result(self, activity: Activity, binding: Binding, sources: Mapping[str, Activity]) -> tuple[Result, Path]:
        source = sources.get(binding.activity_id)
        if source is None or source.owner != activity.owner:
            raise CannotStart(f"the activity {binding.activity_id} is gone, whose result it was to get")
        for result in source.results:
            if result.name == binding.result:
                return result, self._folders.activity(source.id) / result.path
        raise CannotStart(f"the activity {source.id} has left no result {binding.result!r}")


def as_text(content: bytes) -> str:
    """Return a result as the value of a parameter: without the end of its last line. Raises UnicodeDecodeError."""
    return content.decode().removesuffix("\n").removesuffix("\r")


def _filled(rules: Rules, service: Service, open_work: Work, values: Mapping[str, Sequence[_Value]]) -> Work:
    """Return the work with its values; raises Refused."""
    request = parsed(open_work.arguments or b"")
    namespace = _namespace(rules, service)
    given: dict[str, list[etree._Element]] = {}
    for child in request.iterchildren("*"):
        given.setdefault(etree.QName(child).localname, []).append(child)
    for name, bound in values.items():
        given.setdefault(name, []).extend(_element(f"{{{namespace}}}{name}", value) for value in bound)
    made = etree.Element(request.tag)
    for name in _names(rules, service):
        made.extend(given.get(name, ()))
    interface = _interface(rules, service)
    if interface is not None:
        interface.check(made)
        filled = StartRequest(service=service.name, document=canonical(made))
    else:
        texts = {name: [each.text or "" for each in children] for name, children in given.items()}
        filled = StartRequest(service=service.name, parameters=texts)
    return rules.work(service, filled, open_work.keep or timedelta(0))


def _element(tag: str, value: _Value) -> etree._Element:
    made = etree.Element(tag)
    if isinstance(value, str):
        try:
            made.text = value
        except ValueError:
            name = etree.QName(tag).localname
            raise InvalidParameter(f"parameter {name}: it has characters that XML has not", name) from None
        return made
    made.text = value.text
    made.extend(list(value))
    return made


def _interface(rules: Rules, service: Service) -> Interface | None:
    interface = rules.interfaces.get(service.interface)
    return interface if interface is not None and interface.starting(service.name) is not None else None


def _operation(rules: Rules, service: Service) -> str:
    interface = _interface(rules, service)
    operation = interface.starting(service.name) if interface else None
    return operation.name if operation else service.name


def _namespace(rules: Rules, service: Service) -> str:
    interface = _interface(rules, service)
    return interface.namespace if interface else f"{NAMESPACE}{service.name}"


def _names(rules: Rules, service: Service) -> Sequence[str]:
    interface = _interface(rules, service)
    operation = interface.starting(service.name) if interface else None
    if operation is not None:
        return [argument.name for argument in operation.arguments]
    return [parameter.name for parameter in service.parameters]
