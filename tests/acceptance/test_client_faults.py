"""What a server refuses reaches the caller as the exception of that name, with what it says."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.acceptance.clients import Watch, watched
from tests.acceptance.conftest import BOB
from tests.server import TIMEOUT, Server
from wsrf_activity import client
from wsrf_activity.client import ActivityFault, Service, connect


@pytest.fixture(scope="module")
def service(alone: Server) -> Iterator[Service]:
    """The client of who may do everything."""
    with watched(alone, Watch()) as connected:
        yield connected


REFUSED: dict[type[ActivityFault], Callable[[Service, client.Activity], object]] = {
    client.UnknownService: lambda service, ended: service.start("nothing"),
    client.InvalidParameter: lambda service, ended: service.start("count", what="x"),
    client.RequestConflict: lambda service, ended: [service.run(c, request_id="taken") for c in ("true", "false")],
    client.InitialTerminationTimeRejected: lambda service, ended: service.run("true", expires=timedelta(days=-1)),
    client.TerminationTimeRejected: lambda service, ended: ended.set_termination(in_=timedelta(days=9999)),
    client.ResourceUnknown: lambda service, ended: service.activity("abc").wait(1),
    client.VersionMismatch: lambda service, ended: ended.update(name="late", if_version=1),
    client.InvalidQuery: lambda service, ended: ended.query("]["),
    client.UnableToModify: lambda service, ended: ended.update(work_limit=timedelta(hours=1)),
    client.InvalidModification: lambda service, ended: ended.update(groups=[str(n) for n in range(5000)]),
}


@pytest.fixture(scope="module")
def ended(service: Service) -> client.Activity:
    """An activity that has ended."""
    activity = service.run("true")
    activity.wait(TIMEOUT)
    return activity


@pytest.mark.parametrize("kind", REFUSED, ids=lambda kind: str(kind.__name__))
def test_each_is_its_own_exception(service: Service, ended: client.Activity, kind: type[ActivityFault]) -> None:
    with pytest.raises(kind) as caught:
        REFUSED[kind](service, ended)
    fault = caught.value
    assert type(fault) is kind
    assert fault.element.endswith(f"}}{fault.name}")
    assert str(fault) == fault.description != ""
    assert fault.timestamp is not None
    assert abs(fault.timestamp - datetime.now(UTC)) < timedelta(minutes=5)
    if isinstance(fault, client.InvalidParameter):
        assert (fault.parameter, fault.row, fault.column) == ("what", None, None)
    if isinstance(fault, client.VersionMismatch):
        assert fault.current_version == ended.properties.version
        ended.update(name="in time", if_version=fault.current_version)
    if isinstance(fault, client.InitialTerminationTimeRejected):
        assert fault.minimum is not None
        assert fault.maximum is not None
        assert fault.maximum - fault.minimum == timedelta(days=366)
    if isinstance(fault, client.TerminationTimeRejected):
        assert fault.originator is not None
        assert fault.originator.id == ended.id


def test_who_may_not(alone: Server) -> None:
    """With no token, a wrong one, or one that does not allow it: by SOAP and by plain HTTP alike."""
    for token in ("", "wrong"):
        with connect(alone.base, token=token) as nobody:
            with pytest.raises(client.NotPermitted, match="token"):
                nobody.run("true")
            with pytest.raises(client.NotPermitted, match="token"):
                nobody.start("count", input=b"x" * 1_000_000)
            with pytest.raises(client.NotPermitted, match="token"):
                nobody.activity("abc").open().read()
    with connect(alone.base, token=BOB) as bob:
        with pytest.raises(client.NotPermitted):
            bob.run("true")
        assert bob.start("count").wait(TIMEOUT).ended


def test_what_is_no_server(alone: Server) -> None:
    """Each says what to do."""
    with pytest.raises(client.Unreachable, match="check the address"):
        connect("http://127.0.0.1:1")
    with pytest.raises(client.Unreachable, match="the address of a wsrf-activity server"):
        connect(f"{alone.base}/elsewhere")
    http = httpx.Client(transport=httpx.HTTPTransport())
    with connect(alone.base, token=alone.token, http=http) as service:
        http.event_hooks = {"request": [lambda request: request.headers.update({"Host": "other.example"})]}
        with pytest.raises(ActivityFault, match="not known by that name"):
            service.run("true")
