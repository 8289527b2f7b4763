"""Checks of what can be done with activities: WS-12 to WS-23, as the contract of activities settles them."""

import hashlib
import uuid

from lxml import etree

from wsrf_activity.conformance.probe import GET_DOCUMENT, Probe
from wsrf_activity.conformance.registry import Group, Level
from wsrf_activity.conformance.session import escape
from wsrf_activity.conformance.standards import STANDARD, act, rp, wsnt
from wsrf_activity.conformance.suite import activity as first_rows
from wsrf_activity.conformance.target import origin
from wsrf_activity.conformance.verdicts import NotApplicable
from wsrf_activity.conformance.wire import Reference, read_reference, readable

GROUP = Group(first_rows.GROUP.title)
OURS = Level.OURS
_CREATE, _ABORT, _LIST = [act("CreateActivity")], [act("Abort")], [act("ListActivities")]


@GROUP.check(
    "WS-12",
    "The port type has the four operations that read properties",
    "WS-12",
    contract=True,
    level=OURS,
    each_version=False,
)
def readers(probe: Probe) -> None:
    names = (
        "GetResourceProperty",
        "GetMultipleResourceProperties",
        "QueryResourceProperties",
        "GetResourcePropertyDocument",
    )
    for name in names:
        probe.that(rp(name) in probe.description.operations, name, "no such operation")


@GROUP.check(
    "WS-13",
    "A service that lets clients subscribe does so by WS-BaseNotification",
    "WS-13",
    contract=True,
    level=OURS,
    each_version=False,
)
def subscribes(probe: Probe) -> None:
    named = [operation.element for operation in probe.description.declared if operation.name == "Subscribe"]
    if not named:
        raise NotApplicable("the service lets nobody subscribe")
    probe.equal(named, [wsnt("Subscribe")], "the request to subscribe")


@GROUP.check(
    "WS-15",
    "Results are kept: the same bytes each time, of the size and checksum that are told",
    "WS-15",
    operations=[rp("GetResourcePropertyDocument")],
    contract=True,
    level=OURS,
    each_version=False,
)
def results(probe: Probe) -> None:
    found = probe.document().findall(act("Result"))
    if not found:
        raise NotApplicable("the activity has no results")
    for result in found:
        answers = [probe.session.send("GET", result.get("href", "")) for _ in range(2)]
        probe.equal([answer.status for answer in answers], [200, 200], "HTTP status of a result")
        first, second = (answer.content for answer in answers)
        probe.that(first == second, "the same bytes again", f"{len(first)} and {len(second)}")
        told = (result.get("size"), result.get("sha256"))
        probe.equal(told, (str(len(first)), hashlib.sha256(first).hexdigest()), "size and checksum")


@GROUP.check(
    "WS-16a", "One port type has everything about an activity", "WS-16", contract=True, level=OURS, each_version=False
)
def one_port_type(probe: Probe) -> None:
    port_types = {operation.port_type for operation in probe.description.declared}
    probe.equal(len(port_types), 1, "the number of port types")
    wanted = [*_CREATE, *_LIST, *_ABORT, act("Wait"), *STANDARD]
    missing = [readable(element) for element in wanted if element not in probe.description.operations]
    probe.that(not missing, "all operations in it", f"not {', '.join(missing)}")


@GROUP.check(
    "WS-16b",
    "One document holds the whole description for toolkits that import none",
    "WS-16",
    contract=True,
    level=OURS,
    each_version=False,
)
def one_document(probe: Probe) -> None:
    answer = probe.session.send("GET", f"{probe.session.target.url}?singleWsdl")
    root = answer.root
    probe.that(answer.status == 200 and root is not None, "an XML document", f"HTTP {answer.status}")
    assert root is not None
    located = [
        found for found in root.iter("{*}import", "{*}include") if found.get("schemaLocation") or found.get("location")
    ]
    probe.equal(len(located), 0, "the number of imports with a location")


def _phase(probe: Probe, reply: etree._Element) -> str | None:
    return reply.findtext(act("Phase"))


@GROUP.check(
    "WS-18a",
    "Abort ends the work and leaves the activity, with an error that says so",
    "WS-18",
    operations=_ABORT,
    contract=True,
    level=OURS,
)
def abort(probe: Probe) -> None:
    activity = probe.session.fresh_running()
    reply = probe.call("<act:Abort><act:Reason>conformance</act:Reason></act:Abort>", activity)
    probe.equal(_phase(probe, reply), "Aborted", "Phase")
    document = probe.document(activity)
    probe.equal(document.findtext(act("Status")), "Ended", "Status")
    said = [entry.findtext(act("Severity")) for entry in document.findall(act("Error"))]
    probe.that("aborted" in said, "an error of severity aborted", said)


@GROUP.check(
    "WS-18b", "To abort again changes nothing, and is no fault", "WS-18", operations=_ABORT, contract=True, level=OURS
)
def abort_again(probe: Probe) -> None:
    activity = probe.session.fresh_running()
    first, second = (probe.call("<act:Abort/>", activity) for _ in range(2))
    versions = [reply.findtext(act("Version")) for reply in (first, second)]
    probe.equal(versions[1], versions[0], "Version")


