"""From what is asked for to the activities that are accepted: checked, bounded, and as many as one request makes."""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice

from lxml import etree

from wsrf_activity.manager.binding import draft
from wsrf_activity.manager.requests import Rules, StartRequest, check_texts, parsed
from wsrf_activity.model.activity import (
    COMMAND_SERVICE,
    DEFAULT_ENGINE,
    Activity,
    Binding,
    Members,
    Work,
    new_id,
)
from wsrf_activity.model.errors import (
    InitialTerminationTimeRejected,
    InvalidParameter,
    NotPermitted,
    UnknownService,
)
from wsrf_activity.model.families import MAX_MEMBERS
from wsrf_activity.model.identity import Principal
from wsrf_activity.model.interfaces import canonical
from wsrf_activity.model.lifetime import LifetimePolicy, Never, Requested
from wsrf_activity.model.phases import Phase
from wsrf_activity.model.services import Service, ad_hoc
from wsrf_activity.model.subscriptions import Subscription


@dataclass(frozen=True, slots=True)
class Accepted:
    """What one request makes: one activity, or a set with its members."""

    activity: Activity
    members: tuple[Activity, ...] = ()
    told: tuple[Subscription, ...] = ()  #: who is told of the first from its first event on

    @property
    def all(self) -> tuple[Activity, ...]:
        """Every activity of it."""
        return (self.activity, *self.members)

    def with_input(self) -> "Accepted":
        """Return the same with an input that came with the request; the members of a set get it from the set."""
        members = tuple(_given_input(each) for each in self.members)
        return replace(self, activity=replace(self.activity, has_input=True), members=members)

    @property
    def needs(self) -> list[tuple[str, str]]:
        """Pairs of who waits, and for whom."""
        pending = (each for each in self.all if each.phase is Phase.PENDING)
        return [(each.id, needed) for each in pending for needed in each.needs]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where in a family an activity is to be that no client has asked for."""

    id: str
    parent: Activity | None = None
    needs: tuple[str, ...] = ()  #: what it is to come after
    bindings: tuple[Binding, ...] = ()


class Acceptance:
    """The rules of what is accepted."""

    def __init__(self, rules: Rules) -> None:
        """Keep what the operator has settled."""
        self.rules = rules

    def accept(self, caller: Principal, request: StartRequest, now: datetime) -> Accepted:
        """Return what a caller's request makes.

        Raises UnknownService, InvalidParameter, NotPermitted and InitialTerminationTimeRejected.
        """
        check_texts(request.groups, request.name, request.run_id, request.request_id)
        if request.command is not None:
            return Accepted(self._command(caller, request, now))
        service = self.service(request.service or "")
        keep = self._keep(caller, service)
        if service.several:
            return self._set(service, request, self._activity(caller, request, service, now, _none_yet(keep)), (), now)
        return Accepted(self._activity(caller, request, service, now, self._work(service, request, keep, ())))

    def place(self, owner: str, request: StartRequest, place: Place, now: datetime) -> Accepted:
        """Return what an activity of ``owner`` wants started; raises UnknownService and InvalidParameter."""
        check_texts(request.groups, request.name, request.run_id)
        service = self.service(request.service or "")
        if request.document is not None and not any(each.parameter for each in place.bindings):
            request = replace(request, document=self._checked(service, request.document))
        caller = Principal(owner)
        made = replace(
            self._activity(caller, request, service, now, _none_yet(self._keep(caller, service))),
            id=place.id,
            needs=place.needs,
            phase=Phase.PENDING if place.parent is not None and place.needs else Phase.QUEUED,
        )
        if place.parent is not None:
            family = place.parent
            made = replace(made, parent=family.id, terminates=family.terminates, run_id=family.run_id)
        if service.several:
            return self._set(service, request, made, place.bindings, now)
        return Accepted(replace(made, work=self._work(service, request, made.work.keep, place.bindings)))

    def service(self, name: str) -> Service:
        """Return a configured service; raises UnknownService."""
        service = self.rules.services.get(name)
        if service is None:
            known = ", ".join(sorted(self.rules.services)) or "none"
            raise UnknownService(f"there is no service {name!r}; configured: {known}")
        return service

    def _checked(self, service: Service, document: bytes) -> bytes:
        """Return a request that nobody has looked at, in its canonical form; raises InvalidParameter."""
        interface = self.rules.interfaces.get(service.interface)
        operation = interface.starting(service.name) if interface else None
        try:
            request = parsed(document)
        except etree.XMLSyntaxError as error:
            raise InvalidParameter(f"the request is no XML: {error}") from None
        if interface is None or operation is None or request.tag != interface.element(operation):
            raise InvalidParameter(f"the request {request.tag} is not one of service {service.name}")
        interface.check(request)
        return canonical(request)

    def policy(self, caller: Principal, service_name: str) -> LifetimePolicy:
        """Return the bounds of termination times for one caller and service."""
        service = self.rules.services.get(service_name)
        return self.rules.lifetime.bounded(service.maximum if service else None, caller.maximum)

    def _command(self, caller: Principal, request: StartRequest, now: datetime) -> Activity:
        if not caller.may_run_commands:
            raise NotPermitted("command lines are not open to this caller; start a service by its name")
        if request.parameters:
            raise InvalidParameter("a command line has no parameters", next(iter(request.parameters)))
        work = ad_hoc(request.command or "", self.policy(caller, COMMAND_SERVICE).keep)
        return self._activity(caller, request, None, now, work)

    def _keep(self, caller: Principal, service: Service) -> timedelta:
        return service.keep or self.policy(caller, service.name).keep

    def _activity(
        self, caller: Principal, request: StartRequest, service: Service | None, now: datetime, work: Work
    ) -> Activity:
        name = service.name if service else COMMAND_SERVICE
        policy, lifetime = self.policy(caller, name), self._lifetime(caller, request, service, now)
        return Activity(
            id=new_id(),
            owner=caller.name,
            service=name,
            work=work,
            engine=service.engine if service else DEFAULT_ENGINE,
            created=now,
            name=request.name,
            run_id=request.run_id,
            groups=tuple(dict.fromkeys(request.groups)),
            terminates=policy.initial(lifetime, now),
            lifetime_set=lifetime is not None,
            work_limit=self.rules.limits.of_work(request.work_limit, service.work_limit if service else None),
            request_id=request.request_id,
            request_digest=request.digest() if request.request_id else None,
        )

    def _lifetime(
        self, caller: Principal, request: StartRequest, service: Service | None, now: datetime
    ) -> Requested | None:
        """Return what the caller asks for, None where that is nothing; raises InitialTerminationTimeRejected.

        Nil is nothing to a service that sets its times itself: many toolkits send it for what was not set.
        """
        asked = request.lifetime
        if service is None or not service.fixed_lifetime:
            return asked
        if asked is None or isinstance(asked, Never):
            return None
        latest = self.policy(caller, service.name).latest(now)
        reason = f"service {service.name} sets the termination time itself: send none"
        raise InitialTerminationTimeRejected(reason, latest or now, latest)

    def _set(
        self, service: Service, request: StartRequest, base: Activity, bindings: tuple[Binding, ...], now: datetime
    ) -> Accepted:
        """Return an activity that gathers, and a member for each value or as often as is asked for."""
        if any(binding.parameter in (service.each, service.times) for binding in bindings):
            name = service.each or service.times
            raise InvalidParameter(
                f"parameter {name}: it says how many activities there are, and has to be known", name
            )
        requests = list(islice(_split(self.rules, service, request), MAX_MEMBERS + 1))
        if not 0 < len(requests) <= MAX_MEMBERS:
            raise InvalidParameter(f"accepted: 1 to {MAX_MEMBERS} activities at once", service.each or service.times)
        alone = replace(base, parent=base.id, request_id=None, request_digest=None, groups=(), lifetime_set=False)
        # In the order of their ids they are in that of their index, too: lists and the queue have no other.
        members = tuple(
            replace(
                alone,
                id=member_id,
                index=index,
                name=None if base.name is None else f"{base.name[:240]} {index}",
                work=self._work(service, each, base.work.keep, bindings),
            )
            for index, (member_id, each) in enumerate(zip(_ids(len(requests)), requests, strict=True))
        )
        gathers = replace(base, phase=Phase.EXECUTING, started=now, gathering=True, members=Members(len(members)))
        return Accepted(replace(gathers, needs=()), members)

    def _work(self, service: Service, request: StartRequest, keep: timedelta, bindings: tuple[Binding, ...]) -> Work:
        if any(binding.parameter is not None for binding in bindings):
            work = Work(argv=(), arguments=draft(self.rules, service, request, bindings), keep=keep)
        else:
            work = self.rules.work(service, request, keep)
        return replace(work, bindings=bindings) if bindings else work


def _none_yet(keep: timedelta) -> Work:
    return Work(argv=(), keep=keep)


def _given_input(member: Activity) -> Activity:
    assert member.parent is not None
    bindings = (*member.work.bindings, Binding(None, member.parent))
    return replace(member, work=replace(member.work, bindings=bindings))


def _ids(count: int) -> Sequence[str]:
    return sorted(new_id() for _ in range(count))


def _split(rules: Rules, service: Service, request: StartRequest) -> Iterator[StartRequest]:
    """Yield a request for each member of a set."""
    if service.each is not None:
        yield from _each(service.each, request)
        return
    name = service.times or ""
    document = None if request.document is None else parsed(request.document)
    given = request.parameters.get(name, ()) if document is None else _texts_of(document, name)
    for _ in range(_count(name, given or rules.default(service, name))):
        yield request


def _each(name: str, request: StartRequest) -> Iterator[StartRequest]:
    """Yield a request with each value of a parameter."""
    if request.document is None:
        for text in request.parameters.get(name, ()):
            yield replace(request, parameters={**request.parameters, name: (text,)})
        return
    document = parsed(request.document)
    values = [child for child in document.iterchildren("*") if etree.QName(child).localname == name]
    place = document.index(values[0]) if values else 0
    for value in values:
        document.remove(value)
    for value in values:
        one = deepcopy(document)
        one.insert(place, deepcopy(value))
        yield replace(request, document=canonical(one))


def _texts_of(document: etree._Element, name: str) -> list[str]:
    return [child.text or "" for child in document.iterchildren("*") if etree.QName(child).localname == name]


def _count(name: str, given: Sequence[str]) -> int:
    try:
        [text] = given
        return int(text)
    except ValueError:
        raise InvalidParameter(f"parameter {name}: accepted: one whole number from 1 to {MAX_MEMBERS}", name) from None
