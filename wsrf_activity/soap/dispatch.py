"""One operation after another: Spyne finds the method of a message and calls it, and its answer is awaited."""

from lxml import etree
from spyne import MethodContext
from spyne.server import ServerBase

from wsrf_activity.soap.envelope import Verbatim
from wsrf_activity.soap.places import Place
from wsrf_activity.soap.ports import Call
from wsrf_activity.soap.protocol import application


class Dispatcher(ServerBase):
    """Calls the operations that one place answers."""

    transport = "http://schemas.xmlsoap.org/soap/http"

    def __init__(self, place: Place) -> None:
        """Make the application."""
        super().__init__(application(place))

    async def perform(self, body: etree._Element, call: Call) -> etree._Element | Verbatim | None:
        """Return the child of the reply's Body, None for a one-way operation; raises what the method does."""
        context = MethodContext(self, MethodContext.SERVER)
        context.in_document = body
        context.udc = call
        [context] = self.generate_contexts(context)
        self.get_in_object(context)
        self.get_out_object(context)
        if context.out_error is not None:
            raise context.out_error
        context.out_object = [await context.out_object[0]]
        self.get_out_string(context)
        reply: etree._Element | Verbatim | None = context.out_document
        return reply
