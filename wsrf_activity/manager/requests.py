"""What a caller asks for when it starts something, and how much is allowed."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lxml import etree

from wsrf_activity.manager.inputs import Input, UploadInput
from wsrf_activity.model.activity import Activity, Work
from wsrf_activity.model.errors import InvalidParameter, VersionMismatch
from wsrf_activity.model.interfaces import Interface
from wsrf_activity.model.lifetime import LifetimePolicy, Requested, format_duration
from wsrf_activity.model.services import Service
from wsrf_activity.model.subscriptions import SubscribeRequest

_TEXT = 255  #: characters that a name, group, run or request id may have
_GROUPS = 100  #: that one activity may belong to


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much is allowed; sizes in bytes."""

    parallel: int = 1  #: work at a time; 0 accepts only
    input: int = 8 << 30
    work: timedelta | None = None  #: the longest limit of work, and the one where nothing is said
    wait: timedelta = timedelta(seconds=50)  #: the longest that one Wait takes
    page: int = 1000  #: entries of one listing
    uploads: timedelta = timedelta(days=1)  #: how long an input waits for its activity
    lease: timedelta = timedelta(seconds=10)  #: how long a server that says nothing is taken to live
    host_grace: timedelta = timedelta(minutes=5)  #: how long work is left to a machine whose server is gone
    subscriptions: int = 20_000  #: of one owner at a time
    pull_points: int = 1_000  #: of one owner at a time

    def of_work(self, requested: timedelta | None, service: timedelta | None) -> timedelta | None:
        """Return the limit of work: a client may shorten what the operator allows, not lengthen it.

        Raises InvalidParameter.
        """
        allowed = min((limit for limit in (service, self.work) if limit is not None), default=None)
        if requested is None:
            return allowed
        if requested <= timedelta(0) or (allowed is not None and requested > allowed):
            bound = f" up to {format_duration(allowed)}" if allowed is not None else ""
            raise InvalidParameter(f"accepted: an execution duration above zero{bound}", "ExecutionDuration")
        return requested


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What an operator has settled."""

    services: Mapping[str, Service] = field(default_factory=dict)
    interfaces: Mapping[str, Interface] = field(default_factory=dict)  #: by name
    limits: Limits = field(default_factory=Limits)
    lifetime: LifetimePolicy = field(default_factory=LifetimePolicy)

    def work(self, service: Service, request: "StartRequest", keep: timedelta) -> Work:
        """Return the work that a request for this service asks for, kept for ``keep``; raises InvalidParameter.

        A function reads its arguments from the request of its operation, a command has a value for each parameter.
        """
        interface = self.interfaces.get(service.interface)
        operation = interface.starting(service.name) if interface else None
        if interface is None or operation is None:
            return service.work(_single(request.parameters), keep)
        if not service.function:
            given = request.parameters if request.document is None else interface.texts(parsed(request.document))
            return service.work(_single(given), keep)
        document = request.document or interface.document(operation, request.parameters)
        return service.work({}, keep, document)

    def default(self, service: Service, name: str) -> Sequence[str]:
        """Return the one value that a parameter has where a request leaves it out, or none."""
        interface = self.interfaces.get(service.interface)
        operation = interface.starting(service.name) if interface else None
        arguments = operation.arguments if operation else service.parameters
        return [each.default for each in arguments if each.name == name and each.default is not None]


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRequest:
    """What a caller wants started: a configured service, or a command line."""

    service: str | None = None
    command: str | None = None
    parameters: Mapping[str, Sequence[str]] = field(default_factory=dict)  #: the values of each: a list has several
    document: bytes | None = None  #: the request of the service's typed operation, canonical, in place of parameters
    input: Input = None
    name: str | None = None
    groups: tuple[str, ...] = ()
    run_id: str | None = None
    lifetime: Requested | None = None
    work_limit: timedelta | None = None
    request_id: str | None = None
    subscriptions: tuple[SubscribeRequest, ...] = ()  #: who is to be told of it, from its first event on

    def digest(self) -> str:
        """Return what tells this request from another with the same id, however either was written."""
        given = self.input
        if isinstance(given, bytes):
            source = hashlib.sha256(given).hexdigest()
        elif isinstance(given, UploadInput):
            source = given.sha256 or f"upload {given.upload_id}"
        else:
            source = repr(given)
        lifetime = self.lifetime if isinstance(self.lifetime, datetime | timedelta | None) else "never"
        # One value is written as it was when there could be no more: digests outlive the server's version.
        given_values = sorted((name, v[0] if len(v) == 1 else [*v]) for name, v in self.parameters.items())
        said = [self.service, self.command, given_values, source, self.name, sorted(self.groups)]
        said += [self.run_id, str(lifetime), str(self.work_limit)]
        if self.document is not None:
            said.append(hashlib.sha256(self.document).hexdigest())
        if self.subscriptions:
            said.append(repr([(each.consumer.address, each.filter) for each in self.subscriptions]))
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def check_version(activity: Activity, expected: int | None) -> None:
    """Raise VersionMismatch where a caller knows another version of the activity."""
    if expected is not None and activity.version != expected:
        reason = f"the activity has version {activity.version} by now, not {expected}; read it and decide again"
        raise VersionMismatch(reason, activity.version)


def check_texts(groups: tuple[str, ...], *texts: str | None) -> None:
    """Raise InvalidParameter where a text of a client's is empty or too long, or there are too many groups."""
    if len(groups) > _GROUPS:
        raise InvalidParameter(f"an activity belongs to at most {_GROUPS} groups", "Group")
    for text in (*groups, *texts):
        if text is not None and not 0 < len(text) <= _TEXT:
            raise InvalidParameter(f"a name, group, run id or request id has 1 to {_TEXT} characters")


def _single(values: Mapping[str, Sequence[str]]) -> Mapping[str, str]:
    """Return the one value of each parameter; raises InvalidParameter where there are several."""
    for name, given in values.items():
        if len(given) > 1:
            raise InvalidParameter(f"parameter {name} is given twice", name)
    return {name: given[0] for name, given in values.items() if given}


def parsed(document: bytes) -> etree._Element:
    """Return a request as it is kept, or one of somebody's making: then it raises XMLSyntaxError."""
    return etree.fromstring(document, etree.XMLParser(no_network=True, resolve_entities=False, huge_tree=True))
