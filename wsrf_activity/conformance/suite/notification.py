"""Checks of WS-BaseNotification as a producer offers it: subscriptions, their faults, and what is sent."""

import uuid
from collections.abc import Mapping

from lxml import etree

from wsrf_activity.conformance import wire
from wsrf_activity.conformance.probe import Probe
from wsrf_activity.conformance.registry import Body, Group, Level
from wsrf_activity.conformance.standards import NOTIFY_ACTION, act, rp, wsnt
from wsrf_activity.conformance.verdicts import NotApplicable, NotMet
from wsrf_activity.conformance.wire import Answer, Reference, read_reference, readable
from wsrf_activity.model import ns

GROUP = Group("WS-BaseNotification 1.3")
SPEC = "WS-BaseNotification 1.3"
_SUBSCRIBE, _CURRENT = [wsnt("Subscribe")], [wsnt("GetCurrentMessage")]
_SUBSCRIBING, _GETTING, _MANAGING = f"{SPEC}, 4.2 Subscribe", f"{SPEC}, 4.3 GetCurrentMessage", f"{SPEC}, 6"
_NOTHING = "the service publishes nothing"


def _subscribe(consumer: str, rest: str = "") -> str:
    reference = f"<wsnt:ConsumerReference><wsa:Address>{consumer}</wsa:Address></wsnt:ConsumerReference>"
    return f"<wsnt:Subscribe>{reference}{rest}</wsnt:Subscribe>"


def _nowhere(probe: Probe) -> str:
    return probe.session.listener.address(uuid.uuid4().hex)


def _filter(content: str) -> str:
    return f"<wsnt:Filter>{content}</wsnt:Filter>"


def _topic(name: str, dialect: str = ns.TOPIC_SIMPLE) -> str:
    return f'<wsnt:TopicExpression Dialect="{dialect}">{name}</wsnt:TopicExpression>'


def _published(probe: Probe, answer: Answer) -> None:
    """Leave a check where the service takes no subscription at all."""
    probe.unless_refused(answer, lambda fault: fault.name == wsnt("SubscribeCreationFailedFault"), _NOTHING)


def _subscribed(probe: Probe, to: Reference, path: str, rest: str = "") -> tuple[etree._Element, Reference]:
    """Subscribe our listener, and return the reply and the subscription."""
    answer = probe.ask(_subscribe(probe.session.listener.address(path), rest), to)
    _published(probe, answer)
    reply = probe.reply(answer)
    place = reply.find(wsnt("SubscriptionReference"))
    reference = None if place is None else read_reference(place)
    if reference is None:
        raise NotMet("a SubscriptionReference", "none")
    return reply, reference


@GROUP.check(
    "WSN-1",
    "A refusal to subscribe is a fault that the WSDL declares, with the Action of WSN faults",
    _SUBSCRIBING,
    operations=_SUBSCRIBE,
)
def refusal(probe: Probe) -> None:
    answer = probe.ask(
        _subscribe(_nowhere(probe), _filter("<x:Odd xmlns:x='urn:conformance:filter'/>")), probe.session.resource
    )
    fault = probe.fault(answer)
    declared = probe.description.operations[_SUBSCRIBE[0]].faults
    probe.that(fault.name in declared, "a declared fault", fault.shown())
    probe.equal(answer.header("Action"), ns.WSN_FAULT_ACTION, "Action")


@GROUP.check(
    "WSN-2", "A filter of an unknown kind is InvalidFilterFault, which names it", _SUBSCRIBING, operations=_SUBSCRIBE
)
def unknown_filter(probe: Probe) -> None:
    body = _subscribe(_nowhere(probe), _filter("<x:Odd xmlns:x='urn:conformance:filter'/>"))
    answer = probe.ask(body, probe.session.resource)
    _published(probe, answer)
    detail = probe.fault(answer, wsnt("InvalidFilterFault")).details[0]
    named = [wire.resolved(found) for found in detail.iterfind(wsnt("UnknownFilter"))]
    probe.equal(named, ["{urn:conformance:filter}Odd"], "UnknownFilter")


