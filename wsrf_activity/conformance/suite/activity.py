"""Checks of what an activity is: WS-1 to WS-11, as the contract of activities settles them."""

import math
import time
from datetime import timedelta

from wsrf_activity.conformance.probe import GET_DOCUMENT, Probe
from wsrf_activity.conformance.registry import Group, Level
from wsrf_activity.conformance.session import child_texts
from wsrf_activity.conformance.standards import act, rl, rp
from wsrf_activity.conformance.suite.lifetime import DESTROY, absolute, moment, now, relative
from wsrf_activity.conformance.verdicts import Skipped
from wsrf_activity.conformance.wire import Reference, readable
from wsrf_activity.model import ns

GROUP = Group("Activities: WS-1 to WS-24")
OURS = Level.OURS
_CREATE, _DOCUMENT, _WAIT = [act("CreateActivity")], [rp("GetResourcePropertyDocument")], [act("Wait")]
_ALPHABET = 64  #: characters that an id may be made of, at the most
_BITS = 122
_UNKNOWN = f"{{{ns.R}}}ResourceUnknownFault"
_FINAL = ("Completed", "Failed", "Aborted")


@GROUP.check(
    "WS-1a",
    "CreateActivity answers when the work is accepted, and not when it is done",
    "WS-1",
    operations=_CREATE,
    contract=True,
    level=OURS,
)
def accepted(probe: Probe) -> None:
    activity = probe.session.fresh_running()  # its work takes longer than any answer may
    phase = probe.text(act("Phase"), activity)
    probe.that(phase not in _FINAL, "work that goes on", phase)
    probe.call(DESTROY, activity)


@GROUP.check(
    "WS-1b",
    "CreateActivity of an unknown service is UnknownServiceFault",
    "WS-1",
    operations=_CREATE,
    contract=True,
    level=OURS,
)
def unknown_service(probe: Probe) -> None:
    body = "<act:CreateActivity><act:Service>no.such.service</act:Service></act:CreateActivity>"
    probe.refused(body, None, [act("UnknownServiceFault")])


@GROUP.check(
    "WS-2a",
    "CreateActivity answers with an endpoint reference that holds the activity's id",
    "WS-2",
    operations=_CREATE,
    contract=True,
    level=OURS,
)
def reference(probe: Probe) -> None:
    activity = probe.session.resource
    said = probe.text(act("ActivityId"), activity)
    probe.that(said and said in activity.address, f"{said} in the address", activity.address)
    named = [(parameter.text or "").strip() for parameter in activity.parameters]
    probe.equal(named, [said], "the reference parameters")


@GROUP.check(
    "WS-2b",
    "Ids are opaque: unlike each other, and too long to be guessed",
    "WS-2",
    operations=_CREATE,
    contract=True,
    level=OURS,
)
def opaque(probe: Probe) -> None:
    first, second = (
        probe.text(act("ActivityId"), activity) or "" for activity in (probe.session.resource, probe.session.fresh())
    )
    for found in (first, second):
        probe.that(
            len(found) >= _BITS / math.log2(_ALPHABET), f"room for {_BITS} random bits", f"{len(found)} characters"
        )
    alike = sum(one == other for one, other in zip(first, second, strict=False))
    probe.that(alike < len(first) / 2, "ids that differ in most places", f"{alike} of {len(first)} are the same")


def _service(probe: Probe, parameters: bool) -> Reference:
    activity = probe.session.resource
    return Reference(probe.session.url(probe.version, None), activity.parameters if parameters else ())


@GROUP.check(
    "WS-3a",
    "The id in a header block suffices, at the service's own address",
    "WS-3",
    operations=_DOCUMENT,
    contract=True,
    level=OURS,
)
def by_header(probe: Probe) -> None:
    place = _service(probe, parameters=True)
    found = probe.call(GET_DOCUMENT, place, headers=place.headers())
    expected = probe.text(act("ActivityId"))
    probe.equal(found[0].findtext(act("ActivityId")), expected, "act:ActivityId")


@GROUP.check(
    "WS-3b",
    "The id in the address suffices, without a header block",
    "WS-3",
    operations=_DOCUMENT,
    contract=True,
    level=OURS,
)
def by_address(probe: Probe) -> None:
    probe.call(GET_DOCUMENT, Reference(probe.session.resource.address), headers="")


@GROUP.check(
    "WS-3c",
    "A message that names no activity gets a typed fault",
    "WS-3",
    operations=_DOCUMENT,
    contract=True,
    level=OURS,
)
def by_nothing(probe: Probe) -> None:
    probe.refused(GET_DOCUMENT, _service(probe, parameters=False), [_UNKNOWN], headers="")


