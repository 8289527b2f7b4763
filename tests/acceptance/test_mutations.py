"""Good messages with some harm done, over and over: whatever comes out of them, the answer is SOAP."""

import contextlib
import copy
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from tests.server import Fault, Server, Wire
from wsrf_activity.model import ns

SET, SOON = "wsrfrl:SetTerminationTime", "wsrfrl:RequestedLifetimeDuration"
QUERY, EXPRESSION = "wsrfrp:QueryResourceProperties", "wsrfrp:QueryExpression"


@pytest.fixture(scope="module")
def held(alone: Server) -> Iterator[Wire]:
    """The client of all examples."""
    with alone.client() as client:
        yield client


@pytest.fixture(scope="module")
def activity_id(alone: Server) -> str:
    """An activity that has ended."""
    with alone.client() as client:
        found = client.create("true")
        client.ended(found)
        return found


STATUSES = {200, 202, 400, 413, 415, 500}
MESSAGES = [
    "<act:ListActivities><act:Phase>Queued</act:Phase><act:Limit>3</act:Limit></act:ListActivities>",
    "<act:Wait><act:Timeout>PT0S</act:Timeout><act:For>Ended</act:For></act:Wait>",
    (
        "<wsrfrp:GetMultipleResourceProperties><wsrfrp:ResourceProperty>act:Phase</wsrfrp:ResourceProperty>"
        "<wsrfrp:ResourceProperty>act:Error</wsrfrp:ResourceProperty></wsrfrp:GetMultipleResourceProperties>"
    ),
    f"<{QUERY}><{EXPRESSION} Dialect='{ns.XPATH10}'>//act:Result[@name = 'stdout']/@href</{EXPRESSION}></{QUERY}>",
    f"<{SET}><{SOON}>P1D</{SOON}></{SET}>",
    (
        "<wsrfrp:SetResourceProperties><wsrfrp:Update><act:Name>x</act:Name></wsrfrp:Update>"
        "<wsrfrp:Delete ResourceProperty='act:Group'/></wsrfrp:SetResourceProperties>"
    ),
    "<act:CreateActivity><act:Service>none</act:Service><act:Parameter name='p'>1</act:Parameter></act:CreateActivity>",
]
HEADERS = (
    f"<wsa:Action>urn:a</wsa:Action><wsa:MessageID>urn:m</wsa:MessageID><r:Activity xmlns:r='{ns.REF}'>a</r:Activity>"
)
BYTES = [
    b"<",
    b">",
    b"&",
    b'"',
    b"\0",
    b"\xff",
    b"]]>",
    b"<!--",
    b"<![CDATA[",
    b"xmlns=''",
    b"&#x10FFFF;",
    b"\xed\xa0\x80",
]


def with_bytes(data: bytes, draw: st.DataObject) -> bytes:
    """Cut, doubled, or with something put in."""
    start, end = sorted((draw.draw(st.integers(0, len(data))), draw.draw(st.integers(0, len(data)))))
    new = draw.draw(st.one_of(st.sampled_from(BYTES), st.binary(max_size=8), st.just(data[start:end] * 2)))
    return data[:start] + new + data[end if draw.draw(st.booleans()) else start :]


def with_branches(data: bytes, draw: st.DataObject) -> bytes:
    """With an element moved, doubled, removed, renamed, or filled with something else."""
    root = etree.fromstring(data)
    nodes = list(root.iter("*"))
    node = draw.draw(st.sampled_from(nodes))
    other = draw.draw(st.sampled_from(nodes))
    what = draw.draw(st.sampled_from(["remove", "double", "rename", "text", "attribute"]))
    parent = node.getparent()
    if what == "rename":
        node.tag = other.tag
    elif what == "text":
        node.text = draw.draw(st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"]), max_size=9))
    elif what == "attribute":
        node.set(
            draw.draw(st.sampled_from(["a", f"{{{ns.XSI}}}nil", f"{{{ns.XSI}}}type", f"{{{ns.XML}}}lang"])), "true"
        )
    elif what == "double":
        other.append(copy.deepcopy(node))
    elif parent is not None:
        parent.remove(node)
    return etree.tostring(root)


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(draw=st.data())
def test_any_message_gets_a_valid_answer(held: Wire, activity_id: str, draw: st.DataObject) -> None:
    """Good ones with some harm done: every answer is SOAP, no fault is the server's own, and nothing is logged."""
    held.version = draw.draw(st.sampled_from([ns.S11, ns.S12]))
    data = held.envelope(draw.draw(st.sampled_from(MESSAGES)), draw.draw(st.sampled_from(["", HEADERS])))
    for _ in range(draw.draw(st.integers(0, 3))):
        data = with_branches(data, draw)
    for _ in range(draw.draw(st.integers(0, 2))):
        data = with_bytes(data, draw)
    content_type = "text/xml" if draw.draw(st.booleans()) else "application/soap+xml"
    response = held.http.post(held.address(activity_id), content=data, headers={"content-type": content_type})
    assert response.status_code in STATUSES
    if response.status_code == 202:
        assert response.content == b""
        return
    with contextlib.suppress(Fault):
        held.read(response)
    assert b"Receiver" not in response.content
    assert b"soap:Server" not in response.content
