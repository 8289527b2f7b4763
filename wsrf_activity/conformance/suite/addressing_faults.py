"""Checks of WS-Addressing's own faults: headers that are missing, doubled, wrong or contradict each other."""

from lxml import etree

from wsrf_activity.conformance import wire
from wsrf_activity.conformance.probe import GET_DOCUMENT, Probe
from wsrf_activity.conformance.registry import Body, Group, Level
from wsrf_activity.conformance.session import content_type
from wsrf_activity.conformance.standards import rl
from wsrf_activity.conformance.suite import addressing
from wsrf_activity.conformance.suite.addressing import ANONYMOUS, BINDING, GET, get, headers
from wsrf_activity.conformance.wire import Answer, Fault
from wsrf_activity.model import ns

GROUP = Group(addressing.GROUP.title)
_INVALID = "InvalidAddressingHeader"


def _says(probe: Probe, answer: Answer, *names: str) -> Fault:
    """Ask for a fault of WS-Addressing: one of these codes, the outermost that of the sender in SOAP 1.2."""
    fault = probe.fault(answer)
    said = {code for code in fault.codes if code.startswith(f"{{{ns.WSA}}}")}
    wanted = [f"{{{ns.WSA}}}{name}" for name in names]
    probe.that(said & set(wanted), f"wsa:{' or wsa:'.join(names)}", fault.shown())
    if probe.is_12:
        probe.equal(fault.codes[0], f"{{{ns.S12}}}Sender", "the fault's code")
    return fault


def _double(name: str) -> Body:
    def doubled(probe: Probe) -> None:
        content = ANONYMOUS if name in ("From", "ReplyTo", "FaultTo") else "urn:conformance:twice"
        if name == "To":
            content = probe.session.resource.address
        if name == "Action":
            content = probe.description.action(GET[0]) or ""
        block = f"<wsa:{name}>{content}</wsa:{name}>"
        usual = headers(probe)
        _says(probe, get(probe, usual + block * (1 if f"<wsa:{name}>" in usual else 2)), _INVALID, "InvalidCardinality")

    return doubled


for _number, _name in enumerate(("To", "From", "ReplyTo", "FaultTo", "Action", "MessageID"), start=1):
    GROUP.check(
        f"ADDR-3{_number}", f"Two wsa:{_name} headers are an invalid header", f"{BINDING}, 6.4.1", operations=GET
    )(_double(_name))


@GROUP.check(
    "ADDR-40",
    "A message with addressing headers and no Action lacks a required header",
    f"{BINDING}, 6.4.2",
    operations=GET,
)
def no_action(probe: Probe) -> None:
    resource = probe.session.resource
    blocks = f"<wsa:To>{resource.address}</wsa:To><wsa:MessageID>urn:conformance:1</wsa:MessageID>{resource.headers()}"
    _says(probe, get(probe, blocks), "MessageAddressingHeaderRequired")


@GROUP.check("ADDR-41", "An Action that nothing has is not supported", f"{BINDING}, 6.4.4", operations=GET)
def unknown_action(probe: Probe) -> None:
    _says(probe, get(probe, _acting(probe, "urn:conformance:no-such-action")), "ActionNotSupported")


@GROUP.check(
    "ADDR-42",
    "The Action of another operation than the body's is refused",
    f"{BINDING}, 6.4",
    operations=[*GET, rl("Destroy")],
)
def other_action(probe: Probe) -> None:
    other = probe.description.action(rl("Destroy")) or ""
    _says(probe, get(probe, _acting(probe, other)), "ActionNotSupported", _INVALID, "ActionMismatch")
    probe.reply(get(probe, headers(probe)))


@GROUP.check(
    "ADDR-43", "A SOAPAction that contradicts wsa:Action is refused", f"{BINDING}, 3.4 and 6.4.1", operations=GET
)
def mismatch(probe: Probe) -> None:
    action = "urn:conformance:other"
    kind = content_type(probe.version, action)
    sent = {**kind, **({} if probe.is_12 else {"soapaction": f'"{action}"'})}
    content = wire.envelope(probe.version, GET_DOCUMENT, headers(probe))
    answer = probe.session.send("POST", probe.session.resource.address, content, sent)
    _says(probe, answer, "ActionMismatch", _INVALID)


