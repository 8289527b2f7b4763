"""Checks of SOAP 1.1 and 1.2 over HTTP: envelopes, faults, header blocks, statuses, charsets, methods."""

from lxml import etree

from wsrf_activity.conformance import wire
from wsrf_activity.conformance.probe import GET_DOCUMENT, Probe
from wsrf_activity.conformance.registry import Group, Level
from wsrf_activity.conformance.session import content_type, soap_action
from wsrf_activity.conformance.standards import rp
from wsrf_activity.conformance.verdicts import NotApplicable
from wsrf_activity.conformance.wire import Answer, Fault
from wsrf_activity.model import ns

GROUP = Group("SOAP 1.1 and 1.2 over HTTP")
GET = [rp("GetResourcePropertyDocument")]
_NO_OPERATION = "<x:NoSuchOperation xmlns:x='urn:conformance:nothing'/>"
_BLAMES = ("Sender", "Receiver")
_SHAPES = {
    ns.S11: ["faultcode", "faultstring", "faultactor", "detail"],
    ns.S12: [f"{{{ns.S12}}}{name}" for name in ("Code", "Reason", "Node", "Role", "Detail")],
}


def get(probe: Probe, headers: str = "") -> Answer:
    """Ask for the property document of the shared resource with more header blocks."""
    resource = probe.session.resource
    usual = probe.session.addressing(rp("GetResourcePropertyDocument"), resource)
    return probe.ask(GET_DOCUMENT, resource, headers=usual + headers)


def raw(probe: Probe, content: bytes, **headers: str) -> Answer:
    """Post anything to the shared resource."""
    action = probe.description.action(rp("GetResourcePropertyDocument"))
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    usual = {**content_type(probe.version), **soap_action(probe.version, action)}
    return probe.session.send("POST", probe.session.resource.address, content, {**usual, **named})


def message(probe: Probe) -> bytes:
    """Return a good message for the shared resource."""
    resource = probe.session.resource
    headers = probe.session.addressing(rp("GetResourcePropertyDocument"), resource)
    return wire.envelope(probe.version, GET_DOCUMENT, headers)


def rejected(probe: Probe, answer: Answer) -> None:
    """Ask that a message was refused as its sender's mistake: by a fault that says so, or by HTTP alone."""
    probe.that(answer.status >= 400, "an HTTP status of an error", answer.status)
    if answer.fault is not None:
        probe.equal(answer.fault.code, "Sender", "the fault's code")


@GROUP.check("SOAP-1", "A reply has HTTP status 200", "WS-I Basic Profile 1.2, R1111", operations=GET)
def status(probe: Probe) -> None:
    probe.equal(get(probe).status, 200, "HTTP status")


@GROUP.check(
    "SOAP-2", "A reply has the media type of its version", "SOAP 1.1, 6; SOAP 1.2 Part 2, 7.1.4", operations=GET
)
def media_type(probe: Probe) -> None:
    probe.equal(get(probe).media_type, wire.MEDIA_TYPES[probe.version], "the media type")


@GROUP.check(
    "SOAP-3", "A message is answered in its own version of SOAP", "SOAP 1.2 Part 1, appendix A", operations=GET
)
def same_version(probe: Probe) -> None:
    probe.equal(get(probe).version, probe.version, "the namespace of the envelope")


@GROUP.check(
    "SOAP-4",
    "A reply is one Header at most, then one Body with one child",
    "SOAP 1.1, 4; SOAP 1.2 Part 1, 5.1",
    operations=GET,
)
def shape(probe: Probe) -> None:
    answer = get(probe)
    root = answer.root
    names = [] if root is None else [child.tag for child in root.iterchildren("*")]
    header, body = (f"{{{answer.version}}}{name}" for name in ("Header", "Body"))
    probe.that(names in ([body], [header, body]), "Header and Body", names)
    inside = [] if root is None else root[-1].findall("*")
    probe.equal(len(inside), 1, "the number of children of Body")


@GROUP.check(
    "SOAP-5",
    "A reply has no document type and no processing instruction",
    "WS-I Basic Profile 1.2, R1008 and R1009; SOAP 1.2 Part 1, 5",
    operations=GET,
)
def no_doctype(probe: Probe) -> None:
    content = get(probe).content
    probe.that(b"<!DOCTYPE" not in content, "no document type", "<!DOCTYPE")
    probe.that(b"<?" not in content.replace(b"<?xml ", b""), "no processing instruction", "<?")


@GROUP.check(
    "SOAP-6",
    "A reply is UTF-8 or UTF-16, and its charset says which",
    "WS-I Basic Profile 1.2, R1012",
    operations=GET,
)
def charset(probe: Probe) -> None:
    answer = get(probe)
    said = answer.headers.get("content-type", "").lower().partition("charset=")[2].partition(";")[0].strip(' "')
    probe.that(said in ("utf-8", "utf-16", ""), "charset utf-8 or utf-16", said)
    try:
        answer.content.decode(said or "utf-8")
    except UnicodeDecodeError as error:
        probe.that(False, f"a message in {said or 'utf-8'}", error)


