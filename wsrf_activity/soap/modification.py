"""Changes of resource properties: Set-, Insert-, Update-, Delete-, Put- (WS-ResourceProperties 1.2).

All or nothing: a request is applied to one version of the activity, in one transaction, or refused as a whole.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from lxml import etree

from wsrf_activity.model import changes, ns
from wsrf_activity.model.activity import Activity
from wsrf_activity.model.addresses import Addresses
from wsrf_activity.model.errors import InvalidPropertyName, InvalidState, Refused
from wsrf_activity.model.lifetime import format_duration, parse_duration
from wsrf_activity.soap.addressing import endpoint_reference
from wsrf_activity.soap.faults import SENDER, Fault, SoapProblem, base_fault
from wsrf_activity.soap.markup import resolve_qname
from wsrf_activity.soap.properties import PROPERTIES, View, document

_INVALID = "InvalidModificationFault"
_READ_ONLY = "UnableToModifyResourcePropertyFault"
_VOLATILE = {f"{{{ns.RL}}}CurrentTime", f"{{{ns.ACT}}}Version"}  #: need not be current in a document that is put


@dataclass(frozen=True, slots=True)
class Modifiable:
    """A property that clients may change: its values as texts, and the activity with other ones."""

    many: bool
    read: Callable[[Activity], list[str]]
    write: Callable[[Activity, list[str], datetime], Activity]


def _single(values: Sequence[str]) -> str | None:
    return values[0] if values else None


def _write_limit(activity: Activity, values: list[str], now: datetime) -> Activity:
    text = _single(values)
    return changes.set_work_limit(activity, None if text is None else parse_duration(text, now))


MODIFIABLE: dict[str, Modifiable] = {
    f"{{{ns.ACT}}}Name": Modifiable(
        many=False,
        read=lambda activity: [activity.name] if activity.name else [],
        write=lambda activity, values, now: replace(activity, name=_single(values)),
    ),
    f"{{{ns.ACT}}}RunId": Modifiable(
        many=False,
        read=lambda activity: [activity.run_id] if activity.run_id else [],
        write=lambda activity, values, now: replace(activity, run_id=_single(values)),
    ),
    f"{{{ns.ACT}}}Group": Modifiable(
        many=True,
        read=lambda activity: list(activity.groups),
        write=lambda activity, values, now: replace(activity, groups=tuple(dict.fromkeys(values))),
    ),
    f"{{{ns.ACT}}}ExecutionDuration": Modifiable(
        many=False,
        read=lambda activity: [] if activity.work_limit is None else [format_duration(activity.work_limit)],
        write=_write_limit,
    ),
}


@dataclass(frozen=True, slots=True)
class Modification:
    """A request to change properties, at one moment, for an activity at these addresses."""

    addresses: Addresses
    now: datetime
    fault: str | None = None  #: the one that the operation has for everything, where it has one

    def apply(self, activity: Activity, components: Iterable[etree._Element]) -> Activity:
        """Return the activity after all components: Insert, Update and Delete elements, in their order.

        Raises InvalidPropertyName, and SoapProblem with the typed fault of the component that cannot be applied.
        """
        changed = activity
        for component in components:
            for name, requested in self._asked(component):
                changed = self._change(changed, etree.QName(component).localname, name, requested)
        return changes.modified(activity, changed)

    def put(self, activity: Activity, given: etree._Element) -> Activity:
        """Return the activity as a whole new document has it; what clients cannot change must be as it was."""
        view = View(activity, self.now, self.addresses)
        if given.tag != f"{{{ns.ACT}}}ActivityProperties":
            raise self._refusal(activity, _INVALID, "the document must be act:ActivityProperties", [], [given])
        changed = activity
        for name in dict.fromkeys([*PROPERTIES, *(str(child.tag) for child in given)]):
            requested = given.findall(name)
            if name in MODIFIABLE:
                changed = self._change(changed, "Update" if requested else "Delete", name, requested)
            elif name not in _VOLATILE and _canonical(requested) != _canonical(view.values(name) or []):
                reason = f"{etree.QName(name).localname} cannot be changed by clients"
                raise self._refusal(activity, _INVALID, reason, view.values(name) or [], requested)
        return changes.modified(activity, changed)

    def _asked(self, component: etree._Element) -> list[tuple[str, list[etree._Element]]]:
        """Return the properties that a component names, each with the values that come with it."""
        if component.tag == f"{{{ns.RP}}}Delete":
            qname = component.get("ResourceProperty", "")
            try:
                return [(resolve_qname(qname, component), [])]
            except ValueError as error:
                raise InvalidPropertyName(f"{qname}: {error}") from None
        names = dict.fromkeys(str(child.tag) for child in component)
        return [(name, component.findall(name)) for name in names]

    def _change(self, activity: Activity, kind: str, name: str, requested: list[etree._Element]) -> Activity:
        local = etree.QName(name).localname
        if name not in PROPERTIES:
            raise InvalidPropertyName(f"there is no resource property {local}")
        current = View(activity, self.now, self.addresses).values(name) or []
        known = MODIFIABLE.get(name)
        if known is None:
            reason = f"{local} cannot be changed by clients; these can: Name, RunId, Group, ExecutionDuration"
            raise self._refusal(activity, _READ_ONLY, reason, current, requested)
        values = [(element.text or "").strip() for element in requested]
        if kind == "Insert":
            values = [*known.read(activity), *values]
        if len(values) > 1 and not known.many:
            reason = f"{local} has one value at most; Update replaces it"
            raise self._refusal(activity, _INVALID, reason, current, requested)
        if values == known.read(activity):
            return activity
        try:
            return known.write(activity, values, self.now)
        except InvalidState as error:
            raise self._refusal(activity, _READ_ONLY, str(error), current, requested, error) from None
        except (ValueError, OverflowError, Refused) as error:
            raise self._refusal(activity, _INVALID, f"{local}: {error}", current, requested, error) from None

    def refused(self, activity: Activity, problem: Refused, given: Iterable[etree._Element]) -> SoapProblem:
        """Return the fault for a change that a rule of the server's own forbids."""
        current = document(View(activity, self.now, self.addresses))
        return self._refusal(activity, _INVALID, problem.description, [current], list(given), problem)

    def _refusal(
        self,
        activity: Activity,
        name: str,
        reason: str,
        current: Iterable[etree._Element],
        requested: Iterable[etree._Element],
        cause: Exception | None = None,
    ) -> SoapProblem:
        """Return a fault that says what the value is, what was asked for, why not, and that nothing has changed."""
        originator = endpoint_reference(
            self.addresses, activity.id, tag=f"{{{ns.BF}}}Originator", service=activity.service
        )
        detail = base_fault(f"{{{ns.RP}}}{self.fault or name}", reason, self.now, originator, cause=cause)
        failure = etree.SubElement(detail, f"{{{ns.RP}}}ResourcePropertyChangeFailure", Restored="true")
        for tag, values in (("CurrentValue", current), ("RequestedValue", requested)):
            copies = [etree.fromstring(etree.tostring(value, with_tail=False)) for value in values]
            if copies:
                etree.SubElement(failure, f"{{{ns.RP}}}{tag}").extend(copies)
        return SoapProblem(Fault(code=SENDER, reason=reason, action=ns.WSRF_FAULT_ACTION, detail=(detail,)))


def _canonical(elements: Iterable[etree._Element]) -> list[bytes]:
    """Return what two equal values have in common, however they were written."""
    return [etree.tostring(element, method="c14n", exclusive=True, with_tail=False) for element in elements]
