"""Activities and events as rows and back. Reading what was written gives an equal value, in another process too."""

import base64
import dataclasses
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

from sqlalchemy import RowMapping

from wsrf_activity.model.activity import (
    Activity,
    ActivityError,
    Binding,
    Heard,
    Link,
    Members,
    Progress,
    RestartPolicy,
    Result,
    ResultSpec,
    Severity,
    Work,
)
from wsrf_activity.model.events import Event, Logged, Payload, Termination
from wsrf_activity.model.phases import Phase
from wsrf_activity.model.subscriptions import Consumer, Delivery, Expression, Kind, Policy, Subscription

_MICROSECOND = timedelta(microseconds=1)
_TIMES = ("created", "started", "ended", "terminates", "estimated_end")
_COLUMNS = (
    "id",
    "owner",
    "service",
    "version",
    "created",
    "ended",
    "terminates",
    "name",
    "run_id",
    "fence",
    "request_id",
    "holder",
    "parent",
    "begins",
)


#: The rest of an activity, in the document of its row: what is as with most activities is left out, since rows are
#: written and read often. The usual values of these are that there is nothing yet; those never change.
_REST = (
    "groups",
    "started",
    "work_limit",
    "progress",
    "heard",
    "attempt",
    "recovered",
    "engine_job",
    "exit_code",
    "errors",
    "results",
    "has_input",
    "estimated_end",
    "index",
    "members",
    "gathering",
    "needs",
    "request_digest",
    "ending",
    "leaving",
)
_USUAL = tuple((field.name, field.default) for field in dataclasses.fields(Activity) if field.name in _REST)


def activity_row(activity: Activity) -> dict[str, Any]:
    """Return the column values of an activity."""
    row = {column: getattr(activity, column) for column in _COLUMNS}
    row["phase"] = activity.phase.value
    row["error_status"] = activity.error_status.value
    row["document"] = document = {
        "work": _work(activity.work),
        "engine": activity.engine,
        "lifetime_set": activity.lifetime_set,
    }
    for name, usual in _USUAL:
        value = getattr(activity, name)
        if value != usual:
            document[name] = _field(name, value)
    return row


def as_it_was(activity: Activity) -> dict[str, Any]:
    """Return the values that the compare side of a change of an activity binds."""
    return {
        "of": activity.id,
        "was_version": activity.version,
        "was_phase": activity.phase.value,
        "was_fence": activity.fence,
    }


def read_activity(row: RowMapping | Mapping[str, Any]) -> Activity:
    """Return the activity of a row."""
    document = row["document"]
    return Activity(
        **{column: row[column] for column in _COLUMNS},
        phase=Phase(row["phase"]),
        work=_read_work(document["work"]),
        engine=document["engine"],
        lifetime_set=document["lifetime_set"],
        # Earlier programs have written all of them, null where there was nothing.
        **{name: _read_field(name, document[name]) for name in _REST if document.get(name) is not None},
    )


_SUBSCRIPTION_COLUMNS = ("id", "owner", "activity_id", "pull_point", "terminates", "position", "delivered")
_SUBSCRIPTION_PLAIN = ("paused", "confirmed", "failures", "last_error")
EVENT_COLUMNS = ("activity_id", "owner", "topic", "version", "time", "payload", "changed")


def event_row(event: Event) -> dict[str, Any]:
    """Return the column values of an event, but for its place in the log."""
    return {
        "activity_id": event.activity_id,
        "owner": event.owner,
        "topic": event.topic,
        "version": event.version,
        "time": event.time,
        "payload": _payload(event.payload),
        "changed": None if event.changed is None else {n: _field(n, value) for n, value in event.changed.items()},
    }


def read_event(row: Mapping[str, Any]) -> Logged:
    """Return the event of a row with its place in the log."""
    changed = row["changed"]
    event = Event(
        topic=row["topic"],
        activity_id=row["activity_id"],
        owner=row["owner"],
        version=row["version"],
        time=row["time"],
        payload=_read_payload(row["topic"], row["payload"]),
        changed=None if changed is None else {name: _read_field(name, value) for name, value in changed.items()},
    )
    return Logged(row["id"], row["sequence"], event)


def _field(name: str, value: Any) -> Any:
    """Return a field of an activity as JSON."""
    write = _WRITTEN.get(name)
    return value if write is None or value is None else write(value)


def _read_field(name: str, stored: Any) -> Any:
    read = _READ.get(name)
    return stored if read is None or stored is None else read(stored)


def _payload(payload: Payload) -> Any:
    match payload:
        case None:
            return None
        case Phase():
            return payload.value
        case Progress():
            return _progress(payload)
        case ActivityError():
            return _error(payload)
        case Result():
            return _result(payload)
        case Termination():
            return [_time(payload.time), payload.reason]


def _read_payload(topic: str, stored: Any) -> Payload:
    """Return the payload of an event, whose kind its topic tells."""
    if stored is None:
        return None
    match topic.partition("/")[0]:
        case "ProgressReported":
            return Progress(*stored)
        case "ErrorReported":
            return _read_error(stored)
        case "ResultAdded":
            return _read_result(stored)
        case "Terminated":
            return Termination(datetime.fromisoformat(stored[0]), stored[1])
        case _:
            return Phase(stored)


