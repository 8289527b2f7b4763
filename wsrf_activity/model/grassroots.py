"""How the Grassroots infrastructure sees activities: its status codes, how they merge, and its ServiceJob as JSON.

Codes, texts, rules and keys are those of grassroots-core. One habit is not taken over: there a failure is forgotten
when it has been read once, here it stays.
"""

import base64
import binascii
import json
import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import reduce
from typing import Any, Final

from wsrf_activity.model.activity import Activity, Link, Result
from wsrf_activity.model.addresses import Addresses
from wsrf_activity.model.errors import InvalidParameter
from wsrf_activity.model.lifetime import stamp
from wsrf_activity.model.phases import Phase

JOB_TYPE: Final = "default_service_job"
_CODE = re.compile(r"-?[0-9]")
_NOT_BEGUN = "CannotStart"  #: the code of the error that work could not be begun


class JobStatus(IntEnum):
    """How a job stands: negative is bad, and what is above Started has ended."""

    FAILED = -3
    FAILED_TO_START = -2
    ERROR = -1
    IDLE = 0
    PENDING = 1
    STARTED = 2
    FINISHED = 3  #: ended, and nobody says how well
    PARTIALLY_SUCCEEDED = 4
    SUCCEEDED = 5
    CLEANED_UP = 6

    @property
    def text(self) -> str:
        """The words for it."""
        return self.name.replace("_", " ").capitalize()

    @property
    def live(self) -> bool:
        """Whether more is to come."""
        return self in _LIVE

    @property
    def has_results(self) -> bool:
        """Whether a job that stands so shows its results."""
        return self in (JobStatus.SUCCEEDED, JobStatus.PARTIALLY_SUCCEEDED)

    @classmethod
    def parse(cls, given: object) -> "JobStatus":
        """Return the status that a code, or a text of a code or of the words, means; raises InvalidParameter."""
        try:
            if isinstance(given, str) and (given in _BY_TEXT or _CODE.fullmatch(given)):
                return _BY_TEXT[given] if given in _BY_TEXT else cls(int(given))
            if isinstance(given, int) and not isinstance(given, bool):
                return cls(given)
        except ValueError:
            pass
        raise InvalidParameter(f"status: {given!r} is none; accepted: {min(cls)} to {max(cls)}, or its text", "status")

    @classmethod
    def of_job(cls, job: Mapping[str, Any]) -> "JobStatus":
        """Return how the job stands that is written in JSON: ``status`` counts first, then ``status_text``.

        Raises InvalidParameter where it says neither.
        """
        return cls.parse(job["status"] if "status" in job else job.get("status_text"))


_LIVE = frozenset({JobStatus.IDLE, JobStatus.PENDING, JobStatus.STARTED})
_BY_TEXT = {status.text: status for status in JobStatus}

#: The phases whose activities may have a status; the others are never seen here.
PHASES: Final[Mapping[JobStatus, Phase]] = {
    JobStatus.FAILED: Phase.FAILED,
    JobStatus.FAILED_TO_START: Phase.FAILED,
    JobStatus.ERROR: Phase.ABORTED,
    JobStatus.IDLE: Phase.PENDING,
    JobStatus.PENDING: Phase.QUEUED,
    JobStatus.STARTED: Phase.EXECUTING,
    JobStatus.PARTIALLY_SUCCEEDED: Phase.COMPLETED,
    JobStatus.SUCCEEDED: Phase.COMPLETED,
}


def merge(known: JobStatus, added: JobStatus) -> JobStatus:
    """Return how a job stands of which one part stood as ``known`` when another one's status came."""
    match known:
        case JobStatus.IDLE | JobStatus.PENDING:
            return added
        case JobStatus.FAILED | JobStatus.FAILED_TO_START | JobStatus.ERROR:
            return JobStatus.PARTIALLY_SUCCEEDED if added.has_results else known
        case JobStatus.SUCCEEDED if added is not JobStatus.SUCCEEDED:
            return JobStatus.PARTIALLY_SUCCEEDED
        case _:
            return known


def aggregate(members: Iterable[JobStatus]) -> JobStatus:
    """Return how a set of jobs stands, of which each counts the same.

    ``merge`` alone would say of a set that still runs what depends on its order: so the live ones come first.
    """
    statuses = list(members)
    live = [status for status in statuses if status.live]
    if not live:
        return reduce(merge, statuses, JobStatus.IDLE)
    return max(live) if len(live) == len(statuses) else JobStatus.STARTED


def status(activity: Activity) -> JobStatus:
    """Return how an activity stands. Of what has ended by an abort Grassroots has no notion: that is an error."""
    match activity.phase:
        case Phase.PENDING:
            return JobStatus.IDLE
        case Phase.QUEUED:
            return JobStatus.PENDING
        case Phase.EXECUTING:
            return JobStatus.STARTED
        case Phase.ABORTED:
            return JobStatus.ERROR
        case Phase.FAILED:
            return JobStatus.FAILED_TO_START if _not_begun(activity) else JobStatus.FAILED
        case _:
            members = activity.members
            whole = members is None or members.completed == members.total
            return JobStatus.SUCCEEDED if whole else JobStatus.PARTIALLY_SUCCEEDED


