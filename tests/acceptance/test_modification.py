"""Changing resource properties: what may be changed, in one version or not at all, and the typed fault for the rest."""

from collections.abc import Iterator

import pytest
from lxml import etree

from tests.server import Fault, Wire
from wsrf_activity.model import ns


@pytest.fixture
def held(wire: Wire) -> Iterator[str]:
    """An activity that does not end by itself, whose properties can all be changed."""
    activity_id = wire.create("mkfifo gate; read opened < gate", "<act:Name>old</act:Name><act:Group>a</act:Group>")
    yield activity_id
    wire.destroy(activity_id)


def texts(wire: Wire, activity_id: str, name: str) -> list[str]:
    """Return the values of a property of ours."""
    return [element.text or "" for element in wire.document(activity_id).iterfind(f"{{{ns.ACT}}}{name}")]


def set_properties(wire: Wire, activity_id: str, components: str) -> etree._Element:
    """Send SetResourceProperties."""
    return wire.call(f"<wsrfrp:SetResourceProperties>{components}</wsrfrp:SetResourceProperties>", activity_id)


def test_all_components_are_one_change(wire: Wire, held: str) -> None:
    """Insert, Update and Delete together count as one version."""
    wire.wait(held, "<act:For>Executing</act:For>")
    while texts(wire, held, "EngineJobId") == []:
        wire.wait(held, "<act:Timeout>PT0.1S</act:Timeout><act:For>Change</act:For>")
    [before] = texts(wire, held, "Version")
    set_properties(
        wire,
        held,
        "<wsrfrp:Insert><act:Group>b</act:Group><act:Group>c</act:Group></wsrfrp:Insert>"
        "<wsrfrp:Update><act:Name>new &amp; better</act:Name></wsrfrp:Update>"
        "<wsrfrp:Update><act:RunId>r1</act:RunId></wsrfrp:Update>"
        "<wsrfrp:Update><act:ExecutionDuration>PT2H</act:ExecutionDuration></wsrfrp:Update>",
    )
    assert texts(wire, held, "Group") == ["a", "b", "c"]
    assert texts(wire, held, "Name") == ["new & better"]
    assert texts(wire, held, "RunId") == ["r1"]
    assert texts(wire, held, "ExecutionDuration") == ["PT2H"]
    assert texts(wire, held, "Version") == [str(int(before) + 1)]
    set_properties(wire, held, '<wsrfrp:Delete ResourceProperty="act:Group"/>')
    assert texts(wire, held, "Group") == []
    reply = wire.call("<act:ListActivities><act:Group>b</act:Group></act:ListActivities>")
    assert len(reply) == 0


def test_the_single_operations(wire: Wire, held: str) -> None:
    """Insert-, Update- and DeleteResourceProperties hold one component each."""
    insert = "<wsrfrp:Insert><act:Group>b</act:Group></wsrfrp:Insert>"
    update = "<wsrfrp:Update><act:Name>two</act:Name></wsrfrp:Update>"
    delete = '<wsrfrp:Delete ResourceProperty="act:Name"/>'
    wire.call(f"<wsrfrp:InsertResourceProperties>{insert}</wsrfrp:InsertResourceProperties>", held)
    assert texts(wire, held, "Group") == ["a", "b"]
    wire.call(f"<wsrfrp:UpdateResourceProperties>{update}</wsrfrp:UpdateResourceProperties>", held)
    assert texts(wire, held, "Name") == ["two"]
    wire.call(f"<wsrfrp:DeleteResourceProperties>{delete}</wsrfrp:DeleteResourceProperties>", held)
    assert texts(wire, held, "Name") == []


