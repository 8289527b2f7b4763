"""One operation after another: Spyne finds the method of a message and calls it, and its answer is awaited."""

from typing import Any

from lxml import etree
from spyne import MethodContext
from spyne.server import ServerBase

from wsrf_activity.soap.places import Place
from wsrf_activity.soap.ports import Call, Pending, Reply
from wsrf_activity.soap.protocol import application


class Dispatcher(ServerBase):
    """Calls the operations that one place answers."""

    transport = "http://schemas.xmlsoap.org/soap/http"

    def __init__(self, place: Place) -> None:
        """Make the application, and the beginning of a call of each of its operations."""
        super().__init__(application(place))
        self._begun = {body: vars(self._begin(body)) for body in place.operations}

    async def perform(self, body: etree._Element, call: Call) -> Reply | Pending:
        """Return the child of the reply's Body, None for a one-way operation; raises what the method does."""
        context = MethodContext.__new__(MethodContext)
        vars(context).update(self._begun[body.tag], in_object=[body], udc=call)
        reply: Reply | Pending = await self.app.call_wrapper(context)
        return reply

    def _begin(self, body: str) -> Any:
        """Return a context whose method Spyne has found; each call goes on with a copy of it.

        To make one from nothing takes Spyne longer than all else that it does for a call, and leaves a circle of
        objects to the garbage collector. What the copies share (the contexts of transport and protocols, and two empty
        lists) is not written to between here and the method's return. Around the method Spyne would tell listeners,
        of which there are none, and make faults of exceptions, of which a coroutine raises none before it is awaited.
        """
        context = MethodContext(self, MethodContext.SERVER)
        context.method_request_string = body
        [context] = self.app.in_protocol.generate_method_contexts(context)
        return context
