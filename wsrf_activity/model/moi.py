"""How moi (mustached-octo-ironman) sees activities: the job info of its websocket, with its statuses, as JSON.

What work says of itself is a message here and never a phase; moi has one field for both, so that it is shown as the
status for as long as the work runs.
"""

from datetime import datetime
from typing import Any

from wsrf_activity.model.activity import Activity
from wsrf_activity.model.addresses import Addresses
from wsrf_activity.model.lifetime import stamp
from wsrf_activity.model.phases import Phase

NO_USER = "no-user"  #: the group of what is nobody's; nobody waits for its results, so that it has no handler
UNNAMED = "unnamed"

_STATUS = {
    Phase.PENDING: "Queued",
    Phase.QUEUED: "Queued",
    Phase.EXECUTING: "Running",
    Phase.COMPLETED: "Success",
    Phase.FAILED: "Failed",
    Phase.ABORTED: "Failed",
}


def job_info(activity: Activity, addresses: Addresses) -> dict[str, Any]:
    """Return the twelve keys of a job. ``url`` and its id, with a slash between, are where the result is shown."""
    group = activity.groups[0] if activity.groups else NO_USER
    return {
        "id": activity.id,
        "type": "job",
        "pubsub": f"{activity.id}:pubsub",
        "url": None if group == NO_USER else addresses.service,
        "parent": group,
        "context": activity.engine,
        "name": activity.name or UNNAMED,
        "status": status(activity),
        "date_start": _time(activity.started),
        "date_end": _time(activity.ended),
        "date_created": _time(activity.created),
        "result": _result(activity, addresses) if activity.phase.ended else None,
    }


def status(activity: Activity) -> str:
    """Return the status: one of four words, or what running work last said."""
    said = activity.progress.message if activity.progress else None
    return said if said and activity.phase is Phase.EXECUTING else _STATUS[activity.phase]


def _result(activity: Activity, addresses: Addresses) -> str | list[str]:
    """Return the result as text where it is a small one, else where it is; of what failed the traceback's lines."""
    if activity.phase is not Phase.COMPLETED:
        told = (error.trace or error.description for error in activity.errors if not error.handled)
        return [line for text in told for line in text.splitlines(keepends=True)]
    result = next((result for result in activity.results if result.name == "result"), None)
    if result is None:
        return ""
    if result.inline is not None:
        try:
            return result.inline.decode()
        except UnicodeDecodeError:
            pass
    return addresses.result(activity.id, result.name)


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else stamp(moment)
