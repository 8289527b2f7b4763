"""Activities as Grassroots' jobs, for who asks with ``?profile=grassroots``: one, several by their ids, or a list."""

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from wsrf_activity.model.activity import Activity
from wsrf_activity.model.addresses import is_id
from wsrf_activity.model.errors import InvalidParameter, NoSuchActivity
from wsrf_activity.model.grassroots import PHASES, JobStatus, ServiceJobs, activity_id, status
from wsrf_activity.model.identity import Principal
from wsrf_activity.model.listing import Filter
from wsrf_activity.web.faces import Faces

_ASKED = 200  #: jobs that one request may name, and that a list has
_SERVICES = 20  #: whose jobs one request may list
_UNKNOWN = NoSuchActivity().description


async def job(faces: Faces, caller: Principal, request: Request) -> Response:
    """Return one activity as a job, with its results unless ``results=omit`` says otherwise."""
    found = await faces.manager.get(caller, activity_id(request.path_params["id"]))
    return JSONResponse(_job(faces, found, not _omits(request)), headers={"cache-control": "private, no-cache"})


async def jobs(faces: Faces, caller: Principal, request: Request) -> Response:
    """Return the jobs that ``job_uuid`` names, as get_service_results does, or those that ``parent`` waits for.

    Where neither is asked for it is a list: the newest jobs, of a ``service_name`` or with a ``status`` if these are
    named, and without results.
    """
    asked = request.query_params.getlist("job_uuid")
    if len(asked) > _ASKED:
        raise InvalidParameter(f"job_uuid: at most {_ASKED} at a time", "job_uuid")
    if "parent" in request.query_params:
        members = await _members(faces, caller, request.query_params["parent"])
        found = [_job(faces, activity, not _omits(request)) for activity in members]
    elif asked:
        found = [await _named(faces, caller, text, not _omits(request)) for text in asked]
    else:
        found = [_job(faces, activity, results=False) for activity in await _listed(faces, caller, request)]
    return JSONResponse({"results": found}, headers={"cache-control": "private, no-cache"})


async def _named(faces: Faces, caller: Principal, asked: str, results: bool) -> dict[str, object]:
    """Return a job; one that is not there is no reason not to tell of the others."""
    wanted = activity_id(asked)
    try:
        if not is_id(wanted):
            raise NoSuchActivity
        return _job(faces, await faces.manager.get(caller, wanted), results)
    except NoSuchActivity:
        return ServiceJobs(faces.addresses).unknown(asked, _UNKNOWN)


async def _members(faces: Faces, caller: Principal, asked: str) -> list[Activity]:
    """Return the jobs of a set in their order, as many as a page has."""
    parent = activity_id(asked)
    if not is_id(parent):
        raise NoSuchActivity
    await faces.manager.get(caller, parent)  # so that who asks for one that is not there is told
    page = await faces.manager.list(caller, Filter(parent=parent, limit=faces.manager.limits.page))
    return sorted(page.activities, key=lambda each: (each.created, each.index or 0))


async def _listed(faces: Faces, caller: Principal, request: Request) -> list[Activity]:
    services: list[str | None] = [*request.query_params.getlist("service_name")]
    if len(services) > _SERVICES or not all(name and name.isprintable() for name in services):
        raise InvalidParameter(f"service_name: accepted: up to {_SERVICES} names of services", "service_name")
    wanted = [JobStatus.parse(text) for text in request.query_params.getlist("status")]
    phases = tuple(dict.fromkeys(PHASES[each] for each in wanted if each in PHASES))
    if wanted and not phases:
        return []
    filters = [Filter(phases=phases, service=service, limit=_ASKED) for service in services or [None]]
    pages = await asyncio.gather(*(faces.manager.list(caller, each) for each in filters))
    found = {activity.id: activity for page in pages for activity in page.activities}
    newest = sorted(found.values(), key=lambda activity: activity.created, reverse=True)
    return [activity for activity in newest if not wanted or status(activity) in wanted][:_ASKED]


def _omits(request: Request) -> bool:
    given = request.query_params.get("results", "include")
    if given not in ("include", "omit"):
        raise InvalidParameter(f"results: {given!r} is not known; accepted: include, omit", "results")
    return given == "omit"


def _job(faces: Faces, activity: Activity, results: bool) -> dict[str, object]:
    service = faces.manager.services.get(activity.service)
    documentation = service.documentation if service else None
    return ServiceJobs(faces.addresses).job(activity, documentation, results=results)
