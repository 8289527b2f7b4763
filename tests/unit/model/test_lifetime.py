"""Times and durations as clients write them, and the policy that bounds them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsrf_activity.model.errors import InitialTerminationTimeRejected, TerminationTimeRejected
from wsrf_activity.model.lifetime import (
    FAR,
    LifetimePolicy,
    Never,
    add,
    format_duration,
    parse_duration,
    parse_time,
    stamp,
)
from wsrf_activity.testing.strategies import NOON, times

DAY = timedelta(days=1)
YEAR = LifetimePolicy(keep=timedelta(days=14), maximum=timedelta(days=366))
FREE = LifetimePolicy(maximum=None)


@given(st.timedeltas())
def test_a_duration_is_read_as_it_was_written(span: timedelta) -> None:
    if abs(span.days) < 999_999_999:
        assert parse_duration(format_duration(span), NOON) == span


@given(st.datetimes())
def test_a_time_is_read_as_it_was_written(naive: datetime) -> None:
    moment = naive.replace(tzinfo=UTC)
    assert parse_time(stamp(moment)) == moment


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(0), "PT0S"),
        (timedelta(microseconds=3_000_005), "PT3.000005S"),
        (timedelta(hours=1, seconds=1), "PT1H1S"),
        (timedelta(days=366), "P366D"),
        (-timedelta(minutes=90), "-PT1H30M"),
        (timedelta(days=1, microseconds=100_000), "P1DT0.1S"),
    ],
)
def test_durations_on_the_wire(span: timedelta, text: str) -> None:
    assert format_duration(span) == text


@pytest.mark.parametrize(
    ("text", "days"),
    [("P1M", 28), ("P1Y", 365), ("-P1M", -31), ("P1Y1M", 393), ("P2Y2M", 790), ("P0Y", 0), (" P1D ", 1)],
)
def test_months_and_years_are_counted_in_the_calendar(text: str, days: int) -> None:
    assert parse_duration(text, datetime(2026, 1, 31, tzinfo=UTC)) == timedelta(days=days)


@pytest.mark.parametrize(
    "text", ["", "P", "1", "P1S", "P1.5Y", "PT1e5S", "P99999999999D", "P10000Y", "-P3000Y", "P1Ytoday", "nil"]
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        parse_duration(text, NOON)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-01T00:00:00Z", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-01-01T00:00:00", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-01-01T02:30:00+02:30", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-01-01T00:00:00.1234567Z", datetime(2026, 1, 1, 0, 0, 0, 123456, tzinfo=UTC)),
        ("2026-12-31T24:00:00Z", datetime(2027, 1, 1, tzinfo=UTC)),
        ("2026-12-31T24:00:00.000+01:00", datetime(2026, 12, 31, 23, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59.999999Z", datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
    ],
)
def test_times_of_all_kinds(text: str, moment: datetime) -> None:
    assert parse_time(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorrow",
        "2026-01-01",
        "20260101T000000Z",
        "2026-W01-1T00:00:00Z",
        "2026-01-01T24:00:01Z",
        "2026-01-01T25:00:00Z",
        "2026-02-30T00:00:00Z",
        "-0001-01-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "9999-12-31T24:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
    ],
)
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        parse_time(text)


def test_a_stamp_is_utc_whatever_zone_it_is_given() -> None:
    there = datetime(2026, 5, 1, 14, 0, 0, 500_000, tzinfo=timezone(timedelta(hours=2)))
    assert stamp(there) == "2026-05-01T12:00:00.5Z"


@given(times, st.timedeltas())
def test_no_sum_leaves_the_calendar(moment: datetime, span: timedelta) -> None:
    total = add(moment, span)
    assert total <= FAR
    if total not in (FAR, datetime(1, 1, 2, tzinfo=UTC)):
        assert total == moment + span


@pytest.mark.parametrize("requested", [NOON + 366 * DAY, 366 * DAY, timedelta(microseconds=1)])
def test_the_bounds_themselves_are_accepted(requested: datetime | timedelta) -> None:
    wanted = requested if isinstance(requested, datetime) else NOON + requested
    assert YEAR.change(requested, NOON) == wanted
    assert YEAR.initial(requested, NOON) == wanted


@pytest.mark.parametrize(
    "requested",
    [
        NOON,
        NOON - DAY,
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, tzinfo=UTC),
        timedelta(0),
        -DAY,
        timedelta.min,
        timedelta.max,
        366 * DAY + timedelta(microseconds=1),
    ],
)
def test_what_is_out_of_bounds_is_told_the_bounds(requested: datetime | timedelta) -> None:
    with pytest.raises(TerminationTimeRejected, match=r"up to 2027-05-02T12:00:00Z") as changed:
        YEAR.change(requested, NOON)
    assert (changed.value.earliest, changed.value.latest) == (NOON, NOON + 366 * DAY)
    assert not isinstance(changed.value, InitialTerminationTimeRejected)
    with pytest.raises(InitialTerminationTimeRejected):
        YEAR.initial(requested, NOON)


def test_never_is_as_long_as_can_be_had_at_the_start_and_refused_later() -> None:
    assert YEAR.initial(Never(), NOON) == NOON + 366 * DAY
    with pytest.raises(TerminationTimeRejected):
        YEAR.change(Never(), NOON)


def test_without_a_maximum_never_is_possible_and_the_past_is_not() -> None:
    assert FREE.change(Never(), NOON) is None
    assert FREE.change(timedelta.max, NOON) == FAR
    assert FREE.initial(None, NOON) is None
    assert FREE.initial(Never(), NOON) is None
    with pytest.raises(TerminationTimeRejected, match="any time, or nil"):
        FREE.change(NOON, NOON)


def test_without_a_request_it_is_far_off() -> None:
    assert YEAR.initial(None, NOON) == NOON + 366 * DAY
