"""Endpoint references as text: what is stored is what is read back, whosoever made it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from wsrf_activity.client import Reference
from wsrf_activity.model import ns

BASE = "http://127.0.0.1:8427"
TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"), max_size=20)
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,8}", fullmatch=True)
NAMESPACES = st.sampled_from(["urn:other", "http://example.org/a?b=c&d", ns.REF])


def reference(version: str, address: str, parameters: list[tuple[str, str, str]]) -> etree._Element:
    """Return an endpoint reference with these parameters: namespace, name, text."""
    made = etree.Element(f"{{{version}}}EndpointReference", nsmap={"q": "urn:qualifies"})
    etree.SubElement(made, f"{{{version}}}Address").text = address
    holder = etree.SubElement(made, f"{{{version}}}ReferenceParameters")
    for namespace, name, text in parameters:
        etree.SubElement(holder, f"{{{namespace}}}{name}").text = text
    return made


@given(
    st.sampled_from([ns.WSA, ns.WSA04]),
    st.from_regex(r"http://[a-z]{1,8}(:[1-9][0-9]{0,3})?/[a-zA-Z0-9/_.~-]{0,20}", fullmatch=True),
    st.lists(st.tuples(NAMESPACES, NAMES, TEXTS), max_size=4),
)
def test_what_is_stored_is_what_is_read(version: str, address: str, parameters: list[tuple[str, str, str]]) -> None:
    made = Reference.of(reference(version, address, parameters))
    again = Reference.parse(str(made), BASE)
    assert again == made
    assert again.address == address
    found = [(etree.QName(p).namespace, etree.QName(p).localname, p.text or "") for p in again.parameters()]
    assert found == parameters


def test_a_prefix_that_only_a_text_uses_is_kept() -> None:
    [parameter] = Reference.of(reference(ns.WSA, BASE, [("urn:other", "Kind", "q:name")])).parameters()
    assert parameter.nsmap["q"] == "urn:qualifies"


@pytest.mark.parametrize("text", ["abc123", f"{BASE}/activity/abc123", f" {BASE}/activity/abc123/\n"])
def test_an_id_or_an_address_will_do(text: str) -> None:
    found = Reference.parse(text, BASE)
    assert found.id == "abc123"
    assert found.address.rstrip("/") == f"{BASE}/activity/abc123"
    assert [parameter.text for parameter in found.parameters()] == ["abc123"]


def test_a_whole_answer_will_do_with_the_encoding_that_it_once_had() -> None:
    element = etree.Element("answer")
    element.append(reference(ns.WSA, "http://other/x", [("urn:other", "Key", "gr\u00fcn")]))
    text = '<?xml version="1.0" encoding="ISO-8859-1"?>\n' + etree.tostring(element, encoding="unicode")
    found = Reference.parse(text, BASE)
    assert (found.address, found.id) == ("http://other/x", None)
    assert found.parameters()[0].text == "gr\u00fcn"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no activity's id"),
        ("a b", "no activity's id"),
        ("ftp://a/b", "no activity's id"),
        ("http://[", "no activity's id"),
        ("<a", "not XML"),
        ("<a/>", "no wsa:Address"),
        ('<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', "document type"),
    ],
)
def test_what_is_none(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Reference.parse(text, BASE)
