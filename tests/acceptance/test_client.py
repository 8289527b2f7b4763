"""The client that blocks, through a real server: the whole way, old references, large inputs, listings."""

import hashlib
import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.clients import Watch, watched
from tests.acceptance.commands import Gate
from tests.server import TIMEOUT, Server
from wsrf_activity.client import (
    NEVER,
    InitialTerminationTimeRejected,
    NoSuchResult,
    Reference,
    ResourceUnknown,
    Service,
    WaitTimeout,
    connect,
)
from wsrf_activity.client.inputs import INLINE
from wsrf_activity.model import ns
from wsrf_activity.model.activity import Progress, Severity
from wsrf_activity.model.phases import ErrorStatus, Phase, Status

LARGE = os.urandom(INLINE * 5)


@pytest.fixture
def watch() -> Watch:
    """What goes over the wire in a test."""
    return Watch()


@pytest.fixture
def service(alone: Server, watch: Watch) -> Iterator[Service]:
    """The client, watched."""
    with watched(alone, watch) as connected:
        yield connected


def test_the_whole_way(service: Service, tmp_path: Path) -> None:
    """Started, waited for, read in every way, changed and removed."""
    began = datetime.now(UTC) - timedelta(seconds=5)
    activity = service.run("sort | uniq -c; echo odd >&2", input=b"b\na\nb\n", name="x", groups=["one", "two"])
    state = activity.wait(timeout=TIMEOUT)
    assert (state.phase, state.status, state.error_status) == (Phase.COMPLETED, Status.ENDED, ErrorStatus.NO_ERRORS)
    assert state.ended
    expected = b"      1 a\n      2 b\n"
    assert activity.result().read() == expected
    assert [result.name for result in activity.results] == ["result", "stdout", "stderr"]
    assert activity.result("stderr").read() == b"odd\n"
    with activity.open("stdout") as stream:
        assert list(stream) == expected.splitlines(keepends=True)
    assert activity.save(tmp_path / "saved").read_bytes() == expected
    assert b"".join(activity.stream()) == expected
    found = activity.properties
    assert (found.id, found.name, found.groups, found.owner) == (activity.id, "x", ("one", "two"), "local")
    assert (found.exit_code, found.attempt, found.service) == (0, 1, "command")
    assert found.created is not None
    assert found.started is not None
    assert found.ended is not None
    assert began < found.created <= found.started <= found.ended
    assert (found.phase, found.status, found.error_status) == (activity.phase, activity.status, activity.error_status)
    assert found.results[0].sha256 == activity.result().sha256 == hashlib.sha256(expected).hexdigest()
    assert activity.query("count(act:Error)") == "0"
    assert [str(phase.text) for phase in activity.query("act:Phase") if not isinstance(phase, str)] == ["Completed"]
    activity.update(name=None, groups=["three"], run_id="r1")
    changed = activity.properties
    assert (changed.name, changed.groups, changed.run_id) == (None, ("three",), "r1")
    until = activity.set_termination(in_=timedelta(days=1))
    assert until is not None
    assert activity.set_termination(at=until + timedelta(hours=1)) == until + timedelta(hours=1)
    assert activity.abort("late") is Phase.COMPLETED
    activity.destroy()
    with pytest.raises(ResourceUnknown):
        activity.destroy()


def test_services_and_their_parameters(service: Service) -> None:
    """As keywords, or in a mapping where a name is taken."""
    activity = service.start("greet", {"name": "World"}, times=3, name="of the activity", expires=timedelta(hours=1))
    assert activity.wait(TIMEOUT).phase is Phase.COMPLETED
    assert (activity.result("text").read(), activity.result().read()) == (b"Hello, World\n", b"3\n")
    found = activity.properties
    assert (found.service, found.name, found.work_limit) == ("greet", "of the activity", timedelta(hours=1))
    assert found.terminates is not None
    assert found.created is not None
    assert found.terminates - found.created < timedelta(hours=1, minutes=1)
    typed = service.start("typed", text="ab", number=1.5, flag=False)
    typed.wait(TIMEOUT)
    assert typed.result().read() == b"ab|1.5|false|7|"
    longest = service.start("count", expires=NEVER).properties  # this server keeps nothing for ever
    assert longest.terminates is not None
    assert longest.created is not None
    assert longest.terminates - longest.created == timedelta(days=366)
    with pytest.raises(InitialTerminationTimeRejected):
        service.start("count", expires=timedelta(days=367))


