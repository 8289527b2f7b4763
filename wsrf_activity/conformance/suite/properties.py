"""Checks of how resource properties are read. Queries are in ``queries``, changes in ``modification``."""

from lxml import etree

from wsrf_activity.conformance.probe import GET_DOCUMENT, Probe
from wsrf_activity.conformance.registry import Body, Group, Level
from wsrf_activity.conformance.standards import act, rl, rp
from wsrf_activity.conformance.verdicts import NotApplicable
from wsrf_activity.conformance.wire import canonical, readable
from wsrf_activity.model import ns

GROUP = Group("WS-ResourceProperties 1.2")
SPEC = "WS-ResourceProperties 1.2"
_GET, _MANY = [rp("GetResourceProperty")], [rp("GetMultipleResourceProperties")]
_BOTH = [rp("GetResourcePropertyDocument"), *_GET]
_VOLATILE = (rl("CurrentTime"), rl("TerminationTime"), act("Version"))
_BAD = "xmlns:x='urn:conformance:nothing'"


def known(probe: Probe) -> etree._Element:
    """Return a property of the shared resource that is not about to change."""
    found = next((child for child in probe.document().iterchildren("*") if child.tag not in _VOLATILE), None)
    if found is None or not etree.QName(found).namespace:
        raise NotApplicable("the document has no property to ask for by a qualified name")
    return found


def _one(name: str, scope: str) -> str:
    return f"<wsrfrp:GetResourceProperty {scope}>{name}</wsrfrp:GetResourceProperty>"


def _several(*items: tuple[str, str]) -> str:
    inside = "".join(f"<wsrfrp:ResourceProperty {scope}>{name}</wsrfrp:ResourceProperty>" for name, scope in items)
    return f"<wsrfrp:GetMultipleResourceProperties>{inside}</wsrfrp:GetMultipleResourceProperties>"


@GROUP.check(
    "RP-1",
    "The property document is one element, the one that the port type names",
    f"{SPEC}, GetResourcePropertyDocument",
    operations=_BOTH[:1],
)
def document(probe: Probe) -> None:
    root = probe.document()
    named = probe.description.properties
    if not named:
        raise NotApplicable("no port type names its property document")
    probe.that(root.tag in named, " or ".join(map(readable, named)), readable(str(root.tag)))


@GROUP.check(
    "RP-2",
    "The property document and what is in it are valid",
    f"{SPEC}, Resource Properties Document",
    operations=_BOTH[:1],
)
def valid(probe: Probe) -> None:
    root = probe.document()
    probe.valid(root)
    for child in root.iterchildren("*"):
        probe.valid(child)


@GROUP.check(
    "RP-3",
    "The reply to GetResourcePropertyDocument is named after it",
    f"{SPEC}, GetResourcePropertyDocument",
    operations=_BOTH[:1],
)
def document_reply(probe: Probe) -> None:
    reply = probe.call(GET_DOCUMENT, probe.session.resource)
    probe.equal(readable(str(reply.tag)), "wsrfrp:GetResourcePropertyDocumentResponse", "the reply")


@GROUP.check(
    "RP-4",
    "GetResourceProperty gives what the document has under that name",
    f"{SPEC}, GetResourceProperty",
    operations=_BOTH,
)
def one(probe: Probe) -> None:
    example = known(probe)
    expected = [canonical(found) for found in probe.document().findall(example.tag)]
    found = probe.properties(str(example.tag))
    probe.equal(probe.names(found), [readable(str(example.tag))] * len(expected), "the properties")
    probe.equal([canonical(value) for value in found], expected, "the values")


@GROUP.check(
    "RP-5",
    "A QName is read with the prefixes in its scope, the default namespace too",
    "XML Schema Part 2, 3.2.18",
    operations=_BOTH,
)
def any_prefix(probe: Probe) -> None:
    name = etree.QName(known(probe))
    resource = probe.session.resource
    for text, scope in (
        (f"odd.-1:{name.localname}", f'xmlns:odd.-1="{name.namespace}"'),
        (f"\n {name.localname}\t", f'xmlns="{name.namespace}"'),
    ):
        found = probe.call(_one(text, scope), resource)
        probe.that(len(found), f"a value for {text.strip()} with {scope}", "none")


def _refused(body: str) -> Body:
    def refused(probe: Probe) -> None:
        probe.refused(body, probe.session.resource, [rp("InvalidResourcePropertyQNameFault")])

    return refused


_UNKNOWN = "is InvalidResourcePropertyQNameFault"
GROUP.check(
    "RP-6", f"A property that the document does not have {_UNKNOWN}", f"{SPEC}, GetResourceProperty", operations=_GET
)(_refused(_one("x:None", _BAD)))
GROUP.check("RP-7", f"A property in no namespace {_UNKNOWN}", f"{SPEC}, GetResourceProperty", operations=_GET)(
    _refused(_one("None", "xmlns=''"))
)


@GROUP.check(
    "RP-8",
    "A property name with a prefix that is not declared is refused",
    f"{SPEC}, GetResourceProperty",
    operations=_GET,
)
def undeclared(probe: Probe) -> None:
    probe.equal(probe.refused(_one("nowhere:None", ""), probe.session.resource).code, "Sender", "the fault's code")


