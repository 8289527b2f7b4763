"""Checks of WS-Addressing: what a reply says of itself and where it goes; wrong headers: ``addressing_faults``."""

import uuid

from wsrf_activity.conformance import wire
from wsrf_activity.conformance.probe import GET_DOCUMENT, Probe
from wsrf_activity.conformance.registry import Group, Level
from wsrf_activity.conformance.session import new_id
from wsrf_activity.conformance.standards import rp
from wsrf_activity.conformance.verdicts import NotApplicable, NotMet
from wsrf_activity.conformance.wire import Answer, Fault
from wsrf_activity.model import ns

GROUP = Group("WS-Addressing 1.0")
CORE, BINDING = "WS-Addressing 1.0 Core", "WS-Addressing 1.0 SOAP Binding"
GET = [rp("GetResourcePropertyDocument")]
ANONYMOUS = f"<wsa:Address>{ns.WSA_ANONYMOUS}</wsa:Address>"
NONE = f"<wsa:Address>{ns.WSA_NONE}</wsa:Address>"
_BAD_PROPERTY = "<wsrfrp:GetResourceProperty xmlns:x='urn:conformance:nothing'>x:None</wsrfrp:GetResourceProperty>"


def headers(probe: Probe, rest: str = "", *, body: str = GET_DOCUMENT, message_id: str | None = None) -> str:
    """Return MessageID, Action and reference parameters for a message to the shared resource, and what else."""
    action = probe.description.action(wire.body_element(body))
    return (
        f"<wsa:MessageID>{message_id or new_id()}</wsa:MessageID><wsa:Action>{action}</wsa:Action>"
        f"{probe.session.resource.headers()}{rest}"
    )


def get(probe: Probe, blocks: str) -> Answer:
    """Ask the shared resource for its property document with these headers."""
    return probe.ask(GET_DOCUMENT, probe.session.resource, headers=blocks)


@GROUP.check("ADDR-1", "A reply relates to the message that it answers", f"{CORE}, 3.4", operations=GET)
def relates_to(probe: Probe) -> None:
    message_id = new_id()
    answer = get(probe, headers(probe, message_id=message_id))
    probe.reply(answer)
    probe.equal((probe.block(answer, "RelatesTo").text or "").strip(), message_id, "RelatesTo")


@GROUP.check("ADDR-2", "The relationship of a reply is that of a reply", f"{CORE}, 3.4", operations=GET)
def relationship(probe: Probe) -> None:
    answer = get(probe, headers(probe))
    kinds = {block.get("RelationshipType") for block in answer.blocks if block.tag == f"{{{ns.WSA}}}RelatesTo"}
    probe.that(kinds <= {None, ns.WSA_REPLY}, "no RelationshipType, or that of a reply", kinds)


@GROUP.check(
    "ADDR-3", "A reply has the Action of its operation's output", "WS-Addressing 1.0 Metadata, 4.4", operations=GET
)
def reply_action(probe: Probe) -> None:
    operation = probe.description.operations[GET[0]]
    expected = (
        operation.response_action or f"{(probe.description.action(GET[0]) or '').removesuffix('Request')}Response"
    )
    answer = get(probe, headers(probe))
    probe.equal(answer.header("Action"), expected, "Action")


@GROUP.check("ADDR-4", "The header blocks of a reply are valid, each once", f"{BINDING}, 3", operations=GET)
def valid_headers(probe: Probe) -> None:
    answer = get(probe, headers(probe))
    probe.reply(answer)
    for name in ("To", "Action", "MessageID", "From", "ReplyTo", "FaultTo"):
        number = sum(block.tag == f"{{{ns.WSA}}}{name}" for block in answer.blocks)
        probe.that(number <= 1, f"wsa:{name} once at most", number)
    for block in answer.blocks:
        probe.valid(block)


@GROUP.check("ADDR-5", "No two replies have the same MessageID", f"{CORE}, 3.1", operations=GET)
def message_ids(probe: Probe) -> None:
    first, second = (get(probe, headers(probe)).header("MessageID") for _ in range(2))
    if first is None and second is None:
        raise NotApplicable("replies have no MessageID, and need none")
    probe.that(first != second, "another MessageID", second)


@GROUP.check(
    "ADDR-6", "A fault relates to the message that it answers", f"{CORE}, 3.4", operations=[rp("GetResourceProperty")]
)
def fault_relates_to(probe: Probe) -> None:
    message_id = new_id()
    answer = _faulty(probe, headers(probe, body=_BAD_PROPERTY, message_id=message_id))
    probe.fault(answer)
    probe.equal((probe.block(answer, "RelatesTo").text or "").strip(), message_id, "RelatesTo")


@GROUP.check(
    "ADDR-7",
    "A WSRF fault has the Action of WSRF faults",
    "WS-BaseFaults 1.2, wsa:Action of faults",
    operations=[rp("GetResourceProperty")],
)
def wsrf_fault_action(probe: Probe) -> None:
    answer = _faulty(probe, headers(probe, body=_BAD_PROPERTY))
    probe.fault(answer, rp("InvalidResourcePropertyQNameFault"))
    probe.equal(answer.header("Action"), ns.WSRF_FAULT_ACTION, "Action")


