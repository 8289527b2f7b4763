"""Checks of how resource properties are changed: Set-, Insert-, Update-, Delete- and Put-."""

import uuid

from lxml import etree

from wsrf_activity.conformance.probe import Probe
from wsrf_activity.conformance.registry import Body, Group, Level
from wsrf_activity.conformance.session import child_texts, new_id
from wsrf_activity.conformance.standards import act, rl, rp
from wsrf_activity.conformance.suite import properties
from wsrf_activity.conformance.suite.properties import SPEC
from wsrf_activity.conformance.verdicts import NotApplicable
from wsrf_activity.conformance.wire import Fault, readable

GROUP = Group(properties.GROUP.title)
_SET, _PUT = [rp("SetResourceProperties")], [rp("PutResourcePropertyDocument")]
_CITES, _PUT_CITES = f"{SPEC}, SetResourceProperties", f"{SPEC}, PutResourcePropertyDocument"
_UNKNOWN = "<x:None xmlns:x='urn:conformance:nothing'/>"
_READ_ONLY, _INVALID = rp("UnableToModifyResourcePropertyFault"), rp("InvalidModificationFault")


def _set(*components: str) -> str:
    return f"<wsrfrp:SetResourceProperties>{''.join(components)}</wsrfrp:SetResourceProperties>"


def _update(name: str, value: str) -> str:
    return f"<wsrfrp:Update><act:{name}>{value}</act:{name}></wsrfrp:Update>"


def _insert(name: str, *values: str) -> str:
    inside = "".join(f"<act:{name}>{value}</act:{name}>" for value in values)
    return f"<wsrfrp:Insert>{inside}</wsrfrp:Insert>"


def _delete(name: str) -> str:
    return f'<wsrfrp:Delete ResourceProperty="act:{name}"/>'


def _values(probe: Probe, name: str) -> list[str]:
    return child_texts(probe.document(), act(name))


def _send(probe: Probe, *components: str) -> etree._Element:
    return probe.call(_set(*components), probe.session.resource)


def _word() -> str:
    return uuid.uuid4().hex


@GROUP.check("MOD-1", "Update sets the value of a property", _CITES, operations=_SET, contract=True)
def update(probe: Probe) -> None:
    word = _word()
    _send(probe, _update("Name", f"{word} &amp; more"))
    probe.equal(_values(probe, "Name"), [f"{word} & more"], "act:Name")


@GROUP.check("MOD-2", "Insert adds values to those that are there", _CITES, operations=_SET, contract=True)
def insert(probe: Probe) -> None:
    before, words = _values(probe, "Group"), [_word(), _word()]
    _send(probe, _insert("Group", *words))
    probe.equal(_values(probe, "Group"), [*before, *words], "act:Group")


@GROUP.check("MOD-3", "Delete removes all values of a property", _CITES, operations=_SET, contract=True)
def delete(probe: Probe) -> None:
    _send(probe, _insert("Group", _word(), _word()), _delete("Group"))
    probe.equal(_values(probe, "Group"), [], "act:Group")


@GROUP.check("MOD-4", "Components are applied in the order of the request", _CITES, operations=_SET, contract=True)
def in_order(probe: Probe) -> None:
    first, second = _word(), _word()
    _send(probe, _update("RunId", first), _delete("RunId"), _update("RunId", second), _delete("Group"))
    probe.equal(_values(probe, "RunId"), [second], "act:RunId")


@GROUP.check("MOD-5", "The reply to SetResourceProperties is empty", _CITES, operations=_SET, contract=True)
def empty_reply(probe: Probe) -> None:
    reply = _send(probe, _update("Name", _word()))
    probe.equal(readable(str(reply.tag)), "wsrfrp:SetResourcePropertiesResponse", "the reply")
    probe.equal(len(reply), 0, "the number of its children")


@GROUP.check(
    "MOD-6",
    "InsertResourceProperties inserts",
    f"{SPEC}, InsertResourceProperties",
    operations=[rp("InsertResourceProperties")],
    contract=True,
)
def insert_alone(probe: Probe) -> None:
    word = _word()
    body = f"<wsrfrp:InsertResourceProperties>{_insert('Group', word)}</wsrfrp:InsertResourceProperties>"
    probe.call(body, probe.session.resource)
    probe.that(word in _values(probe, "Group"), word, _values(probe, "Group"))


