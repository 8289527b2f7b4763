"""What goes wrong, said in SOAP: one table from the problems of the model to the typed faults of the contract.

Each derives from WS-BaseFaults 1.2; the fault's element decides its Action.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from lxml import etree

from wsrf_activity.model import errors, ns
from wsrf_activity.model.lifetime import format_duration, stamp

MAX_TEXT = 2000  #: characters of what is said in a fault: it may quote what the client sent
ERROR_CODES = "urn:wsrf-activity:1:error"  #: the dialect of our wsrf-bf:ErrorCode
SENDER, RECEIVER, MUST_UNDERSTAND = "Sender", "Receiver", "MustUnderstand"
#: Elements of a fault beside those of every base fault: names, and texts where there are any.
Extras = Iterable[tuple[str, str | etree.QName | None]]
_GENERIC = f"{{{ns.BF}}}BaseFault"  #: of problems that have no fault of their own
_UNSAYABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A SOAP fault before it is written in one version or the other."""

    code: str  #: Sender, Receiver, MustUnderstand or VersionMismatch, as SOAP 1.2 names them
    reason: str
    action: str
    subcodes: tuple[str, ...] = ()  #: clark names, outermost first
    detail: tuple[etree._Element, ...] = ()
    header_detail: tuple[etree._Element, ...] = ()  #: about a header block: SOAP 1.1 has no place for it in the Body
    headers: tuple[etree._Element, ...] = ()  #: that SOAP prescribes with this fault


class SoapProblem(Exception):
    """A message that SOAP or WS-Addressing itself refuses."""

    def __init__(self, fault: Fault) -> None:
        """Keep the fault to be sent."""
        super().__init__(fault.reason)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class _Typed:
    """How one kind of problem is written."""

    element: str
    code: str = SENDER
    extras: Callable[[errors.Problem], Extras] = field(default=lambda problem: ())


def _act(name: str) -> str:
    return f"{{{ns.ACT}}}{name}"


def _invalid_parameter(problem: errors.Problem) -> Extras:
    assert isinstance(problem, errors.InvalidParameter)
    row = None if problem.row is None else str(problem.row)
    return ((_act("Parameter"), problem.parameter), (_act("Row"), row), (_act("Column"), problem.column))


def _too_busy(problem: errors.Problem) -> Extras:
    assert isinstance(problem, errors.TooBusy)
    return ((_act("RetryAfter"), format_duration(problem.retry_after)),)


def _version(problem: errors.Problem) -> Extras:
    assert isinstance(problem, errors.VersionMismatch)
    return ((_act("CurrentVersion"), str(problem.current)),)


def _state(problem: errors.Problem) -> Extras:
    assert isinstance(problem, errors.InvalidState)
    return ((_act("Phase"), problem.phase),)


def _failed(problem: errors.Problem) -> Extras:
    assert isinstance(problem, errors.WorkFailed)
    return ((_act("Phase"), problem.phase),)


def _bounds(problem: errors.Problem) -> Extras:
    assert isinstance(problem, errors.TerminationTimeRejected)
    latest = None if problem.latest is None else stamp(problem.latest)
    return ((f"{{{ns.WSNT}}}MinimumTime", stamp(problem.earliest)), (f"{{{ns.WSNT}}}MaximumTime", latest))


def _unknown_filter(problem: errors.Problem) -> Extras:
    assert isinstance(problem, errors.InvalidFilter)
    return ((f"{{{ns.WSNT}}}UnknownFilter", etree.QName(problem.unknown)),)


def _policies(element: str) -> Callable[[errors.Problem], Extras]:
    def extras(problem: errors.Problem) -> Extras:
        assert isinstance(problem, errors.UnrecognizedPolicy)
        return tuple((f"{{{ns.WSNT}}}{element}", etree.QName(name)) for name in problem.policies)

    return extras


def _wsnt(name: str, extras: Callable[[errors.Problem], Extras] = lambda problem: ()) -> _Typed:
    return _Typed(f"{{{ns.WSNT}}}{name}", SENDER, extras)


