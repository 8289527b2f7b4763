"""CreateActivity: parameters, command lines, inputs, what is noted, request ids, limits of work, the queue."""

import base64
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from tests.acceptance.commands import Gate
from tests.acceptance.conftest import ALICE, BOB, CONFIG
from tests.server import Fault, Server, Wire
from wsrf_activity.model import ns
from wsrf_activity.model.lifetime import parse_time

BINARY = bytes(range(256)) * 3


def parameters(**values: str) -> str:
    """Return Parameter elements."""
    return "".join(f'<act:Parameter name="{name}">{value}</act:Parameter>' for name, value in values.items())


def run(wire: Wire, service: str, rest: str = "", **values: str) -> str:
    """Start a service and return the activity's id when it has ended."""
    activity_id = wire.start(f"<act:Service>{service}</act:Service>{parameters(**values)}{rest}")
    wire.wait(activity_id)
    return activity_id


def refused(wire: Wire, content: str) -> Fault:
    """Return the fault that CreateActivity with this content gets; nothing may have been started by it."""
    everything = "<act:ListActivities><act:Limit>1000</act:Limit></act:ListActivities>"
    before = len(wire.call(everything))
    with pytest.raises(Fault) as caught:
        wire.start(content)
    assert len(wire.call(everything)) == before
    assert caught.value.code == "Sender"
    return caught.value


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"text": "a b", "number": "1.50"}, b"a b|1.50|true|7|"),
        ({"text": "ab", "number": " -1.5 ", "flag": "0", "whole": "+08", "optional": "x"}, b"ab|-1.5|false|8|x|"),
    ],
)
def test_parameters_are_typed(wire: Wire, values: dict[str, str], expected: bytes) -> None:
    """Defaults stand in, values come in one form, and an optional one without a value leaves its argument out."""
    assert wire.result(run(wire, "typed", **values)) == expected


@pytest.mark.parametrize(
    ("values", "parameter"),
    [
        ({"number": "1"}, "text"),
        ({"text": "a", "number": "1"}, "text"),
        ({"text": "AB", "number": "1"}, "text"),
        ({"text": "ab", "number": "2.6"}, "number"),
        ({"text": "ab", "number": "NaN"}, "number"),
        ({"text": "ab", "number": "one"}, "number"),
        ({"text": "ab", "number": "1", "flag": "yes"}, "flag"),
        ({"text": "ab", "number": "1", "whole": "1.0"}, "whole"),
        ({"text": "ab", "number": "1", "other": "1"}, "other"),
        ({"text": "ab", "number": "1", "optional": "-rf"}, "optional"),
    ],
)
def test_a_wrong_parameter_is_named(wire: Wire, values: dict[str, str], parameter: str) -> None:
    """Missing, unknown, of the wrong type, out of bounds: the fault says which parameter, and nothing starts."""
    fault = refused(wire, f"<act:Service>typed</act:Service>{parameters(**values)}")
    assert fault.name == "InvalidParameterFault"
    assert fault.detail is not None
    assert fault.detail.findtext(f"{{{ns.ACT}}}Parameter") == parameter
    assert parameter in fault.description


def test_a_parameter_given_twice_is_refused(wire: Wire) -> None:
    """Neither value is the one that was meant."""
    twice = parameters(what="c") + parameters(what="l")
    fault = refused(wire, f"<act:Service>count</act:Service>{twice}")
    assert (fault.name, "what" in fault.description) == ("InvalidParameterFault", True)


def test_an_unknown_service_says_which_there_are(wire: Wire) -> None:
    """The fault helps a caller who mistyped."""
    fault = refused(wire, "<act:Service>cuont</act:Service>")
    assert (fault.name, "count" in fault.description) == ("UnknownServiceFault", True)