def _not_begun(activity: Activity) -> bool:
    return activity.started is None or any(error.code == _NOT_BEGUN and not error.handled for error in activity.errors)


def job_uuid(activity_id: str) -> str:
    """Return an activity's id as Grassroots writes it: the same 128 bits, in the form of a UUID."""
    try:
        return str(uuid.UUID(bytes=base64.b32decode(activity_id.upper() + "======")))
    except (ValueError, binascii.Error):
        return activity_id


def activity_id(text: str) -> str:
    """Return the id that ``job_uuid`` made a text from; any other text is an id as it is."""
    try:
        return base64.b32encode(uuid.UUID(text).bytes).decode("ascii").rstrip("=").lower()
    except ValueError:
        return text


@dataclass(frozen=True, slots=True)
class ServiceJobs:
    """Writes jobs as the JSON of Grassroots' ServiceJob."""

    addresses: Addresses

    def job(
        self,
        activity: Activity,
        description: str | None = None,
        *,
        results: bool = True,
    ) -> dict[str, Any]:
        """Return an activity's job. Results stand there if it (partially) succeeded, and not where omitted."""
        stands = status(activity)
        job: dict[str, Any] = {"service_name": activity.service, "job_type": JOB_TYPE}
        if activity.errors:
            job["errors"] = _runtime_errors(error.description for error in activity.errors)
        job["metadata"] = _metadata(activity)
        job |= {"status": int(stands), "status_text": stands.text, "job_uuid": job_uuid(activity.id)}
        named = {"so:name": activity.name, "so:description": description, "so:url": self._address(activity)}
        job |= {key: text for key, text in named.items() if text}
        if stands.has_results and not results:
            job["results_omitted"] = True
        elif stands.has_results:
            job["results"] = [self._resource(activity, result) for result in activity.results]
            if activity.work.then:
                job["linked_services"] = [_linked(link) for link in activity.work.then]
        return job

    def unknown(self, asked: str, reason: str) -> dict[str, Any]:
        """Return what stands for a job that was asked for and is not there."""
        stands = JobStatus.ERROR
        errors = _runtime_errors([reason])
        return {"job_uuid": asked, "status": int(stands), "status_text": stands.text, "errors": errors}

    def _address(self, activity: Activity) -> str:
        return self.addresses.activity(activity.id)

    def _resource(self, activity: Activity, result: Result) -> dict[str, Any]:
        """Return a result as a resource: a small one inline, if JSON can hold it, else where it is fetched."""
        if result.inline is not None:
            try:
                return {"protocol": "inline", "title": result.name, "data": _data(result.media_type, result.inline)}
            except (ValueError, RecursionError):
                pass  # nothing that JSON can hold: it is fetched
        address = self.addresses.result(activity.id, result.name)
        return {"protocol": address.partition(":")[0], "title": result.name, "value": address}


def _data(media_type: str, content: bytes) -> Any:
    """Return content as a value of JSON; raises ValueError where it is none."""
    kind = media_type.partition(";")[0].strip().lower()
    text = content.decode("utf-8")
    if kind == "application/json" or kind.endswith("+json"):
        return json.loads(text, parse_constant=_no_number)
    return text


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _runtime_errors(descriptions: Iterable[str]) -> dict[str, Any]:
    return {"runtime_errors": {"errors": list(descriptions)}}


def _metadata(activity: Activity) -> dict[str, Any]:
    """Return what a job's own keys have no place for; the names are those of the resource properties."""
    times = {
        "CreationTime": activity.created,
        "StartTime": activity.started,
        "EndTime": activity.ended,
        "EstimatedEndTime": activity.estimated_end,
        "TerminationTime": activity.terminates,
    }
    found: dict[str, Any] = {"ActivityId": activity.id, "Phase": activity.phase, "ErrorStatus": activity.error_status}
    found |= {name: stamp(moment) for name, moment in times.items() if moment is not None}
    if activity.progress is not None:
        found["Progress"] = {"Percent": activity.progress.percent, "Message": activity.progress.message}
    if activity.parent is not None:
        found["Parent"] = job_uuid(activity.parent)
    if (members := activity.members) is not None:
        counts = (members.total, members.completed, members.failed, members.aborted)
        found["Members"] = dict(zip(("Total", "Completed", "Failed", "Aborted"), counts, strict=True))
    return found


def _linked(link: Link) -> dict[str, Any]:
    """Return a linked service as Grassroots configures one: what of the results becomes which parameter."""
    mappings = [
        {"input": result, "output": parameter or "Input", "multiple": link.multiple}
        for parameter, result in link.results.items()
    ]
    return {"so:name": link.service, "parameters": {"mappings": mappings}}
