"""What follows from a change of an activity for those that it belongs to, all in the transaction of that change.

The end of one is counted by the activity that waits for it, which may be the end of that one too; it releases those
that were to come after it, or ends them with it; and it starts what is linked to it. Rows are locked from members to
those that wait for them, so that of two that end at the same moment, on two servers, each finds the other one counted.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from wsrf_activity.manager.accepting import Accepted
from wsrf_activity.model import changes, families
from wsrf_activity.model.activity import Activity, ActivityError, Members, RestartPolicy, Severity
from wsrf_activity.model.events import Event, Logged, between
from wsrf_activity.model.phases import Phase
from wsrf_activity.store import Records


class Overtaken(Exception):
    """Another transaction has changed one of them since it was read; the next try finds that."""


class MembersFirst(Exception):
    """The members have to be locked before the activity itself; the next try does so."""


class Links(Protocol):
    """What is started when an activity has completed."""

    def follow(self, completed: Activity, now: datetime) -> tuple[Sequence[Activity], Sequence[ActivityError]]:
        """Return the activities that its links start, and what is wrong with those links that start none."""


class Family:
    """The changes of one transaction. Those that were made are in ``changed``, each as it is at last."""

    def __init__(self, records: Records, now: datetime, links: Links | None = None) -> None:
        """Change what ``records`` has; without ``links`` nothing new is started."""
        self._records = records
        self._now = now
        self._links = links
        self._held: Mapping[str, Activity] | None = None  #: the live members, deepest first, where they are locked
        self._over: list[Activity] = []  #: that have ended, and of which nobody has been told
        self._tallied: defaultdict[str, list[Activity]] = defaultdict(list)  #: by parent, members that have ended
        self._joining: defaultdict[str, list[Activity]] = defaultdict(list)  #: by parent, those that links start
        self.changed: dict[str, Activity] = {}
        self._told: defaultdict[str, list[Event]] = defaultdict(list)  #: by activity, what was written to the log

    def logged(self, wanted: Callable[[str], bool]) -> Mapping[str, Sequence[Logged]]:
        """Return what was written to the logs of the activities that are wanted, with its places there.

        Nobody else writes to these logs before the commit.
        """
        found = {}
        for activity_id in filter(wanted, self._told):
            events = self._told[activity_id]
            places = self._records.subscriptions.last_of(activity_id, len(events))
            found[activity_id] = [Logged(*place, event) for place, event in zip(places, events, strict=True)]
        return found

    def hold_members(self, activity_id: str) -> None:
        """Lock all live members of an activity, and theirs: before the activity itself, since they end first."""
        held: dict[str, Activity] = {}
        for level in self._records.families.live_below(activity_id):
            held |= self._records.families.lock(level)
        self._held = held

    def write(self, old: Activity, new: Activity) -> Activity:
        """Write a change with its events and all that follows, and return what the activity becomes.

        Raises MembersFirst where they end with it and were not locked, and Overtaken.
        """
        if new is old:
            self.changed[old.id] = old  # perhaps an earlier try has changed it, whose commit was not answered
            return new
        if new.phase.ended and not old.phase.ended:
            if new.members is not None:
                self._come_after_members(new.id)
            new = families.own_end(old, new, self._now)
        let_go = _starts_over(old, new)
        ends_members = new.gathering and not new.phase.ended and families.ended_by(new) is not None
        if (let_go or ends_members) and self._held is None:
            raise MembersFirst
        if let_go:
            new = self._disown(new)
        self._end(old, new)
        if ends_members:
            self._end_members(new)
        self._spread()
        return self.changed[new.id]

    def add_members(
        self,
        parent: Activity,
        added: Sequence[Accepted],
        errors: Sequence[ActivityError],
        siblings: Mapping[str, Activity],
    ) -> None:
        """Let an activity that has not ended wait for new ones, and note what was wrong with others.

        ``siblings`` are those that new ones are to come after, locked, perhaps ended.
        """
        if not added and not errors:
            return
        self._insert([each for accepted in added for each in accepted.all])
        self._records.families.add_needs([pair for accepted in added for pair in accepted.needs])
        self._save([(parent, changes.with_errors(families.tally(parent, (), len(added), self._now), errors))])
        self._tell_dependants([each for each in siblings.values() if each.phase.ended])
        self._spread()

    def _insert(self, added: Sequence[Activity]) -> None:
        events = [event for each in added for event in between(None, each, each.created)]
        self._records.insert_many(added, events)
        self.changed |= {each.id: each for each in added}

    def _save(self, pairs: Sequence[tuple[Activity, Activity]]) -> None:
        events = [event for old, new in pairs for event in between(old, new, self._now)]
        if not (self._records.save_many(pairs, events) if len(pairs) > 1 else self._records.save(*pairs[0], events)):
            raise Overtaken
        for event in events:
            self._told[event.activity_id].append(event)
        for old, new in pairs:
            self.changed[new.id] = new
            if new.terminates != old.terminates and new.members is not None:
                self._records.families.follow(new.id, new.terminates)

    def _end(self, old: Activity, new: Activity) -> None:
        """Write one change, and where it is an end see that all hear of it who are concerned."""
        linked: Sequence[Activity] = ()
        if new.phase is Phase.COMPLETED and self._links is not None:
            linked, wrong = self._links.follow(new, self._now)
            new = changes.with_errors(new, wrong)
        self._save([(old, new)])
        if new.parent is None:
            self._insert(linked)
        elif linked:
            self._joining[new.parent] += linked
        if new.phase.ended and not old.phase.ended:
            self._over.append(new)

    def _spread(self) -> None:
        """Follow ends through the family until nobody is left who is concerned: those of one depth before the next."""
        while self._over or self._tallied:
            if self._over:
                batch, self._over = self._over, []
                for each in batch:
                    if each.parent is not None:
                        self._tallied[each.parent].append(each)
                self._tell_dependants(batch)
                continue
            parent_id = next(iter(self._tallied))
            self._tally(parent_id, self._tallied.pop(parent_id))

    def _tally(self, parent_id: str, ended: Sequence[Activity]) -> None:
        """Count members that have ended, and those that take up where they have left off, before it is the end."""
        old = self._records.get_to_change(parent_id)
        joining = self._joining.pop(parent_id, [])
        if old is None or old.phase.ended:
            return
        if families.ended_by(old) is not None:
            joining = []
        has = old.members or Members()
        join = sum(each.parent is None for each in joining)
        wrong: tuple[ActivityError, ...] = ()
        if has.total + join > families.MAX_MEMBERS:
            joining, join, wrong = [], 0, (_too_many(joining[0], self._now),)
        counted = families.tally(old, ended, join, self._now)
        if counted.phase.ended:
            self._come_after_members(old.id)
            counted = families.tally(old, ended, join, self._now)
        self._insert([replace(e, parent=e.parent or old.id, terminates=old.terminates) for e in joining])
        self._end(old, changes.with_errors(counted, wrong))

    def _come_after_members(self, parent_id: str) -> None:
        """Let nobody end before a member: a change that was asked for earlier may be the one that is made last."""
        self._now = max(self._now, self._records.families.last_end(parent_id) or self._now)

    def _tell_dependants(self, ended: Sequence[Activity]) -> None:
        """Release those that have waited for one of these, or end them with it."""
        store = self._records.families
        store.forget_needs([each.id for each in ended if each.needs])
        by_id = {each.id: each for each in ended}
        pairs = store.dependants(list(by_id))
        if not pairs:
            return
        locked = store.lock(sorted({waiting for waiting, _ in pairs}))
        store.completed([each.id for each in ended if each.phase is Phase.COMPLETED])
        vain = {waiting: by_id[whom] for waiting, whom in pairs if by_id[whom].phase is not Phase.COMPLETED}
        still = store.waiting(list(locked))
        moved = []
        for each in locked.values():
            if each.phase is Phase.PENDING and each.id in vain:
                moved.append((each, families.needed_in_vain(each, vain[each.id], self._now)))
            elif each.phase is Phase.PENDING and each.id not in still:
                moved.append((each, changes.release(each)))
        self._save_all(moved)

    def _end_members(self, parent: Activity) -> None:
        """End all that is live below an activity, which waits for that."""
        reason = families.ended_by(parent) or ""
        live = self._live(parent.id)
        self._save_all([(each, families.abandon(each, reason, self._now)) for each in live])

    def _disown(self, parent: Activity) -> Activity:
        """Let all members go of an activity that is run again from its beginning; return it without them."""
        moved = []
        for each in self._live(parent.id):
            own = each.parent == parent.id
            let_go = families.disown(each, self._now) if own else families.abandon(each, families.RUN_AGAIN, self._now)
            moved.append((each, let_go))
        ended = (each for each in self._records.families.members(parent.id) if each.phase.ended)
        moved += [(each, families.disown(each, self._now)) for each in ended]
        self._save_all(moved)
        return replace(parent, members=None)

    def _live(self, parent_id: str) -> Sequence[Activity]:
        """Return all live members, and theirs, locked; those too that came while the first were being locked."""
        held = dict(self._held or {})
        for level in self._records.families.live_below(parent_id):
            held |= self._records.families.lock([each for each in level if each not in held])
        return [each for each in held.values() if not each.phase.ended]

    def _save_all(self, pairs: Sequence[tuple[Activity, Activity]]) -> None:
        moved = [(old, new) for old, new in pairs if new is not old]
        if moved:
            self._save(moved)
        self._over += [new for old, new in moved if new.phase.ended and not old.phase.ended]


def recount(records: Records, activity_id: str, now: datetime) -> None:
    """Count the members of an activity anew: those that are gone, of which nothing is known, as aborted."""
    old = records.get_to_change(activity_id)
    if old is None or old.phase.ended or old.members is None:
        return
    found = Counter(each.phase for each in records.families.members(activity_id))
    live = sum(count for phase, count in found.items() if not phase.ended)
    completed = max(old.members.completed, found[Phase.COMPLETED])
    failed = max(old.members.failed, found[Phase.FAILED])
    total = max(old.members.total, completed + failed + live)
    counted = Members(total, completed, failed, total - live - completed - failed)
    family = Family(records, now)
    family.hold_members(activity_id)
    family.write(old, families.tally(replace(old, members=counted), (), 0, now))


def reconsider(records: Records, activity_id: str, now: datetime) -> None:
    """Release an activity whose needs are over, or end it where one of them has not completed or is gone."""
    old = records.get_to_change(activity_id)
    if old is None or old.phase is not Phase.PENDING:
        return
    there = records.get_many(list(old.needs))
    amiss = [each for each in there.values() if each.phase.ended and each.phase is not Phase.COMPLETED]
    new = families.needed_in_vain(old, amiss[0], now) if amiss else changes.release(old)
    records.families.forget_needs([activity_id])
    Family(records, now).write(old, new)


def _starts_over(old: Activity, new: Activity) -> bool:
    again = old.phase is Phase.EXECUTING and new.phase is Phase.QUEUED
    return again and new.members is not None and new.work.restart is not RestartPolicy.RESUME


def _too_many(left_out: Activity, now: datetime) -> ActivityError:
    return ActivityError(
        time=now,
        severity=Severity.ERROR,
        code="TooManyMembers",
        description=f"{left_out.service} was not started: an activity has at most {families.MAX_MEMBERS} members",
        handled=True,
    )
