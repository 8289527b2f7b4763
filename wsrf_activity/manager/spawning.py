"""What work wants started while it runs: files that it leaves, which become members of its activity."""

import asyncio
import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from wsrf_activity.engines.attempt import SPAWNED
from wsrf_activity.manager.accepting import Acceptance, Accepted, Place
from wsrf_activity.manager.folders import Folders
from wsrf_activity.manager.kin import Family
from wsrf_activity.manager.ledger import FenceLost, Ledger
from wsrf_activity.manager.requests import StartRequest
from wsrf_activity.model.activity import Activity, ActivityError, Binding, Members, Severity
from wsrf_activity.model.errors import InvalidParameter, NoSuchActivity, Problem, Refused
from wsrf_activity.model.families import MAX_DEPTH, MAX_MEMBERS, ended_by
from wsrf_activity.store import Records

log = logging.getLogger(__name__)
_ID = re.compile(r"[a-z2-7]{26}")
_UNSAYABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MOST = 16 << 20  #: bytes of one file
_TAKEN = ".taken"


@dataclass(frozen=True, slots=True)
class Wish:
    """One activity that work wants started."""

    id: str
    request: StartRequest
    after: tuple[str, ...] = ()
    bindings: tuple[Binding, ...] = ()

    @property
    def needs(self) -> tuple[str, ...]:
        """What it comes after: what it names, and what it gets results of."""
        return tuple(dict.fromkeys((*self.after, *(binding.activity_id for binding in self.bindings))))


@dataclass(slots=True)
class _Left:
    """What lies in an attempt's folder."""

    wishes: list[Wish] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)  #: what to say of files that are no wish
    files: list[Path] = field(default_factory=list)


class Spawner:
    """Makes members of what work wants started."""

    def __init__(self, ledger: Ledger, folders: Folders, acceptance: Acceptance) -> None:
        """Keep the parts."""
        self._ledger = ledger
        self._folders = folders
        self._acceptance = acceptance

    async def take(self, activity: Activity) -> None:
        """Start what the work of this attempt has left there since the last time; once more is no harm.

        What cannot be started is an error of the activity that it has handled. Raises FenceLost and Unavailable.
        """
        folder = self._folders.attempt(activity.id, activity.attempt) / SPAWNED
        left = await asyncio.to_thread(_read, folder)
        if not left.files:
            return

        def change(family: Family, records: Records, now: datetime) -> None:
            needed = {each for wish in left.wishes for each in wish.needs}
            siblings = records.families.lock(sorted(needed))  # before their parent, as those do that end
            parent = records.get_to_change(activity.id)
            if parent is None:
                raise NoSuchActivity
            if parent.fence != activity.fence or not parent.at_work:
                raise FenceLost("the work has been taken over, or is over")
            if ended_by(parent) is None:
                _Family(self._acceptance, records, family, parent, siblings, now).add(left)

        await self._ledger.change_family(activity.id, change)
        await asyncio.to_thread(_mark, left.files)


class _Family:
    """One transaction that adds members to an activity."""

    def __init__(
        self,
        acceptance: Acceptance,
        records: Records,
        family: Family,
        parent: Activity,
        siblings: Mapping[str, Activity],
        now: datetime,
    ) -> None:
        self._acceptance = acceptance
        self._records = records
        self._family = family
        self._parent = parent
        self._siblings = siblings
        self._now = now

    def add(self, left: _Left) -> None:
        known = self._records.get_many([wish.id for wish in left.wishes])
        made: dict[str, Accepted] = {}
        wrong = list(left.wrong)
        room = MAX_MEMBERS - (self._parent.members or Members()).total
        for wish in _in_order(left.wishes):
            if wish.id in known:
                continue  # an earlier look at the folder has started it
            try:
                if len(made) >= room:
                    raise Refused(f"an activity has at most {MAX_MEMBERS} members")
                made[wish.id] = self._accepted(wish, made)
            except Problem as error:
                wrong.append(f"{wish.request.service} {wish.id} was not started: {error.description}")
        self._family.add_members(self._parent, list(made.values()), self._errors(wrong), self._siblings)

    def _accepted(self, wish: Wish, made: Mapping[str, Accepted]) -> Accepted:
        for needed in wish.needs:
            sibling = self._siblings.get(needed)
            if needed not in made and (sibling is None or sibling.parent != self._parent.id):
                raise InvalidParameter(
                    f"it was to come after {needed}, which is none that this activity has started before, or is gone"
                )
        self._check_depth()
        place = Place(id=wish.id, parent=self._parent, needs=wish.needs, bindings=wish.bindings)
        return self._acceptance.place(self._parent.owner, wish.request, place, self._now)

    def _check_depth(self) -> None:
        above, depth = self._parent.parent, 2
        while above is not None:
            parent = self._records.get(above)
            above, depth = (parent.parent if parent else None), depth + 1
        if depth > MAX_DEPTH:
            raise Refused(f"activities start each other at most {MAX_DEPTH} deep")

    def _errors(self, wrong: Sequence[str]) -> list[ActivityError]:
        """Return what is to be told, unless it has been: files are read again after a crash."""
        told = {error.description for error in self._parent.errors}
        return [
            ActivityError(
                time=self._now,
                severity=Severity.ERROR,
                code="NotStarted",
                description=text,
                handled=True,
                origin="work",
            )
            for text in wrong
            if text not in told
        ]


def _in_order(wishes: Sequence[Wish]) -> list[Wish]:
    """Return first what others are to come after; what would wait for itself is left as it is, and found wanting."""
    by_id = {wish.id: wish for wish in wishes}
    graph = TopologicalSorter({wish.id: [each for each in wish.needs if each in by_id] for wish in wishes})
    try:
        return [by_id[each] for each in graph.static_order()]
    except CycleError:
        return list(wishes)


def _read(folder: Path) -> _Left:
    left = _Left()
    try:
        files = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
    except OSError:
        return left
    for path in files:
        left.files.append(path)
        try:
            left.wishes.append(_wish(path))
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            left.wrong.append(f"what {SPAWNED}/{path.name[:80]} wants started cannot be read: {error}")
    return left


def _wish(path: Path) -> Wish:
    """Read a file; raises what a reader of JSON that means something else raises."""
    if not _ID.fullmatch(path.stem) or path.is_symlink() or path.stat().st_size > _MOST:
        raise ValueError(f"accepted: a file ID.json of at most {_MOST} bytes")
    said: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if said["id"] != path.stem:
        raise ValueError("its id is not that of its name")
    document = said.get("document")
    request = StartRequest(
        service=_text(said["service"]),
        parameters={_text(name): tuple(map(_text, texts)) for name, texts in said.get("parameters", {}).items()},
        document=None if document is None else _text(document).encode(),
        name=None if said.get("name") is None else _text(said["name"]),
    )
    after = tuple(map(_text, said.get("after", ())))
    bindings = tuple(
        Binding(_text(parameter) if parameter else None, _text(source), _text(result))
        for parameter, source, result in said.get("outputs", ())
    )
    return Wish(path.stem, request, after, bindings)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    if _UNSAYABLE.search(value):  # what no database keeps, or no answer could show
        raise ValueError(f"{value[:80]!a} has characters that XML has not")
    return value


def _mark(files: Sequence[Path]) -> None:
    """Note what was taken: an activity that a client has destroyed since must not be started again."""
    for path in files:
        try:
            path.rename(path.with_suffix(_TAKEN))
        except OSError:
            log.warning("%s cannot be marked as taken", path, exc_info=True)