def test_what_runs_can_be_watched(service: Service, gates: Callable[[], Gate]) -> None:
    """Progress, warnings, the output as it is written; a wait that ends before the work does; an abort."""
    gate = gates()
    report = "echo progress 42 half >> $ACTIVITY_REPORT; echo warn careful >> $ACTIVITY_REPORT"
    activity = service.run(f"{report}; echo begun; {gate.held}; sleep 600")
    stream = activity.stream()
    assert next(stream) == b"begun\n"
    found = activity.properties
    while found.progress is None or not found.errors:
        activity.wait(TIMEOUT, until="Change", since=found.version)
        found = activity.properties
    assert activity.progress == found.progress == Progress(42, "half")
    [warning] = activity.errors
    assert (warning.severity, warning.description, warning.handled) == (Severity.WARNING, "careful", True)
    with pytest.raises(WaitTimeout, match="Executing"):
        activity.wait(timeout=timedelta(milliseconds=10))
    with pytest.raises(NoSuchResult, match="Executing still"):
        activity.result()
    with activity.open("stdout") as there:
        assert there.read() == b"begun\n"
    gate.open()
    assert activity.abort("enough") is Phase.ABORTED
    assert activity.wait(TIMEOUT, until=["Aborted", "Failed"]).error_status is ErrorStatus.FATAL_ERRORS
    assert list(stream) == []
    activity.destroy()


@pytest.mark.parametrize("kind", ["bytes", "path", "file", "generator"])
def test_inputs_small_and_large(service: Service, watch: Watch, tmp_path: Path, kind: str) -> None:
    """Few bytes go with the request, many ahead of it."""
    for content in (b"", LARGE[:INLINE], LARGE[: INLINE + 1], LARGE):
        file = tmp_path / "input"
        file.write_bytes(b"not this" + content if kind == "file" else content)
        opened = file.open("rb")
        with opened:
            opened.seek(8)
            blocks = (content[start : start + 1000] for start in range(0, len(content), 1000))
            given: Any = {"bytes": content, "path": file, "file": opened, "generator": blocks}[kind]
            watch.requests.clear()
            activity = service.start("count", what="c", input=given)
        assert watch.of("PUT") == ([] if len(content) <= INLINE else ["/input"])
        assert activity.wait(TIMEOUT).phase is Phase.COMPLETED
        assert int(activity.result().read()) == len(content)


def test_what_is_no_input(service: Service) -> None:
    for wrong in ("text", 3, io.StringIO("text")):
        with pytest.raises(TypeError, match=r"input is|bytes"):
            service.run("cat", input=wrong)  # type: ignore[arg-type]  # that is the point


def test_listings_go_on_page_by_page(service: Service, watch: Watch) -> None:
    """Newest first, with what the listing says of each."""
    started = [service.run("true", run_id="listed", groups=["g"], name=str(number)) for number in range(5)]
    for activity in started:
        activity.wait(TIMEOUT)
    watch.requests.clear()
    listed = list(service.list(run_id="listed", phase=Phase.COMPLETED, group="g", service="command", page=2))
    assert listed == started[::-1]
    assert len(watch.of("POST")) == 3
    assert [activity.entry.name for activity in listed if activity.entry] == ["4", "3", "2", "1", "0"]
    assert list(service.list(run_id="listed", phase=["Failed", "Queued"])) == []
    assert list(service.list(run_id="listed", created_after=datetime.now(UTC) + timedelta(hours=1))) == []


