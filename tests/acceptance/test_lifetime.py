"""WS-ResourceLifetime 1.2: termination times are kept to, changed within bounds, and leave nothing behind; Destroy."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from lxml import etree

from tests.acceptance.commands import Gate
from tests.acceptance.conftest import ALICE, CONFIG
from tests.acceptance.watching import Asked, Life, eventually, processes_of, rewind, traces
from tests.server import Fault, Server, Wire, running
from wsrf_activity.model import ns
from wsrf_activity.model.lifetime import parse_time

DAY = timedelta(days=1)
NIL = 'xsi:nil="true"'


def lifetime(text: str) -> str:
    """Return an InitialTerminationTime."""
    return f"<act:InitialTerminationTime>{text}</act:InitialTerminationTime>"


def stamp(moment: datetime) -> str:
    """Return a time as a client may write it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def terminates(wire: Wire, activity_id: str) -> datetime | None:
    """Return the termination time that the property document shows; None is never."""
    return moment(wire.document(activity_id), f"{{{ns.RL}}}TerminationTime")


def moment(parent: etree._Element, name: str) -> datetime | None:
    """Return the time in a child; None where it is nil."""
    child = parent.find(name)
    assert child is not None
    assert (child.get(f"{{{ns.XSI}}}nil") == "true") == (child.text is None)
    return parse_time(child.text) if child.text else None


def set_time(wire: Wire, activity_id: str, content: str) -> etree._Element:
    """Send SetTerminationTime."""
    return wire.call(f"<wsrfrl:SetTerminationTime>{content}</wsrfrl:SetTerminationTime>", activity_id)


def requested(text: str) -> str:
    """Return an absolute or nil RequestedTerminationTime."""
    nil = f" {NIL}" if not text else ""
    return f"<wsrfrl:RequestedTerminationTime{nil}>{text}</wsrfrl:RequestedTerminationTime>"


def duration(text: str) -> str:
    """Return a RequestedLifetimeDuration."""
    return f"<wsrfrl:RequestedLifetimeDuration>{text}</wsrfrl:RequestedLifetimeDuration>"


def await_no_trace(server: Server, activity_id: str) -> None:
    """Return when the rows and then the files of an activity have gone."""
    eventually(lambda: traces(server, activity_id) == [])


def assert_unknown(wire: Wire, activity_id: str) -> None:
    """Every operation and every result answers as if the activity had never been."""
    listed = wire.call("<act:ListActivities><act:Limit>1000</act:Limit></act:ListActivities>")
    assert activity_id not in [entry.findtext(f"{{{ns.ACT}}}ActivityId") for entry in listed]
    assert wire.http.get(f"{wire.address(activity_id)}/result/stdout").status_code == 404
    bodies = (
        "<wsrfrp:GetResourcePropertyDocument/>",
        "<wsrfrp:GetResourceProperty>act:Phase</wsrfrp:GetResourceProperty>",
        "<act:Wait/>",
        "<act:Abort/>",
        f"<wsrfrl:SetTerminationTime>{duration('P1D')}</wsrfrl:SetTerminationTime>",
        "<wsrfrl:Destroy/>",
    )
    for body in bodies:
        with pytest.raises(Fault) as caught:
            wire.call(body, activity_id)
        assert (caught.value.name, caught.value.code) == ("ResourceUnknownFault", "Sender")


def test_far_off_while_it_runs_then_a_fortnight(wire: Wire, gates: Callable[[], Gate]) -> None:
    """Where no client says otherwise."""
    gate = gates()
    activity_id = wire.create(gate.held)
    running = wire.document(activity_id)
    created = moment(running, f"{{{ns.ACT}}}CreationTime")
    assert created is not None
    assert moment(running, f"{{{ns.RL}}}TerminationTime") == created + 366 * DAY
    gate.open()
    wire.ended(activity_id)
    ended = moment(wire.document(activity_id), f"{{{ns.ACT}}}EndTime")
    assert ended is not None
    assert terminates(wire, activity_id) == ended + 14 * DAY