@GROUP.check(
    "WS-3d",
    "An address and a header block that name two activities are refused",
    "WS-3",
    operations=_DOCUMENT,
    contract=True,
    level=OURS,
)
def by_both(probe: Probe) -> None:
    other = probe.session.fresh()
    place = Reference(other.address, probe.session.resource.parameters)
    probe.refused(GET_DOCUMENT, place, [_UNKNOWN], headers=place.headers())


@GROUP.check(
    "WS-4",
    "When its time has come an activity is gone, though its work goes on, and its results with it",
    "WS-4",
    operations=_DOCUMENT,
    contract=True,
    slow=True,
    level=OURS,
)
def expires(probe: Probe) -> None:
    if not probe.session.has_commands:
        raise Skipped("it needs a command line that runs for a while")
    lifetime = "<act:InitialTerminationTime>PT2S</act:InitialTerminationTime>"
    activity = probe.session.start(f"<act:Command>exec sleep 600</act:Command>{lifetime}")
    until = time.monotonic() + 2 + probe.session.target.timeout
    while probe.ask(GET_DOCUMENT, activity).fault is None:
        probe.that(time.monotonic() < until, "the activity to be unknown", "it is still there")
        time.sleep(0.1)
    probe.unknown("<act:Wait/>", activity)
    result = probe.session.send("GET", f"{activity.address}/result/stdout")
    probe.equal(result.status, 404, "HTTP status of a result")


@GROUP.check(
    "WS-5",
    "Work that takes longer than its own limit fails, and its activity stays",
    "WS-5",
    operations=_DOCUMENT,
    contract=True,
    level=OURS,
    each_version=False,
)
def work_limit(probe: Probe) -> None:
    activity = probe.session.work("exec sleep 600", "<act:ExecutionDuration>PT0.2S</act:ExecutionDuration>")
    document = probe.document(activity)
    said = [document.findtext(act(name)) for name in ("Status", "Phase", "ErrorStatus")]
    probe.equal(said, ["Ended", "Failed", "FatalErrors"], "Status, Phase and ErrorStatus")
    terminates, ended = (
        moment(probe, document, "TerminationTime"),
        probe.time(document.findtext(act("EndTime")), "EndTime"),
    )
    probe.that(terminates is None or terminates > ended, "a termination time after the end of the work", terminates)


@GROUP.check(
    "WS-6",
    "The port type has Destroy, SetTerminationTime and the properties of a lifetime",
    "WS-6",
    contract=True,
    level=OURS,
    each_version=False,
)
def life_cycle(probe: Probe) -> None:
    for element in (rl("Destroy"), rl("SetTerminationTime")):
        probe.that(element in probe.description.operations, readable(element), "no such operation")
    document = probe.document()
    for name in ("CurrentTime", "TerminationTime"):
        probe.that(document.find(rl(name)) is not None, f"wsrf-rl:{name}", "none")


@GROUP.check(
    "WS-7",
    "To destroy an activity ends its work; to destroy it again is ResourceUnknownFault",
    "WS-7",
    operations=[rl("Destroy")],
    contract=True,
    level=OURS,
)
def destroy(probe: Probe) -> None:
    activity = probe.session.fresh_running()
    probe.call(DESTROY, activity)
    probe.unknown(DESTROY, activity)
    probe.unknown("<act:Abort/>", activity)


@GROUP.check(
    "WS-8a",
    "A termination time is put off and brought forward",
    "WS-8",
    operations=[rl("SetTerminationTime")],
    contract=True,
    level=OURS,
)
def moved(probe: Probe) -> None:
    activity = probe.session.fresh()
    for hours in (48, 1):
        wanted = (now(probe, activity) + timedelta(hours=hours)).replace(microsecond=0)
        probe.equal(
            moment(probe, probe.call(absolute(wanted), activity), "NewTerminationTime"), wanted, "NewTerminationTime"
        )


@GROUP.check(
    "WS-8b",
    "A termination time in the past is rejected, and the fault says what is accepted",
    "WS-8",
    operations=[rl("SetTerminationTime")],
    contract=True,
    level=OURS,
)
def bounds(probe: Probe) -> None:
    activity = probe.session.fresh()
    fault = probe.refused(relative("-P1D"), activity, [rl("TerminationTimeChangeRejectedFault")])
    said = fault.details[0].findtext(f"{{{ns.BF}}}Description") or ""
    probe.that("accepted" in said and any(char.isdigit() for char in said), "what is accepted, with its bounds", said)


