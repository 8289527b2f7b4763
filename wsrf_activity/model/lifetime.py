"""When an activity's record ends (WS-ResourceLifetime 1.2): a policy of bounds, and times as clients write them."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import isodate

from wsrf_activity.model.errors import InitialTerminationTimeRejected, TerminationTimeRejected

_TIME = re.compile(r"\d{4}-\d\d-\d\dT(?P<hour>\d\d)(?P<rest>:\d\d:\d\d(\.\d+)?)(Z|[+-]\d\d:\d\d)?", re.ASCII)
FAR = datetime(9999, 1, 1, tzinfo=UTC)  #: what a sum that leaves the calendar is taken for


class Never:
    """The requested time "nil": no end."""

    def __repr__(self) -> str:
        return "Never()"


Requested = datetime | timedelta | Never  #: what a client may ask for


def add(moment: datetime, span: timedelta) -> datetime:
    """Return the sum, or the far end of the calendar where it has none."""
    try:
        return min(moment + span, FAR)
    except OverflowError:
        return FAR if span > timedelta(0) else datetime(1, 1, 2, tzinfo=UTC)


def stamp(moment: datetime) -> str:
    """Write a time as the messages do: UTC with ``Z``, fractions only where there are some."""
    text = moment.astimezone(UTC).replace(tzinfo=None).isoformat()
    return (text.rstrip("0") if "." in text else text) + "Z"


def parse_duration(text: str, start: datetime) -> timedelta:
    """Read an xsd:duration; years and months are counted in the calendar from ``start``.

    Raises ValueError for what is none, or is longer than ten thousand years.
    """
    try:
        value = isodate.parse_duration(text.strip())
        if isinstance(value, timedelta):
            return value
        moment = start + value
        if not isinstance(moment, datetime):
            raise ValueError(f"not a duration: {text!r}")
    except (isodate.ISO8601Error, OverflowError, ArithmeticError, TypeError) as error:
        raise ValueError(f"not a duration: {text!r}") from error
    return moment - start


def format_duration(span: timedelta) -> str:
    """Write a span as xsd:duration in days, hours, minutes and seconds, exact to the microsecond."""
    sign, span = ("-", -span) if span < timedelta(0) else ("", span)
    minutes, seconds = divmod(span.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{span.microseconds:06d}".rstrip("0") if span.microseconds else ""
    days = f"{span.days}D" if span.days else ""
    time = "".join(f"{n}{unit}" for n, unit in ((hours, "H"), (minutes, "M")) if n)
    time += f"{seconds}{fraction}S" if seconds or fraction else ""
    return f"{sign}P{days}{'T' if time else ''}{time}" if days or time else "PT0S"


def parse_time(text: str) -> datetime:
    """Read an xsd:dateTime; without a zone it is UTC. Raises ValueError."""
    text = text.strip()
    written = _TIME.fullmatch(text)
    if written is None:
        raise ValueError(f"not a time: {text!r}; accepted: such as 2027-01-31T12:00:00Z, of the years 1 to 9999")
    midnight = written.group("hour") == "24"  # the end of that day, with nothing after it
    if midnight and set(written.group("rest")) - set(":.0"):
        raise ValueError(f"not a time: {text!r}")
    moment = datetime.fromisoformat(text.replace("T24:", "T00:") if midnight else text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC) + timedelta(days=midnight)
    except OverflowError as error:
        raise ValueError(f"a time outside the years 1 to 9999: {text!r}") from error


@dataclass(frozen=True, slots=True)
class LifetimePolicy:
    """The bounds within which clients choose: nothing past, nothing more than ``maximum`` from now."""

    keep: timedelta = timedelta(days=14)  #: after the end, where no client chose
    maximum: timedelta | None = timedelta(days=366)  #: from now; None allows "never"

    def bounded(self, *maxima: timedelta | None) -> "LifetimePolicy":
        """Return the policy where a service or an owner has bounds of its own: the least of them takes the place of
        the general one.
        """
        own = [maximum for maximum in maxima if maximum is not None]
        if not own:
            return self
        maximum = min(own)
        return LifetimePolicy(keep=min(self.keep, maximum), maximum=maximum)

    def latest(self, now: datetime) -> datetime | None:
        """Return the latest time that is accepted now; None is no bound."""
        return None if self.maximum is None else add(now, self.maximum)

    def initial(self, requested: Requested | None, now: datetime) -> datetime | None:
        """Return the first termination time; without a request it is far off until the work ends.

        Never is as long as can be had: many toolkits send nil for what was not set, and could start nothing else.
        Raises InitialTerminationTimeRejected.
        """
        if requested is None or isinstance(requested, Never):
            return self.latest(now)
        return self._within(requested, now, InitialTerminationTimeRejected)

    def change(self, requested: Requested, now: datetime) -> datetime | None:
        """Return the new termination time, None for never (WS-ResourceLifetime 1.2, SetTerminationTime).

        Raises TerminationTimeRejected.
        """
        return self._within(requested, now, TerminationTimeRejected)

    def _within(self, requested: Requested, now: datetime, rejection: type[TerminationTimeRejected]) -> datetime | None:
        latest = self.latest(now)
        if isinstance(requested, Never):
            wanted = FAR
        else:
            wanted = add(now, requested) if isinstance(requested, timedelta) else requested
        if wanted <= now or (latest is not None and wanted > latest):
            bound = f"up to {stamp(latest)}" if latest else "any time, or nil"
            raise rejection(f"accepted: later than {stamp(now)} and {bound}", now, latest)
        return None if isinstance(requested, Never) else wanted
