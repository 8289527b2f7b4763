"""One delivery: messages made into envelopes, signed, with the credentials that the consumer asks for, and POSTed."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime

from wsrf_activity.model.subscriptions import Subscription
from wsrf_activity.notify.base import Envelope, Message, Renderer
from wsrf_activity.notify.callbacks import ANSWERED_WITHIN, CallbackFailed, CallbackRefused, Callbacks
from wsrf_activity.notify.posting import Answer

MAX_MESSAGES = 100  #: in one wsnt:Notify
MAX_BYTES = 1 << 20  #: of one wsnt:Notify, unless one message alone has more
SIGNATURE = "X-WSRF-Activity-Signature"


class NotDelivered(Exception):
    """The consumer has not taken it. The text is a short sentence for the owner of the subscription."""


class Sender:
    """Sends to consumers; knows nothing of what they have had."""

    def __init__(
        self,
        callbacks: Callbacks,
        renderer: Renderer,
        clock: Callable[[], datetime],
        within: float = ANSWERED_WITHIN,
    ) -> None:
        """Send through ``callbacks``, and wait ``within`` seconds for each answer."""
        self._callbacks = callbacks
        self._renderer = renderer
        self._clock = clock
        self._within = within

    async def send(self, subscription: Subscription, messages: Sequence[Message]) -> int:
        """Send as many of the first of these as go together; return how many. Raises NotDelivered."""
        envelope, count = self._envelope(subscription, messages)
        await self._post(subscription, envelope)
        return count

    async def verify(self, subscription: Subscription) -> None:
        """Ask a consumer whether it wants to be told; raises NotDelivered unless it does."""
        challenge = secrets.token_urlsafe(24)
        answer = await self._post(subscription, self._renderer.verification(subscription, challenge))
        if not self._renderer.confirms(answer.content, challenge):
            raise NotDelivered("the consumer did not confirm that it wants to be told")

    def _envelope(self, subscription: Subscription, messages: Sequence[Message]) -> tuple[Envelope, int]:
        if subscription.policy.raw:
            return self._renderer.raw(subscription, messages[0]), 1
        count = min(len(messages), MAX_MESSAGES)
        while True:
            envelope = self._renderer.notify(subscription, messages[:count])
            size = len(envelope.content)
            if size <= MAX_BYTES or count == 1:
                return envelope, count
            count = max(1, min(count - 1, count * MAX_BYTES // size))

    async def _post(self, subscription: Subscription, envelope: Envelope) -> Answer:
        headers = envelope.headers | self._proofs(subscription, envelope.content)
        try:
            target = await self._callbacks.target(subscription.consumer.address)
            answer = await self._callbacks.push(target, envelope.content, headers, self._within)
        except CallbackRefused as refused:
            raise NotDelivered(refused.description) from None
        except CallbackFailed as failed:
            raise NotDelivered(failed.told) from failed
        if not 200 <= answer.status < 300:
            raise NotDelivered(f"the consumer answered {answer.status}")
        return answer

    def _proofs(self, subscription: Subscription, content: bytes) -> dict[str, str]:
        """Return the headers by which a consumer knows who calls."""
        headers = {}
        policy = subscription.policy
        if policy.credentials is not None:
            headers["Authorization"] = _authorization(*policy.credentials)
        if policy.secret is not None:
            headers[SIGNATURE] = signature(policy.secret, int(self._clock().timestamp()), content)
        return headers


def signature(secret: str, time: int, content: bytes) -> str:
    """Return how a message is signed: HMAC-SHA256 over the time (Unix, seconds), a full stop and the body."""
    signed = hmac.new(secret.encode(), b"%d." % time + content, hashlib.sha256)
    return f"t={time},sha256={signed.hexdigest()}"


def _authorization(user: str, password: str) -> str:
    if not user:
        return f"Bearer {password}"
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
