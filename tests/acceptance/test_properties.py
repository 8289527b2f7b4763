"""WS-ResourceProperties 1.2: one property, several, all of them, queries; and what work tells of itself as it runs."""

import time
from collections.abc import Callable

import pytest
from lxml import etree

from tests.acceptance.commands import Gate
from tests.acceptance.watching import Asked, eventually
from tests.server import Fault, Server, Wire
from wsrf_activity.model import ns
from wsrf_activity.soap import contract

CURRENT_TIME = f"{{{ns.RL}}}CurrentTime"
SOON = 20.0  #: seconds; what is not bounded takes more than a minute


@pytest.fixture(scope="module")
def rich(server: Server) -> str:
    """An activity that has as many properties as one can have, and has ended."""
    report = 'echo "progress 42.5% half way" >> "$ACTIVITY_REPORT"; echo "warn beware" >> "$ACTIVITY_REPORT"'
    noted = "<act:Name>rich</act:Name><act:Group>a</act:Group><act:Group>b</act:Group><act:RunId>r</act:RunId>"
    with server.client() as wire:
        limit = "<act:ExecutionDuration>PT1H</act:ExecutionDuration>"
        activity_id = wire.create(f"{report}; echo out; exit 3", noted + limit)
        assert wire.ended(activity_id) == "Failed"
    return activity_id


def declared() -> list[str]:
    """Return the names of the properties that the schema declares, in its order."""
    schema = etree.parse(contract.schema_files()[ns.ACT]).getroot()
    sequence = schema.find("{*}element[@name='ActivityProperties']/{*}complexType/{*}sequence")
    assert sequence is not None
    references = [element.get("ref", "").split(":") for element in sequence.iterfind("{*}element")]
    return [f"{{{schema.nsmap[prefix]}}}{name}" for prefix, name in references]


def said(elements: list[etree._Element]) -> list[bytes]:
    """Return elements as bytes that can be compared; the current time is another each time."""
    return [
        etree.tostring(element, method="c14n", exclusive=True, with_tail=False)
        for element in elements
        if element.tag != CURRENT_TIME
    ]


def get(wire: Wire, activity_id: str, name: str, scope: str = "") -> list[etree._Element]:
    """Send GetResourceProperty for a QName as it is written, with namespaces as they are declared."""
    return list(wire.call(f"<wsrfrp:GetResourceProperty {scope}>{name}</wsrfrp:GetResourceProperty>", activity_id))


def query(
    wire: Wire, activity_id: str, expression: str, dialect: str | None = ns.XPATH10, scope: str = ""
) -> list[str]:
    """Send QueryResourceProperties and return the answer as texts, with their names where those are not act:Value."""
    named = f' Dialect="{dialect}"' if dialect is not None else ""
    escaped = expression.replace("&", "&amp;").replace("<", "&lt;")
    inner = f"<wsrfrp:QueryExpression{named} {scope}>{escaped}</wsrfrp:QueryExpression>"
    reply = wire.call(f"<wsrfrp:QueryResourceProperties>{inner}</wsrfrp:QueryResourceProperties>", activity_id)
    texts = [(etree.QName(element).localname, element.text or "") for element in reply]
    return [text if name == "Value" else f"{name}:{text}" for name, text in texts]


def test_the_document_is_in_the_schemas_order(wire: Wire, rich: str) -> None:
    """Every property that has a value is there once, or as often as it has values, and holds what was said."""
    document = wire.document(rich)
    order = declared()
    places = [order.index(str(element.tag)) for element in document]
    assert places == sorted(places)
    texts = {etree.QName(element).localname: element.text for element in document}
    assert texts | {"Status": "Ended", "ErrorStatus": "FatalErrors", "Phase": "Failed", "Service": "command"} == texts
    assert texts | {"Name": "rich", "RunId": "r", "ExecutionDuration": "PT1H", "ExitCode": "3"} == texts
    assert texts | {"Owner": "local", "Engine": "local", "Attempt": "1", "ActivityId": rich} == texts
    assert document.findtext("{*}Progress/{*}Percent") == "42.5"
    assert document.findtext("{*}Progress/{*}Message") == "half way"
    assert [severity for severity, _, _ in wire.errors(rich)] == ["warning", "fatal"]


