"""How events are shown: a line for a person, or an object of JSON for a program."""

import json
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from lxml import etree
from rich.text import Text

from wsrf_activity.cli import pages
from wsrf_activity.client import (
    ErrorReported,
    Event,
    ProgressReported,
    Properties,
    PropertyChanged,
    ResultAdded,
    StatusChanged,
    Terminated,
)
from wsrf_activity.model.activity import Progress
from wsrf_activity.model.lifetime import stamp

_SEVERITIES: Mapping[str, str] = {"warning": "yellow", "error": "red", "fatal": "bold red", "aborted": "magenta"}
_LONGEST = 60  #: characters of a property's value


class Page:
    """For a person: one line for each event."""

    def __init__(self) -> None:
        self._console = pages.console()
        self._names: dict[str, str] = {}

    def knows(self, activity_id: str) -> bool:
        """Whether it is known what the activity is called."""
        return activity_id in self._names

    def begin(self, properties: Properties, known: bool = False) -> None:
        """Show how an activity stands, unless what is shown will tell, and keep its name."""
        identifier = properties.id or ""
        self._names[identifier] = properties.name or identifier
        if not known:
            self._print(
                datetime.now(UTC), identifier, pages.phase_text(properties.phase), _progress(properties.progress)
            )

    def show(self, event: Event) -> None:
        """Show what has happened."""
        self._print(event.time or datetime.now(UTC), event.activity_id or "", *_happened(event))

    def remark(self, text: str) -> None:
        """Say why there is nothing to show."""
        print(text, file=sys.stderr)

    def _print(self, time: datetime, identifier: str, *parts: Text) -> None:
        name = self._names.get(identifier, identifier)
        head = (Text(f"{time.astimezone():%H:%M:%S}", style="dim"), Text(name, style="bold"))
        self._console.print(Text("  ").join(part for part in (*head, *parts) if part), soft_wrap=True)


class Json(Page):
    """For a program: one object for each event, and nothing else."""

    def begin(self, properties: Properties, known: bool = False) -> None:
        """Keep its name."""
        super().begin(properties, known=True)

    def show(self, event: Event) -> None:
        """Write what has happened."""
        print(json.dumps(as_dict(event)), flush=True)


def as_dict(event: Event) -> dict[str, Any]:
    """Return an event as ``--json`` writes it."""
    return {
        "event": type(event).__name__,
        "activity_id": event.activity_id,
        "topic": event.topic,
        "sequence": event.sequence,
        "id": event.id,
        "time": None if event.time is None else stamp(event.time),
        **_content(event),
    }


def _content(event: Event) -> dict[str, Any]:
    match event:
        case StatusChanged():
            names = ("old_phase", "phase", "status", "error_status", "version")
            return {name: getattr(event, name) for name in names}
        case ProgressReported(progress=progress, version=version):
            return {"percent": progress.percent, "message": progress.message, "version": version}
        case ErrorReported(error=error, version=version):
            said = {"severity": error.severity, "description": error.description, "code": error.code}
            return {**said, "version": version}
        case ResultAdded(result=result, version=version):
            said = {name: getattr(result, name) for name in ("name", "media_type", "size", "sha256", "href")}
            return {**said, "version": version}
        case PropertyChanged(name=name, old=old, new=new):
            return {"property": name, "old": [_plain(each) for each in old], "new": [_plain(each) for each in new]}
        case Terminated(reason=reason):
            return {"reason": reason}
    return {"payload": None if event.payload is None else etree.tostring(event.payload, encoding="unicode")}


def _happened(event: Event) -> tuple[Text, ...]:
    match event:
        case StatusChanged(phase=phase):
            return (pages.phase_text(phase),)
        case ProgressReported(progress=progress):
            return (_progress(progress),)
        case ErrorReported(error=error):
            return Text(error.severity, style=_SEVERITIES.get(error.severity, "")), Text(error.description)
        case ResultAdded(result=result):
            return Text("result"), Text(result.name), Text("" if result.size is None else f"{result.size:,} bytes")
        case PropertyChanged(name=name, old=old, new=new):
            return Text(name, style="dim"), Text(f"{_values(old)} -> {_values(new)}")
        case Terminated(reason=reason):
            return Text("gone", style="dim"), Text(reason or "")
    return (Text(event.topic),)


def _progress(progress: Progress | None) -> Text:
    if progress is None:
        return Text("")
    percent = "" if progress.percent is None else f"{progress.percent:g} %"
    return Text(" ".join(part for part in (percent, progress.message) if part))


def _values(elements: Iterable[etree._Element]) -> str:
    text = ", ".join(_plain(element) for element in elements) or "nothing"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _plain(element: etree._Element) -> str:
    """Return the text of a simple value, and of another one all that is in it."""
    return " ".join(str(part).strip() for part in element.itertext() if str(part).strip())
