"""Checks of how messages travel: charsets, chunks, gzip, media types and methods; the messages: ``soap``."""

import gzip

from wsrf_activity.conformance import wire
from wsrf_activity.conformance.probe import GET_DOCUMENT, Probe
from wsrf_activity.conformance.registry import Group, Level
from wsrf_activity.conformance.session import content_type, escape, soap_action
from wsrf_activity.conformance.suite import soap
from wsrf_activity.conformance.suite.soap import GET, message, raw
from wsrf_activity.model import ns

GROUP = Group(soap.GROUP.title)


@GROUP.check("SOAP-25", "UTF-16 is read", "WS-I Basic Profile 1.2, R1012", operations=GET)
def utf16(probe: Probe) -> None:
    text = '<?xml version="1.0" encoding="UTF-16"?>' + message(probe).decode()
    kind = f"{wire.MEDIA_TYPES[probe.version]}; charset=utf-16"
    probe.reply(raw(probe, text.encode("utf-16"), content_type=kind))


@GROUP.check("SOAP-26", "A byte order mark is read over", "WS-I Basic Profile 1.2, R4001", operations=GET)
def byte_order_mark(probe: Probe) -> None:
    probe.reply(raw(probe, message(probe).decode().encode("utf-8-sig")))


@GROUP.check(
    "SOAP-27",
    "Prefixes, comments, CDATA and white space of the sender's choice are read",
    "Namespaces in XML 1.0, 6",
    operations=GET,
)
def written_otherwise(probe: Probe) -> None:
    text = message(probe).decode().replace("<s:", "<").replace("</s:", "</").replace("xmlns:s=", "xmlns=")
    odd = f'\n<!-- c --><q:GetResourcePropertyDocument xmlns:q="{ns.RP}"></q:GetResourcePropertyDocument>\n'
    text = text.replace(GET_DOCUMENT, odd)
    for parameter in probe.session.resource.parameters:
        said = (parameter.text or "").strip()
        text = text.replace(f">{escape(said)}<", f"><![CDATA[{said}]]><") if said else text
    probe.reply(raw(probe, f'<?xml version="1.0"?>\n{text}\n'.encode()))


@GROUP.check("SOAP-28", "A request in chunks is read", "RFC 9112, 7.1", operations=GET)
def chunked(probe: Probe) -> None:
    headers = {**content_type(probe.version), **soap_action(probe.version, probe.description.action(GET[0]))}
    url = probe.session.resource.address
    probe.reply(probe.session.send("POST", url, message(probe), headers, chunked=True))


@GROUP.check("SOAP-29", "A request in gzip is read", "RFC 9110, 8.4", level=Level.OURS, operations=GET, contract=True)
def zipped(probe: Probe) -> None:
    probe.reply(raw(probe, gzip.compress(message(probe)), content_encoding="gzip"))


@GROUP.check(
    "SOAP-30",
    "The Action of HTTP may be quoted, bare, empty or absent where none is needed",
    "SOAP 1.1, 6.1.1; SOAP 1.2 Part 2, 6.5",
    operations=GET,
    level=Level.OURS,
    contract=True,
)
def soap_actions(probe: Probe) -> None:
    action = probe.description.action(GET[0]) or ""
    kind = wire.MEDIA_TYPES[probe.version]
    for said in (f'"{action}"', action, '""'):
        if probe.is_12:
            answer = raw(probe, message(probe), content_type=f"{kind}; action={said}")
        else:
            answer = raw(probe, message(probe), soapaction=said)
        probe.reply(answer)


@GROUP.check(
    "SOAP-31",
    "What is not SOAP is refused by its media type",
    "RFC 9110, 15.5.16; SOAP 1.2 Part 2, 7.5.2.2",
    operations=GET,
)
def wrong_media_type(probe: Probe) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        answer = raw(probe, message(probe), content_type=kind)
        probe.equal(answer.status, 415, f"HTTP status for {kind}")


@GROUP.check("SOAP-32", "A method that is not offered gets 405 and Allow", "RFC 9110, 15.5.6", each_version=False)
def wrong_method(probe: Probe) -> None:
    answer = probe.session.send("DELETE", probe.session.url(probe.version, None))
    probe.equal(answer.status, 405, "HTTP status")
    probe.that("POST" in answer.headers.get("allow", ""), "POST in Allow", answer.headers.get("allow"))


@GROUP.check("SOAP-33", "HEAD answers as GET does, without a body", "RFC 9110, 9.3.2", each_version=False)
def head(probe: Probe) -> None:
    url = f"{probe.session.target.url}?wsdl"
    got, headed = probe.session.send("GET", url), probe.session.send("HEAD", url)
    probe.equal((headed.status, headed.content), (got.status, b""), "status and body of HEAD")
    probe.equal(headed.media_type, got.media_type, "the media type of HEAD")
