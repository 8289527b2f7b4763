"""Wait and Abort: answered as soon as it holds, at the timeout, when the server stops; the whole process tree ends."""

import re
from collections.abc import Callable

import pytest
from lxml import etree

from tests.acceptance.commands import Gate
from tests.acceptance.conftest import CONFIG
from tests.acceptance.watching import Asked, Life, eventually, processes_of
from tests.server import Fault, Server, Wire
from wsrf_activity.model import ns

NOW = "<act:Timeout>PT0S</act:Timeout>"


def said(reply: etree._Element, *names: str) -> list[str | None]:
    """Return what children of ours say."""
    return [reply.findtext(f"{{{ns.ACT}}}{name}") for name in names]


def begun(wire: Wire, activity_id: str) -> None:
    """Return when the work is under way and nothing of its start is still to be noted."""
    eventually(lambda: wire.property(activity_id, "EngineJobId") is not None)


def test_the_end_is_what_is_waited_for(wire: Wire, gates: Callable[[], Gate]) -> None:
    """Not a phase before it; once it has come, every Wait is answered at once."""
    gate = gates()
    activity_id = wire.create(gate.held)
    waiting = Asked(wire, "<act:Wait><act:Timeout>PT1H</act:Timeout></act:Wait>", activity_id)
    reply = wire.wait(activity_id, NOW)
    assert said(reply, "TimedOut", "Status", "ErrorStatus") == ["true", "Running", "NoErrors"]
    assert not waiting.answered()
    gate.open()
    reply = waiting.reply()
    assert said(reply, "TimedOut", "Status", "ErrorStatus", "Phase") == ["false", "Ended", "NoErrors", "Completed"]
    for content in (
        "",
        NOW,
        "<act:For>Aborted</act:For>",
        "<act:For>Change</act:For><act:SinceVersion>999</act:SinceVersion>",
    ):
        assert said(wire.wait(activity_id, content), "TimedOut", "Phase") == ["false", "Completed"]


def test_a_timeout_is_no_fault(wire: Wire, gates: Callable[[], Gate]) -> None:
    """It tells what is known; a negative one is as good as none at all, and says so at once."""
    activity_id = wire.create(gates().held)
    for timeout in ("PT0.05S", "PT0S", "-P1D"):
        reply = wire.call(f"<act:Wait><act:Timeout>{timeout}</act:Timeout></act:Wait>", activity_id)
        assert said(reply, "TimedOut", "Status") == ["true", "Running"]
    wire.destroy(activity_id)


def test_phases_and_changes(wire: Wire, gates: Callable[[], Gate]) -> None:
    """Any of several phases; any change, from now on or from a version that the client knows."""
    gate = gates()
    activity_id = wire.create(gate.held)
    wire.wait(activity_id, "<act:For>Pending</act:For><act:For>Executing</act:For>")
    begun(wire, activity_id)
    version = wire.property(activity_id, "Version")
    change = Asked(wire, "<act:Wait><act:For>Change</act:For></act:Wait>", activity_id)
    since = f"<act:SinceVersion>{version}</act:SinceVersion>"
    newer = Asked(wire, f"<act:Wait><act:For>Change</act:For>{since}</act:Wait>", activity_id)
    assert said(wire.wait(activity_id, f"{NOW}<act:For>Change</act:For>"), "TimedOut", "Version") == ["true", version]
    assert said(wire.wait(activity_id, f"{NOW}<act:For>Executing</act:For>{since}"), "TimedOut") == ["true"]
    assert (change.answered(), newer.answered()) == (False, False)
    known = "<act:SinceVersion>1</act:SinceVersion>"
    assert said(wire.wait(activity_id, f"{NOW}<act:For>Change</act:For>{known}"), "TimedOut") == ["false"]
    gate.open()
    for reply in (change.reply(), newer.reply()):
        assert said(reply, "TimedOut", "Phase") == ["false", "Completed"]
        assert int(reply.findtext(f"{{{ns.ACT}}}Version") or "") > int(version or "")


def test_each_version_is_seen_by_who_asks_for_the_next(wire: Wire) -> None:
    """From the first version on, a client that waits for changes comes to the end, always forward."""
    activity_id = wire.create('for i in 1 2 3; do echo "progress $i" >> "$ACTIVITY_REPORT"; sleep 0.3; done')
    versions = [1]
    phase: str | None = None
    while phase != "Completed":
        since = f"<act:For>Change</act:For><act:SinceVersion>{versions[-1]}</act:SinceVersion>"
        version, phase = said(wire.wait(activity_id, since), "Version", "Phase")
        assert version is not None
        versions.append(int(version))
    assert versions == sorted(set(versions))
    assert wire.property(activity_id, "Version") == str(versions[-1])


