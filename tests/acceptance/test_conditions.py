"""Changes and reads that are bound to a version: act:IfVersion, ETag and If-None-Match."""

import pytest

from tests.server import Fault, Wire
from wsrf_activity.model import ns

CHANGES = {
    "termination": "<wsrfrl:SetTerminationTime><wsrfrl:RequestedLifetimeDuration>P1D</wsrfrl:RequestedLifetimeDuration>"
    "</wsrfrl:SetTerminationTime>",
    "update": "<wsrfrp:UpdateResourceProperties><wsrfrp:Update><act:Name>n</act:Name></wsrfrp:Update>"
    "</wsrfrp:UpdateResourceProperties>",
    "abort": "<act:Abort/>",
    "destroy": "<wsrfrl:Destroy/>",
}


@pytest.fixture
def ended(wire: Wire) -> str:
    activity_id = wire.create("true")
    wire.ended(activity_id)
    return activity_id


def if_version(number: object) -> str:
    return f'<act:IfVersion s:mustUnderstand="1">{number}</act:IfVersion>'


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_of_what_was_read(wire: Wire, ended: str, change: str) -> None:
    """It is made at the version that was named, and refused at any other, which the fault tells."""
    version = wire.property(ended, "Version")
    with pytest.raises(Fault) as refused:
        wire.call(change, ended, headers=if_version(0))
    assert refused.value.name == "VersionMismatchFault"
    assert refused.value.detail is not None
    assert refused.value.detail.findtext(f"{{{ns.ACT}}}CurrentVersion") == version
    assert wire.property(ended, "Version") == version
    wire.call(change, ended, headers=if_version(version))


@pytest.mark.parametrize(
    ("body", "header"),
    [
        ("<wsrfrp:GetResourcePropertyDocument/>", if_version(1)),
        (CHANGES["update"], if_version("x")),
        (CHANGES["update"], if_version(-1)),
        (CHANGES["update"], if_version(1) * 2),
    ],
)
def test_headers_that_make_no_sense(wire: Wire, ended: str, body: str, header: str) -> None:
    """They are refused rather than ignored: who sends one relies on it."""
    with pytest.raises(Fault) as refused:
        wire.call(body, ended, headers=header, valid=False)
    assert refused.value.code == "Sender"
    assert "IfVersion" in refused.value.description


@pytest.mark.parametrize("accept", ["application/json", "application/xml"])
def test_a_document_that_has_not_changed(wire: Wire, ended: str, accept: str) -> None:
    """304 without a body for its ETag, until it changes."""
    first = wire.http.get(wire.address(ended), headers={"accept": accept})
    assert first.status_code == 200
    known = {"accept": accept, "if-none-match": first.headers["etag"]}
    unchanged = wire.http.get(wire.address(ended), headers=known)
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert unchanged.headers["etag"] == first.headers["etag"]
    wire.call(CHANGES["update"], ended)
    changed = wire.http.get(wire.address(ended), headers=known)
    assert changed.status_code == 200
    assert changed.headers["etag"] != first.headers["etag"]


def test_kinds_of_answers_have_tags_of_their_own(wire: Wire, ended: str) -> None:
    """A cache in between must not give XML to who asked for JSON."""
    tags = {
        wire.http.get(wire.address(ended), headers={"accept": f"application/{kind}"}).headers["etag"]
        for kind in ("json", "xml")
    }
    assert len(tags) == 2