@GROUP.check(
    "ADDR-44", "An endpoint to reply to without an address is an invalid header", f"{BINDING}, 6.4.1", operations=GET
)
def no_address(probe: Probe) -> None:
    _says(probe, get(probe, headers(probe, "<wsa:ReplyTo/>")), "MissingAddressInEPR", _INVALID, "InvalidEPR")


@GROUP.check(
    "ADDR-45",
    "An invalid header is named in the fault, where its version of SOAP has a place for that",
    f"{BINDING}, 6.2 and 6.4",
    operations=GET,
    level=Level.SHOULD,
)
def problem_header(probe: Probe) -> None:
    once = "<wsa:MessageID>urn:conformance:1</wsa:MessageID>"
    answer = get(probe, headers(probe, once))
    _named(probe, answer, _says(probe, answer, _INVALID, "InvalidCardinality"), "MessageID")


@GROUP.check(
    "ADDR-46",
    "A missing header is named in the fault, where its version of SOAP has a place for that",
    f"{BINDING}, 6.2 and 6.4.2",
    operations=GET,
    level=Level.SHOULD,
)
def missing_header(probe: Probe) -> None:
    resource = probe.session.resource
    answer = get(probe, f"<wsa:MessageID>urn:conformance:1</wsa:MessageID>{resource.headers()}")
    _named(probe, answer, _says(probe, answer, "MessageAddressingHeaderRequired"), "Action")


@GROUP.check(
    "ADDR-47",
    "An Action that is not supported is repeated in the fault, where its version of SOAP has a place for that",
    f"{BINDING}, 6.2 and 6.4.4",
    operations=GET,
    level=Level.SHOULD,
)
def problem_action(probe: Probe) -> None:
    answer = get(probe, _acting(probe, "urn:conformance:no-such-action"))
    fault = _says(probe, answer, "ActionNotSupported")
    found = [
        text for place in _places(probe, answer, fault) for text in wire.texts(list(place.iter(f"{{{ns.WSA}}}Action")))
    ]
    probe.equal(found, ["urn:conformance:no-such-action"], "the Action in wsa:ProblemAction")


@GROUP.check(
    "ADDR-48",
    "A fault of addressing has addressing's fault Action, and relates to its request",
    f"{BINDING}, 6",
    operations=GET,
)
def own_action(probe: Probe) -> None:
    answer = get(probe, _acting(probe, "urn:conformance:no-such-action", "urn:conformance:48"))
    _says(probe, answer, "ActionNotSupported")
    probe.equal(answer.header("Action"), ns.WSA_FAULT_ACTION, "Action")
    probe.equal(answer.header("RelatesTo"), "urn:conformance:48", "RelatesTo")


@GROUP.check(
    "ADDR-49",
    "A fault of addressing has the HTTP status of a fault",
    f"{BINDING}, 6; SOAP 1.2 Part 2, 7.5.2.2",
    operations=GET,
)
def own_status(probe: Probe) -> None:
    answer = get(probe, _acting(probe, "urn:conformance:no-such-action"))
    probe.fault(answer)
    probe.equal(answer.status, 400 if probe.is_12 else 500, "HTTP status")


def _acting(probe: Probe, action: str, message_id: str = "urn:conformance:1") -> str:
    said = f"<wsa:MessageID>{message_id}</wsa:MessageID><wsa:Action>{action}</wsa:Action>"
    return said + probe.session.resource.headers()


def _named(probe: Probe, answer: Answer, fault: Fault, name: str) -> None:
    """Ask that a wsa:ProblemHeaderQName names a header of addressing."""
    places = _places(probe, answer, fault)
    tag = f"{{{ns.WSA}}}ProblemHeaderQName"
    said = [wire.resolved(found) for place in places for found in place.iter(tag)]
    probe.equal(said, [f"{{{ns.WSA}}}{name}"], "wsa:ProblemHeaderQName")


def _places(probe: Probe, answer: Answer, fault: Fault) -> list[etree._Element]:
    """Return where details of a fault of addressing belong: Detail in SOAP 1.2, a header block in SOAP 1.1."""
    if probe.is_12:
        return list(fault.details)
    return [block for block in answer.blocks if block.tag == f"{{{ns.WSA}}}FaultDetail"]
