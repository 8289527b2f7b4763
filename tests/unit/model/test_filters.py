"""Filters: what passes, what is refused at Subscribe, and that they can be kept."""

import logging
import math
import time

import pytest
from hypothesis import given
from lxml import etree

from tests.unit.model.xpath_strategies import xpath_expressions
from wsrf_activity.model import filters, ns, topics
from wsrf_activity.model.errors import (
    InvalidFilter,
    InvalidMessageContentExpression,
    InvalidProducerPropertiesExpression,
    InvalidTopicExpression,
    TopicNotSupported,
    UnknownTopicDialect,
)
from wsrf_activity.model.filters import Document, Filter, MessageContent, ProducerProperties
from wsrf_activity.model.topics import TopicSpace
from wsrf_activity.model.xpath import NotAccepted, compiled
from wsrf_activity.model.xpath_cost import Facts

SPACE = TopicSpace.of([f"{{{ns.ACT}}}Status"])
ACT = {"act": ns.ACT}
COMPLETED, PROGRESS = topics.of_event("StatusChanged/Completed"), topics.of_event("ProgressReported")
MESSAGE = etree.fromstring(
    f'<act:StatusChange xmlns:act="{ns.ACT}"><act:Phase>Completed</act:Phase><act:Version>7</act:Version>'
    "</act:StatusChange>"
)


def read(*parts: str, declared: str = f'xmlns:act="{ns.ACT}"') -> Filter:
    text = f'<wsnt:Filter xmlns:wsnt="{ns.WSNT}" {declared}>{"".join(parts)}</wsnt:Filter>'
    return Filter.of(filters.read(etree.fromstring(text)), SPACE)


def part(name: str, text: str, dialect: str = ns.XPATH10) -> str:
    return f'<wsnt:{name} Dialect="{dialect}">{text}</wsnt:{name}>'


def topic(text: str, dialect: str = ns.TOPIC_FULL) -> str:
    return part("TopicExpression", text, dialect)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("act:Phase = 'Completed'", True),
        ("/act:StatusChange/act:Phase", True),
        ("act:Phase = 'Failed'", False),
        ("act:Nothing", False),
        ("act:Version > 6 and act:Version &lt; 8", True),
        ("string(act:Version)", True),
        ("string(act:Nothing)", False),
        ("number(act:Phase)", False),
        ("act:Version - 7", False),
        ("'false'", True),
        ("false()", False),
        ("/*/..", True),
        ("ancestor::*", False),
    ],
)
def test_an_expression_holds_by_the_boolean_of_its_value(text: str, expected: bool) -> None:
    """XPath 1.0, section 4.3: nodes if there are any, text if it is not empty, numbers but for 0 and NaN."""
    [content] = read(part("MessageContent", text)).content
    envelope = etree.Element("Envelope")
    envelope.append(etree.fromstring(etree.tostring(MESSAGE)))
    assert content.holds(MESSAGE) is content.holds(envelope[0]) is content.holds(Document(envelope[0])) is expected


