"""Checks of WS-ResourceLifetime: termination times as they are shown, set and kept, and Destroy."""

import time
from datetime import datetime, timedelta

from lxml import etree

from wsrf_activity.conformance.probe import GET_DOCUMENT, Probe
from wsrf_activity.conformance.registry import Group
from wsrf_activity.conformance.standards import rl, rp
from wsrf_activity.conformance.verdicts import NotApplicable, NotMet, Skipped
from wsrf_activity.conformance.wire import Reference, readable
from wsrf_activity.model import ns
from wsrf_activity.model.lifetime import stamp

GROUP = Group("WS-ResourceLifetime 1.2")
SPEC = "WS-ResourceLifetime 1.2"
DESTROY, SET = "<wsrfrl:Destroy/>", [rl("SetTerminationTime")]
_SCHEDULED, _IMMEDIATE, _TIME = f"{SPEC}, 5 Scheduled Destruction", f"{SPEC}, 4 Immediate Destruction", f"{SPEC}, 5.1"
_DOCUMENT, _DESTROY = [rp("GetResourcePropertyDocument")], [rl("Destroy")]
_REFUSALS = [rl("TerminationTimeChangeRejectedFault"), rl("UnableToSetTerminationTimeFault")]
_SLACK = timedelta(seconds=30)  #: that a request and its reply may take
_SHORT = 2  #: seconds of a lifetime that is waited for
_UNKNOWN = f"{{{ns.R}}}ResourceUnknownFault"


def absolute(moment: datetime | None) -> str:
    """Return SetTerminationTime to a time, or to never."""
    content = "" if moment is None else stamp(moment)
    nil = ' xsi:nil="true"' if moment is None else ""
    return _request(f"<wsrfrl:RequestedTerminationTime{nil}>{content}</wsrfrl:RequestedTerminationTime>")


def relative(duration: str) -> str:
    """Return SetTerminationTime to so long from now."""
    return _request(f"<wsrfrl:RequestedLifetimeDuration>{duration}</wsrfrl:RequestedLifetimeDuration>")


def _request(content: str) -> str:
    return f"<wsrfrl:SetTerminationTime>{content}</wsrfrl:SetTerminationTime>"


def moment(probe: Probe, parent: etree._Element, name: str) -> datetime | None:
    """Return the time in a child, None for nil."""
    child = parent.find(rl(name))
    if child is None:
        raise NotMet(f"a wsrf-rl:{name}", "none")
    nil = child.get(f"{{{ns.XSI}}}nil") in ("true", "1")
    return None if nil else probe.time(child.text, name)


def now(probe: Probe, reference: Reference) -> datetime:
    """Return what time it is for the server, by the resource's CurrentTime."""
    found = moment(probe, probe.document(reference), "CurrentTime")
    if found is None:
        raise NotMet("a CurrentTime", "nil")
    return found


@GROUP.check("RL-1", "A resource shows CurrentTime and TerminationTime", _SCHEDULED, operations=[*SET, *_DOCUMENT])
def shown(probe: Probe) -> None:
    document = probe.document()
    probe.that(moment(probe, document, "CurrentTime"), "a time", "nil")
    moment(probe, document, "TerminationTime")


@GROUP.check("RL-2", "CurrentTime goes forward", _TIME, operations=[*SET, *_DOCUMENT])
def goes_forward(probe: Probe) -> None:
    first, second = (now(probe, probe.session.resource) for _ in range(2))
    probe.that(second >= first, f"not before {first.isoformat()}", second.isoformat())


@GROUP.check("RL-3", "The times have a time zone", _TIME, operations=[*SET, *_DOCUMENT])
def zoned(probe: Probe) -> None:
    for name in ("CurrentTime", "TerminationTime"):
        text = (probe.document().findtext(rl(name)) or "").strip()
        probe.that(not text or text.endswith("Z") or text[-6:-5] in ("+", "-"), "a time with its zone", text)


@GROUP.check(
    "RL-4",
    "A time that is asked for is set, and the reply and the property say so",
    _SCHEDULED,
    operations=[*SET, *_DOCUMENT],
)
def set_absolute(probe: Probe) -> None:
    resource = probe.session.fresh()
    wanted = (now(probe, resource) + timedelta(hours=6)).replace(microsecond=0)
    reply = probe.call(absolute(wanted), resource)
    new = moment(probe, reply, "NewTerminationTime")
    probe.equal(new, wanted, "NewTerminationTime")
    probe.equal(moment(probe, probe.document(resource), "TerminationTime"), new, "TerminationTime")


@GROUP.check("RL-5", "A duration that is asked for counts from CurrentTime", _SCHEDULED, operations=SET)
def set_relative(probe: Probe) -> None:
    reply = probe.call(relative("PT5H"), probe.session.fresh())
    new, current = moment(probe, reply, "NewTerminationTime"), moment(probe, reply, "CurrentTime")
    probe.that(new is not None and current is not None, "two times", "nil")
    assert new is not None
    assert current is not None
    probe.that(abs(new - current - timedelta(hours=5)) < _SLACK, "five hours later", new - current)