_TABLE: dict[type[errors.Problem], _Typed] = {
    errors.Problem: _Typed(_GENERIC, RECEIVER),
    errors.Refused: _Typed(_GENERIC),
    errors.NotFound: _Typed(f"{{{ns.R}}}ResourceUnknownFault"),
    errors.Unavailable: _Typed(f"{{{ns.R}}}ResourceUnavailableFault", RECEIVER),
    errors.NotPermitted: _Typed(_act("NotPermittedFault")),
    errors.UnknownService: _Typed(_act("UnknownServiceFault")),
    errors.InvalidParameter: _Typed(_act("InvalidParameterFault"), SENDER, _invalid_parameter),
    errors.RequestConflict: _Typed(_act("RequestConflictFault")),
    errors.InvalidState: _Typed(_act("InvalidStateFault"), SENDER, _state),
    errors.WorkFailed: _Typed(_act("WorkFailedFault"), RECEIVER, _failed),
    errors.VersionMismatch: _Typed(_act("VersionMismatchFault"), SENDER, _version),
    errors.TerminationTimeRejected: _Typed(f"{{{ns.RL}}}TerminationTimeChangeRejectedFault"),
    errors.TerminationTimeFixed: _Typed(f"{{{ns.RL}}}UnableToSetTerminationTimeFault"),
    errors.InitialTerminationTimeRejected: _wsnt("UnacceptableInitialTerminationTimeFault", _bounds),
    errors.InvalidPropertyName: _Typed(f"{{{ns.RP}}}InvalidResourcePropertyQNameFault"),
    errors.UnknownQueryDialect: _Typed(f"{{{ns.RP}}}UnknownQueryExpressionDialectFault"),
    errors.InvalidQuery: _Typed(f"{{{ns.RP}}}InvalidQueryExpressionFault"),
    errors.QueryFailed: _Typed(f"{{{ns.RP}}}QueryEvaluationErrorFault"),
    errors.UnknownTopicDialect: _wsnt("TopicExpressionDialectUnknownFault"),
    errors.InvalidTopicExpression: _wsnt("InvalidTopicExpressionFault"),
    errors.TopicNotSupported: _wsnt("TopicNotSupportedFault"),
    errors.InvalidFilter: _wsnt("InvalidFilterFault", _unknown_filter),
    errors.InvalidMessageContentExpression: _wsnt("InvalidMessageContentExpressionFault"),
    errors.InvalidProducerPropertiesExpression: _wsnt("InvalidProducerPropertiesExpressionFault"),
    errors.UnrecognizedPolicy: _wsnt("UnrecognizedPolicyRequestFault", _policies("UnrecognizedPolicy")),
    errors.UnsupportedPolicy: _wsnt("UnsupportedPolicyRequestFault", _policies("UnsupportedPolicy")),
    errors.SubscribeRefused: _wsnt("SubscribeCreationFailedFault"),
    errors.RenewalRejected: _wsnt("UnacceptableTerminationTimeFault", _bounds),
    errors.NoCurrentMessage: _wsnt("NoCurrentMessageOnTopicFault"),
    errors.MultipleTopics: _wsnt("MultipleTopicsSpecifiedFault"),
    errors.UnableToGetMessages: _wsnt("UnableToGetMessagesFault"),
    errors.TooBusy: _Typed(_act("TooBusyFault"), SENDER, _too_busy),
}


def fault_of(problem: errors.Problem, now: datetime, originator: etree._Element | None) -> Fault:
    """Return the typed fault of a problem; ``originator`` is the endpoint reference of what was asked."""
    typed = _typed(problem)
    detail = _written(problem, typed, now, originator)
    in_wsn = typed.element.startswith(f"{{{ns.WSNT}}}")
    action = ns.WSN_FAULT_ACTION if in_wsn else ns.WSRF_FAULT_ACTION
    return Fault(code=typed.code, reason=problem.description, action=action, detail=(detail,))


def _typed(problem: errors.Problem) -> _Typed:
    return next(_TABLE[kind] for kind in type(problem).__mro__ if kind in _TABLE)


def _written(
    problem: errors.Problem, typed: _Typed, now: datetime, originator: etree._Element | None
) -> etree._Element:
    code = type(problem).__name__ if typed.element == _GENERIC else None
    if isinstance(problem, errors.WorkFailed):
        code = problem.code
    detail = base_fault(typed.element, problem.description, now, originator, code, problem.__cause__)
    for tag, text in typed.extras(problem):
        if text is not None:
            # lxml declares the namespace of a QName, of which its stubs know nothing.
            etree.SubElement(detail, tag).text = sayable(text) if isinstance(text, str) else cast(str, text)
    return detail


def base_fault(
    tag: str,
    description: str,
    now: datetime,
    originator: etree._Element | None,
    code: str | None = None,
    cause: BaseException | None = None,
) -> etree._Element:
    """Return an element of BaseFaultType (WS-BaseFaults 1.2, section 2), its children in the schema's order.

    ``cause`` is told as FaultCause where it is a problem with a fault of its own, and so is what caused that.
    """
    namespace = etree.QName(tag).namespace
    prefix = next((p for p, uri in ns.PREFIXES.items() if uri == namespace), None)
    fault = etree.Element(tag, nsmap={**({prefix: namespace} if prefix else {}), "wsrfbf": ns.BF})
    etree.SubElement(fault, f"{{{ns.BF}}}Timestamp").text = stamp(now)
    if originator is not None:
        place = etree.SubElement(fault, f"{{{ns.BF}}}Originator")
        place.extend(originator)
    if code is not None:
        etree.SubElement(fault, f"{{{ns.BF}}}ErrorCode", dialect=ERROR_CODES).text = sayable(code)
    etree.SubElement(fault, f"{{{ns.BF}}}Description").text = sayable(description)
    if isinstance(cause, errors.Problem) and (typed := _typed(cause)).element != _GENERIC:
        # A bare BaseFault may not stand there: the schema wants another namespace's element.
        etree.SubElement(fault, f"{{{ns.BF}}}FaultCause").append(_written(cause, typed, now, None))
    return fault


def sayable(text: str) -> str:
    """Return a text as XML can carry it, and no longer than anybody would read."""
    cut = text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}..."
    return _UNSAYABLE.sub("\N{REPLACEMENT CHARACTER}", cut)


def sender(reason: str, now: datetime, code: str) -> SoapProblem:
    """Return the refusal of a message that is not what its sender meant; ``code`` is for programs."""
    detail = base_fault(f"{{{ns.BF}}}BaseFault", reason, now, None, code)
    return SoapProblem(Fault(code=SENDER, reason=reason, action=ns.WSRF_FAULT_ACTION, detail=(detail,)))


def addressing(reason: str, version: str, *subcodes: str, detail: tuple[etree._Element, ...] = ()) -> SoapProblem:
    """Return a fault of WS-Addressing itself (SOAP Binding, section 6); ``version`` is the namespace it came in."""
    action = ns.WSA_FAULT_ACTION if version == ns.WSA else ns.WSA04_FAULT_ACTION
    names = tuple(f"{{{version}}}{name}" for name in subcodes)
    return SoapProblem(Fault(code=SENDER, reason=reason, action=action, subcodes=names, header_detail=detail))
