"""Topic expressions: what each dialect selects and refuses, and the Full one against libxml2's XPath."""

import contextlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from wsrf_activity.model import ns, topics
from wsrf_activity.model.errors import InvalidTopicExpression, TopicNotSupported, UnknownTopicDialect
from wsrf_activity.model.phases import Phase
from wsrf_activity.model.topics import Topic, TopicSpace

SIMPLE, CONCRETE, FULL, XPATH = ns.TOPIC_SIMPLE, ns.TOPIC_CONCRETE, ns.TOPIC_FULL, ns.XPATH10
ONVIF = ns.TOPIC_CONCRETE_SETS[0]
PREFIXES = {"act": ns.ACT, "rl": ns.RL, "wstop": ns.WSTOP, "other": "urn:other"}
SPACE = TopicSpace.of(
    [
        f"{{{ns.ACT}}}Status",
        f"{{{ns.ACT}}}Version",
        f"{{{ns.RL}}}CurrentTime",
        f"{{{ns.RL}}}TerminationTime",
        f"{{{ns.WSTOP}}}TopicSet",
    ]
)
STATES = [f"act:StatusChanged/{phase}" for phase in Phase]
REPORTS = ["act:ProgressReported", "act:ErrorReported", "act:ResultAdded", "act:Terminated"]
ROOTS = ["act:StatusChanged", *REPORTS, "act:Status", "rl:TerminationTime"]
ALL = ["act:StatusChanged", *STATES, *ROOTS[1:]]


def selected(dialect: str, text: str, prefixes: dict[str, str] = PREFIXES, space: TopicSpace = SPACE) -> list[str]:
    return [topics.format_topic(topic, prefixes) for topic in topics.parse(dialect, text, prefixes, space).topics()]


@pytest.mark.parametrize(
    ("dialect", "text", "expected"),
    [
        (SIMPLE, "act:StatusChanged", ["act:StatusChanged"]),
        (SIMPLE, "  rl:TerminationTime\n", ["rl:TerminationTime"]),
        (SIMPLE, "StatusChanged", ["act:StatusChanged"]),
        (CONCRETE, "act:Status", ["act:Status"]),
        (CONCRETE, "act:StatusChanged/Completed", ["act:StatusChanged/Completed"]),
        (CONCRETE, "act:StatusChanged/act:Completed", ["act:StatusChanged/Completed"]),
        (CONCRETE, "StatusChanged/Completed", ["act:StatusChanged/Completed"]),
        (FULL, "act:StatusChanged/Completed", ["act:StatusChanged/Completed"]),
        (FULL, "act:StatusChanged/*", STATES),
        (FULL, "act:StatusChanged//*", STATES),
        (FULL, "act:StatusChanged//.", ["act:StatusChanged", *STATES]),
        (FULL, "act:StatusChanged/./Failed", ["act:StatusChanged/Failed"]),
        (FULL, "act:StatusChanged//./Failed", ["act:StatusChanged/Failed"]),
        (FULL, "act:StatusChanged//Failed/.", ["act:StatusChanged/Failed"]),
        (FULL, "act://Failed", ["act:StatusChanged/Failed"]),
        (FULL, "act://StatusChanged", ["act:StatusChanged"]),
        (FULL, "//act", []),
        (FULL, "//Failed", ["act:StatusChanged/Failed"]),
        (FULL, "act:*", [name for name in ROOTS if name.startswith("act:")]),
        (FULL, "rl://*", ["rl:TerminationTime"]),
        (FULL, "*", ROOTS),
        (FULL, "*/Completed", ["act:StatusChanged/Completed"]),
        (FULL, "*/act:Completed", ["act:StatusChanged/Completed"]),
        (FULL, "//*", ALL),
        (FULL, "act:ResultAdded|act:StatusChanged/Failed", ["act:StatusChanged/Failed", "act:ResultAdded"]),
        (FULL, "act:ResultAdded | other:Nothing", ["act:ResultAdded"]),
        (FULL, "*/*/*|other:Status|*/other:Completed", []),
        (ONVIF, "act:ResultAdded|act:StatusChanged//.", ["act:StatusChanged", *STATES, "act:ResultAdded"]),
        (ns.TOPIC_CONCRETE_SETS[1], "act:StatusChanged/Failed", ["act:StatusChanged/Failed"]),
        (XPATH, "act:StatusChanged", ["act:StatusChanged"]),
        (XPATH, "/wstop:TopicSet/act:StatusChanged/Completed", ["act:StatusChanged/Completed"]),
        (XPATH, "//*[@wstop:topic='true']", ALL),
        (XPATH, "//Completed | rl:*", ["act:StatusChanged/Completed", "rl:TerminationTime"]),
        (XPATH, "*[not(*)]", ROOTS[1:]),
        (XPATH, ".", []),
        (XPATH, "//@*", []),
        (XPATH, "StatusChanged", []),
    ],
)
def test_what_an_expression_selects(dialect: str, text: str, expected: list[str]) -> None:
    """An expression that selects nothing of what is published is refused, and says what is."""
    if expected:
        assert selected(dialect, text) == expected
    else:
        with pytest.raises(TopicNotSupported, match="act:StatusChanged, act:ProgressReported"):
            selected(dialect, text)


