"""Subscriptions, what is current, and pull points, over HTTP: as WS-BaseNotification 1.3 has them."""

from collections.abc import Iterator

import pytest
from lxml import etree

from tests.acceptance.consumers import Consumer
from tests.server import Fault, Wire
from wsrf_activity.model import ns

TOPIC = f'<wsnt:TopicExpression Dialect="{ns.TOPIC_SIMPLE}">act:StatusChanged</wsnt:TopicExpression>'
FILTER = f"<wsnt:Filter>{TOPIC}</wsnt:Filter>"
BW = "http://docs.oasis-open.org/wsn/bw-2"
SAID = '<o:Said xmlns:o="urn:o" xmlns:q="urn:q">q:{}</o:Said>'
MESSAGE = f"<wsnt:NotificationMessage><wsnt:Message>{SAID}</wsnt:Message></wsnt:NotificationMessage>"


@pytest.fixture(scope="module")
def consumer() -> Iterator[str]:
    with Consumer().listening() as listening:
        yield listening.address("/told")


@pytest.fixture
def ended(wire: Wire) -> str:
    """Return an activity that has ended."""
    activity_id = wire.create("true")
    assert wire.ended(activity_id) == "Completed"
    return activity_id


def asked(consumer: str, rest: str = FILTER) -> str:
    address = f"<wsa:Address>{consumer}</wsa:Address>"
    return f"<wsnt:Subscribe><wsnt:ConsumerReference>{address}</wsnt:ConsumerReference>{rest}</wsnt:Subscribe>"


def subscribe(wire: Wire, consumer: str, activity_id: str | None = None, rest: str = FILTER) -> str:
    """Subscribe and return the subscription's address."""
    reply = wire.call(asked(consumer, rest), activity_id)
    address = reply.findtext(f"{{{ns.WSNT}}}SubscriptionReference/{{{ns.WSA}}}Address")
    assert address
    return address


def shown(wire: Wire, address: str) -> dict[str, str | None]:
    reply = wire.call("<wsrfrp:GetResourcePropertyDocument/>", url=address)
    return {etree.QName(child).localname: child.text for child in reply[0]}


def refused(wire: Wire, body: str, activity_id: str | None = None, *, url: str | None = None) -> Fault:
    with pytest.raises(Fault) as caught:
        wire.call(body, activity_id, url=url)
    return caught.value


def test_a_subscription_lives_its_life(wire: Wire, ended: str, consumer: str) -> None:
    """Made, shown, renewed, paused, resumed and ended, by its address alone, as ONVIF's clients do."""
    address = subscribe(
        wire, consumer, ended, f"{FILTER}<wsnt:InitialTerminationTime>PT1H</wsnt:InitialTerminationTime>"
    )
    first = shown(wire, address)
    assert (first["ActivityId"], first["Paused"], first["Delivery"], first["Delivered"]) == (
        ended,
        "false",
        "Active",
        "0",
    )
    renewed = wire.call("<wsnt:Renew><wsnt:TerminationTime>PT2H</wsnt:TerminationTime></wsnt:Renew>", url=address)
    assert [etree.QName(child).localname for child in renewed] == ["TerminationTime", "CurrentTime"]
    assert (renewed[0].text or "") > (first["TerminationTime"] or "")
    wire.call("<wsnt:PauseSubscription/>", url=address)
    assert shown(wire, address)["Paused"] == "true"
    wire.call("<wsnt:ResumeSubscription/>", url=address)
    assert shown(wire, address)["Paused"] == "false"
    duration = "<wsrfrl:RequestedLifetimeDuration>PT3H</wsrfrl:RequestedLifetimeDuration>"
    later = wire.call(f"<wsrfrl:SetTerminationTime>{duration}</wsrfrl:SetTerminationTime>", url=address)
    assert (later[0].text or "") > (renewed[0].text or "")
    wire.call("<wsnt:Unsubscribe/>", url=address)
    assert refused(wire, "<wsnt:Unsubscribe/>", url=address).name == "ResourceUnknownFault"


