"""XPath 1.0: what is refused by its text alone, and what is understood."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from tests.unit.model.xpath_strategies import xpath_expressions
from wsrf_activity.model import ns, xpath
from wsrf_activity.model.xpath_cost import Facts, Misused, NotUnderstood, estimate

DOCUMENT = etree.fromstring("<a><b c='d'>e</b><b/></a>")
FACTS = Facts.of(DOCUMENT)


@settings(max_examples=300)
@given(st.text(alphabet="ab:*/@.[]()'\"|=<>!+-,$ 1", max_size=40))
def test_any_text_is_understood_or_not(text: str) -> None:
    """The reader ends, and raises nothing else. libxml2 itself takes ``a(`` for an expression."""
    with contextlib.suppress(NotUnderstood):
        assert estimate(text, FACTS) > 0


@given(xpath_expressions())
def test_every_expression_is_understood(text: str) -> None:
    """What libxml2 takes for one, and is one, but for what it would only refuse when it evaluates it."""
    with contextlib.suppress(etree.XPathError, Misused):
        etree.XPath(text, namespaces={"act": ns.ACT})
        assert estimate(text, FACTS) > 0


@given(xpath_expressions())
def test_what_is_accepted_evaluates(text: str) -> None:
    """Nothing that stands in the text is left to be noticed with some later document."""
    with contextlib.suppress(xpath.NotAccepted):
        xpath.compiled(text, {"act": ns.ACT}, FACTS)(DOCUMENT)


@pytest.mark.parametrize(
    "text",
    [
        "nothing[count(1)]",
        "nothing[sum('1')]",
        "nothing[name(true())]",
        "nothing['a'/b]",
        "nothing[1|b]",
        "nothing[concat('a', 'b')[1]]",
        "nothing and position()",
    ],
)
def test_what_needs_nodes_and_has_none_is_refused_unevaluated(text: str) -> None:
    """Though libxml2 does not mind while there is no ``nothing``."""
    assert not etree.XPath(text)(DOCUMENT)
    with pytest.raises(xpath.NeverEvaluates):
        xpath.compiled(text, {}, FACTS)


@pytest.mark.parametrize("text", ["nothing[p:b]", "nothing[p:*]", "nothing[@p:b or child::p:b]", "nothing[$v]"])
def test_names_that_are_not_declared_are_refused_unevaluated(text: str) -> None:
    with pytest.raises(xpath.NotAccepted):
        xpath.compiled(text, {"": "urn:default", "q": "urn:other"}, FACTS)


@pytest.mark.parametrize("text", ["nothing[f()]", "nothing[last(1)]", "nothing[concat('a')]"])
def test_functions_that_there_are_not_are_refused_unevaluated(text: str) -> None:
    with pytest.raises(xpath.NotAccepted, match=r"function|argument"):
        xpath.compiled(text, {}, FACTS)


def test_colons_in_literals_are_no_prefixes() -> None:
    query = xpath.compiled("string(child::b[@c != 'p:q'][@xml:lang or \"p:q\"])", {}, FACTS)
    assert query(DOCUMENT) == "e"
