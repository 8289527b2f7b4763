"""One run against one server: its options, and the resources that checks share, made when first wanted."""

import contextlib
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from lxml import etree

from wsrf_activity.conformance import wire
from wsrf_activity.conformance.described import Description
from wsrf_activity.conformance.listener import Listener
from wsrf_activity.conformance.standards import act, rl
from wsrf_activity.conformance.target import Credentials, NotAllowed, NotReachable, Target, on_this_machine
from wsrf_activity.conformance.verdicts import NotApplicable, Skipped
from wsrf_activity.conformance.wire import Answer, Exchange, Reference
from wsrf_activity.model import ns

_CREATE, _WAIT, _DESTROY = act("CreateActivity"), act("Wait"), rl("Destroy")
_ENDED = "echo conformance"
_RUNNING = "exec sleep 600"
_DENIED = "NotPermittedFault"


@dataclass(frozen=True, slots=True)
class Options:
    """What the person asked for."""

    credentials: Credentials = field(default_factory=Credentials)
    timeout: float = 10.0  #: seconds that any answer may take
    versions: tuple[str, ...] = wire.VERSIONS
    create: str | None = None  #: the content of Body that starts something on a server without our CreateActivity
    service: str | None = None  #: the service to start where command lines are not permitted
    callback: str | None = None  #: how the server under test can call this machine
    slow: bool = False
    only: tuple[str, ...] = ()


