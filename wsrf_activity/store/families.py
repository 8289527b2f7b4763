"""The statements about activities that belong together: members, those that come after others, and many at once."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, func, insert, or_, select, update

from wsrf_activity.model.activity import Activity
from wsrf_activity.model.phases import LIVE
from wsrf_activity.store import codec
from wsrf_activity.store.prepared import Prepared, among, bound
from wsrf_activity.store.tables import activity as activities
from wsrf_activity.store.tables import need
from wsrf_activity.store.unwritten import Statements


class Families(Statements):
    """The statements on one connection."""

    def get(self, activity_ids: Sequence[str]) -> Mapping[str, Activity]:
        """Return those of these that there are, by id."""
        return {row["id"]: codec.read_activity(row) for row in _GET.all(self._connection, {"ids": activity_ids})}

    def lock(self, activity_ids: Sequence[str]) -> Mapping[str, Activity]:
        """Return those of these that there are, locked in the order of their ids where the database locks rows."""
        return {row["id"]: codec.read_activity(row) for row in _LOCK.all(self._connection, {"ids": activity_ids})}

    def save(self, pairs: Sequence[tuple[Activity, Activity]]) -> bool:
        """Write the next version of each; False where one has changed since it was read."""
        rows = [{**codec.activity_row(new), **codec.as_it_was(old)} for old, new in pairs]
        return SAVE.change_many(self._connection, rows) == len(rows)

    def live_below(self, activity_id: str) -> list[list[str]]:
        """Return the members that have not ended, and theirs, by how deep they are: the deepest first."""
        return self._below([activity_id], live=True)

    def below(self, activity_ids: Sequence[str]) -> list[str]:
        """Return all members, and theirs: the deepest first."""
        return [each for level in self._below(activity_ids, live=False) for each in level]

    def last_end(self, parent: str) -> datetime | None:
        """Return when the last of those members ended that have ended."""
        found: datetime | None = _LAST_END.scalar(self._connection, {"of": parent})
        return found

    def _below(self, activity_ids: Sequence[str], *, live: bool) -> list[list[str]]:
        levels: list[list[str]] = []
        query = _LIVE_MEMBERS if live else _MEMBERS
        above = activity_ids
        while above:
            above = [row["id"] for row in query.all(self._connection, {"ids": above})]
            levels.append(above)
        return levels[::-1]

    def members(
        self, parent: str, after: tuple[datetime, str] | None = None, limit: int | None = None
    ) -> Sequence[Activity]:
        """Return a parent's members, the oldest first, from beyond creation time and id of ``after``."""
        query = select(activities).where(activities.c.parent == parent)
        if after is not None:
            later = or_(
                activities.c.created > after[0], (activities.c.created == after[0]) & (activities.c.id > after[1])
            )
            query = query.where(later)
        query = query.order_by(activities.c.created, activities.c.id).limit(limit)
        return [codec.read_activity(row) for row in self._connection.execute(query).mappings()]

    def follow(self, parent: str, terminates: datetime | None) -> None:
        """Let the members of an activity, and theirs, stay as long as it does, but for what is to go sooner.

        Nobody is told, and no version counts it: that of the parent does.
        """
        of_it = select(activities.c.id).where(activities.c.parent == parent).cte("family", recursive=True)
        family = of_it.union_all(select(activities.c.id).join(of_it, activities.c.parent == of_it.c.id))
        chosen = activities.c.document["lifetime_set"].as_boolean()
        statement = update(activities).where(activities.c.id.in_(select(family.c.id)))
        if terminates is not None:
            later = or_(activities.c.terminates.is_(None), activities.c.terminates > terminates)
            statement = statement.where(or_(~chosen, later))
        else:
            statement = statement.where(~chosen)
        self._connection.execute(statement.values(terminates=terminates))

    def add_needs(self, needs: Sequence[tuple[str, str]]) -> None:
        """Note of pairs that the first comes after the second."""
        if needs:
            _ADD_NEEDS.change_many(self._connection, [{"activity_id": who, "needs": whom} for who, whom in needs])

    def dependants(self, activity_ids: Sequence[str]) -> list[tuple[str, str]]:
        """Return pairs of who waits, and for which of these."""
        rows = _DEPENDANTS.all(self._connection, {"ids": activity_ids})
        return [(row["activity_id"], row["needs"]) for row in rows]

    def completed(self, activity_ids: Sequence[str]) -> None:
        """Let nobody wait for these any more."""
        _COMPLETED.change(self._connection, {"ids": activity_ids})

    def waiting(self, activity_ids: Sequence[str]) -> set[str]:
        """Return those of these that still wait for others."""
        return {row["activity_id"] for row in _WAITING.all(self._connection, {"ids": activity_ids})}

    def forget_needs(self, activity_ids: Sequence[str]) -> None:
        """Let these wait for nobody any more."""
        if activity_ids:
            _FORGET_NEEDS.change(self._connection, {"ids": activity_ids})


#: Of what stays as it is the indexes need not be written anew.
_FOR_GOOD = ("id", "owner", "service", "created", "request_id")
SAVE = Prepared(
    update(activities)
    .values({name: value for name, value in bound(activities).items() if name not in _FOR_GOOD})
    .where(
        activities.c.id == bindparam("of"),
        activities.c.version == bindparam("was_version"),
        activities.c.phase == bindparam("was_phase"),
        activities.c.fence == bindparam("was_fence"),
    )
)
_THESE = select(activities).where(among(activities.c.id, "ids"))
_GET = Prepared(_THESE)
#: In one order, so that two who lock some of the same wait for each other once, and not for ever.
_LOCK = Prepared(_THESE.order_by(activities.c.id).with_for_update())
_IDS_BELOW = select(activities.c.id).where(among(activities.c.parent, "ids"))
_MEMBERS = Prepared(_IDS_BELOW)
_LIVE_MEMBERS = Prepared(_IDS_BELOW.where(or_(*(activities.c.phase == each.value for each in sorted(LIVE)))))
_LAST_END = Prepared(select(func.max(activities.c.ended).label("last")).where(activities.c.parent == bindparam("of")))
_ADD_NEEDS = Prepared(insert(need).values(bound(need)).inline())
_DEPENDANTS = Prepared(select(need).where(among(need.c.needs, "ids")))
_COMPLETED = Prepared(delete(need).where(among(need.c.needs, "ids")))
_WAITING = Prepared(select(need.c.activity_id).where(among(need.c.activity_id, "ids")).distinct())
_FORGET_NEEDS = Prepared(delete(need).where(among(need.c.activity_id, "ids")))
