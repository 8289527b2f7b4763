"""ListActivities: each filter alone and together, pages without gaps or doubles, and only what is one's own."""

import uuid
from collections.abc import Callable

import pytest
from lxml import etree

from tests.acceptance.commands import Gate
from tests.acceptance.conftest import ALICE
from tests.server import Fault, Server, Wire
from wsrf_activity.model import ns


def entries(wire: Wire, content: str) -> list[etree._Element]:
    """Return the entries of one page."""
    reply = wire.call(f"<act:ListActivities>{content}</act:ListActivities>")
    return reply.findall(f"{{{ns.ACT}}}Entry")


def ids(wire: Wire, content: str) -> list[str]:
    """Return the ids of one page."""
    return [entry.findtext(f"{{{ns.ACT}}}ActivityId") or "" for entry in entries(wire, content)]


def pages(wire: Wire, content: str, limit: int) -> list[list[str]]:
    """Return the ids of all pages."""
    found: list[list[str]] = []
    cursor: str | None = ""
    while cursor is not None:
        element = f"<act:Cursor>{cursor}</act:Cursor>" if cursor else ""
        reply = wire.call(f"<act:ListActivities>{content}<act:Limit>{limit}</act:Limit>{element}</act:ListActivities>")
        found.append(
            [entry.findtext(f"{{{ns.ACT}}}ActivityId") or "" for entry in reply.iterfind(f"{{{ns.ACT}}}Entry")]
        )
        cursor = reply.findtext(f"{{{ns.ACT}}}Cursor")
    return found


@pytest.fixture
def run_id() -> str:
    """A run id that no other test has."""
    return uuid.uuid4().hex


def test_each_filter(wire: Wire, run_id: str, gates: Callable[[], Gate]) -> None:
    """Newest first; several conditions must all hold, of several phases any."""
    group = f"<act:Group>g{run_id}</act:Group>"
    run = f"<act:RunId>{run_id}</act:RunId>"
    done = wire.create("true", f"<act:Group>x</act:Group>{group}{run}")
    failed = wire.create("false", group + run)
    counted = wire.start(f"<act:Service>count</act:Service>{run}")
    for activity_id in (done, failed, counted):
        wire.ended(activity_id)
    held = wire.create(gates().held, run)
    wire.wait(held, "<act:For>Executing</act:For>")
    assert ids(wire, run) == [held, counted, failed, done]
    assert ids(wire, group) == [failed, done]
    assert ids(wire, f"{group}<act:RunId>other</act:RunId>") == []
    assert ids(wire, f"<act:Parent>{done}</act:Parent>") == []
    assert ids(wire, f"{run}<act:Service>count</act:Service>") == [counted]
    assert ids(wire, f"{run}<act:Service>command</act:Service>") == [held, failed, done]
    assert ids(wire, f"<act:Phase>Failed</act:Phase>{run}") == [failed]
    assert ids(wire, f"<act:Phase>Failed</act:Phase><act:Phase>Executing</act:Phase>{run}") == [held, failed]
    assert ids(wire, f"<act:Phase>Completed</act:Phase>{group}{run}<act:Service>command</act:Service>") == [done]
    created = wire.property(failed, "CreationTime")
    assert ids(wire, f"{run}<act:CreatedAfter>{created}</act:CreatedAfter>") == [held, counted]
    wire.destroy(held)
    assert ids(wire, run) == [counted, failed, done]


def test_an_entry_says_what_the_document_says(wire: Wire, run_id: str) -> None:
    """And its endpoint reference leads to the activity."""
    activity_id = wire.create("exit 2", f"<act:Name>n</act:Name><act:RunId>{run_id}</act:RunId>")
    wire.ended(activity_id)
    [entry] = entries(wire, f"<act:RunId>{run_id}</act:RunId>")
    document = wire.document(activity_id)
    for name in ("ActivityId", "Name", "Service", "Phase", "Status", "ErrorStatus", "CreationTime", "EndTime"):
        assert entry.findtext(f"{{{ns.ACT}}}{name}") == document.findtext(f"{{{ns.ACT}}}{name}") != ""
    terminates = document.findtext(f"{{{ns.RL}}}TerminationTime")
    assert entry.findtext(f"{{{ns.ACT}}}TerminationTime") == terminates
    reference = entry.find(f"{{{ns.WSA}}}EndpointReference")
    assert reference is not None
    assert reference.findtext(f"{{{ns.WSA}}}Address") == wire.address(activity_id)
    assert reference.findtext(f"{{{ns.WSA}}}ReferenceParameters/{{{ns.REF}}}Activity") == activity_id


def test_pages_have_no_gaps_and_no_doubles(wire: Wire, run_id: str) -> None:
    """Whatever the size of a page, and whatever comes and goes meanwhile."""
    run = f"<act:RunId>{run_id}</act:RunId>"
    made = [wire.create("true", run) for _ in range(7)]
    for limit in (1, 3, 7, 8):
        found = pages(wire, run, limit)
        assert [len(page) for page in found] == [min(limit, 7 - at) for at in range(0, 7, limit)]
        assert [activity_id for page in found for activity_id in page] == made[::-1]
    reply = wire.call(f"<act:ListActivities>{run}<act:Limit>3</act:Limit></act:ListActivities>")
    cursor = reply.findtext(f"{{{ns.ACT}}}Cursor")
    wire.create("true", run)
    wire.destroy(made[4])
    wire.destroy(made[3])
    assert ids(wire, f"{run}<act:Cursor>{cursor}</act:Cursor>") == made[2::-1]


@pytest.mark.parametrize(
    ("content", "parameter"),
    [
        ("<act:Limit>0</act:Limit>", "Limit"),
        ("<act:Limit>-1</act:Limit>", "Limit"),
        ("<act:Cursor>nonsense</act:Cursor>", "Cursor"),
        ("<act:Cursor>2026-01-01T00:00:00Z/'; DROP TABLE activity</act:Cursor>", "Cursor"),
        ("<act:CreatedAfter>99999-01-01T00:00:00Z</act:CreatedAfter>", "CreatedAfter"),
    ],
)
def test_a_listing_that_makes_no_sense(wire: Wire, content: str, parameter: str) -> None:
    """The fault says which part."""
    with pytest.raises(Fault) as caught:
        entries(wire, content)
    assert (caught.value.name, caught.value.code) == ("InvalidParameterFault", "Sender")
    assert caught.value.detail is not None
    assert caught.value.detail.findtext(f"{{{ns.ACT}}}Parameter") == parameter


def test_only_what_is_ones_own(server: Server, wire: Wire, bob: Wire, run_id: str) -> None:
    """The same group, run and service of others is not there; nor can others do anything with it."""
    run = f"<act:Group>{run_id}</act:Group><act:RunId>{run_id}</act:RunId>"
    activity_id = bob.start(f"<act:Service>count</act:Service>{run}")
    bob.ended(activity_id)
    with server.client(wire.version, ALICE) as alice:
        for other in (wire, alice):
            assert ids(other, run) == []
            for body in ("<wsrfrp:GetResourcePropertyDocument/>", "<act:Wait/>", "<act:Abort/>", "<wsrfrl:Destroy/>"):
                with pytest.raises(Fault) as caught:
                    other.call(body, activity_id)
                assert (caught.value.name, caught.value.code) == ("ResourceUnknownFault", "Sender")
    assert ids(bob, run) == [activity_id]
