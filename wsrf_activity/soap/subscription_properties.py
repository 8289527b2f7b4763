"""A subscription as its resource property document, act:SubscriptionProperties, whole or a property at a time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from wsrf_activity.model import ns
from wsrf_activity.model.lifetime import stamp
from wsrf_activity.model.subscriptions import Subscription
from wsrf_activity.soap.faults import sayable
from wsrf_activity.soap.properties import element, query_dialect, time_element
from wsrf_activity.soap.subscribing import write_filter, write_policy


@dataclass(frozen=True, slots=True)
class SubscriptionView:
    """A subscription as it is shown at one moment."""

    subscription: Subscription
    now: datetime

    def document(self) -> etree._Element:
        """Return the whole document."""
        root = etree.Element(f"{{{ns.ACT}}}SubscriptionProperties", nsmap=_PREFIXES)
        for values in PROPERTIES.values():
            root.extend(values(self))
        return root

    def values(self, name: str) -> list[etree._Element] | None:
        """Return the elements of one property by its clark name, none where it has no value; None: there is no such."""
        values = PROPERTIES.get(name)
        return None if values is None else list(values(self))


_PREFIXES = {name: ns.PREFIXES[name] for name in ("act", "wsa", "wsnt", "wsrfrl", "wsrfrp", "xsi")}
Values = Callable[[SubscriptionView], Iterator[etree._Element]]


def _text(name: str, value: Callable[[Subscription], object | None]) -> tuple[str, Values]:
    def values(view: SubscriptionView) -> Iterator[etree._Element]:
        found = value(view.subscription)
        if found is not None:
            yield element(name, str(found))

    return f"{{{ns.ACT}}}{name}", values


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _consumer(view: SubscriptionView) -> Iterator[etree._Element]:
    yield etree.fromstring(view.subscription.consumer.reference)


def _filter(view: SubscriptionView) -> Iterator[etree._Element]:
    made = write_filter(view.subscription.filter)
    if made is not None:
        yield made


def _policy(view: SubscriptionView) -> Iterator[etree._Element]:
    made = write_policy(view.subscription.policy)
    if made is not None:
        yield made


def _created(view: SubscriptionView) -> Iterator[etree._Element]:
    yield time_element(f"{{{ns.WSNT}}}CreationTime", view.subscription.created)


def _now(view: SubscriptionView) -> Iterator[etree._Element]:
    yield time_element(f"{{{ns.RL}}}CurrentTime", view.now)


def _terminates(view: SubscriptionView) -> Iterator[etree._Element]:
    yield time_element(f"{{{ns.RL}}}TerminationTime", view.subscription.terminates)


def _dialect(view: SubscriptionView) -> Iterator[etree._Element]:
    yield query_dialect()


def _next_try(subscription: Subscription) -> str | None:
    return None if subscription.next_try is None else stamp(subscription.next_try)


#: Every property by its clark name, in the document's order.
PROPERTIES: dict[str, Values] = dict(
    [
        (f"{{{ns.WSNT}}}ConsumerReference", _consumer),
        (f"{{{ns.WSNT}}}Filter", _filter),
        (f"{{{ns.WSNT}}}SubscriptionPolicy", _policy),
        (f"{{{ns.WSNT}}}CreationTime", _created),
        (f"{{{ns.RL}}}CurrentTime", _now),
        (f"{{{ns.RL}}}TerminationTime", _terminates),
        (f"{{{ns.RP}}}QueryExpressionDialect", _dialect),
        _text("SubscriptionId", lambda it: it.id),
        _text("ActivityId", lambda it: it.activity_id),
        _text("Paused", lambda it: _flag(it.paused)),
        _text("Delivery", lambda it: it.delivery.value),
        _text("Failures", lambda it: it.failures),
        _text("LastError", lambda it: it.last_error and sayable(it.last_error)),
        _text("NextTry", _next_try),
        _text("Delivered", lambda it: it.delivered),
        _text("Confirmed", lambda it: _flag(it.confirmed) if it.policy.verify else None),
    ]
)
