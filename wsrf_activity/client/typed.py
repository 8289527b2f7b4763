"""A service with operations of its own, as coroutines: its WSDL says how values are written and read."""

import dataclasses
import enum
import os
import uuid
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Final

import zeep
from lxml import etree

from wsrf_activity.client.activities import Activity
from wsrf_activity.client.calls import Call, Start, named
from wsrf_activity.client.errors import Said, UnknownService, WaitTimeout
from wsrf_activity.client.exchange import Exchange
from wsrf_activity.client.inputs import Input
from wsrf_activity.client.patience import Deadline
from wsrf_activity.client.references import parse_xml
from wsrf_activity.client.starting import created, options
from wsrf_activity.model.lifetime import Requested

EACH: Final = 50.0  #: seconds of one synchronous call; the server's own cap is of that size


class TypedService:
    """A service by its own WSDL. Each of its operations is also an attribute: ``words.count(text="a b")`` starts it."""

    def __init__(self, exchange: Exchange, name: str) -> None:
        """Take it from a server: `Service.service`."""
        self.name = name
        self._exchange = exchange

    def __repr__(self) -> str:
        return f"<TypedService {self.name}>"

    def __getattr__(self, operation: str) -> Callable[..., Coroutine[Any, Any, Activity]]:
        if operation.startswith("__"):
            raise AttributeError(operation)
        return partial(self.start, operation)

    async def operations(self) -> Sequence[str]:
        """Return the names of its own operations. Raises UnknownService, Unreachable."""
        document = await self._exchange.document(self.name)
        own = _namespace(document)
        [port_type] = document.port_types.values()
        found = ((name, _element(each.input_message)) for name, each in port_type.operations.items())
        return [name for name, element in found if element.qname.namespace == own]

    async def start(  # noqa: PLR0913  # each is one of act:StartOptions
        self,
        operation: str,
        parameters: Mapping[str, Any] | None = None,
        /,
        *,
        input: Input | None = None,
        name: str | None = None,
        groups: Sequence[str] = (),
        run_id: str | None = None,
        expires: Requested | None = None,
        work_limit: timedelta | None = None,
        request_id: str | None = None,
        **more: Any,
    ) -> Activity:
        """Start an operation and return its activity at once.

        Its parameters are keywords, or a mapping where their names are those of other arguments: values of Python, also
        dataclasses, enums, and lists of any. The rest is as in `Service.start`. Raises UnknownService for a service or
        an operation that there is not, InvalidParameter, and what `Service.start` does.
        """
        said = Start(
            name=name,
            groups=groups,
            run_id=run_id,
            expires=expires,
            work_limit=work_limit,
            request_id=request_id or str(uuid.uuid4()),
        )
        given = named(parameters, more)
        response = await self._ask(operation, given, said, await self._exchange.input(input))
        return Activity(self._exchange, created(response))

    async def call(
        self,
        operation: str,
        parameters: Mapping[str, Any] | None = None,
        /,
        *,
        timeout: float | timedelta | None = None,
        input: Input | None = None,
        request_id: str | None = None,
        **more: Any,
    ) -> Any:
        """Start an operation, wait for its end however long that takes, and return its value; None where it has none.

        A record comes as an object whose members are attributes, a list as a list. ``timeout`` is in seconds. Raises
        WorkFailed with the activity where the work does not complete, WaitTimeout, and what `start` does.
        """
        deadline = Deadline(timeout)
        said = Start(request_id=request_id or str(uuid.uuid4()))  # so that asking again starts nothing twice
        given, source = named(parameters, more), await self._exchange.input(input)
        while True:
            within = deadline.left(EACH)
            response = await self._ask(operation, given, said, source, within)
            document = await self._exchange.document(self.name)
            value = response.find(f"{{{_namespace(document)}}}{operation}Result")
            if value is not None:
                return self._read(document, operation, value)
            activity = Activity(self._exchange, created(response))
            if deadline.over:
                raise WaitTimeout(f"{activity.address}: {operation} is not done after {deadline.timeout:g} s")
            state = await activity.wait(deadline.left(EACH) if deadline.timeout is not None else None)
            if state.phase == "Completed":
                return await self._fetched(document, operation, activity)

    async def _fetched(self, document: Any, operation: str, activity: Activity) -> Any:
        """Read a value that was too large for an answer, or that came after the last one."""
        tag = f"{{{_namespace(document)}}}{operation}Result"
        try:
            kind = document.types.get_element(tag).type
        except LookupError:
            return None
        content = await (await activity.result()).read()
        if isinstance(kind, zeep.xsd.ComplexType):
            return self._read(document, operation, parse_xml(content))
        if isinstance(kind, zeep.xsd.Base64Binary):
            return content
        element = etree.Element(tag)
        element.text = content.decode("utf-8")
        return self._read(document, operation, element)

    def _read(self, document: Any, operation: str, element: etree._Element) -> Any:
        declared = document.types.get_element(f"{{{_namespace(document)}}}{operation}Result")
        value = declared.parse(element, document.types)
        members = (
            [name for name, _ in declared.type.elements] if isinstance(declared.type, zeep.xsd.ComplexType) else []
        )
        return value.item if members == ["item"] and value is not None else value

    async def _ask(
        self,
        operation: str,
        parameters: Mapping[str, Any],
        said: Start,
        source: tuple[bytes | None, str | None],
        wait: float | None = None,
    ) -> etree._Element:
        known = await self.operations()
        if operation not in known:
            reason = f"service {self.name} has no operation {operation!r}; there: {', '.join(known)}"
            raise UnknownService(Said("UnknownServiceFault", reason))
        block = options(said, *source, wait=wait)
        written = {name: plain(value) for name, value in parameters.items() if value is not None}
        call = Call(operation, written, header=block, service=self.name)
        return await self._exchange.ask(call, None, lambda response: response, within=wait or 0.0)


def _namespace(document: Any) -> str:
    [port_type] = document.port_types.values()
    namespace: str = port_type.name.namespace
    return namespace


def _element(message: Any) -> Any:
    [part] = message.parts.values()
    return part.element


def plain(value: Any) -> Any:
    """Return a value as zeep writes it."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        members = {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
        return {name: plain(member) for name, member in members.items() if member is not None}
    if isinstance(value, enum.Enum):
        return plain(value.value)
    if isinstance(value, Mapping):
        return {name: plain(member) for name, member in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [plain(each) for each in value]
    return str(value) if isinstance(value, uuid.UUID | os.PathLike) else value
