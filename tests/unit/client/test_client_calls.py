"""What is asked, as zeep writes it: times as XML Schema has them, and nothing that could be meant in two ways."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import zeep
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from wsrf_activity.client import NEVER, calls, errors, subscription_errors
from wsrf_activity.model import ns
from wsrf_activity.model.lifetime import parse_duration, parse_time
from wsrf_activity.soap import contract

WSDL = Path(__file__).parents[3] / "wsdl" / "activity.wsdl"
UNTYPED: Any = zeep
CLIENT = UNTYPED.Client(str(WSDL))
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SPANS = st.timedeltas(timedelta(microseconds=1), timedelta(days=20_000))


def written(call: calls.Call) -> etree._Element:
    """Return what a call is in a message, which must be valid."""
    arguments = call.arguments
    envelope = CLIENT.create_message(CLIENT.service, call.operation, *call.positional, **arguments)
    child: etree._Element = envelope.find("{*}Body")[0]
    assert contract.violations(child) == []
    return child


@given(SPANS)
def test_durations_are_written_exactly(span: timedelta) -> None:
    lifetime = written(calls.set_termination(span, None, False))
    assert parse_duration(lifetime[0].text or "", NOW) == span
    created = written(calls.Start(command="x", work_limit=span, expires=span).call(None, None))
    for name in ("ExecutionDuration", "InitialTerminationTime"):
        assert parse_duration(created.findtext(f"{{{ns.ACT}}}{name}") or "", NOW) == span
    changed = written(calls.update({"ExecutionDuration": span}))
    assert parse_duration(changed[0][0].text or "", NOW) == span


@given(st.floats(-1, 1e6))
def test_seconds_to_wait_are_written_to_the_microsecond_and_never_negative(seconds: float) -> None:
    found = written(calls.wait(seconds, ("Ended",), None)).findtext(f"{{{ns.ACT}}}Timeout")
    assert parse_duration(found or "", NOW) == timedelta(seconds=max(seconds, 0))


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45)), ZoneInfo("Asia/Tokyo")])))
def test_times_are_written_in_utc(moment: datetime) -> None:
    found = written(calls.set_termination(None, moment, False))[0].text or ""
    assert found.endswith("Z")
    assert parse_time(found) == moment.astimezone(UTC)  # two zones never agree about an hour that is there twice


def test_never_is_nil() -> None:
    asked = written(calls.set_termination(None, None, True))
    created = written(calls.Start(command="x", expires=NEVER).call(None, None))
    for element in (asked[0], created.find(f"{{{ns.ACT}}}InitialTerminationTime")):
        assert element is not None
        assert element.get(f"{{{ns.XSI}}}nil") == "true"


def test_every_start_has_a_request_id_of_its_own() -> None:
    asked = [calls.Start(command="x").call(None, None).arguments["RequestId"] for _ in range(2)]
    assert all(asked)
    assert asked[0] != asked[1]


@pytest.mark.parametrize(
    ("ask", "kind", "said"),
    [
        (lambda: calls.set_termination(None, None, False), TypeError, "one of"),
        (lambda: calls.set_termination(timedelta(1), NOW, False), TypeError, "one of"),
        (lambda: calls.set_termination(None, datetime(2027, 1, 1), False), ValueError, "zone"),  # noqa: DTZ001  # the point
        (lambda: calls.update({}), TypeError, "at least one"),
        (lambda: calls.Start(command="x", groups="abc").call(None, None), TypeError, "list of texts"),
        (lambda: calls.Listing(phases=["Done"]).call(None), ValueError, "Done"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_it_is_sent(
    ask: Callable[[], object], kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind, match=said):
        ask()


def test_every_fault_of_the_operations_that_are_called_has_its_class() -> None:
    called = {"CreateActivity", "ListActivities", "Wait", "Abort", "GetResourcePropertyDocument", "GetResourceProperty"}
    called |= {"QueryResourceProperties", "SetResourceProperties", "SetTerminationTime", "Destroy"}
    called |= {"Subscribe", "GetCurrentMessage"}
    [port_type] = CLIENT.wsdl.port_types.values()
    assert called <= set(port_type.operations)
    operations = [port_type.operations[name] for name in called]
    others = UNTYPED.Client(str(WSDL.with_name("notification.wsdl"))).wsdl.port_types.values()
    operations += [operation for other in others for operation in other.operations.values()]
    declared = [operation.fault_messages.values() for operation in operations]
    elements = {part.element.qname.text for messages in declared for m in messages for part in m.parts.values()}
    known = (*vars(errors).values(), *vars(subscription_errors).values())
    kinds = [kind for kind in known if isinstance(kind, type)]
    elements.add(errors.WorkFailed.element)  # of the own operations of services, in WSDLs of theirs
    assert elements == {element for kind in kinds if (element := getattr(kind, "element", ""))}


def test_a_list_is_a_parameter_that_repeats() -> None:
    start = calls.Start(service="s", parameters={"text": "a b", "each": [1, True, "x"], "none": []})
    found = [(each.get("name"), each.text) for each in written(start.call(None, None)).iterfind("{*}Parameter")]
    assert found == [("text", "a b"), ("each", "1"), ("each", "true"), ("each", "x")]


def test_members_are_listed_by_their_parent() -> None:
    listed = written(calls.Listing(parent="p").call("c"))
    assert [(etree.QName(each).localname, each.text) for each in listed][-2:] == [("Cursor", "c"), ("Parent", "p")]


def test_none_leaves_a_parameter_out() -> None:
    started = written(calls.Start(service="s", parameters={"a": None, "b": 1, "c": []}).call(None, None))
    assert [each.get("name") for each in started.iter(f"{{{ns.ACT}}}Parameter")] == ["b"]


def test_a_parameter_without_its_name_is_refused() -> None:
    text: Any = "a rose"
    with pytest.raises(TypeError, match="'a rose' has no name: give each parameter as NAME=VALUE"):
        calls.named(text, {})
    assert calls.named({"a": 1}, {"b": 2}) == {"a": 1, "b": 2}