def test_properties_are_read_singly_and_asked_about(wire: Wire, consumer: str) -> None:
    address = subscribe(
        wire, consumer, None, f"{FILTER}<wsnt:SubscriptionPolicy><act:LatestOnly/></wsnt:SubscriptionPolicy>"
    )
    one = wire.call("<wsrfrp:GetResourceProperty>wsnt:Filter</wsrfrp:GetResourceProperty>", url=address)
    assert one.findtext(f"*/{{{ns.WSNT}}}TopicExpression") == "act:StatusChanged"
    names = "<wsrfrp:ResourceProperty>act:{}</wsrfrp:ResourceProperty>"
    several = f"{names.format('ActivityId')}{names.format('Failures')}"
    found = wire.call(
        f"<wsrfrp:GetMultipleResourceProperties>{several}</wsrfrp:GetMultipleResourceProperties>", url=address
    )
    assert [child.text for child in found] == ["0"]
    query = f'<wsrfrp:QueryExpression Dialect="{ns.XPATH10}">count(//act:LatestOnly)</wsrfrp:QueryExpression>'
    answer = wire.call(f"<wsrfrp:QueryResourceProperties>{query}</wsrfrp:QueryResourceProperties>", url=address)
    assert answer[0].text == "1"
    strange = refused(wire, "<wsrfrp:GetResourceProperty>act:Phase</wsrfrp:GetResourceProperty>", url=address)
    assert strange.name == "InvalidResourcePropertyQNameFault"
    wire.call("<wsrfrl:Destroy/>", url=address)
    assert refused(wire, "<wsrfrl:Destroy/>", url=address).name == "ResourceUnknownFault"


def test_the_reference_parameter_is_enough(wire: Wire, consumer: str) -> None:
    """And one that names another than the address is a fault; so is none at all."""
    address = subscribe(wire, consumer)
    common, _, identifier = address.rpartition("/")
    named = f'<ref:Subscription xmlns:ref="{ns.REF}">{{}}</ref:Subscription>'
    wire.call("<wsnt:PauseSubscription/>", url=common, headers=named.format(identifier))
    assert shown(wire, address)["Paused"] == "true"
    for url, headers in ((address, named.format("other")), (common, "")):
        with pytest.raises(Fault) as caught:
            wire.call("<wsnt:Unsubscribe/>", url=url, headers=headers)
        assert caught.value.name == "ResourceUnknownFault"
    wire.call("<wsnt:Unsubscribe/>", url=address)


def test_others_know_nothing_of_it(bob: Wire, wire: Wire, consumer: str) -> None:
    address = subscribe(wire, consumer)
    assert refused(bob, "<wsnt:Unsubscribe/>", url=address).name == "ResourceUnknownFault"
    wire.call("<wsnt:Unsubscribe/>", url=address)


@pytest.mark.parametrize("port_type", ["SubscriptionManager", "PausableSubscriptionManager"])
def test_actions_are_answered_in_kind(wire: Wire, consumer: str, port_type: str) -> None:
    address = subscribe(wire, consumer)
    headers = f"<wsa:Action>{BW}/{port_type}/UnsubscribeRequest</wsa:Action><wsa:MessageID>urn:m</wsa:MessageID>"
    envelope = wire.post(wire.envelope("<wsnt:Unsubscribe/>", headers), address)
    assert envelope[0].findtext(f"{{{ns.WSA}}}Action") == f"{BW}/{port_type}/UnsubscribeResponse"


XPATH = f'<wsnt:Filter><wsnt:{{0}} Dialect="{ns.XPATH10}">][</wsnt:{{0}}></wsnt:Filter>'
POLICY = "<wsnt:SubscriptionPolicy>{}</wsnt:SubscriptionPolicy>"


