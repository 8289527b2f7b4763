"""A result as the faces serve it: a file that is complete, or one that still grows."""

from dataclasses import dataclass
from pathlib import Path

from wsrf_activity.model.activity import Activity, Result

LIVE_OUTPUTS = {"stdout": "stdout", "stderr": "stderr", "result": "stdout"}  #: readable while the work runs


@dataclass(frozen=True, slots=True)
class Content:
    """Where the bytes of a result are. Without ``result`` they are not final: the work still writes."""

    activity: Activity
    name: str
    path: Path  #: need not exist: work that has not begun, or wrote nothing, reads as empty
    media_type: str
    result: Result | None
