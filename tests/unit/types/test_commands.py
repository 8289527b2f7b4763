"""The typed operations of commands: never stricter than the command's own parameters, which have the last word."""

import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from wsrf_activity.model.errors import InvalidParameter
from wsrf_activity.model.interfaces import Interface
from wsrf_activity.model.services import Parameter, Service
from wsrf_activity.types.commands import command_interface
from wsrf_activity.types.patterns import as_xml_schema

NAMESPACE = "urn:test:commands"


def interface(*parameters: Parameter, **more: Any) -> Interface:
    return command_interface(Service(name="run", command=("run",), parameters=parameters, **more), NAMESPACE)


def accepts(found: Interface, *texts: str) -> bool:
    try:
        found.document(found.operations[0], {"p": texts} if texts else {})
    except InvalidParameter:
        return False
    return True


PARAMETERS = [
    Parameter(name="p", minimum=Decimal("0.5"), maximum=Decimal("3.5")),
    Parameter(name="p", type="integer", minimum=Decimal("0.5"), maximum=Decimal("3.5")),
    Parameter(name="p", type="number", minimum=Decimal("0.5"), maximum=Decimal("3.5")),
    Parameter(name="p", type="integer", choices=("1", "2")),
    Parameter(name="p", type="integer", pattern="[0-9]"),
    Parameter(name="p", type="boolean", choices=("true",)),
    Parameter(name="p", type="boolean", pattern="true"),
    Parameter(name="p", choices=("a", "b c", "")),
    Parameter(name="p", pattern=r"^[a-z]+\d{1,2}$"),
    Parameter(name="p", pattern=r"\w+(?=x).?"),
    Parameter(name="p", type="date"),
    Parameter(name="p", type="datetime"),
    Parameter(name="p", type="duration"),
    Parameter(name="p", type="uri", maximum=Decimal(30)),
]
TEXTS = [
    "",
    "1",
    "01",
    "+2",
    "1.5",
    "4",
    "1e0",
    "true",
    "0",
    "a",
    "b c",
    "abc12",
    "abc",
    "abx",
    "2020-01-01",
    "2020-13-01",
]
TEXTS += [
    "2020-01-01Z",
    "2020-01-01T00:00:00Z",
    "2020-01-01T24:00:00",
    "PT1S",
    "P1Y2M",
    "-P1D",
    "P",
    "https://example.org/a",
]
TEXTS += ["a b://", "../x", "_x", "x" * 31, "٣"]


@pytest.mark.parametrize("parameter", PARAMETERS, ids=range(len(PARAMETERS)))
def test_a_schema_refuses_nothing_that_the_parameter_accepts(parameter: Parameter) -> None:
    found = interface(parameter)
    good = []
    for text in TEXTS:
        try:
            parameter.check(text)
        except InvalidParameter:
            continue
        good.append(text)
    assert good
    assert [text for text in good if not accepts(found, text)] == []


@pytest.mark.parametrize(
    ("parameter", "text"),
    [
        (PARAMETERS[0], "four+"),
        (PARAMETERS[1], "4"),
        (PARAMETERS[2], "0.4"),
        (PARAMETERS[3], "3"),
        (PARAMETERS[7], "c"),
        (PARAMETERS[8], "ab"),
        (PARAMETERS[10], "2020-13-01"),
        (PARAMETERS[12], "1 day"),
    ],
)
def test_a_schema_shows_what_a_parameter_accepts(parameter: Parameter, text: str) -> None:
    assert not accepts(interface(parameter), text)


@pytest.mark.parametrize(
    ("required", "default", "needed"), [(True, None, True), (False, None, False), (True, "x", False)]
)
def test_a_parameter_with_a_default_may_be_left_out(required: bool, default: str | None, needed: bool) -> None:
    found = interface(Parameter(name="p", required=required, default=default))
    assert accepts(found) is not needed
    assert found.operations[0].arguments[0].required is needed


