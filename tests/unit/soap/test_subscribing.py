"""Subscribe and what goes with it: read as it is meant, refused by name, and shown without anything secret."""

import os
from datetime import timedelta

import pytest
from lxml import etree

from tests.wire_validation import official_complaints
from wsrf_activity.model import errors, ns
from wsrf_activity.model.addresses import Addresses, Resource
from wsrf_activity.model.lifetime import Never
from wsrf_activity.model.subscriptions import (
    Consumer,
    Delivery,
    Kind,
    Policy,
    Pulled,
    SubscribeRequest,
    Subscription,
)
from wsrf_activity.model.topics import Topic, parse
from wsrf_activity.soap import actions, contract, places, subscribing
from wsrf_activity.soap.properties import View, topic_space
from wsrf_activity.soap.protocol import application
from wsrf_activity.soap.subscription_properties import PROPERTIES, SubscriptionView
from wsrf_activity.testing.strategies import NOON, activity

ADDRESSES = Addresses("http://h:1")
TOPIC = f'<wsnt:TopicExpression Dialect="{ns.TOPIC_SIMPLE}">act:StatusChanged</wsnt:TopicExpression>'
CONSUMER = "<wsa:Address>http://c/</wsa:Address>"
POLICY = "<wsnt:SubscriptionPolicy>{}</wsnt:SubscriptionPolicy>"


def body(rest: str = "", consumer: str = CONSUMER) -> etree._Element:
    names = {"wsnt": ns.WSNT, "act": ns.ACT, "wsa": ns.WSA, "xsi": ns.XSI, "ref": ns.REF, "o": "urn:o"}
    declared = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in names.items())
    reference = f"<wsnt:ConsumerReference>{consumer}</wsnt:ConsumerReference>"
    made = etree.fromstring(f"<wsnt:Subscribe {declared}>{reference}{rest}</wsnt:Subscribe>")
    assert contract.violations(made) == []
    return made


def read(rest: str = "", consumer: str = CONSUMER) -> SubscribeRequest:
    return subscribing.read_subscribe(body(rest, consumer), ADDRESSES, NOON, "1.2", ns.WSA)


def subscription(request: SubscribeRequest) -> Subscription:
    return Subscription(
        id="s1",
        owner="ada",
        activity_id="a1",
        consumer=request.consumer,
        filter=request.filter,
        policy=request.policy,
        created=NOON,
        terminates=None,
    )


def test_a_consumer_alone_is_enough() -> None:
    request = read()
    assert (request.filter, request.policy, request.lifetime, request.pull_point) == ((), Policy(), None, None)
    assert (request.consumer.address, request.consumer.soap, request.consumer.addressing) == (
        "http://c/",
        "1.2",
        ns.WSA,
    )
    assert read("", "<wsa:Address> http://c/\n</wsa:Address>").consumer.address == "http://c/"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("<wsnt:InitialTerminationTime>PT60S</wsnt:InitialTerminationTime>", timedelta(seconds=60)),
        ("<wsnt:InitialTerminationTime>2026-05-01T12:00:00Z</wsnt:InitialTerminationTime>", NOON),
    ],
)
def test_the_time_in_all_its_forms(written: str, expected: object) -> None:
    assert read(written).lifetime == expected
    assert isinstance(read('<wsnt:InitialTerminationTime xsi:nil="true"/>').lifetime, Never)


def test_a_time_beyond_the_calendar_is_not_acceptable() -> None:
    with pytest.raises(errors.InitialTerminationTimeRejected):
        read("<wsnt:InitialTerminationTime>P99999999999Y</wsnt:InitialTerminationTime>")


def test_a_filter_keeps_the_prefixes_in_scope() -> None:
    [expression] = read(f"<wsnt:Filter>{TOPIC}</wsnt:Filter>").filter
    assert (expression.kind, expression.text) == (Kind.TOPIC, "act:StatusChanged")
    assert expression.prefixes == {"act": ns.ACT}, "those that it uses"


def test_policies_are_read() -> None:
    policy = read(
        POLICY.format(
            "<wsnt:UseRaw/><act:FromSequence> 3 </act:FromSequence><act:LatestOnly/><act:VerifyConsumer/>"
            "<act:AtMostEvery>PT1M</act:AtMostEvery><act:Secret>shh</act:Secret>"
            "<act:Credentials><act:User>u</act:User><act:Password>p</act:Password></act:Credentials>"
        )
    ).policy
    assert policy == Policy(
        raw=True,
        from_sequence=3,
        latest_only=True,
        at_most_every=timedelta(minutes=1),
        verify=True,
        secret="shh",
        credentials=("u", "p"),
    )
    token = POLICY.format("<act:Credentials><act:Token>t</act:Token></act:Credentials>")
    assert read(token).policy.credentials == ("", "t")


