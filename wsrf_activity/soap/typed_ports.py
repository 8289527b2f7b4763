"""The own operations of a service as a Spyne service: each starts an activity, and answers at once or at its end."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lxml import etree
from spyne import Service

from wsrf_activity.manager import Condition
from wsrf_activity.model.activity import Activity
from wsrf_activity.model.errors import NoSuchActivity
from wsrf_activity.model.phases import Phase
from wsrf_activity.soap import starting, subscribing
from wsrf_activity.soap.ports import Call, Method, members, operation, written
from wsrf_activity.soap.services import ServiceContract
from wsrf_activity.soap.starting import Start


def methods_of(service: ServiceContract) -> Mapping[str, str]:
    """Return the methods of the own operations by their body element.

    They are numbered: what an operation is called may be a word of Python's, or the name of something of Spyne's.
    """
    return {body: f"own_{number}" for number, body in enumerate(service.own)}


def typed_port(service: ServiceContract) -> type[Service]:
    """Return a Spyne service that has a method for each own operation."""
    methods = {name: operation(_method(name), service.own[body].name) for body, name in methods_of(service).items()}
    made: type[Service] = type("TypedPort", (Service,), methods)
    return made


def _method(name: str) -> Method:
    async def own(ctx: Any, body: etree._Element) -> etree._Element:
        return await _perform(ctx.udc)

    own.__name__ = name  # by which Spyne tells methods apart
    return own


async def _perform(call: Call) -> etree._Element:
    start = call.start
    assert start is not None
    told = subscribing.read_beside(start.options, call.addresses, call.now, call.soap, call.addressing)
    request = replace(start.request, subscriptions=told)
    if not start.synchronous:
        activity = await call.manager.create(call.caller, request)
        return await _written(call, start, activity, None)
    # Who hangs up while it is accepted has started it all the same, as with CreateActivity.
    activity = await asyncio.shield(asyncio.ensure_future(call.manager.create(call.caller, request)))
    activity, _ = await call.manager.wait(call.caller, activity.id, Condition(), start.timeout)
    if activity.phase.ended and activity.phase is not Phase.COMPLETED:
        raise starting.failed(activity)
    value = await _value(call, start, activity) if activity.phase.ended else None
    return await _written(call, start, activity, value)


async def _written(call: Call, start: Start, activity: Activity, value: etree._Element | None) -> etree._Element:
    started, now = await members(call, activity), call.now
    return await written(started, lambda: starting.write(start, activity, started, value, call.addresses, now))


async def _value(call: Call, start: Start, activity: Activity) -> etree._Element | None:
    """Return the value, None where there is none that fits an answer."""
    try:
        content = await call.manager.content(call.caller, activity.id, "result")
    except NoSuchActivity:
        return None
    if content.result is None or content.result.size > starting.LARGEST_VALUE:
        return None
    return await asyncio.to_thread(starting.value, start, content.path)