@pytest.mark.parametrize(
    ("dialect", "text"),
    [
        (SIMPLE, ""),
        (SIMPLE, "act:StatusChanged/Completed"),
        (SIMPLE, "act:*"),
        (SIMPLE, "act:"),
        (SIMPLE, "none:StatusChanged"),
        (SIMPLE, "act:Status Changed"),
        (SIMPLE, "{urn:wsrf-activity:1}StatusChanged"),
        (CONCRETE, "act:StatusChanged/*"),
        (CONCRETE, "act:StatusChanged//Completed"),
        (CONCRETE, "act:StatusChanged/."),
        (CONCRETE, "act:Status|act:ResultAdded"),
        (CONCRETE, "act:StatusChanged/none:Completed"),
        (CONCRETE, "act:StatusChanged/"),
        (CONCRETE, "/act:StatusChanged"),
        (FULL, ""),
        (FULL, "act:Status|"),
        (FULL, "//act:StatusChanged"),
        (FULL, "act:StatusChanged///Completed"),
        (FULL, "act:StatusChanged/act:*"),
        (FULL, "act:StatusChanged/.."),
        (FULL, "."),
        (FULL, "act:Status[1]"),
        (FULL, "http://host/StatusChanged"),
        (FULL, "*" + "/." * 10),
        (FULL, "|".join(["*"] * 31)),
        (FULL, "a" * 2001),
        (ONVIF, "act:StatusChanged/*"),
        (ONVIF, "act:StatusChanged//Completed"),
        (ONVIF, "act://."),
        (XPATH, ""),
        (XPATH, "//"),
        (XPATH, "true()"),
        (XPATH, "none:StatusChanged"),
        (XPATH, "//*[count(1)]"),
        (XPATH, "//*[//*[//*[//*[//*]]]]" * 40),
    ],
)
def test_what_is_no_expression_of_its_dialect(dialect: str, text: str) -> None:
    with pytest.raises(InvalidTopicExpression):
        selected(dialect, text)


def test_other_dialects_are_refused() -> None:
    with pytest.raises(UnknownTopicDialect, match=ns.TOPIC_CONCRETE):
        selected(f"{ns.TOPIC_FULL}/else", "act:Status")


@pytest.mark.parametrize(
    ("dialect", "text"),
    [(SIMPLE, "act:StatusChanged"), (CONCRETE, "act:StatusChanged"), (FULL, "act:*"), (XPATH, "act:StatusChanged")],
)
def test_a_root_is_wanted_with_its_children(dialect: str, text: str) -> None:
    expression = topics.parse(dialect, text, PREFIXES, SPACE)
    assert expression.matches(topics.of_event("StatusChanged"))
    assert expression.matches(topics.of_event("StatusChanged/Aborted"))
    assert not expression.matches((f"{{{ns.RL}}}TerminationTime",))


def test_a_child_is_wanted_without_its_root_and_its_siblings() -> None:
    expression = topics.parse(CONCRETE, "act:StatusChanged/Failed", PREFIXES, SPACE)
    assert expression.matching() == {topics.of_event("StatusChanged/Failed")}


def test_the_default_namespace_is_that_of_a_root_without_prefix() -> None:
    """Where it has such a topic; what is ours needs no declaration, which toolkits lose."""
    assert topics.parse(SIMPLE, "TerminationTime", {"": ns.RL}, SPACE).topics() == ((f"{{{ns.RL}}}TerminationTime",),)
    assert topics.parse(SIMPLE, "Status", {"": ns.WSNT}, SPACE).topics() == ((f"{{{ns.ACT}}}Status",),)


def test_equal_is_what_is_written() -> None:
    """With the prefixes that it uses and no others; so it can be kept and made again."""
    expression = topics.parse(FULL, "act:Status|rl:*", PREFIXES, SPACE)
    assert expression.prefixes == {"act": ns.ACT, "rl": ns.RL}
    again = topics.parse(expression.dialect, expression.text, expression.prefixes, SPACE)
    assert (again, hash(again), again.topics()) == (expression, hash(expression), expression.topics())
    assert topics.parse(XPATH, "act:Status", PREFIXES, SPACE).prefixes == {"act": ns.ACT}


