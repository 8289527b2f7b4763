"""Action URIs as clients write them: which of them mean the one that the WSDL gives."""

from typing import Final

from wsrf_activity.model import ns

_OASIS: Final = "http://docs.oasis-open.org/"
_MISSPELT: Final = "http://docs.open-oasis.org/"  # so in code of Globus
_PRODUCER: Final = f"{_OASIS}wsn/bw-2/NotificationProducer"
_BROKER: Final = f"{_OASIS}wsn/brw-2/NotificationBroker"  # the same operations in a port type of its own

_ALIASES: Final = {
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