def subscription_row(subscription: Subscription) -> dict[str, Any]:
    """Return the column values of a subscription."""
    row: dict[str, Any] = {name: getattr(subscription, name) for name in _SUBSCRIPTION_COLUMNS}
    consumer, policy = subscription.consumer, subscription.policy
    row["document"] = {
        "consumer": [consumer.address, consumer.reference, consumer.soap, consumer.addressing],
        "filter": [[e.kind.value, e.dialect, e.text, dict(e.prefixes)] for e in subscription.filter],
        "policy": {
            "raw": policy.raw,
            "from_sequence": policy.from_sequence,
            "latest_only": policy.latest_only,
            "at_most_every": _span(policy.at_most_every),
            "verify": policy.verify,
            "secret": policy.secret,
            "credentials": list(policy.credentials) if policy.credentials else None,
        },
        "created": _time(subscription.created),
        "delivery": subscription.delivery.value,
        "failing_since": _time(subscription.failing_since),
        "next_try": _time(subscription.next_try),
        **{name: getattr(subscription, name) for name in _SUBSCRIPTION_PLAIN},
    }
    return row


def read_subscription(row: Mapping[str, Any]) -> Subscription:
    """Return the subscription of a row."""
    document = row["document"]
    policy = document["policy"]
    return Subscription(
        **{name: row[name] for name in _SUBSCRIPTION_COLUMNS},
        **{name: document[name] for name in _SUBSCRIPTION_PLAIN},
        consumer=Consumer(*document["consumer"]),
        filter=tuple(Expression(Kind(kind), *rest) for kind, *rest in document["filter"]),
        policy=Policy(
            **{
                **policy,
                "at_most_every": _read_span(policy["at_most_every"]),
                "credentials": tuple(policy["credentials"]) if policy["credentials"] else None,
            }
        ),
        created=datetime.fromisoformat(document["created"]),
        delivery=Delivery(document["delivery"]),
        failing_since=_read_time(document["failing_since"]),
        next_try=_read_time(document["next_try"]),
    )


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _read_time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _span(span: timedelta | None) -> int | None:
    return None if span is None else span // _MICROSECOND


def _read_span(micros: int | None) -> timedelta | None:
    return None if micros is None else timedelta(microseconds=micros)


def _said(**fields: Any) -> dict[str, Any]:
    """Return what most activities have nothing of only where there is something: rows are written often."""
    return {name: value for name, value in fields.items() if value is not None}


def _work(work: Work) -> dict[str, Any]:
    stored = {"argv": [*work.argv], "keep": _span(work.keep)}
    for name, usual in _WORK_USUAL:
        value = getattr(work, name)
        if value != usual:
            stored[name] = _WORK_WRITTEN[name](value) if name in _WORK_WRITTEN else value
    return stored


def _read_work(stored: Mapping[str, Any]) -> Work:
    values = {name: _WORK_READ[name](value) if name in _WORK_READ else value for name, value in stored.items()}
    return Work(**values)


def _error(error: ActivityError) -> dict[str, Any]:
    return {
        "time": error.time.isoformat(),
        "severity": error.severity.value,
        "description": error.description,
        "code": error.code,
        "handled": error.handled,
        "origin": error.origin,
        **_said(trace=error.trace),
    }


def _read_error(stored: Mapping[str, Any]) -> ActivityError:
    time, severity = datetime.fromisoformat(stored["time"]), Severity(stored["severity"])
    return ActivityError(**{**stored, "time": time, "severity": severity})


def _result(result: Result) -> dict[str, Any]:
    return {
        "name": result.name,
        "media_type": result.media_type,
        "size": result.size,
        "sha256": result.sha256,
        "path": result.path,
        "inline": None if result.inline is None else base64.b64encode(result.inline).decode("ascii"),
    }


def _read_result(stored: Mapping[str, Any]) -> Result:
    inline = stored["inline"]
    return Result(**{**stored, "inline": None if inline is None else base64.b64decode(inline)})


def _progress(progress: Progress) -> list[Any]:
    return [progress.percent, progress.message]


#: How the fields of an activity are written and read that are no plain JSON.
_WRITTEN: dict[str, Callable[[Any], Any]] = {
    "phase": attrgetter("value"),
    "work_limit": _span,
    "progress": _progress,
    "members": lambda members: list(dataclasses.astuple(members)),
    "errors": lambda errors: [*map(_error, errors)],
    "results": lambda results: [*map(_result, results)],
    **dict.fromkeys(("groups", "heard", "needs"), list),
    **dict.fromkeys(_TIMES, _time),
}
_READ: dict[str, Callable[[Any], Any]] = {
    "phase": Phase,
    "work_limit": _read_span,
    "progress": lambda stored: Progress(*stored),
    "heard": lambda stored: Heard(*stored),
    "members": lambda stored: Members(*stored),
    "errors": lambda stored: tuple(map(_read_error, stored)),
    "results": lambda stored: tuple(map(_read_result, stored)),
    **dict.fromkeys(("groups", "needs"), tuple),
    **dict.fromkeys(_TIMES, datetime.fromisoformat),
}
#: The same of work. Earlier programs have written more of it than what is not as usual.
_WORK_USUAL = tuple(
    (field.name, getattr(Work(argv=()), field.name))
    for field in dataclasses.fields(Work)
    if field.name not in ("argv", "keep")
)
_WORK_WRITTEN: dict[str, Callable[[Any], Any]] = {
    "restart": attrgetter("value"),
    "retry_after": _span,
    "arguments": bytes.decode,
    "bindings": lambda bindings: [list(dataclasses.astuple(binding)) for binding in bindings],
    "then": lambda then: [dataclasses.asdict(link) for link in then],
    "results": lambda results: {name: [spec.path, spec.media_type] for name, spec in results.items()},
}
_WORK_READ: dict[str, Callable[[Any], Any]] = {
    "argv": tuple,
    "keep": _read_span,
    "restart": RestartPolicy,
    "retry_after": _read_span,
    "arguments": str.encode,
    "bindings": lambda stored: tuple(Binding(*binding) for binding in stored),
    "then": lambda stored: tuple(Link(**link) for link in stored),
    "results": lambda stored: {name: ResultSpec(*spec) for name, spec in stored.items()},
}
