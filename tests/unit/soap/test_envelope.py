"""Messages taken apart: what is one, for whom its headers are, and which have to be understood."""

from datetime import UTC, datetime

import pytest
from lxml import etree

from wsrf_activity.model import ns
from wsrf_activity.soap import envelope, faults
from wsrf_activity.soap.envelope import SOAP11, SOAP12, Version
from wsrf_activity.soap.faults import SoapProblem

NOW = datetime(2026, 1, 2, tzinfo=UTC)
BOTH = pytest.mark.parametrize("version", [SOAP11, SOAP12], ids=["soap11", "soap12"])


def read(content: str, version: Version) -> envelope.Envelope:
    return envelope.read(etree.fromstring(f'<s:Envelope xmlns:s="{version.namespace}">{content}</s:Envelope>'), NOW)


@BOTH
def test_a_message_is_taken_apart(version: Version) -> None:
    """Header blocks for us, and the child of Body."""
    message = read("<s:Header> <a xmlns='urn:a'/> </s:Header>\n <s:Body>\n<b/> </s:Body> ", version)
    assert message.version == version
    assert [block.tag for block in message.headers] == ["{urn:a}a"]
    assert message.body.tag == "b"


@BOTH
@pytest.mark.parametrize(
    "content",
    [
        "",
        "<s:Header/>",
        "<s:Body/>",
        "<s:Body>text</s:Body>",
        "<s:Body><a/><b/></s:Body>",
        "<s:Body><a/>text</s:Body>",
        "text<s:Body><a/></s:Body>",
        "<s:Body><a/></s:Body>text",
        "<s:Header>text</s:Header><s:Body><a/></s:Body>",
        "<s:Body><a/></s:Body><s:Body><a/></s:Body>",
        "<s:Body><a/></s:Body><s:Header/>",
        "<s:Header/><s:Header/><s:Body><a/></s:Body>",
        "<s:Body><a/></s:Body><x/>",
        "<x/><s:Body><a/></s:Body>",
        "<Body><a/></Body>",
        "<s:Header>" + "<a/>" * 101 + "</s:Header><s:Body><a/></s:Body>",
    ],
)
def test_what_is_no_message_is_refused(content: str, version: Version) -> None:
    """As the sender's mistake, with a typed detail."""
    with pytest.raises(SoapProblem) as refused:
        read(content, version)
    fault = refused.value.fault
    assert fault.code == faults.SENDER
    assert fault.detail[0].tag == f"{{{ns.BF}}}BaseFault"


@pytest.mark.parametrize("namespace", ["", "urn:x", "http://www.w3.org/2001/12/soap-envelope", ns.S11 + "/"])
def test_another_version_is_told_which_are_spoken(namespace: str) -> None:
    """VersionMismatch with Upgrade (SOAP 1.2 Part 1, section 5.4.7)."""
    with pytest.raises(SoapProblem) as refused:
        envelope.read(etree.fromstring(f'<Envelope xmlns="{namespace}"><Body><a/></Body></Envelope>'), NOW)
    fault = refused.value.fault
    assert fault.code == "VersionMismatch"
    [upgrade] = fault.headers
    assert [entry.get("qname") for entry in upgrade] == ["soap12:Envelope", "soap:Envelope"]


@pytest.mark.parametrize(
    ("version", "flag", "must"),
    [
        (SOAP11, "1", True),
        (SOAP11, " 1 ", True),
        (SOAP11, "0", False),
        (SOAP11, "true", False),
        (SOAP12, "1", True),
        (SOAP12, "true", True),
        (SOAP12, "false", False),
        (SOAP12, "0", False),
        (SOAP12, "yes", False),
    ],
)
def test_who_must_be_understood(version: Version, flag: str, must: bool) -> None:
    """SOAP 1.1 knows 1 and 0, SOAP 1.2 the booleans of XML Schema."""
    block = etree.fromstring(f'<a xmlns:s="{version.namespace}" s:mustUnderstand="{flag}"/>')
    assert envelope.must_understand(block, version) is must
    other = SOAP12 if version is SOAP11 else SOAP11
    assert not envelope.must_understand(block, other)


@pytest.mark.parametrize(
    ("version", "role", "ours"),
    [
        (SOAP11, "", True),
        (SOAP11, "http://schemas.xmlsoap.org/soap/actor/next", True),
        (SOAP11, "urn:somebody", False),
        (SOAP12, f"{ns.S12}/role/next", True),
        (SOAP12, f" {ns.S12}/role/ultimateReceiver ", True),
        (SOAP12, f"{ns.S12}/role/none", False),
        (SOAP12, "urn:somebody", False),
    ],
)
def test_headers_for_others_are_left_alone(version: Version, role: str, ours: bool) -> None:
    """A role or actor says for whom."""
    name = "role" if version.is_12 else "actor"
    message = read(f"<s:Header><a xmlns='urn:a' s:{name}='{role}'/></s:Header><s:Body><b/></s:Body>", version)
    assert bool(message.headers) is ours


@pytest.mark.parametrize("tag", ["{urn:a}name", "name"])
@BOTH
def test_what_is_not_understood_is_named(tag: str, version: Version) -> None:
    """SOAP 1.2 names it in a header block; one without a namespace is none, but named too."""
    fault = envelope.not_understood(etree.Element(tag), version).fault
    assert (fault.code, len(fault.headers)) == ("MustUnderstand", 1 if version.is_12 else 0)
    for notice in fault.headers:
        again = etree.fromstring(etree.tostring(notice))
        prefix, _, local = (again.get("qname") or "").rpartition(":")
        assert (again.nsmap.get(prefix) if prefix else None, local) == (etree.QName(tag).namespace, "name")


@BOTH
def test_a_fault_can_say_anything(version: Version) -> None:
    """Characters that XML has no way to write, and more than anybody would read, do not break it."""
    fault = faults.Fault(code=faults.SENDER, reason="\0\x1b[31m\ud800\uffff" + "x" * 100_000, action="urn:a")
    written = envelope.Outgoing(version, (), envelope.fault_body(version, fault)).written()
    assert len(written) < 4000
    assert "\N{REPLACEMENT CHARACTER}" * 2 + "[31m" in str(etree.fromstring(written).xpath("string()"))