@GROUP.check(
    "MOD-7",
    "UpdateResourceProperties updates",
    f"{SPEC}, UpdateResourceProperties",
    operations=[rp("UpdateResourceProperties")],
    contract=True,
)
def update_alone(probe: Probe) -> None:
    word = _word()
    body = f"<wsrfrp:UpdateResourceProperties>{_update('Name', word)}</wsrfrp:UpdateResourceProperties>"
    probe.call(body, probe.session.resource)
    probe.equal(_values(probe, "Name"), [word], "act:Name")


@GROUP.check(
    "MOD-8",
    "DeleteResourceProperties deletes",
    f"{SPEC}, DeleteResourceProperties",
    operations=[rp("DeleteResourceProperties")],
    contract=True,
)
def delete_alone(probe: Probe) -> None:
    body = f"<wsrfrp:DeleteResourceProperties>{_delete('Group')}</wsrfrp:DeleteResourceProperties>"
    probe.call(body, probe.session.resource)
    probe.equal(_values(probe, "Group"), [], "act:Group")


def _refused(component: str, *names: str) -> Body:
    def refused(probe: Probe) -> None:
        probe.refused(_set(component), probe.session.resource, names)

    return refused


_QNAME = rp("InvalidResourcePropertyQNameFault")
GROUP.check(
    "MOD-9", "Deleting a property that does not exist is InvalidResourcePropertyQNameFault", _CITES, operations=_SET
)(_refused("<wsrfrp:Delete xmlns:x='urn:conformance:nothing' ResourceProperty='x:None'/>", _QNAME))
GROUP.check(
    "MOD-10",
    "Updating a property that does not exist is refused for its name or as a modification",
    _CITES,
    operations=_SET,
)(_refused(f"<wsrfrp:Update>{_UNKNOWN}</wsrfrp:Update>", _QNAME, _INVALID, _READ_ONLY))
GROUP.check(
    "MOD-11",
    "Changing a property that is read-only is UnableToModifyResourcePropertyFault",
    _CITES,
    operations=_SET,
    contract=True,
)(_refused(_update("Phase", "Pending"), _READ_ONLY))
GROUP.check(
    "MOD-12",
    "A second value where there is one at most is InvalidModificationFault",
    _CITES,
    operations=_SET,
    contract=True,
)(_refused(f"{_update('Name', 'a')}{_insert('Name', 'b')}", _INVALID))
GROUP.check(
    "MOD-13",
    "A value of the wrong type is InvalidModificationFault",
    _CITES,
    operations=_SET,
    contract=True,
    level=Level.OURS,
)(_refused(_update("ExecutionDuration", "-PT1S"), _INVALID, _READ_ONLY))
GROUP.check(
    "MOD-14",
    "The termination time is changed by SetTerminationTime alone",
    "WS-ResourceLifetime 1.2, 5 Scheduled Destruction",
    operations=[*_SET, rl("SetTerminationTime")],
    contract=True,
)(
    _refused(
        "<wsrfrp:Update><wsrfrl:TerminationTime>2099-01-01T00:00:00Z</wsrfrl:TerminationTime></wsrfrp:Update>",
        _READ_ONLY,
    )
)


@GROUP.check(
    "MOD-15", "A request of which one component is refused changes nothing", _CITES, operations=_SET, contract=True
)
def atomic(probe: Probe) -> None:
    before = _values(probe, "Name")
    probe.refused(_set(_update("Name", _word()), _update("Phase", "Pending")), probe.session.resource, [_READ_ONLY])
    probe.equal(_values(probe, "Name"), before, "act:Name")


def _failure(probe: Probe) -> tuple[Fault, etree._Element]:
    fault = probe.refused(_set(_update("Owner", "nobody")), probe.session.resource, [_READ_ONLY])
    found = fault.details[0].find(rp("ResourcePropertyChangeFailure"))
    probe.that(found is not None, "a ResourcePropertyChangeFailure", "none")
    assert found is not None
    return fault, found


@GROUP.check(
    "MOD-16", "A refused change says whether the properties were restored", _CITES, operations=_SET, contract=True
)
def restored(probe: Probe) -> None:
    said = _failure(probe)[1].get("Restored")
    probe.that(said in ("true", "1"), "Restored, since nothing has changed", said)


