"""Replies and faults that go elsewhere than back on the connection of their request (WS-Addressing 1.0, ReplyTo).

Best effort: an answer is kept in memory alone, and what is under way when the server stops is given up. The activity
itself keeps all that there is to know.
"""

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from wsrf_activity.model import ns
from wsrf_activity.model.errors import TooBusy
from wsrf_activity.notify.callbacks import CallbackFailed, CallbackRefused, Callbacks, Target
from wsrf_activity.soap import addressing
from wsrf_activity.soap.addressing import Endpoint, Headers
from wsrf_activity.soap.envelope import Outgoing, Verbatim, Version

MOST = 1000  #: requests and replies under way whose client waits on no connection
_COME_AGAIN = timedelta(seconds=30)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Routes:
    """Where the answer to one request goes, if not on its connection."""

    reply: Target | None = None
    fault: Target | None = None
    detached: bool = False  #: whether nothing at all goes on the connection, so that nobody need wait there

    def of(self, fault: bool) -> Target | None:
        """Return where a fault, or a reply, goes; None for the connection, or for nowhere."""
        return self.fault if fault else self.reply


ON_THE_CONNECTION = Routes()


class Replies:
    """Sends answers elsewhere, and keeps hold of all that is done for them meanwhile."""

    def __init__(self, callbacks: Callbacks, most: int = MOST) -> None:
        """Send through ``callbacks``, which decides where one may; refuse what is more than ``most`` at a time."""
        self._callbacks = callbacks
        self._most = most
        self._under_way: set[asyncio.Task[Any]] = set()

    async def routes(self, headers: Headers) -> Routes:
        """Find out where an answer goes, before anything is done; headers that are wrong are answered to at once.

        Raises SoapProblem for where nothing may be sent, TooBusy.
        """
        if headers.reply_to is None and headers.fault_to is None:
            return ON_THE_CONNECTION
        reply, fault = headers.endpoint(False), headers.endpoint(True)
        if headers.problem is not None or not (reply.elsewhere or fault.elsewhere):
            return ON_THE_CONNECTION
        if len(self._under_way) >= self._most:
            raise TooBusy("too many answers are under way to other addresses; try again later", _COME_AGAIN)
        to_reply = await self._target(headers, reply, "ReplyTo")
        name = "FaultTo" if headers.fault_to else "ReplyTo"
        to_fault = to_reply if fault == reply else await self._target(headers, fault, name)
        stays = any(to is None and not endpoint.nowhere for to, endpoint in ((to_reply, reply), (to_fault, fault)))
        return Routes(to_reply, to_fault, detached=not stays)

    def begin(self, work: Coroutine[Any, Any, object]) -> None:
        """Go on with a request whose connection has been answered; ``work`` deals with its own problems."""
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    def send(
        self,
        target: Target,
        endpoint: Endpoint,
        action: str,
        message: Outgoing,
        verbatim: Verbatim | None = None,
    ) -> None:
        """Begin to send a message, with what is already written of it, to an endpoint."""
        content = message.written(endpoint.parameters)
        if verbatim is not None:
            content = verbatim.put(content)
        self.begin(self._sent(target, content, http_headers(message.version, action)))

    async def stop(self) -> None:
        """Give up what is under way."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        await self._callbacks.close()

    async def _target(self, headers: Headers, endpoint: Endpoint, name: str) -> Target | None:
        if not endpoint.elsewhere:
            return None
        version = headers.version or ns.WSA
        if self._callbacks.policy.closed:
            reason = "this server sends replies on the connection of the request only: use the anonymous address"
            raise addressing.invalid(version, reason, "OnlyAnonymousAddressSupported", name)
        try:
            return await self._callbacks.target(endpoint.address)
        except CallbackRefused as refused:
            reason = f"wsa:{name}: {refused.description}"
            raise addressing.invalid(version, reason, "InvalidAddress", name) from None

    async def _sent(self, target: Target, content: bytes, headers: dict[str, str]) -> None:
        try:
            status = await self._callbacks.post(target, content, headers)
        except CallbackFailed as failed:
            log.warning("an answer to %s was not delivered: %s", target.host, failed)
        else:
            if not 200 <= status < 300:
                log.warning("an answer to %s was not accepted: HTTP status %d", target.host, status)


def http_headers(version: Version, action: str) -> dict[str, str]:
    """Return the headers of HTTP that say what a message is: SOAP 1.2 names the Action in the content type."""
    if version.is_12:
        return {"content-type": f'{version.media_type}; charset=UTF-8; action="{action}"'}
    return {"content-type": f"{version.media_type}; charset=UTF-8", "soapaction": f'"{action}"'}
