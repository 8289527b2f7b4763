"""Faults: one for each problem there is, each of them valid and told apart by its element."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from lxml import etree

from wsrf_activity.model import errors, ns
from wsrf_activity.model.addresses import Addresses
from wsrf_activity.soap import addressing, contract, envelope, faults

NOW = datetime(2026, 1, 2, 3, 4, 5, 600_000, tzinfo=UTC)


def kinds(root: type[errors.Problem]) -> Iterator[type[errors.Problem]]:
    yield root
    for kind in root.__subclasses__():
        if kind.__module__ == errors.__name__:
            yield from kinds(kind)


def made(kind: type[errors.Problem], text: str) -> errors.Problem:
    if issubclass(kind, errors.TerminationTimeRejected):
        return kind(text, NOW, None)
    if issubclass(kind, errors.InvalidParameter):
        return kind(text, "p\x01", 3, "c")
    if issubclass(kind, errors.TooBusy):
        return kind(text, timedelta(seconds=2))
    if issubclass(kind, errors.VersionMismatch):
        return kind(text, 7)
    if issubclass(kind, errors.InvalidState):
        return kind(text, "Completed")
    if issubclass(kind, errors.WorkFailed):
        return kind(text, "abc", "Failed", "No\x01Code")
    if issubclass(kind, errors.InvalidFilter):
        return kind(text, "{urn:other}Sieve")
    return kind(text)


@pytest.mark.parametrize("version", [envelope.SOAP11, envelope.SOAP12], ids=["soap11", "soap12"])
@pytest.mark.parametrize("kind", list(kinds(errors.Problem)), ids=lambda kind: kind.__name__)
def test_each_problem_is_a_valid_fault(kind: type[errors.Problem], version: envelope.Version) -> None:
    """Derived from BaseFaultType, with time, place and sentence, whatever the sentence quotes."""
    problem = made(kind, "it cannot be: \x00\x1b")
    originator = addressing.endpoint_reference(Addresses("http://h"), "abc", tag=f"{{{ns.BF}}}Originator")
    fault = faults.fault_of(problem, NOW, originator)
    again = etree.fromstring(etree.tostring(fault.detail[0]))
    assert contract.violations(again) == []
    assert again.findtext(f"{{{ns.BF}}}Timestamp") == "2026-01-02T03:04:05.6Z"
    assert again.findtext(f"{{{ns.BF}}}Originator/{{{ns.WSA}}}Address") == "http://h/activity/abc"
    assert "it cannot be: " in (again.findtext(f"{{{ns.BF}}}Description") or "")
    status = envelope.http_status(version, fault)
    assert status == (400 if version.is_12 and fault.code == faults.SENDER else 500)


def test_a_filter_that_is_not_offered_is_named() -> None:
    """By its QName, whose namespace is declared where the reader looks for it."""
    [detail] = faults.fault_of(errors.InvalidFilter("no", "{urn:other}Sieve"), NOW, None).detail
    [unknown] = etree.fromstring(etree.tostring(detail)).iter(f"{{{ns.WSNT}}}UnknownFilter")
    prefix, _, local = (unknown.text or "").partition(":")
    assert (unknown.nsmap[prefix], local) == ("urn:other", "Sieve")


def test_the_caller_is_blamed_for_what_the_caller_can_mend() -> None:
    """And for nothing else."""
    for kind in kinds(errors.Problem):
        if kind not in (errors.Problem, errors.Unavailable) and kind.__init__ is errors.Problem.__init__:
            assert faults.fault_of(kind("x"), NOW, None).code == faults.SENDER, kind
    assert faults.fault_of(errors.Unavailable("x"), NOW, None).code == faults.RECEIVER


@pytest.mark.parametrize("version", [envelope.SOAP11, envelope.SOAP12], ids=["soap11", "soap12"])
def test_what_is_wrong_with_a_header_has_a_place_of_its_own(version: envelope.Version) -> None:
    """SOAP 1.1 keeps detail for the Body; WS-Addressing has a header block for it there."""
    fault = addressing.invalid(ns.WSA, "twice", "InvalidCardinality", "To").fault
    blocks = envelope.fault_headers(version, fault)
    body = envelope.fault_body(version, fault)
    places = body.findall(f"{{{ns.S12}}}Detail") if version.is_12 else blocks
    [[name]] = [list(place) for place in places]
    assert (name.tag, name.text, name.nsmap["wsa"]) == (f"{{{ns.WSA}}}ProblemHeaderQName", "wsa:To", ns.WSA)
    assert [block.tag for block in blocks] == ([] if version.is_12 else [f"{{{ns.WSA}}}FaultDetail"])
    assert [contract.violations(block) for block in blocks] == [[] for _ in blocks]
    assert body.find("detail") is None
    old = addressing.invalid(ns.WSA04, "twice", "InvalidCardinality", "To").fault
    assert envelope.fault_headers(version, old) == []
