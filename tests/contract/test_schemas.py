"""Our schemas are the standards': the same components with equivalent content models, and the same verdict on every
instance. Where ours differ on purpose, REPAIRS says in what and why.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from lxml import etree

from tests.contract import instances
from tests.contract.normal_form import components
from tests.wire_validation import officially_valid
from wsrf_activity.model import ns
from wsrf_activity.soap import contract

STANDARDS = ("ws-addr.xsd", "bf-2.xsd", "r-2.xsd", "rp-2.xsd", "rl-2.xsd", "t-1.xsd", "b-2.xsd")
XSD = f"{{{ns.XSD}}}"


def _relax_wildcards(schema: etree._Element) -> int:
    strict = [
        wildcard
        for wildcard in schema.iter(f"{XSD}any", f"{XSD}anyAttribute")
        if wildcard.get("processContents", "strict") == "strict"
    ]
    for wildcard in strict:
        wildcard.set("processContents", "lax")
    return len(strict)


def _language_by_wildcard(schema: etree._Element) -> int:
    languages = [*schema.iter(f"{XSD}attribute")]
    languages = [attribute for attribute in languages if attribute.get("ref") == "xml:lang"]
    for attribute in languages:
        attribute.tag = f"{XSD}anyAttribute"
        attribute.attrib.clear()
        attribute.set("namespace", ns.XML)
        attribute.set("processContents", "lax")
    return len(languages)


def _topics_are_capitalised(schema: etree._Element) -> int:
    wrong = [selector for selector in schema.iter(f"{XSD}selector") if selector.get("xpath") == "wstop:topic"]
    for selector in wrong:
        selector.set("xpath", "wstop:Topic")
    return len(wrong)


#: What is changed in an official file before it is compared: the repair, the files that need it, and why.
REPAIRS: Mapping[Callable[[etree._Element], int], tuple[tuple[str, ...], str]] = {
    _relax_wildcards: (
        ("rp-2.xsd", "b-2.xsd", "t-1.xsd"),
        "strict wildcards make every property, filter and topic without a loaded schema an error",
    ),
    _language_by_wildcard: (
        ("bf-2.xsd",),
        "a declaration of xml:lang makes clients fetch xml.xsd from the W3C; the wildcard takes all that it took",
    ),
    _topics_are_capitalised: (
        ("t-1.xsd",),
        "the element is wstop:Topic, so that the published constraint never holds anything unique",
    ),
}


#: What an official file lacks and ours has, and why.
ADDED: Mapping[str, tuple[tuple[str, str], str]] = {
    "ws-addr.xsd": (
        ("element", "FaultDetail"),
        "the SOAP binding sends it as a header block with SOAP 1.1, and no published schema declares it",
    ),
}


def _schema(file: Path) -> etree._Element:
    parser = etree.XMLParser(no_network=True, load_dtd=False, remove_comments=True)
    return etree.parse(file, parser).getroot()


@pytest.mark.parametrize("name", STANDARDS)
def test_the_same_components_with_equivalent_content(name: str, official_schemas: Path) -> None:
    official = _schema(official_schemas / "xsd" / name)
    for repair, (files, reason) in REPAIRS.items():
        if name in files:
            assert repair(official), f"no longer needed: {reason}"
    ours = components(_schema(contract.home() / "schemas" / name))
    theirs = components(official)
    if name in ADDED:
        added, reason = ADDED[name]
        assert added not in theirs, f"no longer needed: {reason}"
        del ours[added]
    assert ours.keys() == theirs.keys()
    for component, content in theirs.items():
        assert ours[component] == content, component


@pytest.mark.parametrize("name", STANDARDS)
def test_none_of_the_standards_prose(name: str, official_schemas: Path) -> None:
    ours, theirs = (_prose(folder / name) for folder in (contract.home() / "schemas", official_schemas / "xsd"))
    assert not ours & theirs


def _prose(file: Path) -> set[str]:
    """All that is said in a file beside its tags: comments and documentation, white space aside."""
    nodes = etree.parse(file, etree.XMLParser(no_network=True, load_dtd=False)).getroot().iter()
    said = {" ".join(str(text).split()) for node in nodes for text in (node.text, node.tail) if text}
    return said - {""}


@pytest.mark.parametrize("file", sorted(contract.schema_files().values()), ids=lambda file: file.name)
def test_each_schema_compiles_alone(file: Path) -> None:
    schema = etree.XMLSchema(etree.parse(file, etree.XMLParser(no_network=True)))
    assert not schema.validate(etree.Element("unknown"))


@pytest.mark.usefixtures("official_schemas")
@pytest.mark.parametrize(("valid", "instance"), instances.cases(instances.STANDARDS))
def test_both_judge_an_instance_alike(valid: bool, instance: etree._Element) -> None:
    assert (contract.violations(instance) == [], officially_valid(instance)) == (valid, valid)


@pytest.mark.parametrize(("valid", "instance"), instances.cases(instances.STANDARDS, instances.OURS))
def test_ours_judge_an_instance_rightly(valid: bool, instance: etree._Element) -> None:
    assert (contract.violations(instance) == []) is valid


TOPIC_EXPRESSIONS = {
    "SimpleTopicExpression": (["a", "x:a"], ["", "x:a/b", "x:*", "a:b:c"]),
    "ConcreteTopicExpression": (["a", "x:a", "x:a/b", "x:a/x:b/c.d-e"], ["", "/a", "a/", "a//b", "x:*", "a|b", "x:1"]),
    "FullTopicExpression": (
        ["a", "x:a", "*", "x:*", "x:a/b", "x:a//b", "x:a//.", "x:a/*/.", "x://a", "//a", "x:a|x:b//*|*", "a/x:b"],
        ["", "/a", "a/", "a|", "|a", "a///b", "x:a/1", "a b", "x:", ".", "x:a/x:*"],
    ),
}


@pytest.mark.parametrize("name", TOPIC_EXPRESSIONS)
def test_topic_expressions_match_alike(name: str, official_schemas: Path) -> None:
    """A pattern may be written in many ways: both are tried on the same expressions."""
    accepted, refused = TOPIC_EXPRESSIONS[name]
    for folder in (contract.home() / "schemas", official_schemas / "xsd"):
        schema = _schema(folder / "t-1.xsd")
        etree.SubElement(schema, f"{XSD}element", name="expression", type=f"wstop:{name}")
        validator = etree.XMLSchema(etree.ElementTree(schema))
        wrapped = '<wstop:expression xmlns:wstop="{}" xmlns:x="urn:example">{}</wstop:expression>'
        verdicts = {
            text: validator.validate(etree.fromstring(wrapped.format(ns.WSTOP, text))) for text in [*accepted, *refused]
        }
        assert [text for text, valid in verdicts.items() if valid] == accepted


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('minOccurs="0"', 'minOccurs="1"'),
        ('maxOccurs="unbounded"', 'maxOccurs="2"'),
        ('namespace="##other"', 'namespace="##any"'),
        ('nillable="true"', 'nillable="false"'),
        ('type="xsd:dateTime"', 'type="xsd:date"'),
        ('use="required"', 'use="optional"'),
        ('mixed="true"', 'mixed="false"'),
        ('<xsd:anyAttribute processContents="lax"/>', ""),
        ("xsd:dateTime xsd:duration", "xsd:dateTime"),
        ('base="wsrfbf:BaseFaultType"', 'base="wsnt:FilterType"'),
        ('<xsd:element name="UseRaw">', '<xsd:element name="UseRow">'),
        ('<xsd:element name="MinimumTime"', '<xsd:element name="LeastTime"'),
        ('ref="wsnt:CurrentTime"', 'ref="wsnt:CreationTime"'),
        ('default="true"', 'default="false"'),
    ],
)
def test_the_comparison_notices_each_kind_of_difference(old: str, new: str) -> None:
    text = (contract.home() / "schemas" / "b-2.xsd").read_text("utf-8")
    assert old in text
    changed = text.replace(old, new, 1)
    assert components(etree.fromstring(changed.encode())) != components(etree.fromstring(text.encode()))


def test_two_ways_to_write_one_content_model_are_equal() -> None:
    def type_of(content: str) -> object:
        return components(etree.fromstring(f'<xsd:schema xmlns:xsd="{ns.XSD}">{content}</xsd:schema>'))

    any_all = '<xsd:any processContents="lax" minOccurs="0" maxOccurs="unbounded"/>'
    attribute = '<xsd:attribute name="a" type="xsd:string"/>'
    extension = f'<xsd:extension base="xsd:anyType">{attribute}</xsd:extension>'
    assert type_of(
        f'<xsd:complexType name="t"><xsd:complexContent mixed="true">{extension}</xsd:complexContent></xsd:complexType>'
    ) == type_of(
        f'<xsd:complexType name="t" mixed="true"><xsd:sequence>{any_all}</xsd:sequence>{attribute}'
        '<xsd:anyAttribute processContents="lax"/></xsd:complexType>'
    )