@pytest.mark.parametrize(
    ("name", "refusal"),
    [
        ("MessageContent", InvalidMessageContentExpression),
        ("ProducerProperties", InvalidProducerPropertiesExpression),
    ],
)
@pytest.mark.parametrize(
    "text",
    [
        "",
        "act:Phase[",
        "none:Phase",
        "act:Nothing[none:Phase]",
        "act:Nothing[nosuch()]",
        "act:Nothing[$variable]",
        "act:Nothing[count(1)]",
        "1) or (1",
        "position() = 1",
        "//*[//*[//*[//*]]]",
        "act:Phase" + " " * 2000 + "= 1",
        "<act:Phase/>",
    ],
)
def test_what_could_fail_later_is_refused_at_once(name: str, text: str, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        read(part(name, text))


@pytest.mark.parametrize(
    ("parts", "unknown"),
    [
        (['<other:Sieve xmlns:other="urn:other"/>'], "{urn:other}Sieve"),
        ([part("Sieve", "1")], f"{{{ns.WSNT}}}Sieve"),
        ([part("MessageContent", "1", "http://www.onvif.org/ver10/tev/messageContentFilter/ItemFilter")], None),
        (["<wsnt:MessageContent>1</wsnt:MessageContent>"], None),
        ([part("MessageContent", "1")] * 21, None),
    ],
)
def test_a_filter_that_is_not_offered_is_named(parts: list[str], unknown: str | None) -> None:
    with pytest.raises(InvalidFilter) as caught:
        read(*parts)
    assert caught.value.unknown == (unknown or f"{{{ns.WSNT}}}MessageContent")


def test_topic_expressions_are_refused_as_they_are_elsewhere() -> None:
    with pytest.raises(UnknownTopicDialect):
        read(topic("act:Status", "urn:dialect"))
    with pytest.raises(UnknownTopicDialect):
        read("<wsnt:TopicExpression>act:Status</wsnt:TopicExpression>")
    with pytest.raises(InvalidTopicExpression):
        read(topic("<act:Status/>"))
    with pytest.raises(TopicNotSupported):
        read(topic("act:Nothing"))


def test_no_filter_asks_for_everything() -> None:
    def unasked() -> Document:
        raise AssertionError("nobody filters on it")

    for chosen in (Filter(), Filter.of(filters.read(None), SPACE), read(), read("<!-- nothing -->")):
        assert chosen.passes(COMPLETED, unasked, unasked)
        assert chosen.passes(("{urn:other}topic",), unasked, unasked)


def test_all_parts_of_a_filter_must_hold() -> None:
    """And a document is made only when it comes to that."""
    chosen = read(
        topic("act:StatusChanged", ns.TOPIC_SIMPLE),
        part("MessageContent", "act:Version > 5"),
        part("MessageContent", "act:Phase"),
        part("ProducerProperties", "act:Name = 'a'"),
    )
    asked: list[str] = []

    def passes(topic: topics.Topic, version: int, name: str) -> bool:
        def document(what: str, field: str, value: object) -> Document:
            asked.append(what)
            return Document(etree.fromstring(f'<d xmlns="{ns.ACT}"><Phase/><{field}>{value}</{field}></d>'))

        asked.clear()
        return chosen.passes(
            topic, lambda: document("message", "Version", version), lambda: document("properties", "Name", name)
        )

    assert passes(COMPLETED, 7, "a")
    assert asked == ["message", "properties"]
    assert not passes(COMPLETED, 7, "b")
    assert not passes(COMPLETED, 3, "a")
    assert asked == ["message"]
    assert not passes(PROGRESS, 7, "a")
    assert asked == []


def test_several_topic_expressions_must_all_match() -> None:
    chosen = read(topic("act:StatusChanged"), topic("*/Completed|act:Status"))
    assert chosen.matching == frozenset({COMPLETED})
    assert chosen.wants(COMPLETED)
    assert not chosen.wants(PROGRESS)
    with pytest.raises(TopicNotSupported, match="Full dialect"):
        read(topic("act:StatusChanged"), topic("act:Status"))


def test_what_was_stored_may_be_published_no_more() -> None:
    kept = filters.read(
        etree.fromstring(
            f'<wsnt:Filter xmlns:wsnt="{ns.WSNT}" xmlns:act="{ns.ACT}">{topic("act:Status")}</wsnt:Filter>'
        )
    )
    assert Filter.of(kept, SPACE).matching == frozenset({(f"{{{ns.ACT}}}Status",)})
    assert Filter.of(kept, TopicSpace(()), stored=True).matching == frozenset()
    with pytest.raises(TopicNotSupported):
        Filter.of(kept, TopicSpace(()))


def test_equal_is_the_same_text_with_the_same_prefixes() -> None:
    assert MessageContent("a:b", {"a": "urn:a", "c": "urn:c"}) == MessageContent("a:b", {"a": "urn:a"})
    assert MessageContent("a:b", {"a": "urn:a"}) != MessageContent("a:b", {"a": "urn:b"})
    of_another_kind: object = ProducerProperties("1", {})
    assert MessageContent("1", {}) != of_another_kind


def test_what_cannot_be_told_passes_and_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """A document larger than any that is expected is still asked about, if the expression is cheap."""
    large = Document(etree.Element("large"))
    for _ in range(30_000):
        etree.SubElement(large.element, "part").text = "text"
    costly, cheap = MessageContent("//part[. = 'other']/../part = 'other'", {}), MessageContent("other", {})
    with caplog.at_level(logging.WARNING):
        began = time.process_time()
        assert [costly.holds(large), costly.holds(large), cheap.holds(large)] == [True, True, False]
        assert time.process_time() - began < 2
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert costly.holds(etree.fromstring("<small><part>text</part></small>")) is False


@pytest.mark.parametrize(
    "text",
    [
        "//act:Error[act:Severity = 'fatal' and contains(wsrfbf:Description, 'disk')]",
        "//act:Result[@name = 'out' and number(@size) > 1000]",
        "//wsrfrp:NewValue/act:Status != //wsrfrp:OldValue/act:Status",
        "count(//act:Group) > 3 and not(//act:Error)",
        "starts-with(normalize-space(//act:Message), 'half') or //act:Percent >= 50",
    ],
)
def test_useful_filters_are_accepted(text: str) -> None:
    assert MessageContent(text, ns.PREFIXES).holds(MESSAGE) is False


@given(xpath_expressions())
def test_a_filter_says_what_python_says_of_the_value(text: str) -> None:
    """Where one is accepted: the value, made a boolean by XPath's rules, without libxml2's boolean()."""
    try:
        content = MessageContent(text, ACT)
        value = compiled(text, ACT, Facts.of(MESSAGE))(MESSAGE)
        if isinstance(value, list):  # in which lxml leaves out the document itself
            value = compiled(f"count({text})", ACT, Facts.of(MESSAGE))(MESSAGE)
    except (InvalidMessageContentExpression, NotAccepted):
        return
    assert content.holds(MESSAGE) is (bool(value) and not (isinstance(value, float) and math.isnan(value)))