@GROUP.check("ADDR-8", "A fault of SOAP itself has SOAP's fault Action", f"{BINDING}, 6", operations=GET)
def soap_fault_action(probe: Probe) -> None:
    unheard = "<x:Unheard xmlns:x='urn:conformance:header' s:mustUnderstand='1'/>"
    answer = get(probe, headers(probe, unheard))
    probe.fault(answer)
    probe.equal(answer.header("Action"), ns.SOAP_FAULT_ACTION, "Action")


def _faulty(probe: Probe, blocks: str) -> Answer:
    return probe.ask(_BAD_PROPERTY, probe.session.resource, headers=blocks)


@GROUP.check("ADDR-9", "White space around URIs means nothing", "XML Schema Part 2, 3.2.17", operations=GET)
def white_space(probe: Probe) -> None:
    resource, action, message_id = probe.session.resource, probe.description.action(GET[0]), new_id()
    blocks = f"<wsa:To>\n {resource.address}\n</wsa:To><wsa:Action>\n\t{action} </wsa:Action>"
    answer = get(probe, f"{blocks}<wsa:MessageID> {message_id}\n</wsa:MessageID>{resource.headers()}")
    probe.reply(answer)
    probe.equal(answer.header("RelatesTo"), message_id, "RelatesTo")


@GROUP.check("ADDR-10", "The headers of addressing are understood where they must be", f"{BINDING}, 4", operations=GET)
def understood(probe: Probe) -> None:
    blocks = headers(probe, f"<wsa:ReplyTo>{ANONYMOUS}</wsa:ReplyTo>")
    for name in ("MessageID", "Action", "ReplyTo"):
        blocks = blocks.replace(f"<wsa:{name}>", f"<wsa:{name} s:mustUnderstand='1'>")
    probe.reply(get(probe, blocks))


@GROUP.check(
    "ADDR-11",
    "A message without addressing is answered without it",
    "WS-Addressing 1.0 Metadata, 3.1",
    operations=GET,
    level=Level.OURS,
    contract=True,
)
def without(probe: Probe) -> None:
    answer = get(probe, "")
    probe.reply(answer)
    probe.equal([block.tag for block in answer.blocks], [], "header blocks")


@GROUP.check(
    "ADDR-12", "Endpoint references have an absolute address and are valid", f"{CORE}, 2.1", each_version=False
)
def references(probe: Probe) -> None:
    if not probe.session.creates:
        raise NotApplicable("nothing can be started, so there are no endpoint references")
    reference = probe.session.resource
    probe.that("://" in reference.address, "an absolute URI", reference.address)
    for parameter in reference.parameters:
        probe.that(parameter.tag.startswith("{"), "a namespace for each reference parameter", parameter.tag)


@GROUP.check(
    "ADDR-13",
    "Reference parameters are taken as header blocks marked IsReferenceParameter",
    f"{BINDING}, 3.4",
    operations=GET,
)
def parameters(probe: Probe) -> None:
    if not probe.session.resource.parameters:
        raise NotApplicable("the endpoint reference has no reference parameters")
    blocks = headers(probe, f"<wsa:To>{probe.session.resource.address}</wsa:To>")
    probe.that("IsReferenceParameter" in blocks, "a marked block", blocks)
    probe.reply(get(probe, blocks))


@GROUP.check(
    "ADDR-14", "A reply to the anonymous address comes back on the connection", f"{BINDING}, 5.1", operations=GET
)
def anonymous(probe: Probe) -> None:
    blocks = headers(probe, f"<wsa:ReplyTo>{ANONYMOUS}</wsa:ReplyTo><wsa:FaultTo>{ANONYMOUS}</wsa:FaultTo>")
    answer = get(probe, blocks)
    probe.reply(answer)
    probe.that(answer.header("To") in (None, ns.WSA_ANONYMOUS), "To: the anonymous address", answer.header("To"))


@GROUP.check("ADDR-15", "A reply to the none address is sent to nobody", f"{CORE}, 2.1", operations=GET)
def reply_to_none(probe: Probe) -> None:
    _nothing(probe, get(probe, headers(probe, f"<wsa:ReplyTo>{NONE}</wsa:ReplyTo>")))


@GROUP.check(
    "ADDR-16", "A fault to the none address is sent to nobody", f"{CORE}, 2.1", operations=[rp("GetResourceProperty")]
)
def fault_to_none(probe: Probe) -> None:
    blocks = headers(probe, f"<wsa:FaultTo>{NONE}</wsa:FaultTo>", body=_BAD_PROPERTY)
    _nothing(probe, _faulty(probe, blocks))