def test_command_lines_are_for_those_who_may(server: Server, wire: Wire, bob: Wire) -> None:
    """The folder's token and alice may run them, bob may not."""
    assert refused(bob, "<act:Command>true</act:Command>").name == "NotPermittedFault"
    with server.client(wire.version, ALICE) as alice:
        activity_id = alice.create("printf ok")
        assert alice.ended(activity_id) == "Completed"
        assert alice.property(activity_id, "Owner") == "alice"
    assert refused(wire, f"<act:Command>true</act:Command>{parameters(a='1')}").name == "InvalidParameterFault"


def test_values_do_not_reach_the_shell_unquoted(wire: Wire) -> None:
    """What a caller says is data, however much it looks like a command."""
    hostile = "$(touch x); `id` &amp;&amp; 'a' \"b\" * | c"
    activity_id = run(wire, "greet", name=hostile)
    assert wire.result(activity_id, "text") == b"Hello, $(touch x); `id` && 'a' \"b\" * | c\n"
    assert wire.result(activity_id, "stdout") == b"1\n"


@pytest.mark.parametrize("content", [b"", b"x", BINARY], ids=["empty", "one byte", "binary"])
def test_an_inline_input_is_read_to_its_end(wire: Wire, content: bytes) -> None:
    """Exactly these bytes, then the end."""
    encoded = base64.encodebytes(content).decode("ascii")
    activity_id = wire.create("cat; echo over >&2", f"<act:Input>{encoded}</act:Input>")
    assert wire.ended(activity_id) == "Completed"
    assert wire.result(activity_id) == content
    assert wire.result(activity_id, "stderr") == b"over\n"


def test_without_input_there_is_nothing_to_read(wire: Wire) -> None:
    """Work that reads does not wait for ever."""
    activity_id = wire.create("cat")
    assert (wire.ended(activity_id), wire.result(activity_id)) == ("Completed", b"")


def test_an_input_sent_ahead_and_a_result_as_input(wire: Wire) -> None:
    """PUT, then InputReference; and a result's href the same way. Both may be used again."""
    response = wire.http.put(f"{wire.base}/input", content=BINARY)
    assert response.status_code == 201
    address = response.text.strip()
    assert response.headers["location"] == address
    first = wire.create("cat", f"<act:InputReference>{address}</act:InputReference>")
    assert (wire.ended(first), wire.result(first)) == ("Completed", BINARY)
    [href] = [r.get("href") for r in wire.document(first).iterfind(f"{{{ns.ACT}}}Result") if r.get("name") == "stdout"]
    second = wire.create("cat", f"<act:InputReference>{href}</act:InputReference>")
    wire.ended(second)
    wire.destroy(first)
    third = wire.create("cat", f"<act:InputReference>{address}</act:InputReference>")
    wire.ended(third)
    assert (wire.result(second), wire.result(third)) == (BINARY, BINARY)


def test_an_input_as_a_file(wire: Wire) -> None:
    """A service may want its input as a file; standard input is empty then."""
    assert wire.result(run(wire, "file", "<act:Input>YWJj</act:Input>")) == b"abcabc"


def test_inputs_of_others_are_not_there(wire: Wire, bob: Wire) -> None:
    """Somebody else's upload or result is refused as one that never was, and so is an address of another kind."""
    upload = wire.http.put(f"{wire.base}/input", content=b"secret").text.strip()
    activity_id = wire.create("echo secret")
    wire.ended(activity_id)
    addresses = [upload, f"{wire.address(activity_id)}/result/stdout", f"{wire.base}/input/nosuchthing"]
    faults = [
        refused(bob, f"<act:Service>count</act:Service><act:InputReference>{a}</act:InputReference>") for a in addresses
    ]
    assert {fault.name for fault in faults} == {"InvalidParameterFault"}
    assert len({fault.description for fault in faults}) == 1
    local = refused(bob, "<act:Service>count</act:Service><act:InputReference>file:///etc/passwd</act:InputReference>")
    assert local.name == "InvalidParameterFault"
    both = "<act:Input>YQ==</act:Input>" + f"<act:InputReference>{upload}</act:InputReference>"
    assert refused(wire, f"<act:Command>cat</act:Command>{both}").name == "InvalidParameterFault"