@GROUP.check(
    "MOD-17",
    "A refused change tells the value that there is and the one asked for",
    _CITES,
    operations=_SET,
    contract=True,
    level=Level.SHOULD,
)
def both_values(probe: Probe) -> None:
    _, failure = _failure(probe)
    current = [value.text for value in failure.iterfind(f"{rp('CurrentValue')}/{act('Owner')}")]
    requested = [value.text for value in failure.iterfind(f"{rp('RequestedValue')}/{act('Owner')}")]
    probe.equal((current, requested), (_values(probe, "Owner"), ["nobody"]), "current and requested value")


@GROUP.check("MOD-18", "SetResourceProperties without a component is refused", _CITES, operations=_SET)
def no_component(probe: Probe) -> None:
    probe.equal(probe.refused(_set(), probe.session.resource).code, "Sender", "the fault's code")


def _put(document: etree._Element) -> str:
    content = etree.tostring(document, encoding="unicode", with_tail=False)
    return f"<wsrfrp:PutResourcePropertyDocument>{content}</wsrfrp:PutResourcePropertyDocument>"


@GROUP.check("MOD-19", "A document that was read can be put back", _PUT_CITES, operations=_PUT, contract=True)
def put_back(probe: Probe) -> None:
    before = probe.document()
    reply = probe.call(_put(before), probe.session.resource)
    probe.that(len(reply) <= 1, "the new document at most", len(reply))
    probe.equal(_values(probe, "Name"), child_texts(before, act("Name")), "act:Name")


@GROUP.check(
    "MOD-20",
    "A document that is put changes what clients may change",
    _PUT_CITES,
    operations=[*_PUT, *_SET],
    contract=True,
)
def put_changed(probe: Probe) -> None:
    _send(probe, _update("Name", "before"))
    document, word = probe.document(), _word()
    for name in document.iterfind(act("Name")):
        name.text = word
    reply = probe.call(_put(document), probe.session.resource)
    if len(reply):
        probe.equal(child_texts(reply[0], act("Name")), [word], "act:Name in the reply")
    probe.equal(_values(probe, "Name"), [word], "act:Name")


@GROUP.check(
    "MOD-21",
    "A document that says what cannot be is UnableToPutResourcePropertyDocumentFault",
    _PUT_CITES,
    operations=_PUT,
    contract=True,
)
def put_wrong(probe: Probe) -> None:
    document = probe.document()
    for owner in document.iterfind(act("Owner")):
        owner.text = "nobody"
    fault = probe.refused(_put(document), probe.session.resource, [rp("UnableToPutResourcePropertyDocumentFault")])
    failure = fault.details[0].find(rp("ResourcePropertyChangeFailure"))
    probe.that(failure is not None, "a ResourcePropertyChangeFailure", "none")
    probe.that("nobody" not in _values(probe, "Owner"), "the owner as before", "nobody")


@GROUP.check("MOD-22", "A document of another kind is refused", _PUT_CITES, operations=_PUT)
def put_other(probe: Probe) -> None:
    names = [rp("UnableToPutResourcePropertyDocumentFault"), _INVALID]
    probe.refused(_put(etree.fromstring(_UNKNOWN)), probe.session.resource, names)


@GROUP.check(
    "MOD-23",
    "A change for another version than the activity has is VersionMismatchFault",
    "act:IfVersion",
    operations=_SET,
    contract=True,
    level=Level.OURS,
)
def if_version(probe: Probe) -> None:
    resource, body = probe.session.resource, _set(_update("Name", _word()))
    before = _values(probe, "Name")
    action = f"<wsa:MessageID>{new_id()}</wsa:MessageID><wsa:Action>{probe.description.action(_SET[0])}</wsa:Action>"
    block = "<act:IfVersion s:mustUnderstand='1'>0</act:IfVersion>"
    answer = probe.ask(body, resource, headers=action + resource.headers() + block)
    probe.unless_refused(answer, lambda fault: fault.code == "MustUnderstand", "the header is not understood")
    probe.fault(answer, act("VersionMismatchFault"))
    probe.equal(_values(probe, "Name"), before, "act:Name")


@GROUP.check(
    "MOD-24",
    "An unchanged activity is not sent again to who knows its ETag",
    "RFC 9110, 13.1.2",
    contract=True,
    level=Level.OURS,
    each_version=False,
)
def etag(probe: Probe) -> None:
    url, accept = probe.session.resource.address, {"accept": "application/xml"}
    known = probe.session.send("GET", url, headers=accept).headers.get("etag")
    if known is None:
        raise NotApplicable("the document has no ETag")
    again = probe.session.send("GET", url, headers={**accept, "if-none-match": known})
    probe.equal((again.status, again.content), (304, b""), "HTTP status and body")
