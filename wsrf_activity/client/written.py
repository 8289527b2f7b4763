"""Messages that are written by hand: those of WS-BaseNotification, whose filters and policies are open content and text
with prefixes, which zeep cannot write. Nothing is sent from here.
"""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypedDict
from xml.sax.saxutils import escape

from lxml import etree

from wsrf_activity.client.calls import utc
from wsrf_activity.client.references import Reference, parse_xml
from wsrf_activity.model import ns
from wsrf_activity.model.lifetime import Never, Requested, format_duration, stamp
from wsrf_activity.model.phases import Phase

#: Topics of all that happens to an activity, without those of each property.
EVENTS: Final = ("StatusChanged", "ProgressReported", "ErrorReported", "ResultAdded", "Terminated")
#: What ends an activity: the events after which nothing is waited for.
ENDS: Final = (*(f"StatusChanged/{phase}" for phase in Phase if phase.ended), "Terminated")
_ENDED: Final = "self::act:StatusChange[act:Status='Ended'] or self::wsrfrl:TerminationNotification"

_BW: Final = "http://docs.oasis-open.org/wsn/bw-2"
_MANAGER: Final = f"{_BW}/PausableSubscriptionManager"
_DOCUMENT: Final = (
    "http://docs.oasis-open.org/wsrf/rpw-2/GetResourcePropertyDocument/GetResourcePropertyDocumentRequest"
)
_NAMES: Final = {name: ns.PREFIXES[name] for name in ("wsnt", "wsa", "act", "xsi")}

_BEGINNING: Final = (
    f'<?xml version="1.0" encoding="utf-8"?>\n<soap:Envelope xmlns:soap="{ns.S11}" xmlns:wsa="{ns.WSA}"><soap:Header>'
).encode()
_MIDDLE: Final = b"</soap:Header><soap:Body>"
_END: Final = b"</soap:Body></soap:Envelope>"


class Subscribing(TypedDict, total=False):
    """What a subscription may say beside the consumer. What is absent is not asked for."""

    topics: str | Iterable[str] | None
    content: str | None
    properties: str | None
    namespaces: Mapping[str, str]
    lifetime: Requested | None
    from_sequence: int | None
    raw: bool
    latest_only: bool
    at_most_every: timedelta | None
    verify: bool
    secret: str | None
    credentials: tuple[str, str] | str | None


