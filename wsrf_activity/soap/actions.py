"""Action URIs as clients write them: which of them mean the one that the WSDL gives."""

from typing import Final

from wsrf_activity.model import ns

_OASIS: Final = "http://docs.oasis-open.org/"
_MISSPELT: Final = "http://docs.open-oasis.org/"  # so in code of Globus
_PRODUCER: Final = f"{_OASIS}wsn/bw-2/NotificationProducer"
_BROKER: Final = f"{_OASIS}wsn/brw-2/NotificationBroker"  # the same operations in a port type of its own

_BASE: Final = f"{_OASIS}wsn/bw-2"
_MANAGED: Final = ("Renew", "Unsubscribe", "PauseSubscription", "ResumeSubscription")

_ALIASES: Final = {
    # A subscription that can be paused is one that cannot and more; Apache Muse sends the latter's for all four.
    **{
        f"{_BASE}/SubscriptionManager/{name}Request": f"{_BASE}/PausableSubscriptionManager/{name}Request"
        for name in _MANAGED
    },
    f"{_BASE}/NotificationConsumer/Notify": f"{_BASE}/PullPoint/Notify",  # whoever sends knows only a consumer
    f"{_OASIS}wsn/brw-2/NotificationBroker/Notify": f"{_BASE}/PullPoint/Notify",
    f"{_BASE}/PullPoint/CreatePullPointRequest": f"{_BASE}/CreatePullPoint/CreatePullPointRequest",
    f"{_BROKER}/SubscribeRequest": f"{_PRODUCER}/SubscribeRequest",
    f"{_BROKER}/GetCurrentMessageRequest": f"{_PRODUCER}/GetCurrentMessageRequest",
    f"{ns.MEX}/GetMetadata": f"{ns.MEX}/GetMetadata/Request",  # so in Apache Muse
}


def canonical(action: str) -> str:
    """Return an Action as the WSDL writes it; white space around a URI means nothing."""
    action = action.strip()
    if action.startswith(_MISSPELT):
        action = _OASIS + action.removeprefix(_MISSPELT)
    return _ALIASES.get(action, action)


def same(one: str, other: str) -> bool:
    """Whether two Actions mean the same."""
    return one.strip() == other.strip() or canonical(one) == canonical(other)


def reply(asked: str | None, action: str) -> str:
    """Return the Action of a reply: ``action``, or what goes with a request by another port type's Action.

    Clients of that port type compare (WS-Addressing 1.0 Metadata, section 4.4.4).
    """
    asked = (asked or "").strip()
    if asked in _ALIASES and asked.endswith("Request") and action.endswith("Response"):
        return f"{asked.removesuffix('Request')}Response"
    return action
