"""Activities as the quick commands see them: how one is named, and what its resource properties say."""

import os
import re
from collections.abc import Iterable
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from wsrf_activity.cli.envelopes import ACT, BF, REFERENCE, RL, WSA
from wsrf_activity.cli.problems import FAILED, Problem, Usage

_ID = re.compile(r"[A-Za-z0-9._~-]{1,200}")
#: What is shown as it stands on the wire, and the key that ``--json`` gives it.
PLAIN = {
    "id": "ActivityId",
    "service": "Service",
    "name": "Name",
    "owner": "Owner",
    "run_id": "RunId",
    "phase": "Phase",
    "status": "Status",
    "error_status": "ErrorStatus",
    "created": "CreationTime",
    "started": "StartTime",
    "ended": "EndTime",
    "estimated_end": "EstimatedEndTime",
    "work_limit": "ExecutionDuration",
    "attempt": "Attempt",
    "engine": "Engine",
    "engine_job_id": "EngineJobId",
}
_ENTRY = ("id", "service", "name", "phase", "status", "error_status", "created", "ended")
_ENDED = frozenset({"Completed", "Failed", "Aborted"})


class Reference:
    """Which activity, and on which server where that is known."""

    __slots__ = ("base", "id")

    def __init__(self, identifier: str, base: str | None = None) -> None:
        self.id = identifier
        self.base = base


def parse_reference(text: str) -> Reference:
    """Read an id, an address, an endpoint reference in XML, or a file that holds one. Raises Usage."""
    text = text.strip()
    if not text.startswith("<") and os.path.isfile(text):
        with open(text, encoding="utf-8", errors="replace") as file:
            text = file.read().strip()
    if text.startswith("<"):
        return _from_xml(text)
    if text.startswith(("http://", "https://")):
        return _from_address(text)
    if _ID.fullmatch(text):
        return Reference(text)
    raise Usage("give an activity's id, its address, or its endpoint reference (XML, or a file of it)")


def _from_address(address: str) -> Reference:
    base, found, identifier = address.partition("?")[0].rstrip("/").rpartition("/activity/")
    if not found or not _ID.fullmatch(identifier):
        raise Usage(f"{address} is not the address of an activity: these end in /activity/ID")
    return Reference(identifier, base)


def _from_xml(text: str) -> Reference:
    if "<!DOCTYPE" in text:
        raise Usage("an endpoint reference has no document type declaration")
    try:
        return from_endpoint(ElementTree.fromstring(text))
    except ElementTree.ParseError as error:
        raise Usage(f"this endpoint reference is no XML: {error}") from None


def from_endpoint(endpoint: Element) -> Reference:
    """Read a WS-Addressing endpoint reference, or what holds one. Raises Usage when it is none of ours."""
    address = (endpoint.findtext(f".//{{{WSA}}}Address") or "").strip()
    identifier = (endpoint.findtext(f".//{{{REFERENCE}}}Activity") or "").strip()
    if not identifier:
        return _from_address(address)
    base, found, _ = f"{address.rstrip('/')}/".rpartition("/activity/")
    return Reference(identifier, base if found else None)


class Result:
    """One output of an activity."""

    __slots__ = ("href", "media_type", "name", "sha256", "size")

    def __init__(self, described: Element) -> None:
        self.name = described.get("name", "")
        self.media_type = described.get("mediaType", "")
        size = described.get("size")
        self.size = None if size is None else int(size)
        self.sha256 = described.get("sha256", "")
        self.href = described.get("href", "")

    def as_dict(self) -> dict[str, str | int | None]:
        """Return it for ``--json``."""
        return {
            "name": self.name,
            "media_type": self.media_type,
            "size": self.size,
            "sha256": self.sha256,
            "href": self.href,
        }


