"""Values as XML Schema writes them (XML Schema 1.0, part 2, section 3.2), both ways, exact. Errors are ValueError."""

import base64
import binascii
import math
import re
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from uuid import UUID

from wsrf_activity.model.lifetime import format_duration

_INTEGER = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
_DOUBLE = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_SPECIAL = {"INF": math.inf, "+INF": math.inf, "-INF": -math.inf, "NaN": math.nan}
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_ZONE = r"(Z|[+-][0-9]{2}:[0-9]{2})?"
_DAY = r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
_CLOCK = r"([0-9]{2}):([0-9]{2}:[0-9]{2})(\.[0-9]+)?"
_DATETIME = re.compile(f"{_DAY}T{_CLOCK}{_ZONE}")
_DATE = re.compile(f"{_DAY}{_ZONE}")
_TIME = re.compile(f"{_CLOCK}{_ZONE}")
_DURATION = re.compile(
    r"(-)?P(?:0+Y)?(?:0+M)?(?:([0-9]+)D)?(?:T(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9]+)(?:\.([0-9]+))?S)?)?"
)
_FURTHEST = timedelta(hours=14)  #: from UTC, that XML Schema knows of
_MOST_DIGITS = 4000  #: of a number; Python itself refuses a few more, since they take long


def write_integer(value: int) -> str:
    """Write a whole number of any size that Python writes."""
    return str(int(value))


def read_integer(text: str) -> int:
    """Read a whole number."""
    return int(_matched(_INTEGER, text, "a whole number"))


def write_decimal(value: Decimal | int) -> str:
    """Write a number without an exponent, which xsd:decimal has not."""
    number = Decimal(value)
    if not number.is_finite() or abs(number.adjusted()) > _MOST_DIGITS:
        raise ValueError(f"{number} has no form as a decimal")
    return format(number, "f")


def read_decimal(text: str) -> Decimal:
    """Read a number with every digit that it has."""
    return Decimal(_matched(_DECIMAL, text, "a decimal number"))


def write_float(value: float) -> str:
    """Write a number so that the very same is read."""
    number = float(value)
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "INF" if number > 0 else "-INF"
    return repr(number)


def read_float(text: str) -> float:
    """Read a number, infinity or NaN."""
    stripped = _strip(text)
    return _SPECIAL[stripped] if stripped in _SPECIAL else float(_matched(_DOUBLE, text, "a number"))


def write_boolean(value: bool) -> str:
    """Write true or false."""
    return "true" if value else "false"


def read_boolean(text: str) -> bool:
    """Read true, false, 1 or 0."""
    if _strip(text) not in _BOOLEANS:
        raise ValueError(f"{text!r} is not true or false")
    return _BOOLEANS[_strip(text)]


def write_datetime(value: datetime) -> str:
    """Write a time with its zone, UTC as ``Z``; a naive one has none."""
    offset = value.utcoffset()
    if offset is None:
        return value.replace(tzinfo=None).isoformat()
    try:
        known = value if _has_form(offset) else value.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{value} is outside of the years 1 to 9999 in UTC") from None
    return known.replace(tzinfo=None).isoformat() + _write_zone(known.utcoffset() or timedelta())


def read_datetime(text: str) -> datetime:
    """Read a time, naive where it has no zone; what is finer than a microsecond is left out."""
    found = _DATETIME.fullmatch(_strip(text))
    if found is None:
        raise ValueError(f"{text!r} is not a time such as 2027-01-31T12:00:00Z, of the years 1 to 9999")
    day, hour, rest, fraction, zone = found.groups()
    clock, over = _clock(hour, rest, fraction, text)
    try:
        return datetime.combine(date.fromisoformat(day), clock, _zone(zone)) + timedelta(days=over)
    except OverflowError:
        raise ValueError(f"{text!r} is outside of the years 1 to 9999") from None


def write_date(value: date) -> str:
    """Write a day."""
    return date(value.year, value.month, value.day).isoformat()


