"""The command `wsrf-activity watch`: its options, and what it asks for. How an event is shown is in ``happenings``.

It runs for long, so that it may import the Python client; that is done only when it is called.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Annotated

import typer

from wsrf_activity.cli import arguments, quick
from wsrf_activity.cli.activities import parse_reference
from wsrf_activity.cli.problems import Denied, NoSuchActivity, Problem, Unreachable, Usage

if TYPE_CHECKING:
    from wsrf_activity.cli.happenings import Page
    from wsrf_activity.client import Event, Service

_RUNNING = ("Pending", "Queued", "Executing")
_PATIENCE = 600.0  #: seconds that a server may stay away before it is asked for anything but events


def watch(  # each is an option of the command line
    which: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID]...", help="Ids, addresses or endpoint references; without any, all of yours."),
    ] = None,
    *,
    from_start: Annotated[bool, typer.Option("--from-start", help="Show what has happened before, too.")] = False,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on when the work has ended, until the records are gone.")
    ] = False,
    properties: Annotated[
        bool, typer.Option("--properties", help="Show each change of a resource property, too.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object per line, for programs.")] = False,
    data: Annotated[
        str | None, typer.Option(help="The server's data directory (WSRF_ACTIVITY_DATA).", metavar="DIR")
    ] = None,
    url: Annotated[str | None, typer.Option(help="The server's base URL (WSRF_ACTIVITY_URL).", metavar="BASE")] = None,
    token: Annotated[
        str | None, typer.Option(help="The token to log in with (WSRF_ACTIVITY_TOKEN, else DIR/token).")
    ] = None,
) -> None:
    """Show what happens as it happens, until all that is watched has ended; a restart of the server does not matter."""
    options = quick.Options(data, url, token)
    topics = None if properties else ()
    raise typer.Exit(
        arguments.run("wsrf-activity", lambda: _watch(options, which or [], from_start, follow, topics, as_json))
    )


def _watch(
    options: quick.Options, which: list[str], from_start: bool, follow: bool, topics: tuple[()] | None, as_json: bool
) -> int:
    if from_start and not which:
        raise Usage("--from-start wants the ids of activities: `wsrf-activity list` shows them")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # leaves nothing on the server, as Ctrl-C does
    with _plainly(), _connected(options, which) as service:
        from wsrf_activity.cli.happenings import Json, Page
        from wsrf_activity.client import EVENTS

        page = Json() if as_json else Page()
        told = None if topics is None else EVENTS
        if which:
            _some(service, which, page, told, from_start, follow)
        else:
            _all(service, page, told, follow)
    return 0


def _some(
    service: "Service", which: list[str], page: "Page", topics: tuple[str, ...] | None, from_start: bool, follow: bool
) -> None:
    """Show what happens to these until their work is over, or their records are gone."""
    activities = [service.activity(parse_reference(each).id) for each in dict.fromkeys(which)]
    first = 1 if from_start else None
    with service.events(*activities, topics=topics, from_sequence=first, follow=follow) as events:
        for activity in activities:
            with _gone(activity.id):
                page.begin(activity.properties, known=from_start)
        for event in events:
            page.show(event)


def _all(service: "Service", page: "Page", topics: tuple[str, ...] | None, follow: bool) -> None:
    """Show what happens to all of the caller's activities, until none is under way any more."""
    with service.events(topics=topics) as events:
        running = set()
        for activity in service.list(phase=_RUNNING):
            with suppress(NoSuchActivity), _gone(activity.id):
                page.begin(activity.properties)
                running.add(activity.id)
        if not running and not follow:
            page.remark("nothing is under way")
            return
        for event in events:
            _name(service, page, event)
            page.show(event)
            _note(running, event)
            if not running and not follow:
                return


def _note(running: set[str | None], event: "Event") -> None:
    """Keep in mind what is under way."""
    from wsrf_activity.client import StatusChanged

    if event.ended:
        running.discard(event.activity_id)
    elif isinstance(event, StatusChanged):
        running.add(event.activity_id)


def _name(service: "Service", page: "Page", event: "Event") -> None:
    """Find out what an activity is called that was started meanwhile."""
    from wsrf_activity.client import ResourceUnknown

    if event.activity_id is not None and not page.knows(event.activity_id):
        with suppress(ResourceUnknown):
            page.begin(service.activity(event.activity_id).properties, known=True)


@contextmanager
def _connected(options: quick.Options, which: list[str]) -> "Iterator[Service]":
    """Find the server as the other commands do. Raises Problem."""
    from wsrf_activity.client import connect

    bases = {base for each in which if (base := parse_reference(each).base) is not None}
    if len(bases) > 1:
        raise Usage(f"these are activities of several servers: {', '.join(sorted(bases))}; watch each by itself")
    base = next(iter(bases), None)
    found = quick.Server(options, base).base
    token = options.token_for(found)
    if token is None:
        os.environ.pop("WSRF_ACTIVITY_TOKEN", None)  # it is another server's
    moves = options.url is None and found == options.announced()
    url, data = (None, options.data) if moves else (found, None)
    with connect(url, data=data, token=token, patience=_PATIENCE) as service:
        yield service


@contextmanager
def _gone(which: str | None) -> Iterator[None]:
    from wsrf_activity.client import ResourceUnknown

    try:
        yield
    except ResourceUnknown as unknown:
        raise NoSuchActivity(unknown.name, f"no such activity: {which}") from None


@contextmanager
def _plainly() -> Iterator[None]:
    """Turn what the client raises into what the commands do. Raises Problem."""
    from wsrf_activity import client

    try:
        yield
    except client.Unreachable as problem:
        raise Unreachable(str(problem)) from None
    except client.NotPermitted as problem:
        raise Denied(str(problem)) from None
    except client.ClientProblem as problem:
        raise Problem(str(problem)) from None