@GROUP.check(
    "WS-18c", "To abort what has ended leaves its end as it was", "WS-18", operations=_ABORT, contract=True, level=OURS
)
def abort_ended(probe: Probe) -> None:
    before = probe.text(act("Phase"))
    probe.equal(_phase(probe, probe.call("<act:Abort/>", probe.session.resource)), before, "Phase")
    probe.equal(probe.text(act("Phase")), before, "Phase")


@GROUP.check(
    "WS-19a",
    "A client that kept nothing finds its activities by ListActivities",
    "WS-19",
    operations=_LIST,
    contract=True,
    level=OURS,
)
def listed(probe: Probe) -> None:
    wanted = probe.text(act("ActivityId"))
    run_id = uuid.uuid4().hex
    update = f"<wsrfrp:Update><act:RunId>{run_id}</act:RunId></wsrfrp:Update>"
    probe.call(f"<wsrfrp:SetResourceProperties>{update}</wsrfrp:SetResourceProperties>", probe.session.resource)
    reply = probe.call(f"<act:ListActivities><act:RunId>{run_id}</act:RunId></act:ListActivities>")
    found = [entry.findtext(act("ActivityId")) for entry in reply.iterfind(act("Entry"))]
    probe.equal(found, [wanted], "the ids listed")
    reference = read_reference(reply)
    assert reference is not None
    probe.equal(probe.text(act("ActivityId"), reference), wanted, "act:ActivityId by the reference listed")


@GROUP.check(
    "WS-19b", "A list comes in pages without gaps and doubles", "WS-19", operations=_LIST, contract=True, level=OURS
)
def pages(probe: Probe) -> None:
    probe.session.fresh()
    first, cursor = _page(probe, "")
    probe.that(cursor, "a Cursor, since there are more", "none")
    second, _ = _page(probe, f"<act:Cursor>{escape(cursor or '')}</act:Cursor>")
    probe.equal((len(first), len(second)), (1, 1), "the number of entries a page")
    probe.that(first != second, "another activity on the second page", second)


def _page(probe: Probe, after: str) -> tuple[list[str | None], str | None]:
    reply = probe.call(f"<act:ListActivities><act:Limit>1</act:Limit>{after}</act:ListActivities>")
    return [entry.findtext(act("ActivityId")) for entry in reply.iterfind(act("Entry"))], reply.findtext(act("Cursor"))


def _refusal(probe: Probe, reference: Reference) -> tuple[int, str, str]:
    answer = probe.ask(GET_DOCUMENT, reference, headers=reference.headers())
    fault = probe.fault(answer)
    return answer.status, fault.name, fault.reason


@GROUP.check(
    "WS-20",
    "Unknown, destroyed and malformed ids get the same answer: nothing tells what once was",
    "WS-20",
    operations=[rp("GetResourcePropertyDocument")],
    contract=True,
    level=OURS,
)
def unknown(probe: Probe) -> None:
    gone = probe.session.gone
    base, _, last = gone.address.rpartition("/")
    never = Reference(f"{base}/{uuid.uuid4().hex[: len(last)]}")
    expected = _refusal(probe, Reference(gone.address))
    probe.unknown(GET_DOCUMENT, gone)
    for other in (never, Reference(f"{base}/%20..")):
        probe.equal(_refusal(probe, other), expected, "status, fault and reason")


@GROUP.check(
    "WS-22a",
    "The same request again, with its RequestId, is the same activity",
    "WS-22",
    operations=_CREATE,
    contract=True,
    level=OURS,
)
def retried(probe: Probe) -> None:
    first, second = (_with_request_id(probe, key) for key in [uuid.uuid4().hex] * 2)
    probe.equal(second, first, "the address")


def _with_request_id(probe: Probe, key: str, more: str = "") -> str:
    answer = probe.ask(_request(probe, key, more))
    probe.reply(answer)
    return probe.session.took(probe.version, answer).address


def _request(probe: Probe, key: str, more: str = "") -> str:
    work = "<act:Command>true</act:Command>"
    service = probe.session.options.service
    if service is not None:
        work = f"<act:Service>{escape(service)}</act:Service>"
    return f"<act:CreateActivity>{work}{more}<act:RequestId>{key}</act:RequestId></act:CreateActivity>"


@GROUP.check(
    "WS-22b",
    "Another request with that RequestId is RequestConflictFault",
    "WS-22",
    operations=_CREATE,
    contract=True,
    level=OURS,
)
def conflict(probe: Probe) -> None:
    key = uuid.uuid4().hex
    _with_request_id(probe, key)
    probe.refused(_request(probe, key, "<act:Name>other</act:Name>"), None, [act("RequestConflictFault")])


@GROUP.check(
    "WS-23",
    "Addresses in replies are below the address that the client knows the service by",
    "WS-23",
    operations=_CREATE,
    contract=True,
    level=OURS,
    each_version=False,
)
def base_address(probe: Probe) -> None:
    found = [
        probe.session.resource.address,
        *(result.get("href", "") for result in probe.document().iterfind(act("Result"))),
    ]
    for address in found:
        probe.equal(origin(address), origin(probe.session.target.url), "scheme, host and port")
