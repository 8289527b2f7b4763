"""Everything that a caller can be told, as exceptions. The faces translate them; each says what to do about it.

::

    Problem
      NotFound
        NoSuchActivity
        NoSuchSubscription
        NoSuchPullPoint
      Refused
        NotPermitted
          NotLoggedIn
        UnknownService
        InvalidParameter
        RequestConflict
        InvalidState
        VersionMismatch
        TerminationTimeRejected
        InitialTerminationTimeRejected
        TerminationTimeFixed
        InvalidPropertyName
        UnknownQueryDialect
        InvalidQuery
        QueryFailed
        UnknownTopicDialect
        InvalidTopicExpression
        TopicNotSupported
        InvalidFilter
        InvalidMessageContentExpression
        InvalidProducerPropertiesExpression
        UnrecognizedPolicy
        UnsupportedPolicy
        SubscribeRefused
        RenewalRejected
        NoCurrentMessage
        MultipleTopics
        UnableToGetMessages
        TooBusy
        TooLarge
      WorkFailed
      Unavailable
"""

from datetime import datetime, timedelta


class Problem(Exception):
    """The root: its text is for the caller to read."""

    def __init__(self, description: str) -> None:
        """Keep the sentence that says what to do."""
        super().__init__(description)
        self.description = description


class NotFound(Problem):
    """What was named does not exist for this caller."""


class NoSuchActivity(NotFound):
    """Unknown, expired, destroyed, or somebody else's: the four look alike."""

    def __init__(
        self, description: str = "There is no such activity: it never was, has expired, or was destroyed."
    ) -> None:
        """Say the one sentence unless the caller knows a better one."""
        super().__init__(description)


class NoSuchSubscription(NotFound):
    """Unknown, expired, removed, or somebody else's: the four look alike."""

    def __init__(
        self, description: str = "There is no such subscription: it never was, has expired, or was removed."
    ) -> None:
        """Say the one sentence unless the caller knows a better one."""
        super().__init__(description)


class NoSuchPullPoint(NotFound):
    """Unknown, expired, destroyed, or somebody else's: the four look alike."""

    def __init__(
        self, description: str = "There is no such pull point: it never was, has expired, or was destroyed."
    ) -> None:
        """Say the one sentence unless the caller knows a better one."""
        super().__init__(description)


class Refused(Problem):
    """The request cannot be served as it is; the caller can mend it."""


class NotPermitted(Refused):
    """The caller may not do that."""


class NotLoggedIn(NotPermitted):
    """No credentials, or wrong ones."""


class UnknownService(Refused):
    """No service of that name is configured."""


class InvalidParameter(Refused):
    """A parameter is missing, unknown or of the wrong value."""

    def __init__(
        self, description: str, parameter: str | None = None, row: int | None = None, column: str | None = None
    ) -> None:
        """Name the parameter, and for tables the row (from 1) and the column."""
        super().__init__(description)
        self.parameter = parameter
        self.row = row
        self.column = column


class RequestConflict(Refused):
    """The same request id came with another request."""


class WorkFailed(Problem):
    """The work that a synchronous call has started did not complete."""

    def __init__(self, description: str, activity_id: str, phase: str, code: str | None = None) -> None:
        """Name the activity, how it ended, and the code of what ended it."""
        super().__init__(description)
        self.activity_id = activity_id
        self.phase = phase
        self.code = code


class InvalidState(Refused):
    """The activity's phase does not allow that."""

    def __init__(self, description: str, phase: str) -> None:
        """Keep the phase that stood in the way."""
        super().__init__(description)
        self.phase = phase


class VersionMismatch(Refused):
    """The activity has changed since the version that the caller named."""

    def __init__(self, description: str, current: int) -> None:
        """Keep the version that the activity has now."""
        super().__init__(description)
        self.current = current


class TerminationTimeRejected(Refused):
    """A termination time outside the policy's bounds (WS-ResourceLifetime 1.2)."""

    def __init__(self, description: str, earliest: datetime, latest: datetime | None) -> None:
        """Keep the accepted range; ``latest`` None is no bound."""
        super().__init__(description)
        self.earliest = earliest
        self.latest = latest


class InitialTerminationTimeRejected(TerminationTimeRejected):
    """The same at the start of an activity."""


class TerminationTimeFixed(Refused):
    """A service whose termination times cannot be set at all (WS-ResourceLifetime 1.2)."""


class InvalidPropertyName(Refused):
    """No resource property has that name (WS-ResourceProperties 1.2)."""


class UnknownQueryDialect(Refused):
    """The query language is not offered."""


class InvalidQuery(Refused):
    """The query is not an expression of its language, or costs too much."""


class QueryFailed(Refused):
    """The query is well formed but could not be evaluated."""


class UnknownTopicDialect(Refused):
    """The dialect of a topic expression is not offered (WS-BaseNotification 1.3, section 4.2)."""


class InvalidTopicExpression(Refused):
    """A topic expression that is not in its dialect's grammar, uses an undeclared prefix, or is too long."""


class TopicNotSupported(Refused):
    """A topic expression that no published topic can ever match."""


class InvalidFilter(Refused):
    """A filter of a kind or in a dialect that is not offered."""

    def __init__(self, description: str, unknown: str) -> None:
        """Keep the clark name of the filter's element."""
        super().__init__(description)
        self.unknown = unknown


class InvalidMessageContentExpression(Refused):
    """A filter on messages that is not an expression of its language, or costs too much."""


class InvalidProducerPropertiesExpression(Refused):
    """A filter on the producer's properties that is not an expression of its language, or costs too much."""


class UnrecognizedPolicy(Refused):
    """Policies of a subscription that nobody here knows (WS-BaseNotification 1.3, section 4.2)."""

    def __init__(self, description: str, *policies: str) -> None:
        """Keep the clark names of the policies' elements."""
        super().__init__(description)
        self.policies = policies


class UnsupportedPolicy(UnrecognizedPolicy):
    """Policies that are known but cannot be had, or not so."""


class SubscribeRefused(Refused):
    """A subscription that cannot be, for another reason than its filter, policy or time: its consumer, say."""


class RenewalRejected(TerminationTimeRejected):
    """A time for which a subscription cannot be renewed (WS-BaseNotification 1.3, section 6.1.1)."""


class NoCurrentMessage(Refused):
    """Nothing has been published on a topic so far (WS-BaseNotification 1.3, section 4.3)."""


class MultipleTopics(Refused):
    """An expression that selects several topics where one is asked for."""


class UnableToGetMessages(Refused):
    """Messages were asked for in a way that cannot be had (WS-BaseNotification 1.3, section 5.1)."""


class TooBusy(Refused):
    """More than is allowed at a time; try again later."""

    def __init__(self, description: str, retry_after: timedelta) -> None:
        """Keep how long to wait before the next try."""
        super().__init__(description)
        self.retry_after = retry_after


class TooLarge(Refused):
    """The message or body is over its limit."""


class Unavailable(Problem):
    """The server cannot answer just now, through no fault of the caller."""
