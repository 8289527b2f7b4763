"""What a check is handed: calls to the server under test, and the ways to say that something does not hold."""

from collections.abc import Callable, Iterable
from datetime import datetime

from lxml import etree

from wsrf_activity.conformance import wire
from wsrf_activity.conformance.described import Description
from wsrf_activity.conformance.session import Session
from wsrf_activity.conformance.verdicts import NotApplicable, NotMet
from wsrf_activity.conformance.wire import Answer, Fault, Reference, readable
from wsrf_activity.model import ns
from wsrf_activity.model.lifetime import parse_time
from wsrf_activity.soap import contract

GET_DOCUMENT = "<wsrfrp:GetResourcePropertyDocument/>"


class Probe:
    """One check under way, in one version of SOAP."""

    def __init__(self, session: Session, version: str) -> None:
        self.session = session
        self.version = version

    @property
    def description(self) -> Description:
        """What the service says of itself."""
        return self.session.description

    @property
    def is_12(self) -> bool:
        """Whether it is SOAP 1.2."""
        return self.version == ns.S12

    def ask(self, body: str, to: Reference | None = None, *, headers: str | None = None) -> Answer:
        """Send a message and return whatever comes; without ``headers`` it is fully addressed."""
        return self.session.post(self.version, body, to, headers)

    def call(self, body: str, to: Reference | None = None, *, headers: str | None = None) -> etree._Element:
        """Send a message and return the child of the reply's Body, which has to be valid and no fault."""
        return self.reply(self.ask(body, to, headers=headers))

    def reply(self, answer: Answer) -> etree._Element:
        """Return the child of Body of an answer that has to be a valid reply."""
        if answer.fault is not None:
            raise NotMet("a reply", f"the fault {answer.fault.shown()}")
        body = answer.body
        if body is None:
            raise NotMet("a SOAP message with something in its Body", f"HTTP {answer.status} {answer.media_type}")
        self.valid(body)
        return body

    def refused(
        self, body: str, to: Reference | None = None, names: Iterable[str] = (), *, headers: str | None = None
    ) -> Fault:
        """Send a message and return the fault that it has to get, with one of these elements in its detail."""
        return self.fault(self.ask(body, to, headers=headers), *names)

    def fault(self, answer: Answer, *names: str) -> Fault:
        """Return the fault that an answer has to be, with one of these elements in its detail, where any are given."""
        wanted = " or ".join(map(readable, names)) or "a fault"
        fault = answer.fault
        if fault is None:
            body = answer.body
            what = f"HTTP {answer.status}" if body is None else readable(str(body.tag))
            raise NotMet(wanted, what)
        if names and fault.name not in names:
            raise NotMet(wanted, fault.shown())
        for detail in fault.details:
            self.valid(detail)
        return fault

    def valid(self, element: etree._Element) -> None:
        """Ask that an element is valid by the schemas of the standards."""
        complaints = contract.violations(element)
        if complaints:
            raise NotMet(f"a valid {readable(str(element.tag))}", "; ".join(complaints[:3]))

    def that(self, holds: object, expected: str, found: object) -> None:
        """Ask that something holds."""
        if not holds:
            raise NotMet(expected, str(found))

    def equal(self, found: object, expected: object, what: str) -> None:
        """Ask that two values are equal."""
        if found != expected:
            raise NotMet(f"{what} {_shown(expected)}", _shown(found))

    def document(self, to: Reference | None = None) -> etree._Element:
        """Return the property document of a resource; of the shared one where none is named."""
        reply = self.call(GET_DOCUMENT, to or self.session.resource)
        self.equal(len(reply), 1, "the number of elements in the reply")
        return reply[0]

    def properties(self, name: str, to: Reference | None = None) -> list[etree._Element]:
        """Return the values of a property, by its Clark name, read alone."""
        qname = etree.QName(name)
        scope = f'xmlns:q="{qname.namespace}"'
        body = f"<wsrfrp:GetResourceProperty {scope}>q:{qname.localname}</wsrfrp:GetResourceProperty>"
        return list(self.call(body, to or self.session.resource))

    def text(self, name: str, to: Reference | None = None) -> str | None:
        """Return the text of the first value of a property."""
        found = self.properties(name, to)
        return (found[0].text or "").strip() if found else None

    def time(self, text: str | None, what: str) -> datetime:
        """Return a time as it was written, which must be one."""
        try:
            return parse_time(text or "")
        except ValueError:
            raise NotMet(f"{what} to be an xsd:dateTime", repr(text)) from None

    def unknown(self, body: str, to: Reference) -> Fault:
        """Ask that a resource is not there for an operation."""
        return self.refused(body, to, [f"{{{ns.R}}}ResourceUnknownFault"])

    def unless_refused(self, answer: Answer, wanted: Callable[[Fault], bool], reason: str) -> None:
        """Say that a check does not apply where the answer is a fault of that kind."""
        if answer.fault is not None and wanted(answer.fault):
            raise NotApplicable(f"{reason}: {answer.fault.shown()}")

    def names(self, elements: Iterable[etree._Element]) -> list[str]:
        """Return the tags of elements, as a person reads them."""
        return [readable(str(element.tag)) for element in elements]

    def block(self, answer: Answer, name: str, namespace: str = ns.WSA) -> etree._Element:
        """Return the one header block of a name that an answer has to have."""
        found = [block for block in answer.blocks if block.tag == f"{{{namespace}}}{name}"]
        if len(found) != 1:
            raise NotMet(f"one header block {wire.local(name)}", str(len(found)))
        return found[0]


def _shown(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else repr(value)