@GROUP.check(
    "RP-9",
    "GetMultipleResourceProperties gives each property in the order asked for",
    f"{SPEC}, GetMultipleResourceProperties",
    operations=[*_BOTH, *_MANY],
)
def several(probe: Probe) -> None:
    children = [child for child in probe.document().iterchildren("*") if child.tag.startswith("{")]
    wanted = list(dict.fromkeys(str(child.tag) for child in reversed(children)))[:4]
    asked = [(f"p:{etree.QName(name).localname}", f'xmlns:p="{etree.QName(name).namespace}"') for name in wanted]
    reply = probe.call(_several(*asked), probe.session.resource)
    expected = [readable(name) for name in wanted for child in children if child.tag == name]
    probe.equal(probe.names(reply), expected, "the properties")


@GROUP.check(
    "RP-10",
    f"One unknown property among several {_UNKNOWN}",
    f"{SPEC}, GetMultipleResourceProperties",
    operations=[*_BOTH, *_MANY],
)
def several_unknown(probe: Probe) -> None:
    name = etree.QName(known(probe))
    good = (f"p:{name.localname}", f'xmlns:p="{name.namespace}"')
    names = [rp("InvalidResourcePropertyQNameFault")]
    probe.refused(_several(good, ("x:None", _BAD)), probe.session.resource, names)


@GROUP.check(
    "RP-11",
    "GetMultipleResourceProperties without a name is refused",
    f"{SPEC}, GetMultipleResourceProperties",
    operations=_MANY,
)
def several_none(probe: Probe) -> None:
    probe.equal(probe.refused(_several(), probe.session.resource).code, "Sender", "the fault's code")


@GROUP.check(
    "RP-12",
    "A property that has no value now is an empty reply, and no fault",
    f"{SPEC}, GetResourceProperty",
    operations=_GET,
    contract=True,
)
def no_value(probe: Probe) -> None:
    probe.equal(probe.names(probe.properties(act("EstimatedEndTime"))), [], "the properties")


@GROUP.check("RP-13", "GetResourceProperty with a child is refused", f"{SPEC}, GetResourceProperty", operations=_GET)
def with_child(probe: Probe) -> None:
    body = "<wsrfrp:GetResourceProperty><wsrfrp:ResourceProperty/></wsrfrp:GetResourceProperty>"
    probe.equal(probe.refused(body, probe.session.resource).code, "Sender", "the fault's code")


_DELETE = f'<wsrfrp:Delete {_BAD} ResourceProperty="x:None"/>'
_SOMETHING = "<x:None xmlns:x='urn:conformance:nothing'/>"
#: A valid request for each operation, for a resource that is not there.
REQUESTS = {
    "GetResourcePropertyDocument": GET_DOCUMENT,
    "GetResourceProperty": _one("x:None", _BAD),
    "GetMultipleResourceProperties": _several(("x:None", _BAD)),
    "QueryResourceProperties": "<wsrfrp:QueryResourceProperties><wsrfrp:QueryExpression "
    f'Dialect="{ns.XPATH10}">/*</wsrfrp:QueryExpression></wsrfrp:QueryResourceProperties>',
    "SetResourceProperties": f"<wsrfrp:SetResourceProperties>{_DELETE}</wsrfrp:SetResourceProperties>",
    "InsertResourceProperties": "<wsrfrp:InsertResourceProperties><wsrfrp:Insert>"
    f"{_SOMETHING}</wsrfrp:Insert></wsrfrp:InsertResourceProperties>",
    "UpdateResourceProperties": "<wsrfrp:UpdateResourceProperties><wsrfrp:Update>"
    f"{_SOMETHING}</wsrfrp:Update></wsrfrp:UpdateResourceProperties>",
    "DeleteResourceProperties": f"<wsrfrp:DeleteResourceProperties>{_DELETE}</wsrfrp:DeleteResourceProperties>",
    "PutResourcePropertyDocument": "<wsrfrp:PutResourcePropertyDocument>"
    f"{_SOMETHING}</wsrfrp:PutResourcePropertyDocument>",
}


def _gone(name: str) -> Body:
    def gone(probe: Probe) -> None:
        probe.unknown(REQUESTS[name], probe.session.gone)

    return gone


for _number, _name in enumerate(REQUESTS, start=1):
    GROUP.check(
        f"RP-2{_number}",
        f"{_name} of an unknown resource is ResourceUnknownFault",
        f"{SPEC}, {_name}",
        operations=[rp(_name)],
    )(_gone(_name))


@GROUP.check(
    "RP-30",
    "Two reads of an unchanged resource say the same",
    "WS-Resource 1.2, 2",
    operations=_BOTH[:1],
    level=Level.SHOULD,
)
def stable(probe: Probe) -> None:
    first, second = (
        [canonical(child) for child in probe.document().iterchildren("*") if child.tag not in _VOLATILE]
        for _ in range(2)
    )
    probe.equal(second, first, "the properties")