@GROUP.check("SOAP-7", "A fault in SOAP 1.1 has HTTP status 500", "SOAP 1.1, 6.2; WS-I Basic Profile 1.2, R1126")
def fault_status_11(probe: Probe) -> None:
    if probe.is_12:
        raise NotApplicable("it is about SOAP 1.1")
    answer = probe.ask(_NO_OPERATION, headers="")
    probe.fault(answer)
    probe.equal(answer.status, 500, "HTTP status")


@GROUP.check("SOAP-8", "A Sender fault in SOAP 1.2 has HTTP status 400, all others 500", "SOAP 1.2 Part 2, 7.5.2.2")
def fault_status_12(probe: Probe) -> None:
    if not probe.is_12:
        raise NotApplicable("it is about SOAP 1.2")
    answer = probe.ask(_NO_OPERATION, headers="")
    code = probe.fault(answer).code
    probe.equal(answer.status, 400 if code == "Sender" else 500, "HTTP status")


@GROUP.check("SOAP-9", "A fault has the media type of its version", "SOAP 1.1, 6; SOAP 1.2 Part 2, 7.1.4")
def fault_media_type(probe: Probe) -> None:
    probe.equal(probe.ask(_NO_OPERATION, headers="").media_type, wire.MEDIA_TYPES[probe.version], "the media type")


@GROUP.check(
    "SOAP-10", "A Fault has its children in order, and what must be there", "SOAP 1.1, 4.4; SOAP 1.2 Part 1, 5.4"
)
def fault_shape(probe: Probe) -> None:
    fault = probe.refused(_NO_OPERATION, headers="").element
    order = _SHAPES[probe.version]
    names = [str(child.tag) for child in fault.iterchildren("*")]
    probe.that(set(names) <= set(order), f"only {order}", names)
    probe.equal(names, sorted(names, key=order.index), "the children in order")
    probe.that(set(order[:2]) <= set(names), f"{order[:2]}", names)


@GROUP.check(
    "SOAP-11",
    "A fault's code is a QName that SOAP or a namespace in scope defines",
    "SOAP 1.1, 4.4.1; SOAP 1.2 Part 1, 5.4.6",
)
def fault_code(probe: Probe) -> None:
    fault = probe.refused(_NO_OPERATION, headers="")
    probe.that(fault.codes[0], "a prefix that is declared", "one that is not")
    known = [f"{{{probe.version}}}{name}" for name in ("Client", "Server", "Sender", "Receiver")]
    if probe.is_12:
        probe.that(fault.codes[0] in known[2:], "soap:Sender or soap:Receiver", fault.codes[0])
    else:
        own = etree.QName(fault.codes[0]).namespace not in (None, ns.S11, ns.S12)
        probe.that(own or fault.codes[0] in known[:2], "Client or Server", fault.codes[0])


@GROUP.check("SOAP-12", "A fault's reason is in a named language", "SOAP 1.2 Part 1, 5.4.2.1")
def fault_language(probe: Probe) -> None:
    if not probe.is_12:
        raise NotApplicable("it is about SOAP 1.2")
    reasons = probe.refused(_NO_OPERATION, headers="").element.findall(f".//{{{ns.S12}}}Text")
    probe.that(reasons, "a Text in Reason", "none")
    probe.that(all(text.get(f"{{{ns.XML}}}lang") for text in reasons), "xml:lang on each Text", "none")


@GROUP.check(
    "SOAP-13", "An operation that is not offered is the sender's mistake", "SOAP 1.1, 4.4.1; SOAP 1.2 Part 1, 5.4.6"
)
def no_operation(probe: Probe) -> None:
    probe.equal(probe.refused(_NO_OPERATION, headers="").code, "Sender", "the fault's code")


@GROUP.check("SOAP-14", "An empty Body is the sender's mistake", "WSDL 1.1, 3.5")
def empty_body(probe: Probe) -> None:
    rejected(probe, probe.ask("", headers=""))


@GROUP.check("SOAP-15", "A message that is not well-formed is the sender's mistake", "SOAP 1.2 Part 2, 7.5.2.2")
def malformed(probe: Probe) -> None:
    answer = raw(probe, b"<s:Envelope><unclosed>")
    rejected(probe, answer)
    for inside in (b"Traceback", b"Exception in thread", b"\tat "):
        probe.that(inside not in answer.content, "nothing of the server's inside", inside.decode())