def test_a_parameter_of_which_each_is_an_activity_is_a_list() -> None:
    found = interface(Parameter(name="p"), each="p")
    assert accepts(found, "a", "b")
    assert not accepts(found)
    assert found.operations[0].arguments[0].repeats


@pytest.mark.parametrize(("media_type", "kind"), [("text/csv", "string"), ("application/json", "base64Binary")])
def test_output_is_a_text_where_its_media_type_says_so(media_type: str, kind: str) -> None:
    schema = etree.fromstring(interface(media_type=media_type).schema)
    [result] = [each for each in schema if each.get("name") == "runResult"]
    assert result.get("type") == f"xsd:{kind}"


def test_documentation_stands_in_the_schema() -> None:
    found = interface(Parameter(name="p", documentation="How many.", default="3"), documentation="Runs & ends.")
    texts = etree.fromstring(found.schema).iterfind(".//{*}documentation")
    assert [each.text for each in texts] == ["Runs & ends.", "How many. Default: 3"]


@pytest.mark.parametrize(
    ("python", "xml"),
    [
        ("[a-z]+", "[a-z]+"),
        ("^a.c$", "a.c"),
        ("(?:ab|c){2,3}", "(ab|c){2,3}"),
        (r"\d+\.\d*", r"\d+\.\d*"),
        (r"\$[0-9]", "$[0-9]"),
        (r"a\/b", "a/b"),
        ("^a$|b", None),
        ("a^b", None),
        (r"\w+", None),
        ("a+?", None),
        ("a++", None),
        ("(?i)a", None),
        ("[0--]", None),
        ("(?P<n>a)", None),
        (r"\bword\b", None),
        ("[[]a]", None),
        ("a{,3}", None),
        (r"(a)\1", None),
    ],
)
def test_a_pattern_is_shown_where_it_means_the_same(python: str, xml: str | None) -> None:
    assert as_xml_schema(python) == xml


URI = Parameter(name="p", type="uri")
REFERENCES = interface(URI)


@given(
    st.text("ab1:/?#@%-.é~&=+ ", max_size=8)
    | st.from_regex(r"https?://[a-z%:@.0-9é]{1,6}[/?#][a-z%0-9é/?#]*", fullmatch=True)
)
def test_a_schema_refuses_no_uri_that_is_accepted(text: str) -> None:
    try:
        checked = URI.check(text)
    except InvalidParameter:
        return
    assert accepts(REFERENCES, checked)


@given(st.from_regex(r"(\[\^?[a-c0-9.-]{1,3}\]|[ab1.]|\(\?:a\|1\)|\\[d.])([*+?]|\{[12]\})?", fullmatch=True), st.data())
def test_a_pattern_that_is_shown_matches_what_pythons_does(pattern: str, data: st.DataObject) -> None:
    try:
        re.compile(pattern)
    except (re.error, FutureWarning):
        return  # which is refused when it is configured, or may mean another thing some day
    found = as_xml_schema(pattern)
    if found is None:
        return
    value = etree.QName("v").localname
    facet = etree.Element(f"{{{XSD}}}pattern", value=found)
    schema = f'<s:schema xmlns:s="{XSD}"><s:element name="{value}"><s:simpleType><s:restriction base="s:string"/>'
    root = etree.fromstring(schema + "</s:simpleType></s:element></s:schema>")
    root[0][0][0].append(facet)
    text = data.draw(
        st.from_regex(pattern, fullmatch=True, alphabet=st.characters(codec="ascii")) | st.text("abc019.-", max_size=4)
    )
    element = etree.Element(value)
    try:
        element.text = text
    except ValueError:
        return  # no XML can say it
    if "\n" not in text and "\r" not in text:
        assert etree.XMLSchema(root).validate(element) == bool(re.fullmatch(pattern, text))


XSD = "http://www.w3.org/2001/XMLSchema"
