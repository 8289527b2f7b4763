"""The faults of subscriptions and pull points, as exceptions; `errors.py` has what all have in common."""

from typing import ClassVar

from wsrf_activity.client.errors import ActivityFault, TimeFault
from wsrf_activity.model import ns


class SubscribeRefused(ActivityFault):
    """There can be no such subscription (WS-BaseNotification 1.3, section 4.2): the consumer may not be called, say."""

    element = f"{{{ns.WSNT}}}SubscribeCreationFailedFault"


class InvalidFilter(ActivityFault):
    """A filter of a kind or in a dialect that the server does not know."""

    element = f"{{{ns.WSNT}}}InvalidFilterFault"


class UnknownTopicDialect(ActivityFault):
    """The dialect of a topic expression is not offered."""

    element = f"{{{ns.WSNT}}}TopicExpressionDialectUnknownFault"


class InvalidTopicExpression(ActivityFault):
    """Text that is no topic expression of its dialect."""

    element = f"{{{ns.WSNT}}}InvalidTopicExpressionFault"


class TopicNotSupported(ActivityFault):
    """No topic is published that the expression selects; the description names those that are."""

    element = f"{{{ns.WSNT}}}TopicNotSupportedFault"


class MultipleTopics(ActivityFault):
    """An expression that selects several topics where one is asked for (section 4.3)."""

    element = f"{{{ns.WSNT}}}MultipleTopicsSpecifiedFault"


class NoCurrentMessage(ActivityFault):
    """Nothing has been published on the topic so far (section 4.3)."""

    element = f"{{{ns.WSNT}}}NoCurrentMessageOnTopicFault"


class InvalidProducerPropertiesExpression(ActivityFault):
    """``properties`` is no expression of XPath 1.0, or costs too much."""

    element = f"{{{ns.WSNT}}}InvalidProducerPropertiesExpressionFault"


class InvalidMessageContentExpression(ActivityFault):
    """``content`` is no expression of XPath 1.0, or costs too much."""

    element = f"{{{ns.WSNT}}}InvalidMessageContentExpressionFault"


class _PolicyFault(ActivityFault):
    """A fault that names policies."""

    _listed: ClassVar[str]

    @property
    def policies(self) -> tuple[str, ...]:
        """The local names of the policies."""
        found = () if self.detail is None else self.detail.iterfind(f"{{{ns.WSNT}}}{self._listed}")
        return tuple((each.text or "").strip().rpartition(":")[2] for each in found)


class UnrecognizedPolicy(_PolicyFault):
    """The server does not know a policy: it is of another kind, perhaps (section 4.2)."""

    element = f"{{{ns.WSNT}}}UnrecognizedPolicyRequestFault"
    _listed = "UnrecognizedPolicy"


class UnsupportedPolicy(_PolicyFault):
    """The server knows a policy, but not with this value, or not for this subscription (section 4.2)."""

    element = f"{{{ns.WSNT}}}UnsupportedPolicyRequestFault"
    _listed = "UnsupportedPolicy"


class NotifyNotSupported(ActivityFault):
    """The server sends messages raw only (section 4.2)."""

    element = f"{{{ns.WSNT}}}NotifyMessageNotSupportedFault"


class RenewalRejected(TimeFault):
    """A time for which a subscription cannot be renewed (section 6.1.1)."""

    element = f"{{{ns.WSNT}}}UnacceptableTerminationTimeFault"


class UnableToUnsubscribe(ActivityFault):
    """The subscription could not be removed (section 6.1.2)."""

    element = f"{{{ns.WSNT}}}UnableToDestroySubscriptionFault"


class PauseFailed(ActivityFault):
    """The subscription could not be paused (section 6.2.2)."""

    element = f"{{{ns.WSNT}}}PauseFailedFault"


class ResumeFailed(ActivityFault):
    """The subscription could not be resumed (section 6.2.3)."""

    element = f"{{{ns.WSNT}}}ResumeFailedFault"


class UnableToCreatePullPoint(ActivityFault):
    """There can be no pull point (section 5.1)."""

    element = f"{{{ns.WSNT}}}UnableToCreatePullPointFault"


class UnableToGetMessages(ActivityFault):
    """The pull point gives no messages (section 5.2)."""

    element = f"{{{ns.WSNT}}}UnableToGetMessagesFault"


class UnableToDestroyPullPoint(ActivityFault):
    """The pull point could not be removed (section 5.3)."""

    element = f"{{{ns.WSNT}}}UnableToDestroyPullPointFault"