def test_every_property_by_its_name(wire: Wire, rich: str) -> None:
    """With any prefix, or none below a default namespace; one without a value has an empty answer."""
    document = wire.document(rich)
    for name in declared():
        expected = said(document.findall(name))
        qname = etree.QName(name)
        for text, scope in (
            (f"odd.-1:{qname.localname}", f'xmlns:odd.-1="{qname.namespace}"'),
            (f"\n  {qname.localname} ", f'xmlns="{qname.namespace}"'),
        ):
            found = get(wire, rich, text, scope)
            assert said(found) == expected, name
            assert [element.tag for element in found] == [name] * len(document.findall(name))
    assert get(wire, rich, "act:EstimatedEndTime") == []


def test_several_properties(wire: Wire, rich: str) -> None:
    """Each in the order of the request, all from one moment."""
    names = ["act:Group", "wsrfrl:TerminationTime", "q:Phase", "act:EstimatedEndTime", "act:ExitCode"]
    asked = "".join(f'<wsrfrp:ResourceProperty xmlns:q="{ns.ACT}">{name}</wsrfrp:ResourceProperty>' for name in names)
    body = f"<wsrfrp:GetMultipleResourceProperties>{asked}</wsrfrp:GetMultipleResourceProperties>"
    found = [etree.QName(element).localname for element in wire.call(body, rich)]
    assert found == ["Group", "Group", "TerminationTime", "Phase", "ExitCode"]


@pytest.mark.parametrize(
    ("name", "scope"),
    [
        ("act:Nothing", ""),
        ("Phase", ""),
        ("wsrfrl:Phase", ""),
        ("Phase", 'xmlns="urn:elsewhere"'),
        ("act:ActivityProperties", ""),
    ],
)
def test_no_such_property(wire: Wire, rich: str, name: str, scope: str) -> None:
    """Whether one or several are asked for."""
    one = f"<wsrfrp:GetResourceProperty {scope}>{name}</wsrfrp:GetResourceProperty>"
    several = f"<wsrfrp:ResourceProperty {scope}>{name}</wsrfrp:ResourceProperty>"
    several = f"<wsrfrp:ResourceProperty>act:Phase</wsrfrp:ResourceProperty>{several}"
    for body in (one, f"<wsrfrp:GetMultipleResourceProperties>{several}</wsrfrp:GetMultipleResourceProperties>"):
        with pytest.raises(Fault) as caught:
            wire.call(body, rich)
        assert (caught.value.name, caught.value.code) == ("InvalidResourcePropertyQNameFault", "Sender")
        assert name in caught.value.description


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("/act:ActivityProperties/act:Group", ["Group:a", "Group:b"]),
        ("//act:Phase", ["Phase:Failed"]),
        ("act:Phase", ["Phase:Failed"]),
        ("act:Phase/text()", ["Failed"]),
        ("//act:Result[@name='stdout']/@size", ["4"]),
        ("string(act:Phase)", ["Failed"]),
        ("count(//act:Group)", ["2"]),
        ("count(//act:Group) div 8", ["0.25"]),
        ("1 div 0", ["Infinity"]),
        ("-1 div 0", ["-Infinity"]),
        ("0 div 0", ["NaN"]),
        ("-0", ["0"]),
        ("1000000 * 1000000 * 1000000", ["1000000000000000000"]),
        ("act:Phase = 'Failed' and act:ExitCode > 2", ["true"]),
        ("boolean(act:EstimatedEndTime)", ["false"]),
        ("concat('<', '&')", ["<&"]),
        ("//act:Nothing", [""]),
        ("//act:Error[act:Severity='fatal' and not(act:Handled='true')]/wsrfbf:ErrorCode", ["ErrorCode:ExitCode"]),
    ],
)
def test_queries(wire: Wire, rich: str, expression: str, expected: list[str]) -> None:
    """Nodes come as they are, all else as XPath's string() has it; nothing found is an answer too."""
    assert query(wire, rich, expression) == expected


def test_a_query_uses_the_prefixes_of_its_request(wire: Wire, rich: str) -> None:
    """Whatever they are called there; the default namespace is none of them in XPath 1.0."""
    assert query(wire, rich, "//x:Phase", scope=f'xmlns:x="{ns.ACT}"') == ["Phase:Failed"]
    assert query(wire, rich, "//act:Phase", scope='xmlns:act="urn:elsewhere"') == [""]
    assert query(wire, rich, "//Phase", scope=f'xmlns="{ns.ACT}"') == [""]