@GROUP.check(
    "ADDR-17",
    "A fault goes where ReplyTo says if there is no FaultTo",
    f"{CORE}, 3.4",
    operations=[rp("GetResourceProperty")],
)
def fault_to_reply_to(probe: Probe) -> None:
    blocks = headers(probe, f"<wsa:ReplyTo>{NONE}</wsa:ReplyTo>", body=_BAD_PROPERTY)
    _nothing(probe, _faulty(probe, blocks))


@GROUP.check(
    "ADDR-18",
    "A fault goes where FaultTo says, whatever ReplyTo says",
    f"{CORE}, 3.4",
    operations=[rp("GetResourceProperty")],
)
def fault_to(probe: Probe) -> None:
    where = f"<wsa:ReplyTo>{NONE}</wsa:ReplyTo><wsa:FaultTo>{ANONYMOUS}</wsa:FaultTo>"
    probe.fault(_faulty(probe, headers(probe, where, body=_BAD_PROPERTY)), rp("InvalidResourcePropertyQNameFault"))


def _nothing(probe: Probe, answer: Answer) -> None:
    probe.equal((answer.status, answer.content), (202, b""), "HTTP status and body")


_PARAMETER = "<x:Ticket xmlns:x='urn:conformance:ticket'>42</x:Ticket>"
_WITH_PARAMETER = f"<wsa:ReferenceParameters>{_PARAMETER}</wsa:ReferenceParameters>"


@GROUP.check(
    "ADDR-19",
    "The reference parameters of ReplyTo come with the reply, marked as such",
    f"{CORE}, 3.3; {BINDING}, 3.4",
    operations=GET,
)
def reply_parameters(probe: Probe) -> None:
    answer = get(probe, headers(probe, f"<wsa:ReplyTo>{ANONYMOUS}{_WITH_PARAMETER}</wsa:ReplyTo>"))
    probe.reply(answer)
    _ticket(probe, answer)


def _ticket(probe: Probe, answer: Answer) -> None:
    block = probe.block(answer, "Ticket", "urn:conformance:ticket")
    probe.equal(block.text, "42", "the reference parameter")
    marked = block.get(f"{{{ns.WSA}}}IsReferenceParameter")
    probe.that(marked in ("true", "1"), "wsa:IsReferenceParameter", marked)


def _elsewhere(probe: Probe, kind: str, body: str) -> Answer:
    """Send a message whose reply or fault is to go to our listener, and return what came there."""
    path, message_id = uuid.uuid4().hex, new_id()
    listener = probe.session.listener
    where = f"<wsa:{kind}><wsa:Address>{listener.address(path)}</wsa:Address>{_WITH_PARAMETER}</wsa:{kind}>"
    blocks = headers(probe, where, body=body, message_id=message_id)
    answer = probe.ask(body, probe.session.resource, headers=blocks)
    probe.unless_refused(answer, _anonymous_only, "replies go to the connection alone here")
    probe.that(answer.status in (200, 202) and not answer.content, "HTTP 202 and no body", answer.shown()[:200])
    arrived = listener.wait(path, probe.session.target.timeout)
    if arrived is None:
        raise NotMet(f"a message at {kind}", "none in time")
    probe.equal(arrived.header("RelatesTo"), message_id, "RelatesTo")
    probe.equal(arrived.header("To"), listener.address(path), "To")
    return arrived


def _anonymous_only(fault: Fault) -> bool:
    return any(wire.local(code) == "OnlyAnonymousAddressSupported" for code in fault.codes)


@GROUP.check("ADDR-20", "A reply to another address is posted there", f"{CORE}, 3.4; {BINDING}, 5.2", operations=GET)
def reply_elsewhere(probe: Probe) -> None:
    arrived = _elsewhere(probe, "ReplyTo", GET_DOCUMENT)
    probe.reply(arrived)
    probe.equal(arrived.version, probe.version, "the namespace of the envelope")
    _ticket(probe, arrived)


@GROUP.check(
    "ADDR-21",
    "A fault to another address is posted there",
    f"{CORE}, 3.4; {BINDING}, 5.2",
    operations=[rp("GetResourceProperty")],
)
def fault_elsewhere(probe: Probe) -> None:
    arrived = _elsewhere(probe, "FaultTo", _BAD_PROPERTY)
    probe.fault(arrived, rp("InvalidResourcePropertyQNameFault"))
    probe.equal(arrived.header("Action"), ns.WSRF_FAULT_ACTION, "Action")


@GROUP.check(
    "ADDR-22",
    "WS-Addressing 2004/08 is answered in kind",
    "WS-Addressing, member submission of August 2004, 3.2",
    operations=GET,
    level=Level.OURS,
    contract=True,
)
def older(probe: Probe) -> None:
    message_id = new_id()
    blocks = headers(probe, message_id=message_id).replace("<wsa:", "<o:").replace("</wsa:", "</o:")
    for name in ("MessageID", "Action"):
        blocks = blocks.replace(f"<o:{name}>", f"<o:{name} xmlns:o='{ns.WSA04}'>")
    answer = get(probe, blocks)
    probe.reply(answer)
    probe.equal(answer.header("RelatesTo", ns.WSA04), message_id, "RelatesTo")
