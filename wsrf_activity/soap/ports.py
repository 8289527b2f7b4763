"""The port type as Spyne services: one method for each operation of ``wsdl/activity.wsdl``."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from lxml import etree
from spyne import AnyXml, Service, rpc

from wsrf_activity.manager import Manager, Subscriptions, UploadInput
from wsrf_activity.model import ns
from wsrf_activity.model.activity import Activity
from wsrf_activity.model.addresses import Addresses
from wsrf_activity.model.errors import InvalidParameter, NoSuchActivity, NoSuchPullPoint, NoSuchSubscription
from wsrf_activity.model.identity import Principal
from wsrf_activity.soap import messages, metadata, subscribing
from wsrf_activity.soap.envelope import Verbatim
from wsrf_activity.soap.modification import Modification
from wsrf_activity.soap.notifications import Notifications
from wsrf_activity.soap.places import Place
from wsrf_activity.soap.properties import View, document
from wsrf_activity.soap.property_reading import read_document, read_one, read_query, read_several, response
from wsrf_activity.soap.starting import Start

_MANY = 100  #: members that are written without others being served meanwhile

Reply = etree._Element | Verbatim | None
Method = Callable[[Any, etree._Element], Awaitable["Reply | Pending"]]


@dataclass(frozen=True, slots=True)
class Pending:
    """A reply that may be long in coming. What comes to it holds nothing of the request, which can go meanwhile."""

    coming: Coroutine[Any, Any, Reply]


@dataclass(frozen=True, slots=True)
class Call:
    """What a method knows beside its message; Spyne carries it as the context's ``udc``."""

    manager: Manager
    caller: Principal
    addresses: Addresses
    notifications: Notifications
    place: Place  #: what answers at the address
    named: str | None  #: the id that the address or the reference parameter names
    soap: Literal["1.1", "1.2"] = "1.1"
    addressing: str = ns.WSA  #: the namespace of WS-Addressing that the message has, or is to get
    if_version: int | None = None  #: the version that the activity must have for a change, from act:IfVersion
    start: Start | None = None  #: what is to be started, where that is an own operation of a service
    attachments: Mapping[str, str] = field(default_factory=dict)  #: SHA-256 of what came with the message, by upload

    @property
    def now(self) -> datetime:
        """The current time, of the one clock."""
        return self.manager.clock()

    @property
    def subscriptions(self) -> Subscriptions:
        """Who is told of what."""
        return self.manager.subscriptions

    @property
    def activity_id(self) -> str:
        """The activity that is meant; raises NoSuchActivity where none is named."""
        if self.named is None:
            raise NoSuchActivity("this operation needs an activity: send it to the activity's own address")
        return self.named

    @property
    def subscription_id(self) -> str:
        """The subscription that is meant; raises NoSuchSubscription where none is named."""
        if self.named is None:
            raise NoSuchSubscription("this operation needs a subscription: send it to the SubscriptionReference")
        return self.named

    @property
    def pull_point_id(self) -> str:
        """The pull point that is meant; raises NoSuchPullPoint where none is named."""
        if self.named is None:
            raise NoSuchPullPoint("this operation needs a pull point: send it to what CreatePullPoint has answered")
        return self.named

    async def view(self) -> View:
        """Return the activity that is meant, as it is shown now."""
        return self.show(await self.manager.get(self.caller, self.activity_id))

    def show(self, activity: Activity) -> View:
        """Return an activity as it is shown now."""
        return View(activity, self.now, self.addresses)


def operation(method: Method, name: str | None = None) -> Any:
    """Make a method an operation: it takes the child of the request's Body and returns the child of the reply's.

    None is returned by a one-way operation. ``name`` is that of the operation, where it is not the method's.
    """
    called = {} if name is None else {"_operation_name": name}
    return rpc(AnyXml, _returns=AnyXml, _body_style="bare", **called)(method)


async def members(call: Call, activity: Activity) -> Sequence[Activity]:
    """Return the activities that one request has started; none where that is one alone."""
    if activity.members is None:
        return ()
    return [each for each in await call.manager.members(call.caller, activity.id) if each.index is not None]


async def written(members: Sequence[Activity], write: Callable[[], etree._Element]) -> etree._Element:
    """Return what ``write`` makes; apart where it names many members, so that others need not wait for it."""
    return await asyncio.to_thread(write) if len(members) > _MANY else write()