@pytest.mark.parametrize(
    ("expression", "dialect", "name"),
    [
        ("//act:Phase", "http://www.w3.org/TR/xpath20", "UnknownQueryExpressionDialectFault"),
        ("//act:Phase[", ns.XPATH10, "InvalidQueryExpressionFault"),
        ("", ns.XPATH10, "InvalidQueryExpressionFault"),
        ("//undeclared:Phase", ns.XPATH10, "InvalidQueryExpressionFault"),
        ("nosuchfunction()", ns.XPATH10, "InvalidQueryExpressionFault"),
        ("$variable", ns.XPATH10, "InvalidQueryExpressionFault"),
        ("document('file:///etc/passwd')", ns.XPATH10, "InvalidQueryExpressionFault"),
        ("x" * 5000, ns.XPATH10, "InvalidQueryExpressionFault"),
        ("count('text')", ns.XPATH10, "QueryEvaluationErrorFault"),
    ],
)
def test_queries_that_fail(wire: Wire, rich: str, expression: str, dialect: str, name: str) -> None:
    """Each in its own way."""
    with pytest.raises(Fault) as caught:
        query(wire, rich, expression, dialect)
    assert (caught.value.name, caught.value.code) == (name, "Sender")


@pytest.mark.parametrize(
    "expression",
    [
        "//*[count(//*[count(//*[count(//*[count(//*)>0])>0])>0])>0]",
        "//*[//*[//*[//*[//*[//*]]]]]",
        "count(//*/following::*/preceding::*/following::*/preceding::*/following::*/preceding::*)",
        "//node()/ancestor::*/descendant::node()/ancestor::*/descendant::node()/ancestor::*/descendant::node()",
        "/".join(["(//*)"] + ["descendant-or-self::*/.."] * 20),
    ],
)
def test_a_query_that_would_take_long_is_refused_at_once(wire: Wire, rich: str, expression: str) -> None:
    """It is refused or answered soon, and the server goes on."""
    began = time.monotonic()
    try:
        query(wire, rich, expression)
    except Fault as fault:
        refusal: str | None = fault.name
    else:
        refusal = None
    assert refusal in (None, "InvalidQueryExpressionFault", "QueryEvaluationErrorFault")
    assert time.monotonic() - began < SOON
    assert query(wire, rich, "string(act:Phase)") == ["Failed"]


def test_the_nested_query_is_refused(wire: Wire, rich: str) -> None:
    """The known one, that libxml2 works on for more than a minute."""
    with pytest.raises(Fault) as caught:
        query(wire, rich, "//*[count(//*[count(//*[count(//*[count(//*)>0])>0])>0])>0]")
    assert caught.value.name == "InvalidQueryExpressionFault"


def test_progress_is_seen_while_the_work_runs(wire: Wire, gates: Callable[[], Gate]) -> None:
    """Absent until reported; a message alone keeps the percentage; each report is a change; it stays after the end."""
    steps = ["progress 10", "progress 50% aligning", "progress nearly there", "warn skipped a line", "progress 100"]
    held = [gates() for _ in steps]
    script = "; ".join(
        f'{gate.held}; echo "{step}" >> "$ACTIVITY_REPORT"' for gate, step in zip(held, steps, strict=True)
    )
    last = gates()
    activity_id = wire.create(f"{script}; {last.held}")
    eventually(lambda: wire.property(activity_id, "EngineJobId") is not None)
    assert wire.document(activity_id).find("{*}Progress") is None
    seen = []
    for gate in held:
        change = Asked(wire, "<act:Wait><act:For>Change</act:For></act:Wait>", activity_id)
        Asked(wire, "<act:ListActivities/>").reply()  # on a connection after its: it has been read
        gate.open()
        reply = change.reply()
        progress = (reply.findtext("{*}Progress/{*}Percent"), reply.findtext("{*}Progress/{*}Message"))
        seen.append((*progress, reply.findtext("{*}ErrorStatus")))
    assert seen == [
        ("10", None, "NoErrors"),
        ("50", "aligning", "NoErrors"),
        ("50", "nearly there", "NoErrors"),
        ("50", "nearly there", "ErrorsHandled"),
        ("100", None, "ErrorsHandled"),
    ]
    last.open()
    assert wire.ended(activity_id) == "Completed"
    assert wire.property(activity_id, "ErrorStatus") == "ErrorsHandled"
    assert wire.errors(activity_id) == [("warning", "", "skipped a line")]
    assert wire.document(activity_id).findtext("{*}Progress/{*}Percent") == "100"


def test_work_that_never_reports_has_no_progress(wire: Wire) -> None:
    """Absent, not 0: before, during and after."""
    activity_id = wire.create("true")
    wire.ended(activity_id)
    assert wire.document(activity_id).find("{*}Progress") is None
    assert wire.property(activity_id, "ErrorStatus") == "NoErrors"
