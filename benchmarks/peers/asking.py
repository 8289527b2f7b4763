"""The messages for plain Spyne, and for Apache CXF with the same operations."""

from lxml import etree

from benchmarks.load import Plan
from benchmarks.messages import exchange
from benchmarks.processes import Server

_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_ENVELOPE = f'<s:Envelope xmlns:s="{_SOAP}" xmlns:p="urn:plain"><s:Body>{{}}</s:Body></s:Envelope>'
_CREATE = _ENVELOPE.format("<p:create_activity><p:service>nothing</p:service></p:create_activity>")
_READ = _ENVELOPE.format(
    "<p:get_resource_property><p:activity_id>{}</p:activity_id><p:name>phase</p:name></p:get_resource_property>"
)


def plain_create(server: Server, path: str = "/") -> str:
    """Create an activity and return its id."""
    answer = etree.fromstring(exchange(server, path, _CREATE))
    return "".join(map(str, answer.itertext())).strip()  # it is all that the answer says


def plain_read(server: Server, activity_id: str, path: str = "/") -> Plan:
    """Return the reading of a property."""
    return Plan(server.port, "", path, _READ.format(activity_id), expected="Queued", connections=16)


def plain_creating(server: Server, path: str = "/") -> Plan:
    """Return the creation of activities."""
    return Plan(server.port, "", path, _CREATE, expected="create_activityResponse", connections=64)