class ActivityPort(Service):
    """Operations of our own (``urn:wsrf-activity:1``)."""

    @operation
    async def CreateActivity(ctx: Any, body: etree._Element) -> etree._Element:
        call: Call = ctx.udc
        request = messages.read_create(body, call.addresses, call.now)
        if isinstance(request.input, UploadInput) and request.input.upload_id in call.attachments:
            upload_id = request.input.upload_id
            request = replace(request, input=UploadInput(upload_id, call.attachments[upload_id]))
        told = subscribing.read_beside(body, call.addresses, call.now, call.soap, call.addressing)
        activity = await call.manager.create(call.caller, replace(request, subscriptions=told))
        started, now = await members(call, activity), call.now
        return await written(started, lambda: messages.write_created(activity, started, call.addresses, now))

    @operation
    async def ListActivities(ctx: Any, body: etree._Element) -> etree._Element:
        call: Call = ctx.udc
        page = await call.manager.list(call.caller, messages.read_filter(body))
        return messages.write_page(page, call.addresses)

    @operation
    async def Wait(ctx: Any, body: etree._Element) -> Pending:
        call: Call = ctx.udc
        condition, timeout = messages.read_wait(body, call.now)
        wait = call.manager.wait(call.caller, call.activity_id, condition, timeout)
        return Pending(_waited(wait, call.show))

    @operation
    async def Abort(ctx: Any, body: etree._Element) -> etree._Element:
        call: Call = ctx.udc
        reason = messages.read_reason(body)
        return messages.write_aborted(await call.manager.abort(call.caller, call.activity_id, reason, call.if_version))


async def _waited(wait: Awaitable[tuple[Activity, bool]], show: Callable[[Activity], View]) -> etree._Element:
    activity, timed_out = await wait
    return messages.write_waited(show(activity), timed_out)


class ResourcePropertiesPort(Service):
    """WS-ResourceProperties 1.2."""

    @operation
    async def GetResourcePropertyDocument(ctx: Any, body: etree._Element) -> etree._Element:
        return read_document(await ctx.udc.view())

    @operation
    async def GetResourceProperty(ctx: Any, body: etree._Element) -> etree._Element:
        return read_one(await ctx.udc.view(), body)

    @operation
    async def GetMultipleResourceProperties(ctx: Any, body: etree._Element) -> etree._Element:
        return read_several(await ctx.udc.view(), body)

    @operation
    async def QueryResourceProperties(ctx: Any, body: etree._Element) -> etree._Element:
        return read_query(await ctx.udc.view(), body)


class ModificationPort(Service):
    """WS-ResourceProperties 1.2: the operations that change."""

    @operation
    async def SetResourceProperties(ctx: Any, body: etree._Element) -> etree._Element:
        await _modify(ctx.udc, body)
        return response(ns.RP, "SetResourcePropertiesResponse")

    @operation
    async def InsertResourceProperties(ctx: Any, body: etree._Element) -> etree._Element:
        await _modify(ctx.udc, body)
        return response(ns.RP, "InsertResourcePropertiesResponse")

    @operation
    async def UpdateResourceProperties(ctx: Any, body: etree._Element) -> etree._Element:
        await _modify(ctx.udc, body)
        return response(ns.RP, "UpdateResourcePropertiesResponse")

    @operation
    async def DeleteResourceProperties(ctx: Any, body: etree._Element) -> etree._Element:
        await _modify(ctx.udc, body)
        return response(ns.RP, "DeleteResourcePropertiesResponse")

    @operation
    async def PutResourcePropertyDocument(ctx: Any, body: etree._Element) -> etree._Element:
        call: Call = ctx.udc
        request = Modification(call.addresses, call.now, "UnableToPutResourcePropertyDocumentFault")
        await _change(call, request, body, lambda old: request.put(old, body[0]))
        put = response(ns.RP, "PutResourcePropertyDocumentResponse")
        put.append(document(await call.view()))
        return put


class NotificationPort(Service):
    """WS-BaseNotification 1.3: an activity, and the service for all of a caller's activities, as a producer."""

    @operation
    async def Subscribe(ctx: Any, body: etree._Element) -> etree._Element:
        call: Call = ctx.udc
        request = subscribing.read_subscribe(body, call.addresses, call.now, call.soap, call.addressing)
        subscription = await call.subscriptions.subscribe(call.caller, request, call.named)
        return subscribing.write_subscribed(subscription, call.addresses, call.now)

    @operation
    async def GetCurrentMessage(ctx: Any, body: etree._Element) -> etree._Element:
        call: Call = ctx.udc
        history = await call.subscriptions.history(call.caller, call.activity_id)
        current = response(ns.WSNT, "GetCurrentMessageResponse")
        current.append(await call.notifications.current(history, subscribing.read_topic(body)))
        return current


class LifetimePort(Service):
    """WS-ResourceLifetime 1.2."""

    @operation
    async def Destroy(ctx: Any, body: etree._Element) -> etree._Element:
        call: Call = ctx.udc
        await call.manager.destroy(call.caller, call.activity_id, call.if_version)
        return response(ns.RL, "DestroyResponse")

    @operation
    async def SetTerminationTime(ctx: Any, body: etree._Element) -> etree._Element:
        call: Call = ctx.udc
        requested = messages.read_set_termination(body, call.now)
        activity, now = await call.manager.set_termination(call.caller, call.activity_id, requested, call.if_version)
        return messages.write_set_termination(activity, now)


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


class MetadataPort(Service):
    """WS-MetadataExchange (2004/09); everybody may know what it tells, of an activity that is theirs or not."""

    @operation
    async def GetMetadata(ctx: Any, body: etree._Element) -> etree._Element:
        return metadata.answer(body, ctx.udc.place, ctx.udc.addresses)


SERVICES = (ActivityPort, ResourcePropertiesPort, ModificationPort, LifetimePort, NotificationPort, MetadataPort)