@pytest.mark.parametrize(
    ("rest", "fault"),
    [
        ('<wsnt:Filter><o:Sieve xmlns:o="urn:o"/></wsnt:Filter>', "InvalidFilterFault"),
        (FILTER.replace("Simple", "Strange"), "TopicExpressionDialectUnknownFault"),
        (FILTER.replace("act:Status", "act::Status"), "InvalidTopicExpressionFault"),
        (FILTER.replace("act:Status", "act:Mood"), "TopicNotSupportedFault"),
        (XPATH.format("ProducerProperties"), "InvalidProducerPropertiesExpressionFault"),
        (XPATH.format("MessageContent"), "InvalidMessageContentExpressionFault"),
        (
            "<wsnt:InitialTerminationTime>2001-01-01T00:00:00Z</wsnt:InitialTerminationTime>",
            "UnacceptableInitialTerminationTimeFault",
        ),
        (POLICY.format('<o:Fast xmlns:o="urn:o"/>'), "UnrecognizedPolicyRequestFault"),
        (POLICY.format("<act:FromSequence>1</act:FromSequence>"), "UnsupportedPolicyRequestFault"),
    ],
)
def test_what_cannot_be_subscribed_to_has_a_fault_of_its_own(wire: Wire, consumer: str, rest: str, fault: str) -> None:
    found = refused(wire, asked(consumer, rest))
    assert (found.name, found.code) == (fault, "Sender")


def test_who_cannot_be_told_is_refused(wire: Wire, ended: str, consumer: str) -> None:
    """An address that is none, or a pull point that is not there; and an activity that is not there is unknown."""
    for address in (f"{ns.WSA}/anonymous", "mailto:ada@example.org", f"{wire.base}/pullpoint/none"):
        assert refused(wire, asked(address), ended).name == "SubscribeCreationFailedFault"
    assert refused(wire, asked(consumer), "none").name == "ResourceUnknownFault"


def test_a_fault_of_subscribing_has_the_action_of_such(wire: Wire, consumer: str) -> None:
    headers = f"<wsa:Action>{BW}/NotificationProducer/SubscribeRequest</wsa:Action><wsa:MessageID>urn:m</wsa:MessageID>"
    with pytest.raises(Fault) as caught:
        wire.call(asked(consumer, FILTER.replace("act:Status", "act:Mood")), headers=headers)
    assert caught.value.action == ns.WSN_FAULT_ACTION


def test_a_renewal_beyond_bounds_says_which(wire: Wire, consumer: str) -> None:
    address = subscribe(wire, consumer)
    past = "2001-01-01T00:00:00Z"
    renew = f"<wsnt:Renew><wsnt:TerminationTime>{past}</wsnt:TerminationTime></wsnt:Renew>"
    fault = refused(wire, renew, url=address)
    assert fault.name == "UnacceptableTerminationTimeFault"
    assert fault.envelope.find(f".//{{{ns.WSNT}}}MinimumTime") is not None
    requested = f"<wsrfrl:RequestedTerminationTime>{past}</wsrfrl:RequestedTerminationTime>"
    rejected = refused(wire, f"<wsrfrl:SetTerminationTime>{requested}</wsrfrl:SetTerminationTime>", url=address)
    assert rejected.name == "TerminationTimeChangeRejectedFault"
    wire.call("<wsnt:Unsubscribe/>", url=address)


def test_what_is_current_is_what_was_told_last(wire: Wire, ended: str) -> None:
    def current(topic: str) -> str:
        wanted = f'<wsnt:Topic Dialect="{ns.TOPIC_FULL}">{topic}</wsnt:Topic>'
        return f"<wsnt:GetCurrentMessage>{wanted}</wsnt:GetCurrentMessage>"

    [change] = wire.call(current("act:StatusChanged"), ended)
    assert change.findtext(f"{{{ns.ACT}}}Phase") == "Completed"
    [value] = wire.call(current("act:ExitCode"), ended)
    assert value.findtext(f"{{{ns.RP}}}NewValues/{{{ns.ACT}}}ExitCode") == "0"
    for topic, fault in (
        ("act:StatusChanged/Failed", "NoCurrentMessageOnTopicFault"),
        ("act:*", "MultipleTopicsSpecifiedFault"),
        ("act:Mood", "TopicNotSupportedFault"),
    ):
        assert refused(wire, current(topic), ended).name == fault
    assert refused(wire, current("act:Phase")).name == "ResourceUnknownFault"