class Session:
    """The server under test, described, and what has been started on it."""

    def __init__(self, target: Target, description: Description, options: Options) -> None:
        self.target = target
        self.description = description
        self.options = options
        self.exchanges: list[Exchange] = []  #: of the check that is under way
        self._shared: dict[str, Reference] = {}
        self._started: list[tuple[str, Reference]] = []
        self._listener: Listener | None = None

    @property
    def versions(self) -> tuple[str, ...]:
        """The versions of SOAP to speak: those asked for that the service has a binding for."""
        offered = self.description.addresses or dict.fromkeys(wire.VERSIONS)
        return tuple(version for version in self.options.versions if version in offered)

    @property
    def creates(self) -> bool:
        """Whether resources can be started to be tried, and destroyed."""
        return self.options.create is not None or _CREATE in self.description.operations

    @property
    def has_commands(self) -> bool:
        """Whether activities run a command line of the suite's choice."""
        return self.description.is_ours and self.options.create is None and self.options.service is None

    def send(
        self,
        method: str,
        url: str,
        content: bytes = b"",
        headers: dict[str, str] | None = None,
        *,
        chunked: bool = False,
        anonymous: bool = False,
    ) -> Answer:
        """Send one request and keep it for the report."""
        exchange = self.target.send(method, url, content, headers, chunked=chunked, anonymous=anonymous)
        self.exchanges.append(exchange)
        return exchange.answer

    def post(self, version: str, body: str, to: Reference | None = None, headers: str | None = None) -> Answer:
        """Send a message, with full addressing unless its headers are given, to a resource or to the service."""
        element = wire.body_element(body)
        action = self.description.action(element)
        blocks = self.addressing(element, to) if headers is None else headers
        return self.send(
            "POST",
            self.url(version, to),
            wire.envelope(version, body, blocks),
            {**content_type(version, action), **soap_action(version, action)},
        )

    def url(self, version: str, to: Reference | None) -> str:
        """Return where a message for a resource, or for the service, is posted."""
        return to.address if to else self.target.endpoint(self.description, version)

    def addressing(self, element: str, to: Reference | None) -> str:
        """Return the headers of a request, complete (WS-Addressing 1.0 Core, section 3)."""
        address = to.address if to else self.target.endpoint(self.description, self.versions[0])
        action = self.description.action(element)
        named = f"<wsa:Action>{escape(action)}</wsa:Action>" if action else ""
        reply = f"<wsa:ReplyTo><wsa:Address>{ns.WSA_ANONYMOUS}</wsa:Address></wsa:ReplyTo>" if action else ""
        message_id = f"<wsa:MessageID>{new_id()}</wsa:MessageID>" if action else ""
        where = f"<wsa:To>{escape(address)}</wsa:To>" if action else ""
        return f"{where}{named}{message_id}{reply}{to.headers() if to else ''}"

    def start(self, content: str | None = None) -> Reference:
        """Start an activity with this content of CreateActivity, or what the person gave. It is destroyed at the end.

        Raises NotAllowed, Skipped.
        """
        version = self.versions[0]
        body = self.options.create or f"<act:CreateActivity>{content or self._work(_ENDED)}</act:CreateActivity>"
        answer = self.post(version, body)
        return self.took(version, answer)

    def took(self, version: str, answer: Answer) -> Reference:
        """Return what an answer says was started, to be destroyed at the end. Raises NotAllowed, Skipped."""
        fault = answer.fault
        if fault is not None and wire.local(fault.name) == _DENIED:
            raise NotAllowed(f"{fault.reason}: give --service NAME to start a configured service")
        if answer.status in (401, 403):
            raise NotAllowed(f"HTTP {answer.status}: give --token, or --user and --password")
        body = answer.body
        reference = None if body is None or fault is not None else wire.read_reference(body)
        if reference is None:
            raise Skipped(f"nothing could be started: {fault.shown() if fault else f'HTTP {answer.status}'}")
        self._started.append((version, reference))
        return reference

    @property
    def resource(self) -> Reference:
        """A resource that exists, for checks that leave it as it was: an activity that has ended, where there are any.

        Where nothing can be started it is the service itself.
        """
        if not self.creates:
            return Reference(self.target.endpoint(self.description, self.versions[0]))
        return self._share("resource", self._ended)

    @property
    def running(self) -> Reference:
        """An activity that has not ended. Raises Skipped where the suite cannot make one."""
        reference = self._share("running", lambda: self.start(self._work(_RUNNING)))
        if not self.has_commands and self.status(reference) != "Running":
            raise Skipped("the service ends at once: name one with --service that runs for a while")
        return reference

    @property
    def gone(self) -> Reference:
        """A resource that was destroyed. Raises Skipped where none can be."""
        return self._share("gone", self._destroyed)

    def fresh(self) -> Reference:
        """Return a resource that a check may destroy. Raises Skipped."""
        if not self.creates:
            raise Skipped("it would destroy or change the service: say with --create how to start something")
        return self.start()

    def fresh_running(self) -> Reference:
        """Return a running activity that a check may end. Raises Skipped."""
        if not self.has_commands:
            raise Skipped("it needs a command line that runs for a while")
        return self.start(self._work(_RUNNING))

    def work(self, command: str, rest: str = "") -> Reference:
        """Start a command line and return when it has ended. Raises Skipped."""
        if not self.has_commands:
            raise Skipped("it needs a command line of its own")
        reference = self.start(self._work(command) + rest)
        self.ended(reference)
        return reference

    def ended(self, reference: Reference) -> None:
        """Wait for the end of an activity. Raises Skipped."""
        until = time.monotonic() + self.target.timeout
        waits = _WAIT in self.description.operations
        while self.status(reference) != "Ended":
            if time.monotonic() > until:
                raise Skipped(f"the activity does not end within {self.target.timeout:g} s")
            if waits:
                self.post(self.versions[0], "<act:Wait><act:Timeout>PT1S</act:Timeout></act:Wait>", reference)
            else:
                time.sleep(0.2)

    def status(self, reference: Reference) -> str | None:
        """Return act:Status."""
        query = "<wsrfrp:GetResourceProperty>act:Status</wsrfrp:GetResourceProperty>"
        body = self.post(self.versions[0], query, reference).body
        return None if body is None else body.findtext(act("Status"))

    @property
    def listener(self) -> Listener:
        """Where the server under test can call. Raises NotApplicable where nobody said how."""
        if self._listener is None:
            host = self.options.callback or ("127.0.0.1" if on_this_machine(self.target.url) else None)
            if host is None:
                raise NotApplicable("the server cannot call this machine: say how it can with --callback HOST")
            self._listener = Listener(host)
        return self._listener

    def close(self) -> None:
        """Destroy what was started and listen no longer."""
        if self._listener is not None:
            self._listener.close()
        if _DESTROY in self.description.operations:
            for version, reference in self._started:
                with contextlib.suppress(NotReachable):
                    self.post(version, "<wsrfrl:Destroy/>", reference)
        self.exchanges.clear()

    def _share(self, name: str, make: Callable[[], Reference]) -> Reference:
        if name not in self._shared:
            self._shared[name] = make()
        return self._shared[name]

    def _ended(self) -> Reference:
        reference = self.start()
        if self.description.is_ours:
            self.ended(reference)
        return reference

    def _destroyed(self) -> Reference:
        if _DESTROY not in self.description.operations:
            raise Skipped("the service cannot destroy, so no resource is known to be unknown")
        reference = self.fresh()
        self.post(self.versions[0], "<wsrfrl:Destroy/>", reference)
        return reference

    def _work(self, command: str) -> str:
        if self.options.service is not None:
            return f"<act:Service>{escape(self.options.service)}</act:Service>"
        return f"<act:Command>{escape(command)}</act:Command>"


def content_type(version: str, action: str | None = None) -> dict[str, str]:
    """Return the content type of a message; in SOAP 1.2 the Action is a parameter of it (Part 2, section 7.1.4)."""
    named = f'; action="{action}"' if action and version == ns.S12 else ""
    return {"content-type": f"{wire.MEDIA_TYPES[version]}; charset=utf-8{named}"}


def soap_action(version: str, action: str | None) -> dict[str, str]:
    """Return the SOAPAction header, which SOAP 1.1 alone has (section 6.1.1)."""
    return {"soapaction": f'"{action or ""}"'} if version == ns.S11 else {}


def escape(text: str) -> str:
    """Return a text as content of an element."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def child_texts(parent: etree._Element, name: str) -> list[str]:
    """Return the texts of the children of a name."""
    return wire.texts(parent.findall(name))


def new_id() -> str:
    """Return an id for a message."""
    return f"urn:uuid:{uuid.uuid4()}"