class Entry:
    """One entry of the error list; ``severity`` is warning, error, fatal or aborted."""

    __slots__ = ("description", "severity", "time", "trace")

    def __init__(self, described: Element) -> None:
        self.severity = _local_text(described, "Severity") or ""
        texts = [each.text or "" for each in described.findall(f"{{{BF}}}Description")]
        self.description = " ".join(" ".join(texts[:1]).split())
        self.trace = texts[1] if len(texts) > 1 else None  #: where in the work it happened
        self.time = described.findtext(f"{{{BF}}}Timestamp") or ""

    def as_dict(self) -> dict[str, str]:
        """Return it for ``--json``."""
        said = {"time": self.time, "severity": self.severity, "description": self.description}
        return said if self.trace is None else {**said, "trace": self.trace}


class Activity:
    """A resource property document, read."""

    def __init__(self, properties: Element) -> None:
        self._properties = properties
        self.id = self.text("ActivityId") or ""
        self.phase = self.text("Phase") or ""
        self.version = self.text("Version") or "0"
        self.ended = self.phase in _ENDED
        self.results = [Result(child) for child in properties.findall(f"{{{ACT}}}Result")]
        self.errors = [Entry(child) for child in properties.findall(f"{{{ACT}}}Error")]
        self.groups = [child.text or "" for child in properties.findall(f"{{{ACT}}}Group")]
        self.terminates = properties.findtext(f"{{{RL}}}TerminationTime") or None
        self.percent, self.message = progress(properties)
        code = self.text("ExitCode")
        self.exit_code = None if code is None else int(code)

    def text(self, name: str) -> str | None:
        """Return the text of one of our own properties, or None where it is absent."""
        return self._properties.findtext(f"{{{ACT}}}{name}")

    def result(self, name: str) -> Result | None:
        """Return the result of that name, if there is one."""
        return next((result for result in self.results if result.name == name), None)

    def as_dict(self) -> dict[str, object]:
        """Return everything as ``wsrf-activity show --json`` writes it; what is absent is None or empty."""
        plain = {key: self.text(name) for key, name in PLAIN.items()}
        return plain | {
            "version": int(self.version),
            "expires": self.terminates,
            "groups": self.groups,
            "progress": {"percent": self.percent, "message": self.message},
            "exit_code": self.exit_code,
            "errors": [entry.as_dict() for entry in self.errors],
            "results": [result.as_dict() for result in self.results],
        }

    def outcome(self) -> int:
        """Return the exit code that stands for how the activity ended: the job's own wherever it has one."""
        if self.phase == "Completed":
            return self.exit_code or 0
        return self.exit_code or FAILED

    def complaint(self) -> str | None:
        """Return one line on how it ended badly, unless the job's own exit code and stderr say it already."""
        own_code = self.exit_code is not None and 0 < self.exit_code <= 128
        if self.phase == "Completed" or (self.phase == "Failed" and own_code):
            return None
        said = [entry.description for entry in self.errors if entry.severity in ("fatal", "aborted")]
        return said[-1] if said and said[-1] else f"the activity ended as {self.phase}"


def progress(parent: Element) -> tuple[float | None, str | None]:
    """Return percent and message of the Progress that ``parent`` holds; None where it was not reported."""
    reported = parent.find(f"{{{ACT}}}Progress")
    if reported is None:
        return None, None
    percent = _local_text(reported, "Percent")
    return (None if percent is None else float(percent)), _local_text(reported, "Message")


def _local_text(parent: Element, name: str) -> str | None:
    return parent.findtext(f"{{{ACT}}}{name}")


def created(response: Element) -> tuple[Reference, str]:
    """Return the new activity of a CreateActivityResponse, and its address. Raises Problem."""
    endpoint = response.find(f"{{{WSA}}}EndpointReference")
    if endpoint is None:
        raise Problem("the server's answer to CreateActivity has no endpoint reference")
    return from_endpoint(endpoint), (endpoint.findtext(f"{{{WSA}}}Address") or "").strip()


def entries(response: Element) -> Iterable[dict[str, str | None]]:
    """Yield the entries of a ListActivitiesResponse, keyed as ``wsrf-activity list --json`` writes them."""
    for entry in response.findall(f"{{{ACT}}}Entry"):
        row = {key: _local_text(entry, PLAIN[key]) for key in _ENTRY}
        row["expires"] = _local_text(entry, "TerminationTime") or None
        row["url"] = entry.findtext(f"{{{WSA}}}EndpointReference/{{{WSA}}}Address")
        yield row