def pull_point(wire: Wire) -> str:
    reply = wire.call("<wsnt:CreatePullPoint/>", url=f"{wire.base}/pullpoint")
    address = reply.findtext(f"{{{ns.WSNT}}}PullPoint/{{{ns.WSA}}}Address")
    assert address
    return address


def notify(wire: Wire, address: str, *texts: str) -> None:
    """Send messages as another producer does: one way."""
    messages = "".join(MESSAGE.format(text) for text in texts)
    action = f"<wsa:Action>{BW}/NotificationConsumer/Notify</wsa:Action>"
    envelope = wire.envelope(f"<wsnt:Notify>{messages}</wsnt:Notify>", action)
    response = wire.http.post(address, content=envelope, headers={"content-type": "text/xml"})
    assert (response.status_code, response.content) == (202, b"")


def got(wire: Wire, address: str, content: str = "") -> tuple[list[str | None], str | None]:
    reply = wire.call(f"<wsnt:GetMessages>{content}</wsnt:GetMessages>", url=address)
    for said in reply.iter("{urn:o}Said"):
        assert said.nsmap["q"] == "urn:q"
    return [said.text for said in reply.iter("{urn:o}Said")], reply.findtext(f"{{{ns.ACT}}}Last")


def test_a_pull_point_keeps_messages_until_they_are_fetched(wire: Wire) -> None:
    address = pull_point(wire)
    notify(wire, address, "1", "2", "3")
    assert got(wire, address, "<wsnt:MaximumNumber>0</wsnt:MaximumNumber>") == ([], None)
    assert got(wire, address, "<wsnt:MaximumNumber>2</wsnt:MaximumNumber>") == (["q:1", "q:2"], None)
    assert got(wire, address) == (["q:3"], None)
    assert got(wire, address) == ([], None)
    wire.call("<wsnt:DestroyPullPoint/>", url=address)
    assert refused(wire, "<wsnt:GetMessages/>", url=address).name == "ResourceUnknownFault"


def test_what_is_not_acknowledged_is_sent_again(wire: Wire) -> None:
    address = pull_point(wire)
    notify(wire, address, "1", "2")
    acknowledge = "<act:Timeout>PT0S</act:Timeout><act:Acknowledge>{}</act:Acknowledge>"
    first = got(wire, address, acknowledge.format(0))
    assert first[0] == ["q:1", "q:2"]
    assert got(wire, address, acknowledge.format(0)) == first
    assert got(wire, address, acknowledge.format(first[1])) == ([], first[1])
    wire.call("<wsnt:DestroyPullPoint/>", url=address)


def test_a_pull_point_can_be_the_consumer(wire: Wire, ended: str) -> None:
    address = pull_point(wire)
    subscription = subscribe(wire, address, ended)
    assert shown(wire, subscription)["Delivery"] == "Active"
    raw = refused(wire, asked(address, POLICY.format("<wsnt:UseRaw/>")), ended)
    assert raw.name == "UnsupportedPolicyRequestFault"
    wire.call("<wsnt:DestroyPullPoint/>", url=address)
    assert refused(wire, "<wsnt:Unsubscribe/>", url=subscription).name == "ResourceUnknownFault"


def test_each_address_describes_itself_and_answers_soap_alone(wire: Wire) -> None:
    for path in ("subscription", "pullpoint/abc"):
        described = wire.http.get(f"{wire.base}/{path}", params={"wsdl": ""})
        assert etree.fromstring(described.content).get("targetNamespace") == ns.ACTN
        assert wire.http.get(f"{wire.base}/{path}").status_code == 405
    assert refused(wire, "<wsnt:Unsubscribe/>", None).envelope.findtext(f".//{{{ns.BF}}}ErrorCode") == "NoOperation"