@dataclass(frozen=True, slots=True)
class Written:
    """One request: its Action and the child of its Body.

    As text, because lxml drops prefixes that it takes for redundant wherever an element is moved.
    """

    action: str
    body: bytes

    def envelope(self, to: str, parameters: Iterable[etree._Element]) -> bytes:
        """Return the whole message, in SOAP 1.1, with the reference parameters of whom it goes to."""
        said = {"To": to, "Action": self.action, "MessageID": f"urn:uuid:{uuid.uuid4()}"}
        header = "".join(f"<wsa:{name}>{escape(text)}</wsa:{name}>" for name, text in said.items())
        return b"".join((_BEGINNING, header.encode(), *map(_echoed, parameters), _MIDDLE, self.body, _END))

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers of HTTP that go with it."""
        return {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{self.action}"'}


def _echoed(parameter: etree._Element) -> bytes:
    parameter.set(f"{{{ns.WSA}}}IsReferenceParameter", "true")
    return etree.tostring(parameter)


def _wsnt(name: str) -> str:
    return f"{{{ns.WSNT}}}{name}"


def _act(name: str) -> str:
    return f"{{{ns.ACT}}}{name}"


def _child(parent: etree._Element, tag: str, text: str | None = None, **attributes: str) -> etree._Element:
    made = etree.SubElement(parent, tag, attributes)
    made.text = text
    return made


def subscribe(consumer: Reference, wanted: Subscribing) -> Written:
    """Return wsnt:Subscribe (WS-BaseNotification 1.3, section 4.2)."""
    endpoint = parse_xml(consumer.xml.encode())
    endpoint.tag = _wsnt("ConsumerReference")
    parts = (endpoint, _filter(wanted), _initial_time(wanted.get("lifetime")), _policy(wanted))
    content = b"".join(etree.tostring(part) for part in parts if part is not None)
    body = f'<wsnt:Subscribe xmlns:wsnt="{ns.WSNT}">'.encode() + content + b"</wsnt:Subscribe>"
    return Written(f"{_BW}/NotificationProducer/SubscribeRequest", body)


def _filter(wanted: Subscribing) -> etree._Element | None:
    names = {**ns.PREFIXES, **wanted.get("namespaces", {})}
    made = etree.Element(_wsnt("Filter"), nsmap={"wsnt": ns.WSNT})
    topics = wanted.get("topics")
    said = {
        "TopicExpression": (ns.TOPIC_FULL, None if topics is None else expression(topics)),
        "ProducerProperties": (ns.XPATH10, wanted.get("properties")),
        "MessageContent": (ns.XPATH10, wanted.get("content")),
    }
    for name, (dialect, text) in said.items():
        if text is not None:
            etree.SubElement(made, _wsnt(name), Dialect=dialect, nsmap=names).text = text
    return made if len(made) else None


def expression(topics: str | Iterable[str]) -> str:
    """Return topics as one expression in the Full dialect. A root without a prefix is one of ours."""
    paths = topics.split("|") if isinstance(topics, str) else topics
    return "|".join(_rooted(path.strip()) for path in paths)


def _rooted(path: str) -> str:
    return f"act:{path}" if path[:1].isalpha() and ":" not in path.partition("/")[0] else path


def with_ends(wanted: Subscribing) -> Subscribing:
    """Return the same and what ends an activity, which has to be known to whoever waits for the end of it."""
    made = wanted.copy()
    topics, content = wanted.get("topics"), wanted.get("content")
    if topics is not None:
        made["topics"] = f"{expression(topics)}|{expression(ENDS)}"
    if content is not None:
        made["content"] = f"({content}) or {_ENDED}"
    return made


def _initial_time(asked: Requested | None) -> etree._Element | None:
    return None if asked is None else _time("InitialTerminationTime", asked)


def _time(name: str, asked: Requested) -> etree._Element:
    """Return a time, a duration from now, or nil."""
    made = etree.Element(_wsnt(name), nsmap={"wsnt": ns.WSNT, "xsi": ns.XSI})
    if isinstance(asked, Never):
        made.set(f"{{{ns.XSI}}}nil", "true")
    else:
        made.text = format_duration(asked) if isinstance(asked, timedelta) else stamp(utc(asked))
    return made


def _policy(wanted: Subscribing) -> etree._Element | None:
    sequence, span, secret = (wanted.get(name) for name in ("from_sequence", "at_most_every", "secret"))
    texts: dict[str, Any] = {
        _wsnt("UseRaw"): "" if wanted.get("raw") else None,
        _act("FromSequence"): sequence,
        _act("LatestOnly"): "" if wanted.get("latest_only") else None,
        _act("AtMostEvery"): format_duration(span) if isinstance(span, timedelta) else None,
        _act("VerifyConsumer"): "" if wanted.get("verify") else None,
        _act("Secret"): secret,
    }
    made = etree.Element(_wsnt("SubscriptionPolicy"), nsmap={"wsnt": ns.WSNT, "act": ns.ACT})
    for tag, text in texts.items():
        if text is not None:
            _child(made, tag, str(text) or None)
    credentials = wanted.get("credentials")
    if credentials is not None:
        _credentials(_child(made, _act("Credentials")), credentials)
    return made if len(made) else None


def _credentials(parent: etree._Element, given: tuple[str, str] | str) -> None:
    if isinstance(given, str):
        _child(parent, _act("Token"), given)
        return
    for name, text in zip(("User", "Password"), given, strict=True):
        _child(parent, _act(name), text)


def get_current_message(topics: str | Iterable[str]) -> Written:
    """Return wsnt:GetCurrentMessage (section 4.3)."""
    body = etree.Element(_wsnt("GetCurrentMessage"), nsmap={**_NAMES, **ns.PREFIXES})
    _child(body, _wsnt("Topic"), expression(topics), Dialect=ns.TOPIC_FULL)
    return _written(f"{_BW}/NotificationProducer/GetCurrentMessageRequest", body)


def _written(action: str, body: etree._Element) -> Written:
    return Written(action, etree.tostring(body))


def renew(lifetime: Requested) -> Written:
    """Return wsnt:Renew (section 6.1.1)."""
    body = etree.Element(_wsnt("Renew"), nsmap=_NAMES)
    body.append(_time("TerminationTime", lifetime))
    return _written(f"{_MANAGER}/RenewRequest", body)


def managing(name: str) -> Written:
    """Return wsnt:Unsubscribe, wsnt:PauseSubscription or wsnt:ResumeSubscription."""
    return _written(f"{_MANAGER}/{name}Request", etree.Element(_wsnt(name), nsmap=_NAMES))


def document() -> Written:
    """Return wsrf-rp:GetResourcePropertyDocument."""
    body = etree.Element(f"{{{ns.RP}}}GetResourcePropertyDocument", nsmap={"wsrfrp": ns.RP})
    return _written(_DOCUMENT, body)


def create_pull_point() -> Written:
    """Return wsnt:CreatePullPoint (section 5.1)."""
    return _written(
        f"{_BW}/CreatePullPoint/CreatePullPointRequest", etree.Element(_wsnt("CreatePullPoint"), nsmap=_NAMES)
    )


def get_messages(seconds: float, acknowledged: int) -> Written:
    """Return wsnt:GetMessages, which waits for a first message and removes what is acknowledged, and nothing else."""
    body = etree.Element(_wsnt("GetMessages"), nsmap=_NAMES)
    _child(body, _act("Timeout"), format_duration(timedelta(seconds=max(seconds, 0.0))))
    _child(body, _act("Acknowledge"), str(acknowledged))
    return _written(f"{_BW}/PullPoint/GetMessagesRequest", body)


def destroy_pull_point() -> Written:
    """Return wsnt:DestroyPullPoint (section 5.3)."""
    return _written(f"{_BW}/PullPoint/DestroyPullPointRequest", etree.Element(_wsnt("DestroyPullPoint"), nsmap=_NAMES))