@GROUP.check(
    "WS-9a", "Wait answers at once where the activity has ended", "WS-9", operations=_WAIT, contract=True, level=OURS
)
def wait_ended(probe: Probe) -> None:
    reply = probe.call("<act:Wait><act:Timeout>PT1H</act:Timeout></act:Wait>", probe.session.resource)
    said = [reply.findtext(act(name)) for name in ("TimedOut", "Status")]
    probe.equal(said, ["false", "Ended"], "TimedOut and Status")


@GROUP.check(
    "WS-9b",
    "A Wait that times out tells what is known, and is no fault",
    "WS-9",
    operations=_WAIT,
    contract=True,
    level=OURS,
)
def wait_timeout(probe: Probe) -> None:
    reply = probe.call("<act:Wait><act:Timeout>PT0.1S</act:Timeout></act:Wait>", probe.session.running)
    said = [reply.findtext(act(name)) for name in ("TimedOut", "Status")]
    probe.equal(said, ["true", "Running"], "TimedOut and Status")


@GROUP.check(
    "WS-9c",
    "Wait answers soon after what it waits for has come",
    "WS-9",
    operations=_WAIT,
    contract=True,
    level=OURS,
    each_version=False,
)
def wait_end(probe: Probe) -> None:
    if not probe.session.has_commands:
        raise Skipped("it needs a command line that runs for a while")
    activity = probe.session.start("<act:Command>sleep 0.3</act:Command>")
    until = time.monotonic() + probe.session.target.timeout
    while True:
        reply = probe.call("<act:Wait><act:Timeout>PT5S</act:Timeout></act:Wait>", activity)
        if reply.findtext(act("Status")) == "Ended":
            break
        probe.that(time.monotonic() < until, "the end", "none in time")
    probe.equal(reply.findtext(act("TimedOut")), "false", "TimedOut")


@GROUP.check(
    "WS-9d",
    "Destroy ends all Waits with ResourceUnknownFault: a Wait for what is gone says so",
    "WS-9",
    operations=_WAIT,
    contract=True,
    level=OURS,
)
def wait_gone(probe: Probe) -> None:
    probe.unknown("<act:Wait/>", probe.session.gone)


@GROUP.check(
    "WS-10a",
    "An activity shows whether it runs or has ended, and how it stands with errors",
    "WS-10",
    operations=_DOCUMENT,
    contract=True,
    level=OURS,
)
def metadata(probe: Probe) -> None:
    document = probe.document()
    probe.that(
        child_texts(document, act("Status")) in (["Running"], ["Ended"]),
        "Running or Ended",
        child_texts(document, act("Status")),
    )
    known = ("NoErrors", "ErrorsHandled", "FatalErrors")
    said = child_texts(document, act("ErrorStatus"))
    probe.that(len(said) == 1 and said[0] in known, " or ".join(known), said)
    errors = document.findall(act("Error"))
    probe.that(
        bool(errors) == (said != ["NoErrors"]), "errors in the list exactly where the status says so", len(errors)
    )


@GROUP.check(
    "WS-10b",
    "Work that fails leaves an entry in the list of errors, with all that it must tell",
    "WS-10",
    operations=_DOCUMENT,
    contract=True,
    level=OURS,
    each_version=False,
)
def errors(probe: Probe) -> None:
    document = probe.document(probe.session.work("exit 3"))
    said = [document.findtext(act(name)) for name in ("Status", "Phase", "ErrorStatus", "ExitCode")]
    probe.equal(said, ["Ended", "Failed", "FatalErrors", "3"], "Status, Phase, ErrorStatus and ExitCode")
    entries = document.findall(act("Error"))
    probe.that(entries, "an act:Error", "none")
    for name in (f"{{{ns.BF}}}Timestamp", f"{{{ns.BF}}}Description", act("Severity"), act("Handled")):
        probe.that(all(entry.findtext(name) for entry in entries), readable(name), "an entry without it")


@GROUP.check(
    "WS-11",
    "An activity shows who it belongs to, what it is, and when it was what",
    "WS-11",
    operations=_DOCUMENT,
    contract=True,
    level=OURS,
)
def more(probe: Probe) -> None:
    document = probe.document()
    for name in ("ActivityId", "Owner", "Service", "Phase", "Version", "CreationTime"):
        probe.that(document.findtext(act(name)), f"act:{name}", "none")
    created, ended = (probe.time(document.findtext(act(name)), name) for name in ("CreationTime", "EndTime"))
    probe.that(created <= ended, "an end after the beginning", f"{created} to {ended}")