def test_the_server_has_a_cap(own_server: Callable[..., Server], gates: Callable[[], Gate]) -> None:
    """Whatever a client is ready to wait, it is answered before proxies cut the connection."""
    server = own_server(CONFIG.replace('wait = "PT20S"', 'wait = "PT0.2S"'))
    with server.client() as wire:
        activity_id = wire.create(gates().held)
        for content in ("", "<act:Timeout>P1D</act:Timeout>"):
            reply = wire.call(f"<act:Wait>{content}</act:Wait>", activity_id)
            assert said(reply, "TimedOut", "Status") == ["true", "Running"]


def test_two_hundred_wait_for_the_same_end(wire: Wire, gates: Callable[[], Gate]) -> None:
    """None is answered before, all are answered then, and others are served meanwhile."""
    gate = gates()
    activity_id = wire.create(gate.held)
    begun(wire, activity_id)
    waiting = [Asked(wire, "<act:Wait/>", activity_id) for _ in range(200)]
    Asked(wire, "<act:ListActivities/>").reply()  # on a connection after theirs: theirs have been read
    assert not any(asked.answered() for asked in waiting)
    gate.open()
    assert {tuple(said(asked.reply(), "TimedOut", "Phase")) for asked in waiting} == {("false", "Completed")}


def test_a_server_that_stops_answers_all(own_server: Callable[..., Server], gates: Callable[[], Gate]) -> None:
    """With what it knows: they come back to the next one."""
    server = own_server()
    with server.client() as wire:
        activity_id = wire.create(gates().held)
        waiting = [Asked(wire, "<act:Wait/>", activity_id) for _ in range(20)]
        Asked(wire, "<act:ListActivities/>").reply()  # on a connection after theirs: theirs have been read
        assert server.stop() == 0
        assert {tuple(said(asked.reply(), "TimedOut", "Status")) for asked in waiting} == {("true", "Running")}
    server.start()
    with server.client() as wire:
        assert said(wire.wait(activity_id, NOW), "TimedOut", "Status") == ["true", "Running"]


def test_abort_ends_the_whole_tree(wire: Wire, gates: Callable[[], Gate]) -> None:
    """Sessions of their own, orphans, empty environments, deaf to TERM: nobody is left when the answer comes."""
    deaf = "trap '' TERM; echo $$; while :; do sleep 600; done"
    nested = deaf.replace("$", r"\$")
    lines = (
        f'setsid sh -c "{nested}" &',
        f'(setsid env -i /bin/sh -c "{nested}" &)',
        f"echo kept >&2; {deaf}",
    )
    activity_id = wire.create("\n".join(lines))
    stdout = f"{wire.address(activity_id)}/result/stdout"
    eventually(lambda: wire.http.get(stdout).content.count(b"\n") == 3)
    lives = [Life(int(pid)) for pid in re.findall(r"\d+", wire.http.get(stdout).text)]
    assert len(processes_of(activity_id)) >= 3
    waiting = Asked(wire, "<act:Wait/>", activity_id)
    reply = wire.call("<act:Abort><act:Reason>enough &amp; more</act:Reason></act:Abort>", activity_id)
    assert said(reply, "Phase") == ["Aborted"]
    assert [life.over() for life in lives] == [True] * 3
    assert processes_of(activity_id) == []
    assert said(waiting.reply(), "TimedOut", "Phase", "ErrorStatus") == ["false", "Aborted", "FatalErrors"]
    assert wire.errors(activity_id) == [("aborted", "Aborted", "enough & more")]
    assert wire.result(activity_id, "stderr") == b"kept\n"
    version = wire.property(activity_id, "Version")
    assert said(wire.call("<act:Abort/>", activity_id), "Phase", "Version") == ["Aborted", version]


def test_abort_of_what_has_ended_changes_nothing(wire: Wire) -> None:
    """It is answered with the end that it came to."""
    activity_id = wire.create("exit 7")
    wire.ended(activity_id)
    version = wire.property(activity_id, "Version")
    assert said(wire.call("<act:Abort/>", activity_id), "Phase", "Version") == ["Failed", version]
    assert wire.property(activity_id, "ExitCode") == "7"


def test_abort_of_what_is_queued(own_server: Callable[..., Server], gates: Callable[[], Gate]) -> None:
    """It never begins; and one that was to follow it does."""
    gate, server = gates(), own_server(CONFIG.replace("parallel = 8", "parallel = 1"))
    with server.client() as wire:
        running, queued, following = wire.create(gate.held), wire.create("echo never"), wire.create("echo follows")
        assert said(wire.call("<act:Abort/>", queued), "Phase") == ["Aborted"]
        assert wire.property(queued, "StartTime") is None
        assert [code for _, code, _ in wire.errors(queued)] == ["Aborted"]
        gate.open()
        assert (wire.ended(running), wire.ended(following)) == ("Completed", "Completed")
        assert wire.property(queued, "Phase") == "Aborted"
        destroyed = wire.create("true")
        wire.destroy(destroyed)
        with pytest.raises(Fault):
            wire.document(destroyed)