@pytest.mark.parametrize(
    ("component", "fault"),
    [
        ("<wsrfrp:Update><act:Phase>Completed</act:Phase></wsrfrp:Update>", "UnableToModifyResourcePropertyFault"),
        (
            "<wsrfrp:Update><wsrfrl:TerminationTime>2030-01-01T00:00:00Z</wsrfrl:TerminationTime></wsrfrp:Update>",
            "UnableToModifyResourcePropertyFault",
        ),
        ('<wsrfrp:Delete ResourceProperty="act:Owner"/>', "UnableToModifyResourcePropertyFault"),
        ("<wsrfrp:Insert><act:Name>second</act:Name></wsrfrp:Insert>", "InvalidModificationFault"),
        (
            "<wsrfrp:Update><act:ExecutionDuration>-PT1S</act:ExecutionDuration></wsrfrp:Update>",
            "InvalidModificationFault",
        ),
        (f"<wsrfrp:Update><act:RunId>{'x' * 256}</act:RunId></wsrfrp:Update>", "InvalidModificationFault"),
        (
            f"<wsrfrp:Insert>{''.join(f'<act:Group>g{n}</act:Group>' for n in range(100))}</wsrfrp:Insert>",
            "InvalidModificationFault",
        ),
        ('<wsrfrp:Update><x:Y xmlns:x="urn:x"/></wsrfrp:Update>', "InvalidResourcePropertyQNameFault"),
        ('<wsrfrp:Delete ResourceProperty="act:Nothing"/>', "InvalidResourcePropertyQNameFault"),
    ],
)
def test_one_bad_component_changes_nothing(wire: Wire, held: str, component: str, fault: str) -> None:
    """What came before it in the same request is taken back; the fault says what was asked for."""
    good = "<wsrfrp:Update><act:Name>taken back</act:Name></wsrfrp:Update>"
    with pytest.raises(Fault) as caught:
        set_properties(wire, held, good + component)
    assert (caught.value.name, caught.value.code) == (fault, "Sender")
    assert texts(wire, held, "Name") == ["old"]
    if fault != "InvalidResourcePropertyQNameFault":
        assert caught.value.detail is not None
        failure = caught.value.detail.find(f"{{{ns.RP}}}ResourcePropertyChangeFailure")
        assert failure is not None
        assert failure.get("Restored") == "true"


def test_the_limit_of_work_stays_once_it_has_ended(wire: Wire) -> None:
    """Name and group can still be changed then."""
    activity_id = wire.create("true")
    wire.ended(activity_id)
    with pytest.raises(Fault) as caught:
        set_properties(
            wire,
            activity_id,
            "<wsrfrp:Update><act:ExecutionDuration>PT1H</act:ExecutionDuration></wsrfrp:Update>",
        )
    assert caught.value.name == "UnableToModifyResourcePropertyFault"
    assert cause_of(caught.value) == "InvalidStateFault"
    set_properties(wire, activity_id, "<wsrfrp:Update><act:Name>late</act:Name></wsrfrp:Update>")
    assert texts(wire, activity_id, "Name") == ["late"]


def cause_of(fault: Fault) -> str:
    """Return the name of the fault that a fault names as its cause (WS-BaseFaults 1.2, section 2)."""
    assert fault.detail is not None
    [cause] = fault.detail.iterfind(f"{{{ns.BF}}}FaultCause/*")
    assert cause.findtext(f"{{{ns.BF}}}Timestamp")
    assert cause.findtext(f"{{{ns.BF}}}Description")
    return etree.QName(cause).localname


def test_a_rule_that_was_broken_is_the_cause(wire: Wire, held: str) -> None:
    """Whoever knows the cause's type learns more than that the change was refused."""
    with pytest.raises(Fault) as caught:
        set_properties(wire, held, f"<wsrfrp:Update><act:RunId>{'x' * 256}</act:RunId></wsrfrp:Update>")
    assert (caught.value.name, cause_of(caught.value)) == ("InvalidModificationFault", "InvalidParameterFault")


def put(wire: Wire, activity_id: str, document: etree._Element) -> etree._Element:
    """Send PutResourcePropertyDocument."""
    content = etree.tostring(document, encoding="unicode")
    return wire.call(f"<wsrfrp:PutResourcePropertyDocument>{content}</wsrfrp:PutResourcePropertyDocument>", activity_id)


def test_a_document_that_was_read_can_be_put_back_changed(wire: Wire) -> None:
    """Only what clients may change is taken from it; the reply is the new document."""
    activity_id = wire.create("true", "<act:Name>old</act:Name>")
    wire.ended(activity_id)
    document = wire.document(activity_id)
    name = document.find(f"{{{ns.ACT}}}Name")
    assert name is not None
    name.text = "new"
    reply = put(wire, activity_id, document)
    assert reply[0].findtext(f"{{{ns.ACT}}}Name") == "new"
    document.remove(name)
    put(wire, activity_id, document)
    assert texts(wire, activity_id, "Name") == []


def test_a_document_that_says_otherwise_is_refused(wire: Wire) -> None:
    """What happened cannot be changed by saying so."""
    activity_id = wire.create("false", "<act:Name>old</act:Name>")
    wire.ended(activity_id)
    document = wire.document(activity_id)
    phase, name = document.find(f"{{{ns.ACT}}}Phase"), document.find(f"{{{ns.ACT}}}Name")
    assert phase is not None
    assert name is not None
    phase.text, name.text = "Completed", "new"
    with pytest.raises(Fault) as caught:
        put(wire, activity_id, document)
    assert caught.value.name == "UnableToPutResourcePropertyDocumentFault"
    assert (texts(wire, activity_id, "Phase"), texts(wire, activity_id, "Name")) == (["Failed"], ["old"])
