"""Subscription managers and pull points as Spyne services: one method for each operation of ``notification.wsdl``."""

from typing import Any

from lxml import etree
from spyne import Service

from wsrf_activity.model import ns
from wsrf_activity.soap import messages, subscribing
from wsrf_activity.soap.envelope import Verbatim
from wsrf_activity.soap.ports import Call, operation
from wsrf_activity.soap.property_reading import read_document, read_one, read_query, read_several, response
from wsrf_activity.soap.subscription_properties import SubscriptionView


class ManagerPort(Service):
    """WS-BaseNotification 1.3, PausableSubscriptionManager."""

    @operation
    async def Renew(ctx: Any, body: etree._Element) -> etree._Element:
        call: Call = ctx.udc
        requested = subscribing.read_renew(body, call.now)
        subscription, now = await call.subscriptions.renew(call.caller, call.subscription_id, requested)
        return subscribing.write_renewed(subscription, now)

    @operation
    async def Unsubscribe(ctx: Any, body: etree._Element) -> etree._Element:
        call: Call = ctx.udc
        await call.subscriptions.unsubscribe(call.caller, call.subscription_id)
        return response(ns.WSNT, "UnsubscribeResponse")

    @operation
    async def PauseSubscription(ctx: Any, body: etree._Element) -> etree._Element:
        call: Call = ctx.udc
        await call.subscriptions.pause(call.caller, call.subscription_id)
        return response(ns.WSNT, "PauseSubscriptionResponse")

    @operation
    async def ResumeSubscription(ctx: Any, body: etree._Element) -> etree._Element:
        call: Call = ctx.udc
        await call.subscriptions.resume(call.caller, call.subscription_id)
        return response(ns.WSNT, "ResumeSubscriptionResponse")


class SubscriptionPropertiesPort(Service):
    """WS-ResourceProperties 1.2, over act:SubscriptionProperties."""

    @operation
    async def GetResourcePropertyDocument(ctx: Any, body: etree._Element) -> etree._Element:
        return read_document(await _view(ctx.udc))

    @operation
    async def GetResourceProperty(ctx: Any, body: etree._Element) -> etree._Element:
        return read_one(await _view(ctx.udc), body)

    @operation
    async def GetMultipleResourceProperties(ctx: Any, body: etree._Element) -> etree._Element:
        return read_several(await _view(ctx.udc), body)

    @operation
    async def QueryResourceProperties(ctx: Any, body: etree._Element) -> etree._Element:
        return read_query(await _view(ctx.udc), body)


class SubscriptionLifetimePort(Service):
    """WS-ResourceLifetime 1.2."""

    @operation
    async def Destroy(ctx: Any, body: etree._Element) -> etree._Element:
        call: Call = ctx.udc
        await call.subscriptions.unsubscribe(call.caller, call.subscription_id)
        return response(ns.RL, "DestroyResponse")

    @operation
    async def SetTerminationTime(ctx: Any, body: etree._Element) -> etree._Element:
        call: Call = ctx.udc
        requested = messages.read_set_termination(body, call.now)
        subscription, now = await call.subscriptions.set_termination(call.caller, call.subscription_id, requested)
        return messages.write_set_termination(subscription, now)


class PullPointPort(Service):
    """WS-BaseNotification 1.3, PullPoint, with a long poll and acknowledgements of our own."""

    @operation
    async def GetMessages(ctx: Any, body: etree._Element) -> Verbatim:
        call: Call = ctx.udc
        most, timeout, acknowledged = subscribing.read_get_messages(body, call.now)
        pulled = await call.subscriptions.pulled(call.caller, call.pull_point_id, most, timeout, acknowledged)
        return subscribing.write_messages(pulled, acknowledged)

    @operation
    async def DestroyPullPoint(ctx: Any, body: etree._Element) -> etree._Element:
        call: Call = ctx.udc
        await call.subscriptions.destroy_pull_point(call.caller, call.pull_point_id)
        return response(ns.WSNT, "DestroyPullPointResponse")

    @operation
    async def Notify(ctx: Any, body: etree._Element) -> None:
        call: Call = ctx.udc
        await call.subscriptions.put(call.caller, call.pull_point_id, subscribing.read_notify(body))


class CreatePullPointPort(Service):
    """WS-BaseNotification 1.3, CreatePullPoint."""

    @operation
    async def CreatePullPoint(ctx: Any, body: etree._Element) -> etree._Element:
        call: Call = ctx.udc
        made = await call.subscriptions.create_pull_point(call.caller)
        return subscribing.write_pull_point(made.id, call.addresses)


async def _view(call: Call) -> SubscriptionView:
    return SubscriptionView(await call.subscriptions.get(call.caller, call.subscription_id), call.now)


MANAGER_SERVICES = (ManagerPort, SubscriptionPropertiesPort, SubscriptionLifetimePort)
PULL_POINT_SERVICES = (PullPointPort, CreatePullPointPort)
