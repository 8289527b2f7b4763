"""The port type as Spyne services: one method for each operation of ``wsdl/activity.wsdl``."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from lxml import etree
from spyne import AnyXml, Service, rpc

from wsrf_activity.manager import Manager, UploadInput
from wsrf_activity.model import ns
from wsrf_activity.model.activity import Activity
from wsrf_activity.model.addresses import Addresses
from wsrf_activity.model.errors import InvalidParameter, InvalidPropertyName, NoSuchActivity, TooLarge
from wsrf_activity.model.identity import Principal
from wsrf_activity.soap import messages, metadata, query
from wsrf_activity.soap.addressing import endpoint_reference
from wsrf_activity.soap.faults import SENDER, Fault, SoapProblem, base_fault
from wsrf_activity.soap.markup import resolve_qname
from wsrf_activity.soap.modification import Modification
from wsrf_activity.soap.properties import View, document, property_values

_MOST_PROPERTIES = 100  #: names in one GetMultipleResourceProperties: a name is short, a value may be long

Method = Callable[[Any, etree._Element], Awaitable[etree._Element]]


@dataclass(frozen=True, slots=True)
class Call:
    """What a method knows beside its message; Spyne carries it as the context's ``udc``."""

    manager: Manager
    caller: Principal
    addresses: Addresses
    activity: str | None  #: the id that the address or the reference parameter names
    if_version: int | None = None  #: the version that the activity must have for a change, from act:IfVersion
    attachments: Mapping[str, str] = field(default_factory=dict)  #: SHA-256 of what came with the message, by upload

    @property
    def now(self) -> datetime:
        """The current time, of the one clock."""
        return self.manager.clock()

    @property
    def activity_id(self) -> str:
        """The activity that is meant; raises NoSuchActivity where none is named."""
        if self.activity is None:
            raise NoSuchActivity("this operation needs an activity: send it to the activity's own address")
        return self.activity

    async def view(self) -> View:
        """Return the activity that is meant, as it is shown now."""
        return self.show(await self.manager.get(self.caller, self.activity_id))

    def show(self, activity: Activity) -> View:
        """Return an activity as it is shown now."""
        return View(activity, self.now, self.addresses)


def operation(method: Method) -> Any:
    """Make a method an operation: it takes the child of the request's Body and returns the child of the reply's."""
    return rpc(AnyXml, _returns=AnyXml, _body_style="bare")(method)


def _response(namespace: str, name: str) -> etree._Element:
    prefix = next(prefix for prefix, uri in ns.PREFIXES.items() if uri == namespace)
    return etree.Element(f"{{{namespace}}}{name}", nsmap={prefix: namespace})


class ActivityPort(Service):
    """Operations of our own (``urn:wsrf-activity:1``)."""

    @operation
    async def CreateActivity(ctx: Any, body: etree._Element) -> etree._Element:
        call: Call = ctx.udc
        request = messages.read_create(body, call.addresses, call.now)
        if isinstance(request.input, UploadInput) and request.input.upload_id in call.attachments:
            upload_id = request.input.upload_id
            request = replace(request, input=UploadInput(upload_id, call.attachments[upload_id]))
        activity = await call.manager.create(call.caller, request)
        return messages.write_created(activity, call.addresses, call.now)

    @operation
    async def ListActivities(ctx: Any, body: etree._Element) -> etree._Element:
        call: Call = ctx.udc
        page = await call.manager.list(call.caller, messages.read_filter(body))
        return messages.write_page(page, call.addresses)

    @operation
    async def Wait(ctx: Any, body: etree._Element) -> etree._Element:
        call: Call = ctx.udc
        condition, timeout = messages.read_wait(body, call.now)
        activity, timed_out = await call.manager.wait(call.caller, call.activity_id, condition, timeout)
        return messages.write_waited(call.show(activity), timed_out)

    @operation
    async def Abort(ctx: Any, body: etree._Element) -> etree._Element:
        call: Call = ctx.udc
        reason = messages.read_reason(body)
        return messages.write_aborted(await call.manager.abort(call.caller, call.activity_id, reason, call.if_version))


class ResourcePropertiesPort(Service):
    """WS-ResourceProperties 1.2."""

    @operation
    async def GetResourcePropertyDocument(ctx: Any, body: etree._Element) -> etree._Element:
        response = _response(ns.RP, "GetResourcePropertyDocumentResponse")
        response.append(document(await ctx.udc.view()))
        return response

    @operation
    async def GetResourceProperty(ctx: Any, body: etree._Element) -> etree._Element:
        response = _response(ns.RP, "GetResourcePropertyResponse")
        response.extend(_values(await ctx.udc.view(), body))
        return response

    @operation
    async def GetMultipleResourceProperties(ctx: Any, body: etree._Element) -> etree._Element:
        response = _response(ns.RP, "GetMultipleResourcePropertiesResponse")
        if len(body) > _MOST_PROPERTIES:
            raise TooLarge(f"at most {_MOST_PROPERTIES} properties can be asked for at a time")
        view = await ctx.udc.view()
        for name in body:
            response.extend(_values(view, name))
        return response

    @operation
    async def QueryResourceProperties(ctx: Any, body: etree._Element) -> etree._Element:
        response = _response(ns.RP, "QueryResourcePropertiesResponse")
        response.extend(query.evaluate(body[0], document(await ctx.udc.view())))
        return response


