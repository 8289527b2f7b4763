"""What is linked to a service: the activities that are started when one of it has completed (docs/concepts.md)."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from wsrf_activity.manager.accepting import Acceptance, Place
from wsrf_activity.manager.binding import as_text
from wsrf_activity.manager.folders import Folders
from wsrf_activity.manager.requests import StartRequest
from wsrf_activity.model.activity import Activity, ActivityError, Binding, Link, Severity, new_id
from wsrf_activity.model.errors import InvalidParameter, Problem
from wsrf_activity.model.families import MAX_MEMBERS

_MOST = 1 << 20  #: bytes of a result that is taken line by line


class Linked:
    """Follows links."""

    def __init__(self, acceptance: Acceptance, folders: Folders) -> None:
        """Keep what is accepted, and where results lie."""
        self._acceptance = acceptance
        self._folders = folders

    def follow(self, completed: Activity, now: datetime) -> tuple[Sequence[Activity], Sequence[ActivityError]]:
        """Return the activities that its links start, and what is wrong with those links that start none."""
        started: list[Activity] = []
        wrong: list[ActivityError] = []
        for link in completed.work.then:
            try:
                started += [each for made in self._follow(completed, link, now) for each in made]
            except Problem as error:
                wrong.append(_not_started(link, error.description, now))
            except (OSError, UnicodeDecodeError) as error:
                wrong.append(_not_started(link, f"the result cannot be read: {error}", now))
        return started, wrong

    def _follow(self, completed: Activity, link: Link, now: datetime) -> list[Sequence[Activity]]:
        made: list[Sequence[Activity]] = []
        parameters = {name: (value,) for name, value in link.parameters.items()}
        ways = self._lines(completed, link) if link.multiple else [{}]
        for lines in ways:
            bindings = () if link.multiple else _bindings(completed, link)
            request = StartRequest(
                service=link.service,
                parameters={**parameters, **{name: (line,) for name, line in lines.items()}},
                run_id=completed.run_id,
                groups=() if completed.parent else completed.groups,
            )
            place = Place(id=new_id(), needs=(completed.id,), bindings=bindings)
            made.append(self._acceptance.place(completed.owner, request, place, now).all)
        return made

    def _lines(self, completed: Activity, link: Link) -> Iterator[Mapping[str, str]]:
        """Yield the values that each line of the results gives; raises InvalidParameter and OSError."""
        columns = {name: self._content(completed, result).splitlines() for name, result in link.results.items()}
        if "" in columns:
            raise InvalidParameter("a line can be a parameter, not an input")
        longest = max(map(len, columns.values()), default=0)
        if any(len(lines) != longest for lines in columns.values()):
            raise InvalidParameter("its results have not as many lines as each other")
        if longest > MAX_MEMBERS:
            raise InvalidParameter(f"accepted: at most {MAX_MEMBERS} lines")
        for lines in zip(*columns.values(), strict=True):
            yield dict(zip(columns, lines, strict=True))

    def _content(self, completed: Activity, name: str) -> str:
        for result in completed.results:
            if result.name == name:
                if result.size > _MOST:
                    raise InvalidParameter(f"result {name!r} has more than {_MOST} bytes")
                path = self._folders.activity(completed.id) / result.path
                return as_text(path.read_bytes() if result.inline is None else result.inline)
        raise InvalidParameter(f"there is no result {name!r}")


def _bindings(completed: Activity, link: Link) -> tuple[Binding, ...]:
    return tuple(Binding(name or None, completed.id, result) for name, result in link.results.items())


def _not_started(link: Link, why: str, now: datetime) -> ActivityError:
    return ActivityError(
        time=now,
        severity=Severity.ERROR,
        code="NotStarted",
        description=f"{link.service}, which is to follow, was not started: {why}",
        handled=True,
    )
