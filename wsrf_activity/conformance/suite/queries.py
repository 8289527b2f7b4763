"""Checks of QueryResourceProperties: XPath 1.0, the prefixes of the request, its results and its faults."""

from wsrf_activity.conformance.probe import Probe
from wsrf_activity.conformance.registry import Body, Group, Level
from wsrf_activity.conformance.session import escape
from wsrf_activity.conformance.standards import act, rp
from wsrf_activity.conformance.suite import properties
from wsrf_activity.conformance.suite.properties import SPEC, known
from wsrf_activity.conformance.verdicts import NotApplicable
from wsrf_activity.conformance.wire import canonical, texts
from wsrf_activity.model import ns

GROUP = Group(properties.GROUP.title)
_CITES = f"{SPEC}, QueryResourceProperties"
_QUERY = [rp("QueryResourceProperties")]
_WITH_DOCUMENT = [*_QUERY, rp("GetResourcePropertyDocument")]


def query(expression: str, dialect: str | None = ns.XPATH10, scope: str = "") -> str:
    """Return a request."""
    named = f' Dialect="{dialect}"' if dialect is not None else ""
    inside = f"<wsrfrp:QueryExpression{named} {scope}>{escape(expression)}</wsrfrp:QueryExpression>"
    return f"<wsrfrp:QueryResourceProperties>{inside}</wsrfrp:QueryResourceProperties>"


@GROUP.check(
    "QUERY-1", "A query for elements gives them as they are in the document", _CITES, operations=_WITH_DOCUMENT
)
def elements(probe: Probe) -> None:
    example = known(probe)
    name, namespace = str(example.tag).rpartition("}")[2], str(example.tag)[1:].partition("}")[0]
    reply = probe.call(query(f"/*/p:{name}", scope=f'xmlns:p="{namespace}"'), probe.session.resource)
    expected = [canonical(found) for found in probe.document().findall(example.tag)]
    probe.equal([canonical(found) for found in reply], expected, "the values")


@GROUP.check("QUERY-2", "Prefixes are those in scope in the request", _CITES, operations=_WITH_DOCUMENT)
def prefixes(probe: Probe) -> None:
    example = known(probe)
    name, namespace = str(example.tag).rpartition("}")[2], str(example.tag)[1:].partition("}")[0]
    resource = probe.session.resource
    found = probe.call(query(f"//odd.1:{name}", scope=f'xmlns:odd.1="{namespace}"'), resource)
    probe.that(example.tag in [child.tag for child in found], f"a {name}", probe.names(found))
    answer = probe.ask(query(f"//act:{name}", scope='xmlns:act="urn:conformance:nothing"'), resource)
    inside = [] if answer.body is None else [child.tag for child in answer.body]
    probe.that(example.tag not in inside, "nothing of another namespace", inside)


_ATOMIC = (
    ("string(act:Status)", "Ended", "string"),
    ("1 + 2", "3", "number"),
    ("count(//act:Status) div 8", "0.125", "fraction"),
    ("boolean(//act:Status)", "true", "boolean"),
    ("//act:NoSuchThing", "", "node set without nodes"),
)


def _atomic(expression: str, expected: str) -> Body:
    def atomic(probe: Probe) -> None:
        reply = probe.call(query(expression), probe.session.resource)
        probe.equal(probe.names(reply), ["act:Value"], "the elements of the reply")
        said = texts(list(reply))
        if not probe.session.has_commands and expected == "Ended":
            probe.that(said[0] in ("Running", "Ended"), "Running or Ended", said[0])
            return
        probe.equal(said, [expected], "the value")

    return atomic


for _number, (_expression, _expected, _kind) in enumerate(_ATOMIC, start=3):
    GROUP.check(
        f"QUERY-{_number}",
        f"A {_kind} is given in a valid reply, in an element of its own",
        f"{_CITES}; XPath 1.0, 4.2",
        operations=_QUERY,
        contract=True,
        level=Level.OURS,
    )(_atomic(_expression, _expected))


def _refused(expression: str, dialect: str, fault: str) -> Body:
    def refused(probe: Probe) -> None:
        probe.refused(query(expression, dialect), probe.session.resource, [rp(fault)])

    return refused


_BAD = (
    ("/*", "urn:conformance:dialect", "UnknownQueryExpressionDialectFault", "A dialect that nobody knows"),
    ("//*[", ns.XPATH10, "InvalidQueryExpressionFault", "An expression that is no XPath"),
    ("//undeclared:Thing", ns.XPATH10, "InvalidQueryExpressionFault", "A prefix that is not declared"),
    ("count('text')", ns.XPATH10, "QueryEvaluationErrorFault", "An expression that cannot be evaluated"),
)
for _number, (_expression, _dialect, _fault, _what) in enumerate(_BAD, start=10):
    GROUP.check(f"QUERY-{_number}", f"{_what} is {_fault}", _CITES, operations=_QUERY)(
        _refused(_expression, _dialect, _fault)
    )


@GROUP.check(
    "QUERY-14", "The property document lists the dialects that queries may have", _CITES, operations=_WITH_DOCUMENT
)
def dialects(probe: Probe) -> None:
    listed = texts(probe.document().findall(rp("QueryExpressionDialect")))
    probe.that(listed, "a wsrf-rp:QueryExpressionDialect", "none")
    for dialect in listed:
        answer = probe.ask(query("/*", dialect), probe.session.resource)
        unknown = answer.fault is not None and answer.fault.name == rp("UnknownQueryExpressionDialectFault")
        probe.that(not unknown, f"{dialect} to be known", "UnknownQueryExpressionDialectFault")


@GROUP.check(
    "QUERY-15",
    "A query that would take long is answered or refused soon",
    _CITES,
    operations=_QUERY,
    contract=True,
    level=Level.OURS,
)
def costly(probe: Probe) -> None:
    nested = "//*[count(//*[count(//*[count(//*[count(//*[count(//*)>0])>0])>0])>0])>0]"
    answer = probe.ask(query(nested), probe.session.resource)
    if answer.fault is not None:
        probe.fault(answer, rp("InvalidQueryExpressionFault"), rp("QueryEvaluationErrorFault"))


@GROUP.check(
    "QUERY-16", "A query reaches nothing but the document", "XSLT 1.0, 12.1", operations=_QUERY, level=Level.OURS
)
def outside(probe: Probe) -> None:
    answer = probe.ask(query("document('file:///etc/passwd')"), probe.session.resource)
    if answer.fault is None and act("Value") not in [child.tag for child in answer.body or ()]:
        raise NotApplicable("the query is answered with nothing")
    probe.that(answer.fault is not None and b"root:" not in answer.content, "a fault", answer.shown()[:200])
