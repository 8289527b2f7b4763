"""Where things are found: addresses made from the current base URL, and read back. They are never stored."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

_ID = r"([A-Za-z0-9_-]{1,64})"
_ID_ALONE = re.compile(_ID)
_RESOURCE = re.compile(rf"/(activity|subscription|pullpoint)/{_ID}/?$")
_RESULT = re.compile(rf"/activity/{_ID}/result/([^/]+)$")
_INPUT = re.compile(rf"/input/{_ID}$")


class Resource(StrEnum):
    """What has an address of its own; the values are the words in the paths."""

    ACTIVITY = "activity"
    SUBSCRIPTION = "subscription"
    PULL_POINT = "pullpoint"


def is_loopback(host: str) -> bool:
    """Whether a host, by its name or address, is this machine as only this machine can reach it."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host.lower() == "localhost"
    # Python says so of the mapped address itself from 3.13 on.
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


class Described(NamedTuple):
    """The interface whose WSDL describes an activity."""

    name: str
    namespace: str


@dataclass(frozen=True, slots=True)
class Addresses:
    """The addresses below one base URL, which has no slash at its end."""

    base: str
    #: What describes the activities of a service, where it has a WSDL of its own.
    described: Mapping[str, Described] = field(default_factory=dict, compare=False)

    @property
    def service(self) -> str:
        """Where activities are created and listed."""
        return f"{self.base}/activity"

    @property
    def interfaces(self) -> str:
        """Where the services that have a WSDL of their own are listed."""
        return f"{self.base}/service"

    def interface(self, name: str) -> str:
        """Return where a service with a WSDL of its own is."""
        return f"{self.interfaces}/{quote(name, safe='')}"

    @property
    def input(self) -> str:
        """Where inputs are sent ahead."""
        return f"{self.base}/input"

    def at(self, resource: Resource, identifier: str | None) -> str:
        """Return where a resource is; without its id the address that all of its kind share."""
        return f"{self.base}/{resource}/{identifier}" if identifier else f"{self.base}/{resource}"

    def activity(self, activity_id: str) -> str:
        """Return where an activity is."""
        return self.at(Resource.ACTIVITY, activity_id)

    def result(self, activity_id: str, name: str) -> str:
        """Return where a result is fetched."""
        return f"{self.activity(activity_id)}/result/{quote(name, safe='')}"

    def upload(self, upload_id: str) -> str:
        """Return what to name as the input that was sent ahead."""
        return f"{self.base}/input/{upload_id}"

    def read_upload(self, uri: str) -> str | None:
        """Return the id of an input that was sent ahead, whatever host its address names."""
        match = _INPUT.search(_path(uri))
        return match.group(1) if match else None

    def read_result(self, uri: str) -> tuple[str, str] | None:
        """Return the activity and the name of a result's address."""
        match = _RESULT.search(_path(uri))
        return (match.group(1), unquote(match.group(2))) if match else None


def read_resource(uri: str) -> tuple[Resource, str] | None:
    """Return what an address is of and its id, whatever host and prefix a proxy has given it."""
    match = _RESOURCE.search(_path(uri))
    return (Resource(match.group(1)), match.group(2)) if match else None


def read_activity(uri: str) -> str | None:
    """Return the id in an activity's address."""
    found = read_resource(uri)
    return found[1] if found and found[0] is Resource.ACTIVITY else None


def is_id(text: str) -> bool:
    """Whether an id can be one of ours. What is none need not, and in some characters cannot, be looked up."""
    return _ID_ALONE.fullmatch(text) is not None


def _path(uri: str) -> str:
    try:
        return urlsplit(uri).path
    except ValueError:
        return ""  # a URI that is none has no path either