def test_unknown_policies_are_all_named() -> None:
    with pytest.raises(errors.UnrecognizedPolicy) as caught:
        read(POLICY.format("<o:Fast/><wsnt:UseRaw/><act:Faster/>"))
    assert caught.value.policies == ("{urn:o}Fast", f"{{{ns.ACT}}}Faster")


@pytest.mark.parametrize(
    "policy",
    [
        "<act:AtMostEvery>-PT1S</act:AtMostEvery>",
        "<act:AtMostEvery>P99999999999Y</act:AtMostEvery>",
        "<act:Secret/>",
        "<act:Credentials/>",
        "<act:Credentials><act:Token>a\nb</act:Token></act:Credentials>",
        "<act:Credentials><act:User>a:b</act:User><act:Password>p</act:Password></act:Credentials>",
        "<act:Credentials><act:User>a</act:User><act:Password>p\nX: y</act:Password></act:Credentials>",
        f"<act:Secret>{'x' * 1001}</act:Secret>",
    ],
)
def test_a_policy_that_cannot_be_had_so_is_named(policy: str) -> None:
    with pytest.raises(errors.UnsupportedPolicy) as caught:
        read(POLICY.format(policy))
    assert caught.value.policies == (f"{{{ns.ACT}}}{policy[5:].partition('>')[0].rstrip('/')}",)


@pytest.mark.parametrize(
    ("consumer", "expected"),
    [
        ("<wsa:Address>http://h:1/pullpoint/p1</wsa:Address>", "p1"),
        (
            (
                "<wsa:Address>http://h:1/pullpoint</wsa:Address>"
                "<wsa:ReferenceParameters><ref:PullPoint>p1</ref:PullPoint></wsa:ReferenceParameters>"
            ),
            "p1",
        ),
        ("<wsa:Address>http://other/pullpoint/p1</wsa:Address>", None),
        ("<wsa:Address>http://h:1/activity/p1</wsa:Address>", None),
    ],
)
def test_a_pull_point_of_our_own_is_known(consumer: str, expected: str | None) -> None:
    """And only that: another server's may have the same path."""
    assert read("", consumer).pull_point == expected


def test_a_pull_point_is_not_called() -> None:
    with pytest.raises(errors.UnsupportedPolicy) as caught:
        read(
            POLICY.format("<act:LatestOnly/><wsnt:UseRaw/><act:Secret>s</act:Secret>"),
            "<wsa:Address>http://h:1/pullpoint/p1</wsa:Address>",
        )
    assert caught.value.policies == (f"{{{ns.WSNT}}}UseRaw", f"{{{ns.ACT}}}Secret")


@pytest.mark.parametrize(
    "consumer",
    [
        "<wsa:Address> </wsa:Address>",
        f"{CONSUMER}<wsa:ReferenceParameters><wsa:To>urn:x</wsa:To></wsa:ReferenceParameters>",
        f"{CONSUMER}<wsa:ReferenceParameters><o:a>{'x' * 70_000}</o:a></wsa:ReferenceParameters>",
        f"{CONSUMER}<wsa:Metadata><o:a>{'x' * 70_000}</o:a></wsa:Metadata>",
    ],
)
def test_a_consumer_that_cannot_be_kept_is_refused(consumer: str) -> None:
    with pytest.raises(errors.SubscribeRefused):
        read("", consumer)


def test_what_was_asked_for_is_shown_without_secrets() -> None:
    """With the filter's prefixes, and valid."""
    given = f"<wsnt:Filter>{TOPIC}</wsnt:Filter>" + POLICY.format(
        "<act:AtMostEvery>PT1M</act:AtMostEvery><act:Secret>shh</act:Secret><act:VerifyConsumer/>"
        "<act:Credentials><act:Token>key</act:Token></act:Credentials>"
    )
    shown = SubscriptionView(subscription(read(given)), NOON).document()
    assert contract.violations(shown) == []
    text = etree.tostring(shown)
    assert b"shh" not in text
    assert b"key" not in text
    [expression] = shown.iter(f"{{{ns.WSNT}}}TopicExpression")
    assert (expression.text, expression.nsmap["act"]) == ("act:StatusChanged", ns.ACT)
    assert shown.find(f"{{{ns.WSNT}}}SubscriptionPolicy/{{{ns.ACT}}}Secret") is not None
    assert [child.tag for child in shown] == [
        tag for tag in PROPERTIES if SubscriptionView(subscription(read(given)), NOON).values(tag)
    ]


def test_trouble_is_shown() -> None:
    troubled = Subscription(
        id="s1",
        owner="ada",
        activity_id=None,
        consumer=Consumer("http://c/", etree.tostring(body()[0], encoding="unicode"), "1.1", ns.WSA),
        created=NOON,
        terminates=NOON,
        paused=True,
        delivery=Delivery.DEAD_LETTER,
        failures=7,
        next_try=NOON,
        last_error="HTTP \0 500",
    )
    shown = SubscriptionView(troubled, NOON).document()
    assert contract.violations(shown) == []
    found = {etree.QName(child).localname: child.text for child in shown}
    assert (found["Delivery"], found["Failures"], found["Paused"]) == ("DeadLetter", "7", "true")
    assert "ActivityId" not in found