_TIME = "<wsnt:InitialTerminationTime>2001-01-01T00:00:00Z</wsnt:InitialTerminationTime>"
_POLICY = "<wsnt:SubscriptionPolicy><x:Odd xmlns:x='urn:conformance:policy'/></wsnt:SubscriptionPolicy>"
_EXPRESSION = f'<wsnt:MessageContent Dialect="{ns.XPATH10}">//*[</wsnt:MessageContent>'
_PRODUCER = f'<wsnt:ProducerProperties Dialect="{ns.XPATH10}">//*[</wsnt:ProducerProperties>'
_REFUSED: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "A topic expression of an unknown dialect": (
        _filter(_topic("act:Any", "urn:conformance:dialect")),
        ("TopicExpressionDialectUnknownFault",),
    ),
    "A topic that is not published": (
        _filter(_topic("x:None").replace(" Dialect", " xmlns:x='urn:conformance:nothing' Dialect")),
        ("TopicNotSupportedFault", "InvalidTopicExpressionFault"),
    ),
    "A topic expression that is none": (
        _filter(_topic("not/a(simple)topic")),
        ("InvalidTopicExpressionFault", "TopicNotSupportedFault"),
    ),
    "A content filter that is no XPath": (_filter(_EXPRESSION), ("InvalidMessageContentExpressionFault",)),
    "A producer filter that is no XPath": (_filter(_PRODUCER), ("InvalidProducerPropertiesExpressionFault",)),
    "A first termination time in the past": (_TIME, ("UnacceptableInitialTerminationTimeFault",)),
    "A subscription policy that nobody knows": (
        _POLICY,
        ("UnrecognizedPolicyRequestFault", "UnsupportedPolicyRequestFault"),
    ),
}


def _turned_down(rest: str, names: tuple[str, ...]) -> Body:
    def turned_down(probe: Probe) -> None:
        answer = probe.ask(_subscribe(_nowhere(probe), rest), probe.session.resource)
        _published(probe, answer)
        probe.fault(answer, *map(wsnt, names))

    return turned_down


for _number, (_what, (_rest, _names)) in enumerate(_REFUSED.items(), start=3):
    GROUP.check(f"WSN-{_number}", f"{_what} is {' or '.join(_names)}", _SUBSCRIBING, operations=_SUBSCRIBE)(
        _turned_down(_rest, _names)
    )


@GROUP.check("WSN-10", "A subscription without a consumer is refused", _SUBSCRIBING, operations=_SUBSCRIBE)
def no_consumer(probe: Probe) -> None:
    fault = probe.refused("<wsnt:Subscribe/>", probe.session.resource)
    probe.equal(fault.code, "Sender", "the fault's code")


@GROUP.check(
    "WSN-11", "A subscription to an unknown resource is ResourceUnknownFault", _SUBSCRIBING, operations=_SUBSCRIBE
)
def unknown_resource(probe: Probe) -> None:
    probe.unknown(_subscribe(_nowhere(probe)), probe.session.gone)


def _current(name: str, dialect: str = ns.TOPIC_SIMPLE) -> str:
    topic = f"<wsnt:Topic xmlns:x='urn:conformance:nothing' Dialect='{dialect}'>{name}</wsnt:Topic>"
    return f"<wsnt:GetCurrentMessage>{topic}</wsnt:GetCurrentMessage>"


@GROUP.check(
    "WSN-12",
    "The current message of a topic that is not published is TopicNotSupportedFault",
    _GETTING,
    operations=_CURRENT,
)
def current_unknown(probe: Probe) -> None:
    names = [wsnt("TopicNotSupportedFault"), wsnt("InvalidTopicExpressionFault")]
    probe.refused(_current("x:None"), probe.session.resource, names)


@GROUP.check(
    "WSN-13",
    "The current message by an unknown dialect is TopicExpressionDialectUnknownFault",
    _GETTING,
    operations=_CURRENT,
)
def current_dialect(probe: Probe) -> None:
    answer = probe.ask(_current("x:None", "urn:conformance:dialect"), probe.session.resource)
    if not _topics(probe):
        raise NotApplicable(_NOTHING)
    probe.fault(answer, wsnt("TopicExpressionDialectUnknownFault"))