def test_what_the_client_says_is_kept(wire: Wire) -> None:
    """Name, groups and run id are properties, whatever characters they have."""
    activity_id = wire.create(
        "true",
        "<act:Name> ä &lt; 🙂 </act:Name><act:Group>g 1</act:Group><act:Group>g2</act:Group><act:RunId>r</act:RunId>",
    )
    document = wire.document(activity_id)
    assert document.findtext(f"{{{ns.ACT}}}Name") == "ä < 🙂"
    assert [group.text for group in document.iterfind(f"{{{ns.ACT}}}Group")] == ["g 1", "g2"]
    assert document.findtext(f"{{{ns.ACT}}}RunId") == "r"
    assert document.findtext(f"{{{ns.ACT}}}Service") == "command"
    long = "x" * 256
    assert refused(wire, f"<act:Command>true</act:Command><act:Name>{long}</act:Name>").name == "InvalidParameterFault"


def test_the_same_request_id_is_the_same_activity(wire: Wire, bob: Wire) -> None:
    """Sent again, written otherwise, even long after its end; another request with that id is a conflict."""
    key = f"<act:RequestId>again-{wire.version}</act:RequestId>"
    time = "<act:InitialTerminationTime>{}</act:InitialTerminationTime>"
    limit = "<act:ExecutionDuration>{}</act:ExecutionDuration>"
    given = (
        "<act:Service>count</act:Service>" + parameters(what="c") + "<act:Input>{}</act:Input><act:Group>a</act:Group>"
    )
    soon = f"{datetime.now(UTC) + timedelta(days=9):%Y-%m-%dT%H:%M:%S}"
    first = wire.start(given.format("YWJj") + time.format(soon + "Z") + limit.format("PT1H") + key)
    wire.ended(first)
    written = "<act:Service> count\n</act:Service><!-- c --><act:Parameter name='what'><![CDATA[c]]></act:Parameter>"
    written += "<act:Input>\nYW\n Jj </act:Input><q:Group xmlns:q='urn:wsrf-activity:1'>a</q:Group>"
    other = time.format(soon + ".000+00:00") + limit.format("PT60M")
    assert wire.start(written + other + key) == first
    for changed in (
        given.format("YWJk") + time.format(soon + "Z") + limit.format("PT1H"),
        given.format("YWJj") + time.format(soon + "Z") + limit.format("PT2H"),
        given.format("YWJj") + limit.format("PT1H"),
        given.format("YWJj").replace(">c<", ">l<") + time.format(soon + "Z") + limit.format("PT1H"),
        "<act:Command>true</act:Command>",
    ):
        with pytest.raises(Fault) as caught:
            wire.start(changed + key)
        assert (caught.value.name, caught.value.code) == ("RequestConflictFault", "Sender")
    assert bob.start("<act:Service>count</act:Service>" + key) != first


def test_a_request_id_is_free_after_destroy(wire: Wire) -> None:
    """A key lives as long as its activity."""
    content = "<act:Command>true</act:Command><act:RequestId>free</act:RequestId>"
    first = wire.start(content)
    wire.destroy(first)
    second = wire.start(content)
    assert second != first
    wire.destroy(second)


def test_one_activity_of_many_same_requests_at_once(wire: Wire) -> None:
    """Twenty clients that retry at the same moment start one activity, and all learn its id."""
    named = "<act:RunId>at once</act:RunId><act:RequestId>at once</act:RequestId>"
    content = f"<act:Command>cat</act:Command><act:Input>YQ==</act:Input>{named}"
    with ThreadPoolExecutor(20) as pool:
        ids = set(pool.map(lambda _: wire.start(content), range(20)))
    listed = wire.call("<act:ListActivities><act:RunId>at once</act:RunId></act:ListActivities>")
    assert [entry.findtext(f"{{{ns.ACT}}}ActivityId") for entry in listed] == list(ids)
    wire.destroy(ids.pop())