class ModificationPort(Service):
    """WS-ResourceProperties 1.2: the operations that change."""

    @operation
    async def SetResourceProperties(ctx: Any, body: etree._Element) -> etree._Element:
        await _modify(ctx.udc, body)
        return _response(ns.RP, "SetResourcePropertiesResponse")

    @operation
    async def InsertResourceProperties(ctx: Any, body: etree._Element) -> etree._Element:
        await _modify(ctx.udc, body)
        return _response(ns.RP, "InsertResourcePropertiesResponse")

    @operation
    async def UpdateResourceProperties(ctx: Any, body: etree._Element) -> etree._Element:
        await _modify(ctx.udc, body)
        return _response(ns.RP, "UpdateResourcePropertiesResponse")

    @operation
    async def DeleteResourceProperties(ctx: Any, body: etree._Element) -> etree._Element:
        await _modify(ctx.udc, body)
        return _response(ns.RP, "DeleteResourcePropertiesResponse")

    @operation
    async def PutResourcePropertyDocument(ctx: Any, body: etree._Element) -> etree._Element:
        call: Call = ctx.udc
        request = Modification(call.addresses, call.now, "UnableToPutResourcePropertyDocumentFault")
        await _change(call, request, body, lambda old: request.put(old, body[0]))
        response = _response(ns.RP, "PutResourcePropertyDocumentResponse")
        response.append(document(await call.view()))
        return response


class NotificationPort(Service):
    """WS-BaseNotification 1.3, as a producer that publishes no topics says it."""

    @operation
    async def Subscribe(ctx: Any, body: etree._Element) -> etree._Element:
        await _existing(ctx.udc)
        raise _no_topics(ctx.udc, "SubscribeCreationFailedFault")

    @operation
    async def GetCurrentMessage(ctx: Any, body: etree._Element) -> etree._Element:
        await _existing(ctx.udc)
        raise _no_topics(ctx.udc, "TopicNotSupportedFault")


class LifetimePort(Service):
    """WS-ResourceLifetime 1.2."""

    @operation
    async def Destroy(ctx: Any, body: etree._Element) -> etree._Element:
        call: Call = ctx.udc
        await call.manager.destroy(call.caller, call.activity_id, call.if_version)
        return _response(ns.RL, "DestroyResponse")

    @operation
    async def SetTerminationTime(ctx: Any, body: etree._Element) -> etree._Element:
        call: Call = ctx.udc
        requested = messages.read_set_termination(body, call.now)
        activity, now = await call.manager.set_termination(call.caller, call.activity_id, requested, call.if_version)
        return messages.write_set_termination(activity, now)


def _values(view: View, asked: etree._Element) -> list[etree._Element]:
    """Return the values of the property whose QName an element holds (WS-ResourceProperties 1.2, section 5.2)."""
    text = (asked.text or "").strip()
    try:
        values = property_values(view, resolve_qname(text, asked))
    except ValueError as error:
        raise InvalidPropertyName(f"{text}: {error}") from None
    if values is None:
        raise InvalidPropertyName(f"there is no resource property {text}; GetResourcePropertyDocument shows all")
    return values


async def _modify(call: Call, body: etree._Element) -> None:
    request = Modification(call.addresses, call.now)
    await _change(call, request, body, lambda old: request.apply(old, body))


async def _change(
    call: Call, request: Modification, body: etree._Element, change: Callable[[Activity], Activity]
) -> None:
    try:
        await call.manager.modify(call.caller, call.activity_id, change, call.if_version)
    except InvalidParameter as problem:
        raise request.refused(await call.manager.get(call.caller, call.activity_id), problem, body) from None


async def _existing(call: Call) -> None:
    """A subscription without an id is to all of the caller's activities; with one, that one must be there."""
    if call.activity is not None:
        await call.view()


def _no_topics(call: Call, name: str) -> SoapProblem:
    reason = "this server publishes no topics yet; Wait answers as soon as an activity changes"
    originator = endpoint_reference(call.addresses, call.activity, tag=f"{{{ns.BF}}}Originator")
    detail = base_fault(f"{{{ns.WSNT}}}{name}", reason, call.now, originator)
    return SoapProblem(Fault(code=SENDER, reason=reason, action=ns.WSN_FAULT_ACTION, detail=(detail,)))


class MetadataPort(Service):
    """WS-MetadataExchange (2004/09); everybody may know what it tells, of an activity that is theirs or not."""

    @operation
    async def GetMetadata(ctx: Any, body: etree._Element) -> etree._Element:
        return metadata.answer(body, ctx.udc.addresses)


SERVICES = (ActivityPort, ResourcePropertiesPort, ModificationPort, LifetimePort, NotificationPort, MetadataPort)