@GROUP.check(
    "WSN-14", "The current message of an unknown resource is ResourceUnknownFault", _GETTING, operations=_CURRENT
)
def current_gone(probe: Probe) -> None:
    probe.unknown(_current("x:None"), probe.session.gone)


def _topics(probe: Probe) -> list[etree._Element]:
    """Return the topics that the resource says it publishes."""
    found = probe.document().find(f"{{{ns.WSTOP}}}TopicSet")
    return [] if found is None else list(found.iterchildren("{*}*"))


_DOCUMENT = [rp("GetResourcePropertyDocument")]


@GROUP.check(
    "WSN-15",
    "A producer shows its topics, and the dialects in which they are named",
    f"{SPEC}, 4.1",
    operations=[*_SUBSCRIBE, *_DOCUMENT],
    level=Level.SHOULD,
)
def producer_properties(probe: Probe) -> None:
    if not _topics(probe):
        raise NotApplicable(_NOTHING)
    document = probe.document()
    for name in ("FixedTopicSet", "TopicExpressionDialect"):
        probe.that(document.find(wsnt(name)) is not None, f"a wsnt:{name}", "none")


@GROUP.check(
    "WSN-16",
    "A subscription is answered with its endpoint reference, and ends when it is unsubscribed",
    _MANAGING,
    operations=_SUBSCRIBE,
)
def subscription(probe: Probe) -> None:
    _, manager = _subscribed(probe, probe.session.resource, uuid.uuid4().hex)
    reply = probe.call("<wsnt:Unsubscribe/>", manager)
    probe.equal(readable(str(reply.tag)), "wsnt:UnsubscribeResponse", "the reply")
    probe.unknown("<wsnt:Unsubscribe/>", manager)


@GROUP.check("WSN-17", "A subscription can be renewed", _MANAGING, operations=_SUBSCRIBE)
def renew(probe: Probe) -> None:
    _, manager = _subscribed(probe, probe.session.resource, uuid.uuid4().hex)
    reply = probe.call("<wsnt:Renew><wsnt:TerminationTime>PT1H</wsnt:TerminationTime></wsnt:Renew>", manager)
    probe.time(reply.findtext(wsnt("TerminationTime")), "TerminationTime")
    probe.call("<wsnt:Unsubscribe/>", manager)


@GROUP.check("WSN-18", "A subscription can be paused and resumed", _MANAGING, operations=_SUBSCRIBE, contract=True)
def pause(probe: Probe) -> None:
    _, manager = _subscribed(probe, probe.session.resource, uuid.uuid4().hex)
    for name in ("PauseSubscription", "ResumeSubscription"):
        reply = probe.call(f"<wsnt:{name}/>", manager)
        probe.equal(readable(str(reply.tag)), f"wsnt:{name}Response", "the reply")
    probe.call("<wsnt:Unsubscribe/>", manager)


@GROUP.check(
    "WSN-19",
    "A change reaches the consumer as a valid Notify",
    f"{SPEC}, 3 Notify",
    operations=[*_SUBSCRIBE, rp("SetResourceProperties")],
    contract=True,
)
def notify(probe: Probe) -> None:
    path, word, resource = uuid.uuid4().hex, uuid.uuid4().hex, probe.session.resource
    _, manager = _subscribed(probe, resource, path)
    component = f"<wsrfrp:Update><act:Name>{word}</act:Name></wsrfrp:Update>"
    probe.call(f"<wsrfrp:SetResourceProperties>{component}</wsrfrp:SetResourceProperties>", resource)
    seconds = probe.session.target.timeout
    arrived = probe.session.listener.wait(path, seconds, lambda message: word.encode() in message.content)
    if arrived is None:
        raise NotMet("a notification of the change", "none in time")
    body = probe.reply(arrived)
    probe.equal(readable(str(body.tag)), "wsnt:Notify", "the message")
    probe.equal(arrived.header("Action"), NOTIFY_ACTION, "Action")
    probe.that(body.find(f".//{act('Name')}") is not None, "the new value", "none")
    probe.call("<wsnt:Unsubscribe/>", manager)