def test_the_work_limit_ends_the_work_and_not_the_record(wire: Wire) -> None:
    """Failed with an error that says so, output kept; the termination time is another matter."""
    activity_id = wire.create("echo begun; exec sleep 600", "<act:ExecutionDuration>PT0.3S</act:ExecutionDuration>")
    assert wire.ended(activity_id) == "Failed"
    [(severity, code, description)] = wire.errors(activity_id)
    assert (severity, code, "PT0.3S" in description) == ("fatal", "WorkLimit", True)
    assert wire.property(activity_id, "ErrorStatus") == "FatalErrors"
    assert wire.property(activity_id, "ExitCode") == "143"
    assert wire.result(activity_id) == b"begun\n"
    end = parse_time(wire.property(activity_id, "EndTime") or "")
    terminates = parse_time(wire.document(activity_id).findtext(f"{{{ns.RL}}}TerminationTime") or "")
    assert terminates - end == timedelta(days=14)


@pytest.mark.parametrize("limit", ["PT0S", "-PT1S", "PT2H"])
def test_a_work_limit_is_above_zero_and_within_the_services_own(wire: Wire, limit: str) -> None:
    """A client may shorten what the operator allows, not lengthen it."""
    content = (
        f"<act:Service>greet</act:Service>{parameters(name='x')}<act:ExecutionDuration>{limit}</act:ExecutionDuration>"
    )
    fault = refused(wire, content)
    assert (fault.name, "PT1H" in fault.description) == ("InvalidParameterFault", True)


def test_failed_work_is_run_again_as_often_as_its_service_says(wire: Wire) -> None:
    """Each failed attempt is in the list of errors; the last one decides."""
    mended = run(wire, "flaky", needed="3")
    assert [wire.property(mended, name) for name in ("Phase", "Attempt", "ErrorStatus")] == [
        "Completed",
        "3",
        "ErrorsHandled",
    ]
    assert [code for _, code, _ in wire.errors(mended)] == ["ExitCode", "ExitCode"]
    assert wire.result(mended, "stderr") == b"attempt 3\n"
    hopeless = run(wire, "flaky", needed="9")
    assert [wire.property(hopeless, name) for name in ("Phase", "Attempt", "ErrorStatus")] == [
        "Failed",
        "3",
        "FatalErrors",
    ]
    assert len(wire.errors(hopeless)) == 3
    assert wire.property(hopeless, "ExitCode") == "1"
    once = wire.create("exit 3")
    assert (wire.ended(once), wire.property(once, "Attempt"), wire.property(once, "ExitCode")) == ("Failed", "1", "3")


def test_the_queue_is_fair_between_owners(own_server: Callable[..., Server], gates: Callable[[], Gate]) -> None:
    """Who has waited behind a colleague's long queue comes second, not last."""
    gate = gates()
    server = own_server(CONFIG.replace("parallel = 8", "parallel = 1"))
    with server.client(token=ALICE) as alice, server.client(token=BOB) as bob:
        first = alice.create(gate.held)
        mine = [alice.start("<act:Service>count</act:Service>") for _ in range(4)]
        other = bob.start("<act:Service>count</act:Service>")
        assert {alice.property(i, "Phase") for i in mine} | {bob.property(other, "Phase")} == {"Queued"}
        gate.open()
        started = {i: parse_time(_started(alice, i)) for i in (first, *mine)} | {
            other: parse_time(_started(bob, other))
        }
        assert sorted(started, key=lambda i: started[i]) == [first, other, *mine]


def _started(wire: Wire, activity_id: str) -> str:
    wire.ended(activity_id)
    return wire.property(activity_id, "StartTime") or ""
