"""Activities and events as rows and back. Reading what was written gives an equal value, in another process too."""

import base64
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping

from wsrf_activity.model.activity import (
    RECOVERIES,
    Activity,
    ActivityError,
    Heard,
    Progress,
    RestartPolicy,
    Result,
    ResultSpec,
    Severity,
    Work,
)
from wsrf_activity.model.events import Event, Payload
from wsrf_activity.model.phases import Phase

_MICROSECOND = timedelta(microseconds=1)
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
)


def activity_row(activity: Activity) -> dict[str, Any]:
    """Return the column values of an activity."""
    row = {column: getattr(activity, column) for column in _COLUMNS}
    row["phase"] = activity.phase.value
    row["error_status"] = activity.error_status.value
    row["document"] = {
        "work": _work(activity.work),
        "groups": list(activity.groups),
        "started": _time(activity.started),
        "lifetime_set": activity.lifetime_set,
        "work_limit": _span(activity.work_limit),
        "progress": [activity.progress.percent, activity.progress.message] if activity.progress else None,
        "heard": list(activity.heard),
        "attempt": activity.attempt,
        "recovered": activity.recovered,
        "engine": activity.engine,
        "engine_job": activity.engine_job,
        "exit_code": activity.exit_code,
        "errors": [_error(error) for error in activity.errors],
        "results": [_result(result) for result in activity.results],
        "has_input": activity.has_input,
        "request_digest": activity.request_digest,
        **({"ending": activity.ending} if activity.ending is not None else {}),
        **({"leaving": True} if activity.leaving else {}),
    }
    return row


def read_activity(row: RowMapping | Mapping[str, Any]) -> Activity:
    """Return the activity of a row."""
    document = row["document"]
    progress = document["progress"]
    return Activity(
        **{column: row[column] for column in _COLUMNS},
        phase=Phase(row["phase"]),
        work=_read_work(document["work"]),
        groups=tuple(document["groups"]),
        started=_read_time(document["started"]),
        lifetime_set=document["lifetime_set"],
        work_limit=_read_span(document["work_limit"]),
        progress=Progress(*progress) if progress else None,
        heard=Heard(*document.get("heard", ())),
        attempt=document["attempt"],
        recovered=document.get("recovered", 0),  # rows of earlier programs have none
        engine=document["engine"],
        engine_job=document["engine_job"],
        exit_code=document["exit_code"],
        errors=tuple(_read_error(error) for error in document["errors"]),
        results=tuple(_read_result(result) for result in document["results"]),
        has_input=document["has_input"],
        request_digest=document["request_digest"],
        ending=document.get("ending"),
        leaving=document.get("leaving", False),
    )


def event_row(event: Event) -> dict[str, Any]:
    """Return the column values of an event."""
    return {
        "activity_id": event.activity_id,
        "owner": event.owner,
        "topic": event.topic,
        "version": event.version,
        "time": event.time,
        "payload": _payload(event.payload),
    }


def _payload(payload: Payload) -> Any:
    match payload:
        case None:
            return None
        case Phase():
            return payload.value
        case Progress():
            return [payload.percent, payload.message]
        case ActivityError():
            return _error(payload)
        case Result():
            return _result(payload)


def read_payload(topic: str, stored: Any) -> Payload:
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
        case _:
            return Phase(stored)


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _read_time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _span(span: timedelta | None) -> int | None:
    return None if span is None else span // _MICROSECOND


def _read_span(micros: int | None) -> timedelta | None:
    return None if micros is None else timedelta(microseconds=micros)


def _work(work: Work) -> dict[str, Any]:
    return {
        "argv": list(work.argv),
        "stdin": work.stdin,
        "media_type": work.media_type,
        "results": {name: [spec.path, spec.media_type] for name, spec in work.results.items()},
        "restart": work.restart.value,
        "retries": work.retries,
        "recoveries": work.recoveries,
        "keep": _span(work.keep),
    }


def _read_work(stored: Mapping[str, Any]) -> Work:
    return Work(
        argv=tuple(stored["argv"]),
        stdin=stored["stdin"],
        media_type=stored["media_type"],
        results={name: ResultSpec(*spec) for name, spec in stored["results"].items()},
        restart=RestartPolicy(stored["restart"]),
        retries=stored["retries"],
        recoveries=stored.get("recoveries", RECOVERIES),
        keep=timedelta(microseconds=stored["keep"]),
    )


def _error(error: ActivityError) -> dict[str, Any]:
    return {
        "time": error.time.isoformat(),
        "severity": error.severity.value,
        "description": error.description,
        "code": error.code,
        "handled": error.handled,
        "origin": error.origin,
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
