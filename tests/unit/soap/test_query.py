"""Queries: what they answer, what they refuse, and that no accepted one takes long, whatever it is made of."""

import contextlib
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from tests.unit.model.xpath_strategies import xpath_expressions
from wsrf_activity.model import ns
from wsrf_activity.model.errors import InvalidQuery, QueryFailed, UnknownQueryDialect
from wsrf_activity.soap import query

SECOND = 1.0  #: of the processor's time


def document(groups: int, text: str = "group") -> etree._Element:
    """A property document with many values, some of them nested."""
    root = etree.Element(f"{{{ns.ACT}}}ActivityProperties", nsmap={"act": ns.ACT})
    for number in range(groups):
        group = etree.SubElement(root, f"{{{ns.ACT}}}Group", kind="a")
        group.text = text
        if number % 5 == 0:
            error = etree.SubElement(root, f"{{{ns.ACT}}}Error")
            etree.SubElement(error, f"{{{ns.ACT}}}Group").text = text
    return root


def ask(text: str, root: etree._Element | None = None, dialect: str | None = ns.XPATH10) -> list[etree._Element]:
    expression = etree.Element(f"{{{ns.RP}}}QueryExpression", nsmap={"act": ns.ACT})
    expression.text = text
    if dialect is not None:
        expression.set("Dialect", dialect)
    return query.evaluate(expression, document(3) if root is None else root)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("count(//act:Group)", "4"),
        ("string(//act:Group)", "group"),
        ("1 div 3", "0.3333333333333333"),
        ("1 div 0", "Infinity"),
        ("0 div 0", "NaN"),
        ("-1.50", "-1.5"),
        ("1000000 * 1000000 * 1000000 * 1000", "1000000000000000000000"),
        ("boolean(//act:Nothing)", "false"),
        ("//act:Nothing", ""),
        ("concat('<', \"&\")", "<&"),
        ("//@kind[1] = 'a' and not(//act:Error[3])", "true"),
        ("count(//act:Group | //act:Error) - -1", "6"),
        ("count(act:Group[position() = last()]/preceding-sibling::*[1])", "1"),
    ],
)
def test_an_atomic_answer_is_one_value(text: str, expected: str) -> None:
    """In the form of XPath's ``string()``; an empty node set is an empty value, since an answer has an element."""
    [answer] = ask(text)
    assert answer.tag == f"{{{ns.ACT}}}Value"
    assert (answer.text or "") == expected


def test_nodes_are_answered_as_they_are() -> None:
    """Elements whole; attributes and texts as values."""
    assert [node.tag for node in ask("//act:Error/act:Group")] == [f"{{{ns.ACT}}}Group"]
    assert [node.text for node in ask("//@kind | //act:Error/act:Group/text()")] == ["a", "group", "a", "a"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "//",
        "//act:Group[",
        "count(",
        "nothere:Group",
        "$variable",
        "document('/etc/passwd')",
        "unparsed-entity-uri('x')",
        "re:test('a', 'b')",
        "act:function()",
        "count()",
        "child::",
        "sideways::act:Group",
        "1 2",
        "//act:Group" * 200,
        "(" * 400 + "1" + ")" * 400,
        "*" + "[1" * 40 + "]" * 40,
        "not(" * 300 + "1" + ")" * 300,
    ],
)
def test_what_is_no_expression_or_reaches_outside_is_refused(text: str) -> None:
    """As the caller's mistake, with a sentence."""
    with pytest.raises(InvalidQuery):
        ask(text)


def test_an_element_in_the_expression_is_refused() -> None:
    """An expression is text."""
    expression = etree.Element(f"{{{ns.RP}}}QueryExpression")
    etree.SubElement(expression, "x")
    with pytest.raises(InvalidQuery):
        query.evaluate(expression, document(1))


def test_other_dialects_are_refused() -> None:
    """None said is XPath 1.0, since the schema lets the attribute out."""
    assert ask("1", dialect=None)
    with pytest.raises(UnknownQueryDialect):
        ask("1", dialect="http://www.w3.org/TR/1999/REC-xpath-19991116/else")


def test_a_type_error_is_one_of_evaluation() -> None:
    """count() of a number is good syntax."""
    with pytest.raises((InvalidQuery, QueryFailed)):
        ask("count(1)")


@pytest.mark.parametrize(
    "text",
    [
        "//*[count(//*[count(//*[count(//*[count(//*)>0])>0])>0])>0]",
        "//*/following::*/preceding::*/following::*",
        "//*[//*[//*]]",
        "|".join(["//*"] * 300),
        "//*[. = //*[. != //*]]",
        "//*/ancestor::*/descendant::*[following::*]",
        "count(//*[last() = count(//*)]//*[last() = count(//*)])",
        "translate(string(/), string(/), string(/))",
        "contains(" + "concat(" + ",".join(["string(/)"] * 100) + "), string(/))",
        "concat(" * 8 + ",".join(["string(/)"] * 10) + ")" * 8,
        "//*[contains(string(/), string(..))]",
        "//act:Group[preceding::act:Group = following::act:Group]",
        "//*[normalize-space(/) = normalize-space(//*)]",
        "//node()[../node()[../node()[../node()]]]",
        "-" * 1900 + "1",
        "9" * 1900,
        "id(//*)/id(//*)",
    ],
)
def test_expressions_made_to_take_long_are_refused_or_do_not(text: str) -> None:
    """Over a document such as nobody has, with texts that begin alike."""
    root = document(2000, "a" * 200)
    began = time.process_time()
    with contextlib.suppress(InvalidQuery, QueryFailed):
        ask(text, root)
    assert time.process_time() - began < SECOND


@pytest.mark.parametrize(
    "text",
    [
        "/act:ActivityProperties/act:Group[3]",
        "//act:Error[act:Group = 'group']/act:Group",
        "//act:Group[@kind = 'a'][contains(., 'ou')]",
        "count(//act:Group[not(@kind)]) > 3 or //act:Error",
        "act:Group[last()]",
        "normalize-space(//act:Group[@kind])",
        "//*[local-name() = 'Error']/act:Group",
        "act:Group[following-sibling::act:Error]",
    ],
)
def test_useful_expressions_are_answered(text: str) -> None:
    """The bound is not in the way of those who mean well, with 300 values too."""
    assert ask(text, document(300))


DOCUMENTS = {groups: document(groups, "a" * (2000 // groups)) for groups in (3, 40, 1500)}


@settings(max_examples=300, deadline=None, derandomize=True)
@given(text=xpath_expressions(), groups=st.sampled_from(sorted(DOCUMENTS)))
def test_no_accepted_expression_takes_long(text: str, groups: int) -> None:
    """Whatever it is made of: the bound is one."""
    root = DOCUMENTS[groups]
    began = time.process_time()
    with contextlib.suppress(InvalidQuery, QueryFailed):
        ask(text, root)
    assert time.process_time() - began < SECOND
