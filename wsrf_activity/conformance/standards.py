"""What the standards fix about each operation: its element, its Actions and the faults it must declare. No I/O.

The Actions follow from WS-Addressing 1.0 Metadata, section 4.4.4, and the portTypes of the OASIS WSDLs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from wsrf_activity.model import ns

_HOST = "http://docs.oasis-open.org"
_UNKNOWN, _UNAVAILABLE = f"{{{ns.R}}}ResourceUnknownFault", f"{{{ns.R}}}ResourceUnavailableFault"
_QNAME = f"{{{ns.RP}}}InvalidResourcePropertyQNameFault"
_CHANGE = (
    f"{{{ns.RP}}}InvalidModificationFault",
    f"{{{ns.RP}}}UnableToModifyResourcePropertyFault",
    _QNAME,
)


@dataclass(frozen=True, slots=True)
class Standard:
    """One operation as its standard has it."""

    name: str
    element: str  #: of the request, as a Clark name
    response: str
    action: str  #: of the request; that of the reply ends in Response
    faults: frozenset[str]  #: Clark names of those that it must declare

    @property
    def response_action(self) -> str:
        """The Action of the reply."""
        return f"{self.action.removesuffix('Request')}Response"


def _operation(name: str, namespace: str, port: str, *faults: str) -> Standard:
    return Standard(
        name,
        f"{{{namespace}}}{name}",
        f"{{{namespace}}}{name}Response",
        f"{_HOST}/{port}/{name}Request",
        frozenset((_UNKNOWN, *faults)),
    )


def _properties(name: str, *faults: str) -> Standard:
    return _operation(name, ns.RP, f"wsrf/rpw-2/{name}", _UNAVAILABLE, *faults)


def _rp(*names: str) -> tuple[str, ...]:
    return tuple(f"{{{ns.RP}}}{name}" for name in names)


def _wsnt(*names: str) -> tuple[str, ...]:
    return tuple(f"{{{ns.WSNT}}}{name}" for name in names)


_RL = tuple(
    f"{{{ns.RL}}}{name}"
    for name in ("ResourceNotDestroyedFault", "UnableToSetTerminationTimeFault", "TerminationTimeChangeRejectedFault")
)
_ALL = (
    _properties("GetResourcePropertyDocument"),
    _properties("GetResourceProperty", _QNAME),
    _properties("GetMultipleResourceProperties", _QNAME),
    _properties(
        "QueryResourceProperties",
        _QNAME,
        *_rp("UnknownQueryExpressionDialectFault", "InvalidQueryExpressionFault", "QueryEvaluationErrorFault"),
    ),
    _properties("SetResourceProperties", *_CHANGE, *_rp("SetResourcePropertyRequestFailedFault")),
    _properties("InsertResourceProperties", *_CHANGE, *_rp("InsertResourcePropertiesRequestFailedFault")),
    _properties("UpdateResourceProperties", *_CHANGE, *_rp("UpdateResourcePropertiesRequestFailedFault")),
    _properties("DeleteResourceProperties", *_CHANGE, *_rp("DeleteResourcePropertiesRequestFailedFault")),
    _properties("PutResourcePropertyDocument", *_rp("UnableToPutResourcePropertyDocumentFault")),
    _operation("Destroy", ns.RL, "wsrf/rlw-2/ImmediateResourceTermination", _UNAVAILABLE, _RL[0]),
    _operation("SetTerminationTime", ns.RL, "wsrf/rlw-2/ScheduledResourceTermination", _UNAVAILABLE, *_RL[1:]),
    _operation(
        "Subscribe",
        ns.WSNT,
        "wsn/bw-2/NotificationProducer",
        *_wsnt(
            "InvalidFilterFault",
            "TopicExpressionDialectUnknownFault",
            "InvalidTopicExpressionFault",
            "TopicNotSupportedFault",
            "InvalidProducerPropertiesExpressionFault",
            "InvalidMessageContentExpressionFault",
            "UnacceptableInitialTerminationTimeFault",
            "UnrecognizedPolicyRequestFault",
            "UnsupportedPolicyRequestFault",
            "NotifyMessageNotSupportedFault",
            "SubscribeCreationFailedFault",
        ),
    ),
    _operation(
        "GetCurrentMessage",
        ns.WSNT,
        "wsn/bw-2/NotificationProducer",
        *_wsnt(
            "TopicExpressionDialectUnknownFault",
            "InvalidTopicExpressionFault",
            "TopicNotSupportedFault",
            "NoCurrentMessageOnTopicFault",
            "MultipleTopicsSpecifiedFault",
        ),
    ),
)

#: Every operation of the standards that an activity may offer, by the element of its request.
STANDARD: Mapping[str, Standard] = MappingProxyType({operation.element: operation for operation in _ALL})

#: Operations of the subscription manager, whose WSDL is another one: their Actions alone.
_MANAGER = f"{_HOST}/wsn/bw-2/SubscriptionManager"
_PAUSABLE = f"{_HOST}/wsn/bw-2/PausableSubscriptionManager"
ELSEWHERE: Mapping[str, str] = MappingProxyType(
    {
        f"{{{ns.WSNT}}}Renew": f"{_MANAGER}/RenewRequest",
        f"{{{ns.WSNT}}}Unsubscribe": f"{_MANAGER}/UnsubscribeRequest",
        f"{{{ns.WSNT}}}PauseSubscription": f"{_PAUSABLE}/PauseSubscriptionRequest",
        f"{{{ns.WSNT}}}ResumeSubscription": f"{_PAUSABLE}/ResumeSubscriptionRequest",
        f"{{{ns.MEX}}}GetMetadata": f"{ns.MEX}/GetMetadata/Request",
    }
)
NOTIFY_ACTION = f"{_HOST}/wsn/bw-2/NotificationConsumer/Notify"


def rp(name: str) -> str:
    """Return the Clark name of an element of WS-ResourceProperties."""
    return f"{{{ns.RP}}}{name}"


def rl(name: str) -> str:
    """Return the Clark name of an element of WS-ResourceLifetime."""
    return f"{{{ns.RL}}}{name}"


def wsnt(name: str) -> str:
    """Return the Clark name of an element of WS-BaseNotification."""
    return f"{{{ns.WSNT}}}{name}"


def act(name: str) -> str:
    """Return the Clark name of an element of the activity contract."""
    return f"{{{ns.ACT}}}{name}"