def test_messages_are_fetched_and_acknowledged() -> None:
    def asked(content: str) -> tuple[int | None, timedelta | None, int | None]:
        root = etree.fromstring(f'<w:GetMessages xmlns:w="{ns.WSNT}" xmlns:act="{ns.ACT}">{content}</w:GetMessages>')
        assert contract.violations(root) == []
        return subscribing.read_get_messages(root, NOON)

    assert asked("") == (None, None, None)
    everything = (
        "<w:MaximumNumber>0</w:MaximumNumber><act:Timeout>PT9S</act:Timeout><act:Acknowledge>4</act:Acknowledge>"
    )
    assert asked(everything) == (0, timedelta(seconds=9), 4)
    with pytest.raises(errors.UnableToGetMessages):
        asked("<act:Timeout>P99999999999Y</act:Timeout>")
    message = f'<w:NotificationMessage xmlns:w="{ns.WSNT}"><w:Message><a>\u00e9</a></w:Message></w:NotificationMessage>'
    pulled = [Pulled(5, message.encode()), Pulled(7, message.encode())]
    for messages, acknowledged, last in ((pulled, 4, "7"), ([], 4, "4"), (pulled, None, None), ([], None, None)):
        made = subscribing.write_messages(messages, acknowledged)
        response = etree.fromstring(made.put(etree.tostring(made.element)))
        assert contract.violations(response) == []
        assert response.findtext(f"{{{ns.ACT}}}Last") == last
        assert len(response.findall(f"{{{ns.WSNT}}}NotificationMessage")) == len(messages)


def test_one_topic_is_asked_for() -> None:
    def asked(text: str, dialect: str = ns.TOPIC_FULL) -> str:
        topic = f'<w:Topic Dialect="{dialect}">{text}</w:Topic>'
        root = f'<w:GetCurrentMessage xmlns:w="{ns.WSNT}" xmlns:act="{ns.ACT}">{topic}</w:GetCurrentMessage>'
        return subscribing.read_topic(etree.fromstring(root)).topics()[0][-1]

    assert asked("act:StatusChanged/Failed") == "Failed"
    with pytest.raises(errors.MultipleTopics):
        asked("act:StatusChanged/*")
    with pytest.raises(errors.InvalidTopicExpression):
        asked("<act:x/>")
    with pytest.raises(errors.TopicNotSupported):
        asked("act:Nothing")
    with pytest.raises(errors.UnknownTopicDialect):
        asked("act:StatusChanged", "urn:d")


@pytest.mark.parametrize("resource", Resource)
def test_an_address_answers_the_operations_of_its_port_types(resource: Resource) -> None:
    """Exactly those."""
    methods = {
        method.name
        for service in application(places.of_resource(resource)).services
        for method in service.public_methods.values()
    }
    assert methods == {operation.name for operation in contract.served(resource).values()}


def test_actions_of_managers_that_cannot_pause_are_answered_in_kind() -> None:
    base = "http://docs.oasis-open.org/wsn/bw-2"
    renew = contract.served(Resource.SUBSCRIPTION)[f"{{{ns.WSNT}}}Renew"]
    assert renew.output_action is not None
    plain = f"{base}/SubscriptionManager/RenewRequest"
    assert actions.same(plain, renew.input_action)
    assert actions.reply(plain, renew.output_action) == f"{base}/SubscriptionManager/RenewResponse"
    for usual in (renew.input_action, None, f" {renew.input_action}"):
        assert actions.reply(usual, renew.output_action) == renew.output_action
    notify = contract.served(Resource.PULL_POINT)[f"{{{ns.WSNT}}}Notify"]
    assert actions.same(f"{base}/NotificationConsumer/Notify", notify.input_action)


def test_what_is_published_can_be_subscribed_to() -> None:
    """By each of the expressions that the properties hold; together they select everything."""
    shown = View(activity(), NOON, ADDRESSES)
    selected: set[Topic] = set()
    for expression in shown.values(f"{{{ns.WSNT}}}TopicExpression") or ():
        text = etree.tostring(expression, encoding="unicode")
        [read_back] = read(f"<wsnt:Filter>{text}</wsnt:Filter>").filter
        selected |= parse(read_back.dialect, read_back.text, read_back.prefixes, topic_space()).matching()
    assert selected == set(topic_space().topics)
    assert contract.violations(shown.document()) == []
    if os.environ.get("OFFICIAL_SCHEMAS"):
        assert official_complaints(etree.tostring(shown.document())) == []