def read_date(text: str) -> date:
    """Read a day; a zone, which Python's have not, is left out."""
    found = _DATE.fullmatch(_strip(text))
    if found is None:
        raise ValueError(f"{text!r} is not a day such as 2027-01-31, of the years 1 to 9999")
    return date.fromisoformat(found.group(1))


def write_time(value: time) -> str:
    """Write a time of day with its zone, if it has one; raises ValueError for a zone that XML Schema has not."""
    offset = value.utcoffset()
    if offset is not None and not _has_form(offset):
        raise ValueError(f"the zone of {value} is not one of whole minutes up to 14 hours from UTC")
    return value.replace(tzinfo=None).isoformat() + ("" if offset is None else _write_zone(offset))


def read_time(text: str) -> time:
    """Read a time of day; 24:00:00 is midnight."""
    found = _TIME.fullmatch(_strip(text))
    if found is None:
        raise ValueError(f"{text!r} is not a time of day such as 12:00:00")
    hour, rest, fraction, zone = found.groups()
    return _clock(hour, rest, fraction, text)[0].replace(tzinfo=_zone(zone))


def write_duration(value: timedelta) -> str:
    """Write a duration, exact to the microsecond."""
    return format_duration(value)


def read_duration(text: str) -> timedelta:
    """Read a duration; one of years and months has no length of its own, and is refused."""
    stripped = _strip(text)
    found = _DURATION.fullmatch(stripped)
    if found is None or stripped[-1] in "PT":
        raise ValueError(f"{text!r} is not a duration in days, hours, minutes and seconds, such as P1DT2H")
    sign, *numbers, fraction = found.groups()
    try:
        days, hours, minutes, seconds = (int(number or 0) for number in numbers)
        micros = int(f"{fraction or ''}000000"[:6])
        if sign:
            days, hours, minutes, seconds, micros = -days, -hours, -minutes, -seconds, -micros
        return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds, microseconds=micros)
    except OverflowError:
        raise ValueError(f"{text!r} is longer than a timedelta can be") from None


def write_bytes(value: bytes) -> str:
    """Write bytes in base64."""
    return base64.b64encode(value).decode("ascii")


def read_bytes(text: str) -> bytes:
    """Read base64, with white space wherever it is."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("this is not base64") from None


def read_uuid(text: str) -> UUID:
    """Read a UUID."""
    return UUID(_strip(text))


def _strip(text: str) -> str:
    return text.strip(" \t\r\n")


def _matched(form: re.Pattern[str], text: str, accepted: str) -> str:
    stripped = _strip(text)
    if form.fullmatch(stripped) is None:
        raise ValueError(f"{stripped[:60]!r} is not {accepted}")
    if len(stripped) > _MOST_DIGITS:
        raise ValueError(f"a number has at most {_MOST_DIGITS} digits")
    return stripped


def _clock(hour: str, rest: str, fraction: str | None, text: str) -> tuple[time, int]:
    """Return a time of day and, for the midnight at the end of a day, 1."""
    over = hour == "24"
    if over and (rest != "00:00" or (fraction or "").strip(".0")):
        raise ValueError(f"{text!r} is after the end of its day")
    micros = ((fraction or ".") + "000000")[1:7]
    return time.fromisoformat(f"{'00' if over else hour}:{rest}.{micros}"), int(over)


def _zone(text: str | None) -> tzinfo | None:
    if text is None or text == "Z":
        return UTC if text else None
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[4:6]))
    if not _has_form(offset):
        raise ValueError(f"{text} is no zone; they go from -14:00 to +14:00")
    return timezone(-offset if text[0] == "-" else offset)


def _has_form(offset: timedelta) -> bool:
    return not offset % timedelta(minutes=1) and abs(offset) <= _FURTHEST


def _write_zone(offset: timedelta) -> str:
    if not offset:
        return "Z"
    hours, minutes = divmod(abs(offset) // timedelta(minutes=1), 60)
    return f"{'-' if offset < timedelta(0) else '+'}{hours:02d}:{minutes:02d}"
