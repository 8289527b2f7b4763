"""Sets, what work starts, and what follows from it, over HTTP, with a server that is killed in the middle."""

from collections.abc import Callable
from xml.sax.saxutils import escape

from lxml import etree

from tests.acceptance.commands import Gate
from tests.acceptance.conftest import CONFIG
from tests.acceptance.watching import eventually
from tests.server import Server, Wire
from wsrf_activity.model import ns
from wsrf_activity.model.activity import new_id

SERVICES = """
[services.lines]
shell = "sh -c {line}"
each = "line"
restart = "rerun"
then = [{ service = "shout", results = { word = "result" } }]
[services.lines.parameters.line]

[services.shout]
command = ["echo", "{word}!"]
[services.shout.parameters.word]

[services.spawns]
shell = "cd $(dirname $ACTIVITY_REPORT); mkdir spawned; printf %s {wish} > spawned/{id}.json; echo spawn >> messages"
[services.spawns.parameters.wish]
[services.spawns.parameters.id]
"""


def act(name: str) -> str:
    return f"{{{ns.ACT}}}{name}"


def created(wire: Wire, service: str, *parameters: tuple[str, str]) -> etree._Element:
    """Start a service and return the answer."""
    said = "".join(f'<act:Parameter name="{name}">{escape(value)}</act:Parameter>' for name, value in parameters)
    return wire.call(f"<act:CreateActivity><act:Service>{service}</act:Service>{said}</act:CreateActivity>")


def ids(answer: etree._Element) -> list[str]:
    return [each.findtext(act("ActivityId")) or "" for each in answer.findall(act("Entry"))]


def counts(wire: Wire, activity_id: str) -> list[str]:
    [members] = wire.document(activity_id).findall(act("Members"))
    return [each.text or "" for each in members]


def test_a_set_outlives_its_server(own_server: Callable[..., Server], gates: Callable[[], Gate]) -> None:
    server, one, two = own_server(CONFIG + SERVICES), gates(), gates()
    with server.client() as wire:
        lines = [f"{one.held}; echo one", f"{two.held}; exit 3", "echo three"]
        answer = created(wire, "lines", *(("line", line) for line in lines))
        members = ids(answer)
        assert len(members) == 3
        parent = wire.property(members[0], "Parent") or ""
        assert wire.ended(members[2]) == "Completed"
        server.kill()
    server.start()
    with server.client() as wire:
        assert wire.property(parent, "Phase") == "Executing"
        one.open()
        two.open()
        assert wire.ended(parent) == "Completed"
        assert counts(wire, parent) == ["5", "4", "1", "0"]
        assert wire.property(parent, "ErrorStatus") == "ErrorsHandled"
        assert [code for _, code, _ in wire.errors(parent)] == ["MemberFailed"]
        listed = wire.call(f"<act:ListActivities><act:Parent>{parent}</act:Parent></act:ListActivities>")
        following = set(ids(listed)) - set(members)
        assert {wire.result(each) for each in following} == {b"one!\n", b"three!\n"}
        wire.destroy(parent)
        assert ids(wire.call("<act:ListActivities/>")) == []


def test_work_starts_work(own_server: Callable[..., Server], gates: Callable[[], Gate]) -> None:
    server, gate = own_server(CONFIG + SERVICES), gates()
    child = new_id()
    wish = f'{{"id": "{child}", "service": "lines", "parameters": {{"line": ["{gate.held}", "true"]}}}}'
    with server.client() as wire:
        parent = wire.start(
            "<act:Service>spawns</act:Service>"
            f'<act:Parameter name="wish">{escape(wish)}</act:Parameter><act:Parameter name="id">{child}</act:Parameter>'
        )
        eventually(lambda: wire.property(parent, "ExitCode") == "0")
        server.kill()
    server.start()
    with server.client() as wire:
        assert wire.property(parent, "Phase") == "Executing"
        assert wire.property(child, "Parent") == parent
        wire.call("<act:Abort/>", parent)
        assert [wire.property(each, "Phase") for each in (parent, child)] == ["Aborted", "Aborted"]
