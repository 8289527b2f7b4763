"""Checks of what a service may offer without its WSDL saying so: WS-MetadataExchange, MTOM, UsernameToken."""

from lxml import etree

from wsrf_activity.conformance import wire
from wsrf_activity.conformance.probe import GET_DOCUMENT, Probe
from wsrf_activity.conformance.registry import Group, Level
from wsrf_activity.conformance.session import content_type, escape, soap_action
from wsrf_activity.conformance.standards import act, rp
from wsrf_activity.conformance.verdicts import NotApplicable, NotMet, Skipped
from wsrf_activity.conformance.wire import Answer
from wsrf_activity.model import ns

GROUP = Group("WS-MetadataExchange, MTOM and WS-Security")
_CITES = "WS-MetadataExchange 1.1, 4.1"
_CREATE = [act("CreateActivity")]
_SECTION = f"{{{ns.MEX}}}MetadataSection"


def _metadata(probe: Probe, dialect: str = "") -> etree._Element:
    """Ask for the metadata; a service that knows nothing of that says so in some fault of the sender."""
    inside = f"<mex:Dialect>{dialect}</mex:Dialect>" if dialect else ""
    answer = probe.ask(f"<mex:GetMetadata>{inside}</mex:GetMetadata>")
    probe.unless_refused(answer, lambda fault: True, "GetMetadata is not offered")
    return probe.reply(answer)


@GROUP.check("MEX-1", "GetMetadata gives the WSDL", _CITES)
def metadata(probe: Probe) -> None:
    reply = _metadata(probe)
    probe.equal(wire.readable(str(reply.tag)), "mex:Metadata", "the reply")
    dialects = [section.get("Dialect") for section in reply.iterfind(_SECTION)]
    probe.that(
        ns.WSDL.rstrip("/") in [(dialect or "").rstrip("/") for dialect in dialects], "a section of WSDL", dialects
    )


@GROUP.check("MEX-2", "GetMetadata for one dialect gives that alone", _CITES)
def one_dialect(probe: Probe) -> None:
    for section in _metadata(probe, ns.WSDL).iterfind(_SECTION):
        probe.equal((section.get("Dialect") or "").rstrip("/"), ns.WSDL.rstrip("/"), "the dialect")


@GROUP.check("MEX-3", "GetMetadata for a dialect that nobody knows gives no section", _CITES)
def no_dialect(probe: Probe) -> None:
    _metadata(probe)
    answer = probe.ask("<mex:GetMetadata><mex:Dialect>urn:conformance:dialect</mex:Dialect></mex:GetMetadata>")
    if answer.fault is None:
        probe.equal(len(probe.reply(answer).findall(_SECTION)), 0, "the number of sections")


def _package(probe: Probe, content: bytes) -> Answer:
    """Start an activity that copies its input, which comes as a part of its own (XOP 1.0, section 4)."""
    include = f"<xop:Include xmlns:xop='{ns.XOP}' href='cid:input@conformance'/>"
    content_of = f"<act:Command>cat</act:Command><act:Input>{include}</act:Input>"
    body = f"<act:CreateActivity>{content_of}</act:CreateActivity>"
    root = wire.envelope(probe.version, body)
    kind = wire.MEDIA_TYPES[probe.version]
    parts = (
        (f'application/xop+xml; charset=utf-8; type="{kind}"', "<root@conformance>", root),
        ("application/octet-stream", "<input@conformance>", content),
    )
    sent = b"".join(
        f"--b\r\nContent-Type: {named}\r\nContent-Transfer-Encoding: binary\r\nContent-ID: {cid}\r\n\r\n".encode()
        + part
        + b"\r\n"
        for named, cid, part in parts
    )
    package = 'multipart/related; type="application/xop+xml"; start="<root@conformance>"; boundary=b'
    headers = {"content-type": f'{package}; start-info="{kind}"'}
    if not probe.is_12:
        headers["soapaction"] = f'"{probe.description.action(_CREATE[0])}"'
    return probe.session.send("POST", probe.session.url(probe.version, None), sent + b"--b--\r\n", headers)


@GROUP.check(
    "MTOM-1",
    "An input that comes as a part of its own arrives unharmed",
    "MTOM, 3; XOP 1.0, 4",
    operations=_CREATE,
    contract=True,
    level=Level.OURS,
)
def package(probe: Probe) -> None:
    if not probe.session.has_commands:
        probe.session.work("true")  # raises Skipped
    content = bytes(range(256))
    answer = _package(probe, content)
    probe.unless_refused(answer, lambda fault: answer.status == 415, "packages are not taken")
    activity = probe.session.took(probe.version, answer)
    probe.session.ended(activity)
    result = probe.session.send("GET", f"{activity.address}/result/result")
    probe.equal(result.content, content, "the result")


def _logged_in(probe: Probe, password: str | None) -> Answer:
    """Read the shared resource with a UsernameToken alone for credentials; None is the right password."""
    credentials = probe.session.options.credentials
    known = credentials.password or credentials.token
    if known is None:
        raise Skipped("there are no credentials to send: give --token, or --user and --password")
    user, secret = credentials.user or "conformance", known if password is None else password
    token = f"<w:Username>{escape(user)}</w:Username><w:Password>{escape(secret)}</w:Password>"
    security = (
        f"<w:Security xmlns:w='{ns.WSSE}' s:mustUnderstand='1'><w:UsernameToken>{token}</w:UsernameToken></w:Security>"
    )
    resource, action = probe.session.resource, probe.description.action(rp("GetResourcePropertyDocument"))
    headers = {**content_type(probe.version, action), **soap_action(probe.version, action)}
    usual = probe.session.addressing(rp("GetResourcePropertyDocument"), resource)
    content = wire.envelope(probe.version, GET_DOCUMENT, usual + security)
    answer = probe.session.send("POST", resource.address, content, headers, anonymous=True)
    probe.unless_refused(answer, lambda fault: fault.code == "MustUnderstand", "the header is not understood")
    return answer


_TOKEN = "WS-Security UsernameToken Profile 1.0, 3"


@GROUP.check(
    "WSSE-1",
    "A UsernameToken is taken for the credentials",
    _TOKEN,
    operations=[rp("GetResourcePropertyDocument")],
    level=Level.OURS,
)
def username_token(probe: Probe) -> None:
    answer = _logged_in(probe, None)
    if answer.status in (401, 403):
        raise NotApplicable("the service wants its credentials from HTTP")
    probe.reply(answer)


@GROUP.check(
    "WSSE-2",
    "A UsernameToken with a wrong password is refused",
    _TOKEN,
    operations=[rp("GetResourcePropertyDocument")],
)
def wrong_password(probe: Probe) -> None:
    answer = _logged_in(probe, "wrong-password")
    if answer.status < 400 or (answer.fault is None and answer.status not in (401, 403)):
        raise NotMet("a fault, or HTTP 401", f"HTTP {answer.status}")