def test_a_reference_is_good_in_another_process(alone: Server, service: Service) -> None:
    """Which needs nothing but the text."""
    activity = service.run("cat", input=b"kept")
    code = """
import sys
from wsrf_activity.client import connect
service = connect()
for text in (sys.stdin.read(), sys.argv[1], sys.argv[2]):
    activity = service.activity(text)
    activity.wait(60)
    print(activity.result().read().decode(), activity.id == sys.argv[2])
"""
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, activity.address, str(activity.id)],
        env={**os.environ, "WSRF_ACTIVITY_DATA": str(alone.data)},
        input=str(activity),
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert (ended.stdout, ended.stderr) == ("kept True\n" * 3, "")


def test_references_of_others_are_sent_as_they_are(service: Service, watch: Watch) -> None:
    """Here one whose address alone says nothing, with parameters that only their own server understands."""
    activity = service.run("true")
    text = f"""<a:EndpointReference xmlns:a="{ns.WSA}" xmlns:q="urn:other:types"><a:Address>{service.base}/activity
      </a:Address><a:ReferenceParameters><k:Key xmlns:k="urn:other" k:kind="1">q:name</k:Key>
      <r:Activity xmlns:r="{ns.REF}">{activity.id}</r:Activity></a:ReferenceParameters></a:EndpointReference>"""
    other = service.activity(text)
    assert (other.address, other.id) == (f"{service.base}/activity", activity.id)
    assert other.wait(TIMEOUT).phase is Phase.COMPLETED
    assert other.open().read() == b""
    [key] = watch.envelopes[-1].iter("{urn:other}Key")
    assert (key.text, key.nsmap["q"], key.get("{urn:other}kind")) == ("q:name", "urn:other:types", "1")
    assert key.get(f"{{{ns.WSA}}}IsReferenceParameter") == "true"
    assert watch.envelopes[-1].findtext(f"{{*}}Header/{{{ns.WSA}}}To") == other.address
    assert service.activity(Reference.to("http://elsewhere.example/x")).id is None


def test_tokens_are_not_given_to_others(service: Service, watch: Watch) -> None:
    """Whatever a reference says."""
    other = service.activity(service.base.replace("127.0.0.1", "127.0.0.2") + "/activity/abc")
    with pytest.raises(Exception, match="no server answers"):
        _ = other.phase
    assert "authorization" not in watch.requests[-1].headers
    _ = list(service.list(page=1))
    assert watch.requests[-1].headers["authorization"].startswith("Bearer ")


def test_a_description_is_read_once_in_a_process(alone: Server, service: Service) -> None:
    again = Watch()
    with watched(alone, again) as second:
        second.run("true").wait(TIMEOUT)
    assert again.of("GET") == []


def test_threads_share_a_service(service: Service) -> None:
    """All of them at once."""
    with ThreadPoolExecutor(8) as pool:
        activities = list(pool.map(lambda n: service.run(f"echo {n}"), range(16)))
        assert {state.phase for state in pool.map(lambda each: each.wait(TIMEOUT), activities)} == {Phase.COMPLETED}
        assert [int(text) for text in pool.map(lambda each: each.result().read(), activities)] == list(range(16))


def test_a_lost_answer_starts_nothing_twice(alone: Server) -> None:
    """The request comes again, with the same id, and gets the same activity; so with the end of one."""

    class Losing(httpx.HTTPTransport):
        lost = 0

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            response = super().handle_request(request)
            if any(name in request.content for name in (b":CreateActivity ", b":Destroy ")) and self.lost % 2 == 0:
                self.lost += 1
                response.read()
                response.close()
                raise httpx.ReadError("the line broke")
            return response

    transport = Losing()
    with connect(data=alone.data, http=httpx.Client(transport=transport)) as service:
        activity = service.run("true", run_id="lost")
        assert list(service.list(run_id="lost")) == [activity]
        transport.lost += 1
        activity.destroy()
        assert transport.lost == 3
        assert list(service.list(run_id="lost")) == []