def test_a_kept_expression_outlives_its_topics() -> None:
    kept = topics.parse(SIMPLE, "act:Gone", PREFIXES, SPACE, stored=True)
    assert kept.topics() == ()
    assert not any(kept.matches(topic) for topic in SPACE.topics)


@given(st.sampled_from(SPACE.topics))
def test_a_topic_is_read_as_it_is_written(topic: Topic) -> None:
    text = topics.format_topic(topic)
    assert topics.parse_topic(text, ns.PREFIXES) == topic
    assert topics.parse(CONCRETE, text, ns.PREFIXES, SPACE).topics() == (topic,)


def test_topics_of_others_are_read_and_written() -> None:
    """A child from another namespace than its root's keeps it."""
    topic = topics.parse_topic("other:a/b/rl:c/other:d", PREFIXES)
    assert topic == ("{urn:other}a", "b", f"{{{ns.RL}}}c", "d")
    assert topics.format_topic(topic, PREFIXES) == "other:a/b/rl:c/d"
    with pytest.raises(ValueError, match="urn:other"):
        topics.format_topic(topic)


def test_the_topic_set_is_a_tree_of_elements() -> None:
    document = topics.topic_set(SPACE)
    assert [child.tag for child in document] == [topic[0] for topic in SPACE.topics if len(topic) == 1]
    assert [child.tag for child in document[0]] == list(Phase)
    assert all(element.get(f"{{{ns.WSTOP}}}topic") == "true" for element in document.iterdescendants())
    assert document is not topics.topic_set(SPACE)


@pytest.mark.skipif("OFFICIAL_SCHEMAS" not in os.environ, reason="the published schemas are not at hand")
def test_the_topic_set_is_valid_by_the_published_schema() -> None:
    schema = etree.XMLSchema(etree.parse(Path(os.environ["OFFICIAL_SCHEMAS"]) / "xsd" / "t-1.xsd"))
    schema.assertValid(topics.topic_set(SPACE))


# The Full dialect once more, by way of XPath: another reader and another evaluation, on the topic set document.

NAMES, SPACES = ("a", "b", "c"), ("urn:one", "urn:two")


@st.composite
def spaces(draw: st.DrawFn) -> TopicSpace:
    roots = st.builds("{{{}}}{}".format, st.sampled_from(SPACES), st.sampled_from(NAMES))
    children = st.lists(st.sampled_from(NAMES), max_size=3)
    drawn = draw(st.lists(st.builds(lambda root, below: (root, *below), roots, children), min_size=1, max_size=12))
    return TopicSpace.with_parents(drawn)


@st.composite
def full_paths(draw: st.DrawFn) -> tuple[str, str]:
    """Draw a path and the XPath that means the same."""
    prefix = draw(st.sampled_from(["one", "two", None]))
    deep, name = draw(st.booleans()), draw(st.sampled_from([*NAMES, "*"]))
    if prefix is None and not deep:
        name = "*"
    text = (f"{prefix}:" if prefix else "") + ("//" if deep else "") + name
    query = "/*/" + (f"{prefix}:*" if prefix else "*")
    query += ("/descendant-or-self::*" if deep else "") + ("" if name == "*" else f"[local-name() = '{name}']")
    for slash, step in draw(
        st.lists(st.tuples(st.sampled_from(["/", "//"]), st.sampled_from([*NAMES, "*", "."])), max_size=4)
    ):
        text += slash + step
        query += slash + step
    return text, query


@given(spaces(), st.lists(full_paths(), min_size=1, max_size=3))
def test_the_full_dialect_selects_what_xpath_does(space: TopicSpace, paths: list[tuple[str, str]]) -> None:
    prefixes = dict(zip(("one", "two"), SPACES, strict=True))
    document = topics.topic_set(space)
    found = document.xpath("|".join(query for _, query in paths), namespaces=prefixes)
    assert isinstance(found, list)
    expected = {
        tuple(each.tag for each in [*reversed(list(node.iterancestors())), node][1:])
        for node in found
        if isinstance(node, etree._Element)
    }
    expression = topics.parse(FULL, "|".join(text for text, _ in paths), prefixes, space, stored=True)
    assert set(expression.topics()) == expected
    assert expression.matching() == {t for t in space.topics if any(t[: len(e)] == e for e in expected)}


@given(st.sampled_from(topics.DIALECTS), st.text(alphabet="act:StsPg*/.|[]@()' \n1-", max_size=30))
def test_any_text_is_an_expression_or_refused(dialect: str, text: str) -> None:
    with contextlib.suppress(InvalidTopicExpression, TopicNotSupported):
        expression = topics.parse(dialect, text, {"a": ns.ACT, "act": ns.ACT}, SPACE)
        assert set(expression.topics()) <= expression.matching() <= set(SPACE.topics)
