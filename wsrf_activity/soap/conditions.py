"""``act:IfVersion``: the header block by which a change is made only to what the client has seen."""

from datetime import datetime

from lxml import etree

from wsrf_activity.model import ns
from wsrf_activity.model.addresses import Resource
from wsrf_activity.soap import contract, faults
from wsrf_activity.soap.envelope import Envelope

IF_VERSION = f"{{{ns.ACT}}}IfVersion"
#: The operations that change an activity, by the element of their request.
_CHANGES = frozenset(
    f"{{{namespace}}}{name}"
    for namespace, names in {
        ns.ACT: ("Abort",),
        ns.RL: ("Destroy", "SetTerminationTime"),
        ns.RP: (
            "SetResourceProperties",
            "InsertResourceProperties",
            "UpdateResourceProperties",
            "DeleteResourceProperties",
            "PutResourcePropertyDocument",
        ),
    }.items()
    for name in names
)


def expected_version(message: Envelope, resource: Resource, now: datetime) -> int | None:
    """Return the version that a request is bound to, None where it is to none; raises SoapProblem.

    ``resource`` is what the request is sent to: only activities have versions.
    """
    found = [block for block in message.headers if block.tag == IF_VERSION]
    if not found:
        return None
    if len(found) > 1 or contract.violations(found[0]):
        raise faults.sender("act:IfVersion is one header block with a version number", now, "InvalidHeader")
    if message.body.tag not in _CHANGES or resource is not Resource.ACTIVITY:
        name = etree.QName(message.body).localname
        raise faults.sender(f"{name} changes no activity: send it without act:IfVersion", now, "InvalidHeader")
    return int((found[0].text or "").strip())