@GROUP.check(
    "SOAP-16",
    "A document type is refused, and no entity of it expanded",
    "SOAP 1.2 Part 1, 5",
    level=Level.SHOULD,
    operations=GET,
)
def doctype(probe: Probe) -> None:
    entity = b'<!DOCTYPE a [<!ENTITY e "conformance-entity">]>'
    good = message(probe)
    answer = raw(probe, entity + good.replace(GET_DOCUMENT.encode(), b"<x>&e;</x>"))
    probe.that(b"conformance-entity" not in answer.content, "the entity not to be expanded", "its value")
    rejected(probe, raw(probe, entity + good))


@GROUP.check(
    "SOAP-17", "An envelope of no known version is a VersionMismatch", "SOAP 1.1, 4.1.2; SOAP 1.2 Part 1, 5.4.7"
)
def version_mismatch(probe: Probe) -> None:
    probe.equal(_strange(probe)[1].code, "VersionMismatch", "the fault's code")


@GROUP.check(
    "SOAP-18",
    "A VersionMismatch says in an Upgrade header which versions are understood",
    "SOAP 1.2 Part 1, 5.4.7",
    level=Level.SHOULD,
)
def upgrade(probe: Probe) -> None:
    answer, _ = _strange(probe)
    block = probe.block(answer, "Upgrade", ns.S12)
    named = [wire.resolved(found, found.get("qname")) for found in block]
    for version in probe.session.description.addresses:
        probe.that(f"{{{version}}}Envelope" in named, f"the envelope of {wire.NAMES[version]}", named)


def _strange(probe: Probe) -> tuple[Answer, Fault]:
    content = wire.envelope(probe.version, GET_DOCUMENT).replace(probe.version.encode(), b"urn:conformance:soap")
    action = probe.description.action(rp("GetResourcePropertyDocument"))
    url = probe.session.url(probe.version, None)
    answer = probe.session.send(
        "POST", url, content, {**content_type(probe.version), **soap_action(probe.version, action)}
    )
    return answer, probe.fault(answer)


def _block(attributes: str) -> str:
    return f"<x:Unheard xmlns:x='urn:conformance:header' {attributes}/>"


@GROUP.check(
    "SOAP-19",
    "A header block that must be understood and is not gets a MustUnderstand fault",
    "SOAP 1.1, 4.2.3; SOAP 1.2 Part 1, 2.4",
    operations=GET,
)
def must_understand(probe: Probe) -> None:
    answer = get(probe, _block("s:mustUnderstand='1'"))
    probe.equal(probe.fault(answer).code, "MustUnderstand", "the fault's code")
    probe.equal(answer.status, 500, "HTTP status")


@GROUP.check("SOAP-20", "mustUnderstand='true' is as good as '1'", "SOAP 1.2 Part 1, 5.2.3", operations=GET)
def must_understand_true(probe: Probe) -> None:
    if not probe.is_12:
        raise NotApplicable("it is about SOAP 1.2")
    probe.equal(probe.fault(get(probe, _block("s:mustUnderstand='true'"))).code, "MustUnderstand", "the fault's code")


@GROUP.check(
    "SOAP-21",
    "A NotUnderstood header names the block that was not understood",
    "SOAP 1.2 Part 1, 5.4.8",
    level=Level.SHOULD,
    operations=GET,
)
def not_understood(probe: Probe) -> None:
    if not probe.is_12:
        raise NotApplicable("it is about SOAP 1.2")
    block = probe.block(get(probe, _block("s:mustUnderstand='1'")), "NotUnderstood", ns.S12)
    named = wire.resolved(block, block.get("qname"))
    probe.equal(named, "{urn:conformance:header}Unheard", "the name")


@GROUP.check(
    "SOAP-22",
    "A header block that need not be understood is passed over",
    "SOAP 1.1, 4.2.3; SOAP 1.2 Part 1, 2.4",
    operations=GET,
)
def may_ignore(probe: Probe) -> None:
    probe.reply(get(probe, _block("s:mustUnderstand='0'") + _block("")))


@GROUP.check(
    "SOAP-23",
    "A header block for somebody else is passed over",
    "SOAP 1.1, 4.2.2; SOAP 1.2 Part 1, 2.2",
    operations=GET,
)
def other_role(probe: Probe) -> None:
    role = "role" if probe.is_12 else "actor"
    probe.reply(get(probe, _block(f"s:mustUnderstand='1' s:{role}='urn:conformance:somebody'")))


@GROUP.check(
    "SOAP-24",
    "A header block for the next node is for the service",
    "SOAP 1.1, 4.2.2; SOAP 1.2 Part 1, 2.2",
    operations=GET,
)
def next_role(probe: Probe) -> None:
    named = f"s:role='{ns.S12}/role/next'" if probe.is_12 else "s:actor='http://schemas.xmlsoap.org/soap/actor/next'"
    answer = get(probe, _block(f"s:mustUnderstand='1' {named}"))
    probe.equal(probe.fault(answer).code, "MustUnderstand", "the fault's code")