def test_a_time_that_the_client_chose_stays(wire: Wire) -> None:
    """Absolute, with or without a zone, or a duration from now; the end of the work does not change it."""
    wanted = datetime.now(UTC).replace(microsecond=0) + 3 * DAY
    elsewhere = (wanted + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S+02:00")
    for text in (stamp(wanted), stamp(wanted).rstrip("Z"), elsewhere):
        reply = wire.call(f"<act:CreateActivity><act:Command>true</act:Command>{lifetime(text)}</act:CreateActivity>")
        assert moment(reply, f"{{{ns.ACT}}}TerminationTime") == wanted
        activity_id = reply.findtext(f".//{{{ns.REF}}}Activity") or ""
        wire.ended(activity_id)
        assert terminates(wire, activity_id) == wanted
    reply = wire.call(f"<act:CreateActivity><act:Command>true</act:Command>{lifetime('P2DT1H')}</act:CreateActivity>")
    current, terminate = (moment(reply, f"{{{ns.ACT}}}{name}") for name in ("CurrentTime", "TerminationTime"))
    assert current is not None
    assert terminate is not None
    assert abs(terminate - current - timedelta(days=2, hours=1)) < timedelta(seconds=30)


@pytest.mark.parametrize("text", ["2001-01-01T00:00:00Z", "-PT1S", "PT0S", "P367D", "9999-01-01T00:00:00Z"])
def test_a_first_time_out_of_bounds_is_refused(wire: Wire, text: str) -> None:
    """Past, too far: the fault says what is accepted."""
    with pytest.raises(Fault) as caught:
        wire.create("true", lifetime(text))
    assert (caught.value.name, caught.value.code) == ("UnacceptableInitialTerminationTimeFault", "Sender")
    detail = caught.value.detail
    assert detail is not None
    least, most = (moment(detail, f"{{{ns.WSNT}}}{name}") for name in ("MinimumTime", "MaximumTime"))
    assert least is not None
    assert most == least + 366 * DAY


def test_nil_is_as_long_as_can_be_had(wire: Wire) -> None:
    """Some toolkits send it for what their users did not set; the end of the work does not change it."""
    activity_id = wire.create("true", f"<act:InitialTerminationTime {NIL}/>")
    wire.ended(activity_id)
    created = moment(wire.document(activity_id), f"{{{ns.ACT}}}CreationTime")
    assert created is not None
    assert terminates(wire, activity_id) == created + 366 * DAY


def test_a_time_is_extended_and_reduced(wire: Wire) -> None:
    """By a time or a duration; the answer tells the new time and the current one."""
    activity_id = wire.create("true")
    wire.ended(activity_id)
    wanted = datetime.now(UTC).replace(microsecond=0) + 300 * DAY
    reply = set_time(wire, activity_id, requested(stamp(wanted)))
    assert moment(reply, f"{{{ns.RL}}}NewTerminationTime") == wanted == terminates(wire, activity_id)
    for text, span in (("PT1H", timedelta(hours=1)), ("P300D", 300 * DAY)):
        reply = set_time(wire, activity_id, duration(text))
        now, new = (moment(reply, f"{{{ns.RL}}}{name}") for name in ("CurrentTime", "NewTerminationTime"))
        assert now is not None
        assert new is not None
        assert abs(new - now - span) < timedelta(seconds=30)
        assert terminates(wire, activity_id) == new


@pytest.mark.parametrize(
    "content", [requested("2001-01-01T00:00:00Z"), duration("-P1D"), duration("P2Y"), requested("")]
)
def test_a_change_out_of_bounds_is_refused(wire: Wire, content: str) -> None:
    """The fault says what is accepted, and nothing has changed."""
    activity_id = wire.create("true")
    wire.ended(activity_id)
    before = wire.document(activity_id)
    with pytest.raises(Fault) as caught:
        set_time(wire, activity_id, content)
    assert (caught.value.name, caught.value.code) == ("TerminationTimeChangeRejectedFault", "Sender")
    latest = stamp(datetime.now(UTC) + 366 * DAY)[:10]
    assert f"up to {latest}" in caught.value.description
    after = wire.document(activity_id)
    for name in (f"{{{ns.RL}}}TerminationTime", f"{{{ns.ACT}}}Version"):
        assert after.findtext(name) == before.findtext(name)


def test_never_where_the_operator_allows_it(own_server: Callable[..., Server]) -> None:
    """nil in the request, in the answer, in the document and in the list; the end of the work does not change it."""
    server = own_server(CONFIG + '\n[lifetime]\nmaximum = "never"\nkeep = "PT1H"\n')
    with server.client() as wire:
        never = f"<act:InitialTerminationTime {NIL}/>"
        reply = wire.call(f"<act:CreateActivity><act:Command>true</act:Command>{never}</act:CreateActivity>")
        assert moment(reply, f"{{{ns.ACT}}}TerminationTime") is None
        activity_id = reply.findtext(f".//{{{ns.REF}}}Activity") or ""
        wire.ended(activity_id)
        assert terminates(wire, activity_id) is None
        [entry] = wire.call("<act:ListActivities/>")
        assert moment(entry, f"{{{ns.ACT}}}TerminationTime") is None
        assert moment(set_time(wire, activity_id, duration("P9000D")), f"{{{ns.RL}}}NewTerminationTime") is not None
        assert moment(set_time(wire, activity_id, requested("")), f"{{{ns.RL}}}NewTerminationTime") is None
        kept = wire.create("true")
        wire.ended(kept)
        document = wire.document(kept)
        ended = moment(document, f"{{{ns.ACT}}}EndTime")
        assert ended is not None
        assert moment(document, f"{{{ns.RL}}}TerminationTime") == ended + timedelta(hours=1)


def test_a_short_life_leaves_nothing(server: Server, wire: Wire, gates: Callable[[], Gate]) -> None:
    """When it is over the work ends, those who wait are told, and no row, file or process is left."""
    content = "<act:Group>short</act:Group><act:RunId>short</act:RunId>" + lifetime("PT1S")
    ended = wire.create("echo some output", content)
    running = wire.create(f"sleep 600 & {gates().held}", content)
    with pytest.raises(Fault) as caught:
        wire.wait(running)
    assert (caught.value.name, caught.value.code) == ("ResourceUnknownFault", "Sender")
    assert processes_of(running) == []
    for activity_id in (ended, running):
        await_no_trace(server, activity_id)
        assert_unknown(wire, activity_id)


def test_a_time_that_was_brought_forward(server: Server, wire: Wire, gates: Callable[[], Gate]) -> None:
    """The server that sleeps until a later time is woken by an earlier one."""
    activity_id = wire.create(gates().held)
    waiting = Asked(wire, "<act:Wait/>", activity_id)
    set_time(wire, activity_id, duration("PT0.3S"))
    with pytest.raises(Fault) as caught:
        waiting.reply()
    assert caught.value.name == "ResourceUnknownFault"
    await_no_trace(server, activity_id)


def test_a_time_that_was_put_off(server: Server) -> None:
    """Set again before it has come, only the last time counts: the first comes and goes."""
    with server.client() as wire:
        put_off = wire.create("true", lifetime("PT3S"))
        set_time(wire, put_off, duration("PT1H"))
        control = wire.create("true", lifetime("PT3S"))
        eventually(lambda: _unknown(wire, control))
        assert wire.ended(put_off) == "Completed"


def _unknown(wire: Wire, activity_id: str) -> bool:
    try:
        wire.document(activity_id)
    except Fault as fault:
        return fault.name == "ResourceUnknownFault"
    return False


def test_what_has_expired_is_invisible_at_once(server: Server, wire: Wire, gates: Callable[[], Gate]) -> None:
    """Swept or not: here the reaper does not even know yet, since the time was changed behind its back."""
    content = "<act:RequestId>expired</act:RequestId>"
    ended, running = wire.create("echo x", content), wire.create(gates().held)
    wire.ended(ended)
    change = "<wsrfrp:Update><act:Name>changed</act:Name></wsrfrp:Update>"
    for activity_id in (ended, running):
        # What the server changes itself it reads again, so that it finds what is changed behind its back.
        wire.call(f"<wsrfrp:SetResourceProperties>{change}</wsrfrp:SetResourceProperties>", activity_id)
        rewind(server, activity_id)
        assert_unknown(wire, activity_id)
    assert wire.create("echo x", content) != ended


def test_what_expired_while_the_server_was_down(own_server: Callable[..., Server], gates: Callable[[], Gate]) -> None:
    """It is gone at start, its work too; what has time left is there."""
    server = own_server()
    with server.client() as wire:
        over, kept, short = wire.create("echo over"), wire.create("echo kept"), wire.create("true", lifetime("PT1S"))
        running = wire.create(f"echo $$; {gates().held}")
        assert (wire.ended(over), wire.ended(kept)) == ("Completed", "Completed")
        eventually(lambda: len(processes_of(running)) == 1)
        [work] = [Life(pid) for pid in processes_of(running)]
    server.kill()
    for activity_id in (over, running):
        rewind(server, activity_id)
    server.start()
    with server.client() as wire:
        assert_unknown(wire, over)
        assert_unknown(wire, running)
        work.await_end()
        for activity_id in (over, running, short):
            await_no_trace(server, activity_id)
        assert wire.result(kept) == b"kept\n"


def test_destroy_ends_running_work(server: Server, wire: Wire, gates: Callable[[], Gate]) -> None:
    """The work is over when the answer comes, and so is what others wait for."""
    activity_id = wire.create(f"trap '' TERM; sleep 600 & {gates().held}")
    eventually(lambda: len(processes_of(activity_id)) == 2)
    waiting = Asked(wire, "<act:Wait/>", activity_id)
    wire.destroy(activity_id)
    assert processes_of(activity_id) == []
    with pytest.raises(Fault) as caught:
        waiting.reply()
    assert caught.value.name == "ResourceUnknownFault"
    assert traces(server, activity_id) == []
    assert_unknown(wire, activity_id)


BOUNDS = """
[principals.alice]
token = "alice-0123456789abcdef"
commands = true
maximum = "P3D"

[services.short]
command = ["true"]
maximum = "P1D"

[services.long]
command = ["true"]
maximum = "P900D"

[services.fixed]
command = ["true"]
lifetime = "fixed"
"""


@pytest.fixture(scope="module")
def bounded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(Server(tmp_path_factory.mktemp("bounded") / "server", None, BOUNDS)) as server:
        yield server


@pytest.mark.parametrize(
    ("token", "content", "days"),
    [
        (None, "<act:Command>true</act:Command>", 366),
        (None, "<act:Service>short</act:Service>", 1),
        (None, "<act:Service>long</act:Service>", 900),
        (ALICE, "<act:Command>true</act:Command>", 3),
        (ALICE, "<act:Service>short</act:Service>", 1),
        (ALICE, "<act:Service>long</act:Service>", 3),
    ],
)
def test_bounds_per_service_and_owner(bounded: Server, token: str | None, content: str, days: int) -> None:
    """At the start and later, and the fault tells the range."""
    wanted = "<act:InitialTerminationTime>P{}D</act:InitialTerminationTime>"
    change = (
        "<wsrfrl:SetTerminationTime><wsrfrl:RequestedLifetimeDuration>P{}D</wsrfrl:RequestedLifetimeDuration>"
        "</wsrfrl:SetTerminationTime>"
    )
    with bounded.client(token=token) as wire:
        activity_id = wire.start(content + wanted.format(days))
        with pytest.raises(Fault) as refused:
            wire.start(content + wanted.format(days + 1))
        assert refused.value.name == "UnacceptableInitialTerminationTimeFault"
        wire.call(change.format(days), activity_id)
        with pytest.raises(Fault) as refused:
            wire.call(change.format(days + 1), activity_id)
        assert refused.value.name == "TerminationTimeChangeRejectedFault"
        assert "up to 20" in refused.value.description


def test_a_service_whose_times_are_its_own(bounded: Server) -> None:
    """UnableToSetTerminationTimeFault is for what cannot be set at all (WS-ResourceLifetime 1.2)."""
    with bounded.client() as wire:
        activity_id = wire.start("<act:Service>fixed</act:Service>")
        never = f"<wsrfrl:RequestedTerminationTime {NIL}/>"
        for time in ("<wsrfrl:RequestedLifetimeDuration>PT1H</wsrfrl:RequestedLifetimeDuration>", never):
            with pytest.raises(Fault) as refused:
                wire.call(f"<wsrfrl:SetTerminationTime>{time}</wsrfrl:SetTerminationTime>", activity_id)
            assert refused.value.name == "UnableToSetTerminationTimeFault"
            assert refused.value.code == "Sender"
        with pytest.raises(Fault) as refused:
            wire.start("<act:Service>fixed</act:Service><act:InitialTerminationTime>PT1H</act:InitialTerminationTime>")
        assert refused.value.name == "UnacceptableInitialTerminationTimeFault"
        wire.destroy(activity_id)
