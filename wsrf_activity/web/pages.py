"""What a person sees in a browser: a plain table of activities, one activity on a page; as JSON for scripts."""

import html
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from wsrf_activity.model.activity import Activity
from wsrf_activity.model.identity import Principal
from wsrf_activity.model.lifetime import stamp
from wsrf_activity.model.listing import Filter
from wsrf_activity.web.faces import Faces

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .35rem .8rem .35rem 0;
border-bottom: 1px solid #8884; vertical-align: top } th { font-weight: 600 } code { font-size: .9em }
.Completed { color: #197b30 } .Failed, .Aborted { color: #c5221f } .Executing { color: #1a66c9 }
@media (prefers-color-scheme: dark) { .Completed { color: #6cc983 } .Failed, .Aborted { color: #f28b82 }
.Executing { color: #8ab4f8 } }
"""
_LISTED = 200


async def listing(faces: Faces, caller: Principal, request: Request) -> Response:
    """Return the caller's activities, newest first."""
    page = await faces.manager.list(caller, Filter(limit=_LISTED))
    if wants(request) == "json":
        return JSONResponse({"activities": [as_json(faces, activity) for activity in page.activities]})
    rows = "".join(_row(faces, activity) for activity in page.activities)
    head = "<tr><th>Activity</th><th>Service</th><th>Phase</th><th>Created</th><th>Ended</th></tr>"
    body = f"<table>{head}{rows}</table>" if rows else "<p>No activities yet.</p>"
    return html_page("Activities", f"<p>of {html.escape(caller.name)}</p>{body}")


async def activity(faces: Faces, caller: Principal, request: Request) -> Response:
    """Return one activity: as a page, as JSON, or as its property document."""
    kind = wants(request)
    found = await faces.manager.get(caller, request.path_params["id"])
    if kind == "html":
        return html_page(found.name or found.id, _facts(faces, found))
    # Weak: the version says whether anything has changed, while the document also tells the current time.
    tag = f'W/"{found.version}-{kind}"'
    headers = {"etag": tag, "vary": "accept", "cache-control": "private, no-cache"}
    if tag in [known.strip() for known in request.headers.get("if-none-match", "").split(",")]:
        return Response(status_code=304, headers=headers)
    if kind == "xml":
        return Response(faces.soap.document(found), media_type="application/xml", headers=headers)
    return JSONResponse(as_json(faces, found), headers=headers)


def as_json(faces: Faces, activity: Activity) -> dict[str, Any]:
    """Return an activity for scripts; the names are those of the resource properties."""
    progress = activity.progress
    return {
        "ActivityId": activity.id,
        "href": faces.addresses.activity(activity.id),
        "Service": activity.service,
        "Name": activity.name,
        "Owner": activity.owner,
        "Group": list(activity.groups),
        "RunId": activity.run_id,
        "Status": activity.status,
        "ErrorStatus": activity.error_status,
        "Phase": activity.phase,
        "Version": activity.version,
        "Progress": {"Percent": progress.percent, "Message": progress.message} if progress else None,
        "CreationTime": _time(activity.created),
        "StartTime": _time(activity.started),
        "EndTime": _time(activity.ended),
        "TerminationTime": _time(activity.terminates),
        "ExitCode": activity.exit_code,
        "Error": [
            {"Timestamp": _time(e.time), "Severity": e.severity, "Description": e.description, "Handled": e.handled}
            for e in activity.errors
        ],
        "Result": [
            {
                "name": result.name,
                "mediaType": result.media_type,
                "size": result.size,
                "sha256": result.sha256,
                "href": faces.addresses.result(activity.id, result.name),
            }
            for result in activity.results
        ],
    }


def wants(request: Request) -> str:
    """The kind of answer that the client would rather have: a browser gets a page."""
    accepted = request.headers.get("accept", "")
    if "text/html" in accepted:
        return "html"
    if "json" in accepted:
        return "json"
    return "xml" if "xml" in accepted else "html"


def _shown(moment: datetime | None) -> str | None:
    """A time for people."""
    return None if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else stamp(moment)


def _row(faces: Faces, activity: Activity) -> str:
    link = f'<a href="{faces.addresses.activity(activity.id)}">{html.escape(activity.name or activity.id)}</a>'
    phase = f'<span class="{activity.phase}">{activity.phase}</span>'
    cells = (link, html.escape(activity.service), phase, _shown(activity.created), _shown(activity.ended) or "")
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _facts(faces: Faces, activity: Activity) -> str:
    progress = activity.progress
    facts = [
        ("Phase", f'<span class="{activity.phase}">{activity.phase}</span>'),
        ("Errors", html.escape(activity.error_status)),
        ("Progress", html.escape(f"{progress.percent or 0:g} % {progress.message or ''}") if progress else None),
        ("Id", f"<code>{activity.id}</code>"),
        ("Service", html.escape(activity.service)),
        ("Created", _shown(activity.created)),
        ("Started", _shown(activity.started)),
        ("Ended", _shown(activity.ended)),
        ("Kept until", _shown(activity.terminates) or "for ever"),
        ("Exit code", None if activity.exit_code is None else str(activity.exit_code)),
        ("Results", "<br>".join(_result_links(faces, activity)) or None),
        ("Messages", "<br>".join(html.escape(error.description) for error in activity.errors) or None),
    ]
    rows = "".join(f"<tr><th>{name}</th><td>{value}</td></tr>" for name, value in facts if value is not None)
    return f'<table>{rows}</table><p><a href="{faces.addresses.service}">All activities</a></p>'


def _result_links(faces: Faces, activity: Activity) -> Iterable[str]:
    for result in activity.results:
        href = html.escape(faces.addresses.result(activity.id, result.name))
        yield f'<a href="{href}">{html.escape(result.name)}</a> {result.size} bytes'


def html_page(title: str, body: str) -> Response:
    """Return a page with a heading; ``body`` is HTML."""
    text = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style><h1>{html.escape(title)}</h1>{body}</html>"
    )
    headers = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'", "cache-control": "no-store"}
    return HTMLResponse(text, headers=headers)
