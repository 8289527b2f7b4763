"""Messages of subscriptions and pull points between XML and the model: Subscribe, Renew, GetMessages and the like.

What is read here has passed the schema; what a schema cannot say is checked here, or by the manager.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, Literal, cast

from lxml import etree

from wsrf_activity.model import filters, ns, topics
from wsrf_activity.model.addresses import Addresses, Resource, read_resource
from wsrf_activity.model.errors import (
    InitialTerminationTimeRejected,
    InvalidParameter,
    InvalidTopicExpression,
    MultipleTopics,
    RenewalRejected,
    SubscribeRefused,
    UnableToGetMessages,
    UnrecognizedPolicy,
    UnsupportedPolicy,
)
from wsrf_activity.model.lifetime import Requested, format_duration, parse_duration
from wsrf_activity.model.subscriptions import Consumer, Expression, Policy, Pulled, SubscribeRequest, Subscription
from wsrf_activity.model.topics import TopicExpression, format_topic
from wsrf_activity.soap.addressing import read_endpoint, reference, sendable
from wsrf_activity.soap.envelope import Verbatim
from wsrf_activity.soap.messages import requested_time
from wsrf_activity.soap.properties import element, time_element, topic_space

MAX_REFERENCE = 1 << 14  #: bytes of a consumer's endpoint reference, which is kept with the subscription
MOST_BESIDE = 10  #: subscriptions that come with what is to be started
MAX_SECRET = 1000  #: characters of a secret, of a name, a password or a token


def _act(name: str) -> str:
    return f"{{{ns.ACT}}}{name}"


def _wsnt(name: str) -> str:
    return f"{{{ns.WSNT}}}{name}"


def answered(name: str) -> etree._Element:
    """Return a response of WS-BaseNotification, to be filled."""
    return etree.Element(_wsnt(name), nsmap={"wsnt": ns.WSNT, "wsa": ns.WSA, "xsi": ns.XSI})


def read_subscribe(
    body: etree._Element,
    addresses: Addresses,
    now: datetime,
    soap: Literal["1.1", "1.2"],
    addressing: str,
) -> SubscribeRequest:
    """Read wsnt:Subscribe; ``soap`` and ``addressing`` are the versions of the message, in which the consumer is told.

    Raises SubscribeRefused for a consumer that cannot be kept, InitialTerminationTimeRejected, UnrecognizedPolicy,
    UnsupportedPolicy, and what ``filters.read`` raises.
    """
    consumer = _consumer(body[0], soap, addressing)
    pull_point = _pull_point(consumer.address, body[0], addresses)
    return SubscribeRequest(
        consumer=consumer,
        filter=tuple(map(_with_own_prefixes, filters.read(body.find(_wsnt("Filter"))))),
        policy=read_policy(body.find(_wsnt("SubscriptionPolicy")), now, pull_point),
        lifetime=_initial_time(body.find(_wsnt("InitialTerminationTime")), now),
        pull_point=pull_point,
    )


def read_beside(
    start: etree._Element,
    addresses: Addresses,
    now: datetime,
    soap: Literal["1.1", "1.2"],
    addressing: str,
) -> tuple[SubscribeRequest, ...]:
    """Read who is to be told of what a message starts: the wsnt:Subscribe in it. Raises as ``read_subscribe``."""
    found = start.findall(_wsnt("Subscribe"))
    if len(found) > MOST_BESIDE:
        raise SubscribeRefused(f"at most {MOST_BESIDE} subscriptions come with what is started; subscribe others to it")
    return tuple(read_subscribe(each, addresses, now, soap, addressing) for each in found)


def _with_own_prefixes(expression: Expression) -> Expression:
    """Leave out what the expression cannot use: all that a whole message declares is in its scope."""
    own = {prefix: uri for prefix, uri in expression.prefixes.items() if not prefix or f"{prefix}:" in expression.text}
    return replace(expression, prefixes=own)


def _consumer(given: etree._Element, soap: Literal["1.1", "1.2"], addressing: str) -> Consumer:
    text = etree.tostring(given, encoding="unicode", with_tail=False)
    endpoint = read_endpoint(given, ns.WSA, addressing)
    if not endpoint.address:
        raise SubscribeRefused("the ConsumerReference has no wsa:Address")
    if not sendable(endpoint) or len(text.encode()) > MAX_REFERENCE:
        raise SubscribeRefused("the ConsumerReference is too large, or its parameters pose as headers of WS-Addressing")
    return Consumer(endpoint.address, text, soap, addressing)


def _pull_point(address: str, given: etree._Element, addresses: Addresses) -> str | None:
    """Return the pull point of ours that an endpoint reference names, by its address or by the parameter."""
    shared = addresses.at(Resource.PULL_POINT, None)
    if address.rstrip("/") == shared:
        named = given.findtext(f"{{{ns.WSA}}}ReferenceParameters/{{{ns.REF}}}PullPoint")
        return (named or "").strip() or None
    found = read_resource(address) if address.startswith(f"{shared}/") else None
    return found[1] if found else None


def _initial_time(child: etree._Element | None, now: datetime) -> Requested | None:
    try:
        return requested_time(child, now)
    except InvalidParameter as error:
        raise InitialTerminationTimeRejected(error.description, now, None) from None


def read_policy(given: etree._Element | None, now: datetime, pull_point: str | None) -> Policy:
    """Read the children of wsnt:SubscriptionPolicy. Raises UnrecognizedPolicy, UnsupportedPolicy."""
    parts = {part.tag: part for part in (() if given is None else given.iterchildren("*"))}
    unknown = [tag for tag in parts if tag not in _POLICIES]
    if unknown:
        offered = ", ".join(etree.QName(tag).localname for tag in _POLICIES)
        raise UnrecognizedPolicy(f"not known as a policy: {', '.join(unknown)}; accepted: {offered}", *unknown)
    outward = [tag for tag in parts if tag in _OUTWARD]
    if pull_point and outward:
        raise UnsupportedPolicy("a pull point of this server is not called: leave these policies out", *outward)
    policy = Policy()
    for tag, part in parts.items():
        try:
            policy = _POLICIES[tag](policy, part, now)
        except (ValueError, OverflowError) as error:
            raise UnsupportedPolicy(f"{etree.QName(tag).localname}: {error}", tag) from None
    return policy


def _at_most_every(policy: Policy, part: etree._Element, now: datetime) -> Policy:
    span = parse_duration(part.text or "", now)
    if span < timedelta(0):
        raise ValueError("accepted: durations of 0 or more")
    return replace(policy, at_most_every=span)


def _secret(policy: Policy, part: etree._Element, now: datetime) -> Policy:
    return replace(policy, secret=_said(part.text))


def _credentials(policy: Policy, part: etree._Element, now: datetime) -> Policy:
    token = part.find(_act("Token"))
    if token is not None:
        return replace(policy, credentials=("", _header_safe(_said(token.text))))
    user = _header_safe(_said(part.findtext(_act("User"))))
    if ":" in user:
        raise ValueError("a user's name cannot have a colon in it (RFC 7617)")
    return replace(policy, credentials=(user, _header_safe(part.findtext(_act("Password")) or "")))


def _said(text: str | None) -> str:
    if not text or len(text) > MAX_SECRET:
        raise ValueError(f"accepted: 1 to {MAX_SECRET} characters")
    return text


def _header_safe(text: str) -> str:
    """It becomes part of a header line, which nobody must end."""
    if len(text) > MAX_SECRET or not text.isprintable():
        raise ValueError(f"accepted: printable characters, at most {MAX_SECRET}")
    return text


_POLICIES: Final[dict[str, Callable[[Policy, etree._Element, datetime], Policy]]] = {
    _wsnt("UseRaw"): lambda policy, part, now: replace(policy, raw=True),
    _act("FromSequence"): lambda policy, part, now: replace(policy, from_sequence=int(part.text or "")),
    _act("LatestOnly"): lambda policy, part, now: replace(policy, latest_only=True),
    _act("AtMostEvery"): _at_most_every,
    _act("VerifyConsumer"): lambda policy, part, now: replace(policy, verify=True),
    _act("Secret"): _secret,
    _act("Credentials"): _credentials,
}
#: Policies about how a consumer is called.
_OUTWARD: Final = frozenset((_wsnt("UseRaw"), _act("VerifyConsumer"), _act("Secret"), _act("Credentials")))


def write_policy(policy: Policy) -> etree._Element | None:
    """Return wsnt:SubscriptionPolicy without anything secret, None where nothing was asked for."""
    made = etree.Element(_wsnt("SubscriptionPolicy"), nsmap={"wsnt": ns.WSNT, "act": ns.ACT})
    texts = {
        _wsnt("UseRaw"): "" if policy.raw else None,
        _act("FromSequence"): None if policy.from_sequence is None else str(policy.from_sequence),
        _act("LatestOnly"): "" if policy.latest_only else None,
        _act("AtMostEvery"): None if policy.at_most_every is None else format_duration(policy.at_most_every),
        _act("VerifyConsumer"): "" if policy.verify else None,
        _act("Secret"): None if policy.secret is None else "",
        _act("Credentials"): None if policy.credentials is None else "",
    }
    for tag, text in texts.items():
        if text is not None:
            etree.SubElement(made, tag).text = text or None
    return made if len(made) else None


def write_filter(expressions: Sequence[Expression]) -> etree._Element | None:
    """Return wsnt:Filter with the expressions and their prefixes, None where everything is wanted."""
    if not expressions:
        return None
    made = etree.Element(_wsnt("Filter"), nsmap={"wsnt": ns.WSNT})
    for expression in expressions:
        prefixes = {prefix or None: uri for prefix, uri in expression.prefixes.items()}
        part = etree.SubElement(made, _wsnt(expression.kind), nsmap=cast("Mapping[str, str]", prefixes))
        part.set("Dialect", expression.dialect)
        part.text = expression.text
    return made


def read_topic(body: etree._Element) -> TopicExpression:
    """Return the expression of wsnt:GetCurrentMessage, which selects one topic (section 4.3).

    Raises UnknownTopicDialect, InvalidTopicExpression, TopicNotSupported, MultipleTopics.
    """
    topic = body[0]
    if len(topic):
        raise InvalidTopicExpression("a topic expression is text, without elements")
    prefixes = {prefix or "": uri for prefix, uri in topic.nsmap.items()}
    expression = topics.parse(topic.get("Dialect", ""), topic.text or "", prefixes, topic_space())
    if len(expression.topics()) > 1:
        several = ", ".join(format_topic(each) for each in expression.topics())
        raise MultipleTopics(f"the expression selects several topics, of which one is to be named: {several}")
    return expression


def write_subscribed(subscription: Subscription, addresses: Addresses, now: datetime) -> etree._Element:
    """Return wsnt:SubscribeResponse."""
    response = answered("SubscribeResponse")
    tag = _wsnt("SubscriptionReference")
    response.append(reference(addresses, Resource.SUBSCRIPTION, subscription.id, tag=tag))
    response.append(time_element(_wsnt("CurrentTime"), now))
    response.append(time_element(_wsnt("TerminationTime"), subscription.terminates))
    return response


def read_renew(body: etree._Element, now: datetime) -> Requested:
    """Read wsnt:Renew: a time, a duration from now, or nil for never. Raises RenewalRejected."""
    try:
        requested = requested_time(body.find(_wsnt("TerminationTime")), now)
    except InvalidParameter as error:
        raise RenewalRejected(error.description, now, None) from None
    assert requested is not None, "the schema requires it"
    return requested


def write_renewed(subscription: Subscription, now: datetime) -> etree._Element:
    """Return wsnt:RenewResponse: the time, then the current one."""
    response = answered("RenewResponse")
    response.append(time_element(_wsnt("TerminationTime"), subscription.terminates))
    response.append(time_element(_wsnt("CurrentTime"), now))
    return response


def write_pull_point(identifier: str, addresses: Addresses) -> etree._Element:
    """Return wsnt:CreatePullPointResponse."""
    response = answered("CreatePullPointResponse")
    response.append(reference(addresses, Resource.PULL_POINT, identifier, tag=_wsnt("PullPoint")))
    return response


def read_get_messages(body: etree._Element, now: datetime) -> tuple[int | None, timedelta | None, int | None]:
    """Read wsnt:GetMessages: how many at most, how long to wait for one, and what is acknowledged.

    Raises UnableToGetMessages.
    """
    most, timeout, acknowledged = (
        body.findtext(tag) for tag in (_wsnt("MaximumNumber"), _act("Timeout"), _act("Acknowledge"))
    )
    try:
        return (
            None if most is None else min(int(most), 1 << 31),
            None if timeout is None else parse_duration(timeout, now),
            None if acknowledged is None else int(acknowledged),
        )
    except (ValueError, OverflowError) as error:
        raise UnableToGetMessages(str(error)) from None


def write_messages(messages: Sequence[Pulled], acknowledged: int | None) -> Verbatim:
    """Return wsnt:GetMessagesResponse; with act:Last where the client acknowledges what it has had."""
    response = answered("GetMessagesResponse")
    if acknowledged is not None:
        response.append(element("Last", str(messages[-1].number if messages else acknowledged)))
    return Verbatim.within(response, b"".join(pulled.content for pulled in messages))


def read_notify(body: etree._Element) -> list[bytes]:
    """Return the wsnt:NotificationMessages of a wsnt:Notify, each with all that its content needs of its namespaces."""
    return [etree.tostring(message, with_tail=False) for message in body.iterchildren(_wsnt("NotificationMessage"))]