@GROUP.check("RL-6", "The reply has NewTerminationTime, then CurrentTime", _SCHEDULED, operations=SET)
def reply_order(probe: Probe) -> None:
    reply = probe.call(relative("PT4H"), probe.session.fresh())
    probe.equal(readable(str(reply.tag)), "wsrfrl:SetTerminationTimeResponse", "the reply")
    probe.equal(probe.names(reply)[:2], ["wsrfrl:NewTerminationTime", "wsrfrl:CurrentTime"], "its children")


@GROUP.check(
    "RL-7", "A time of nil is never, or is refused by one of the two faults for it", _SCHEDULED, operations=SET
)
def set_never(probe: Probe) -> None:
    answer = probe.ask(absolute(None), probe.session.fresh())
    if answer.fault is not None:
        probe.fault(answer, *_REFUSALS)
        return
    probe.equal(moment(probe, probe.reply(answer), "NewTerminationTime"), None, "NewTerminationTime")


@GROUP.check(
    "RL-8",
    "A time in the past is refused by one of the two faults for it, or ends the resource",
    _SCHEDULED,
    operations=[*SET, *_DOCUMENT],
)
def set_past(probe: Probe) -> None:
    resource = probe.session.fresh()
    answer = probe.ask(absolute(now(probe, resource) - timedelta(days=1)), resource)
    if answer.fault is not None:
        probe.fault(answer, *_REFUSALS)
        return
    probe.unknown(GET_DOCUMENT, resource)


@GROUP.check("RL-9", "A change that is refused changes nothing", _SCHEDULED, operations=[*SET, *_DOCUMENT])
def refused(probe: Probe) -> None:
    if not probe.session.creates:
        raise Skipped("it could change the service: say with --create how to start something")
    resource = probe.session.resource
    before = moment(probe, probe.document(resource), "TerminationTime")
    answer = probe.ask(relative("P9000Y"), resource)
    if answer.fault is None:
        raise NotApplicable("the service takes any time")
    probe.fault(answer, *_REFUSALS)
    probe.equal(moment(probe, probe.document(resource), "TerminationTime"), before, "TerminationTime")


@GROUP.check("RL-10", "A request with a time and a duration, or with neither, is refused", _SCHEDULED, operations=SET)
def both(probe: Probe) -> None:
    duration = "<wsrfrl:RequestedLifetimeDuration>PT1H</wsrfrl:RequestedLifetimeDuration>"
    time_too = "<wsrfrl:RequestedTerminationTime xsi:nil='true'/>"
    for content in ("", duration + time_too):
        fault = probe.refused(_request(content), probe.session.resource)
        probe.equal(fault.code, "Sender", "the fault's code")


@GROUP.check("RL-11", "The reply to Destroy is empty, and named after it", _IMMEDIATE, operations=_DESTROY)
def destroy(probe: Probe) -> None:
    reply = probe.call(DESTROY, probe.session.fresh())
    probe.equal(readable(str(reply.tag)), "wsrfrl:DestroyResponse", "the reply")
    probe.equal(len(reply), 0, "the number of its children")


@GROUP.check("RL-12", "What was destroyed is unknown from then on", _IMMEDIATE, operations=[*_DESTROY, *_DOCUMENT])
def destroyed(probe: Probe) -> None:
    resource = probe.session.fresh()
    probe.call(DESTROY, resource)
    probe.unknown(GET_DOCUMENT, resource)


@GROUP.check("RL-13", "To destroy again is ResourceUnknownFault", _IMMEDIATE, operations=_DESTROY)
def destroy_again(probe: Probe) -> None:
    probe.unknown(DESTROY, probe.session.gone)


@GROUP.check("RL-14", "SetTerminationTime of an unknown resource is ResourceUnknownFault", _SCHEDULED, operations=SET)
def set_unknown(probe: Probe) -> None:
    probe.unknown(relative("PT1H"), probe.session.gone)


@GROUP.check(
    "RL-15",
    "A resource is gone when its time has come, and not before",
    _SCHEDULED,
    operations=[*SET, *_DOCUMENT],
    slow=True,
)
def comes_to_its_end(probe: Probe) -> None:
    resource, kept = probe.session.fresh(), probe.session.fresh()
    began = time.monotonic()
    probe.call(relative(f"PT{_SHORT}S"), resource)
    until = began + _SHORT + probe.session.target.timeout
    while (answer := probe.ask(GET_DOCUMENT, resource)).fault is None:
        if time.monotonic() > until:
            raise NotMet("the resource to be unknown", "it is still there")
        time.sleep(0.1)
    probe.fault(answer, _UNKNOWN)
    lived = time.monotonic() - began
    probe.that(lived > _SHORT - 0.1, f"{_SHORT} s of life", f"{lived:.1f} s")
    probe.document(kept)
