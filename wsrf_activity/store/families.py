"""The statements about activities that belong together: members, those that come after others, and many at once."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, insert, or_, select, update

from wsrf_activity.model.activity import Activity
from wsrf_activity.model.phases import LIVE
from wsrf_activity.store import codec
from wsrf_activity.store.tables import activity as activities
from wsrf_activity.store.tables import need

_AT_ONCE = 500  #: ids that one statement names


class Families:
    """The statements on one connection."""

    def __init__(self, connection: Connection) -> None:
        """Work in the transaction of ``connection``."""
        self._connection = connection

    def get(self, activity_ids: Sequence[str]) -> Mapping[str, Activity]:
        """Return those of these that there are, by id."""
        found: dict[str, Activity] = {}
        for ids in _parts(activity_ids):
            rows = self._connection.execute(select(activities).where(activities.c.id.in_(ids))).mappings()
            found |= {row["id"]: codec.read_activity(row) for row in rows}
        return found

    def lock(self, activity_ids: Sequence[str]) -> Mapping[str, Activity]:
        """Return those of these that there are, locked in the order of their ids where the database locks rows."""
        found: dict[str, Activity] = {}
        for ids in _parts(sorted(activity_ids)):
            query = select(activities).where(activities.c.id.in_(ids)).order_by(activities.c.id).with_for_update()
            for row in self._connection.execute(query).mappings():
                found[row["id"]] = codec.read_activity(row)
        return found

    def insert(self, added: Sequence[Activity]) -> None:
        """Add many activities at once, of which none has a request id."""
        self._connection.execute(insert(activities), [codec.activity_row(each) for each in added])

    def save(self, pairs: Sequence[tuple[Activity, Activity]]) -> bool:
        """Write the next version of each; False where one has changed since it was read."""
        rows = [{**codec.activity_row(new), **codec.as_it_was(old)} for old, new in pairs]
        return self._connection.execute(SAVE, rows).rowcount == len(rows)

    def live_below(self, activity_id: str) -> list[list[str]]:
        """Return the members that have not ended, and theirs, by how deep they are: the deepest first."""
        return self._below([activity_id], live=True)

    def below(self, activity_ids: Sequence[str]) -> list[str]:
        """Return all members, and theirs: the deepest first."""
        return [each for level in self._below(activity_ids, live=False) for each in level]

    def _below(self, activity_ids: Sequence[str], *, live: bool) -> list[list[str]]:
        levels: list[list[str]] = []
        above = list(activity_ids)
        while above:
            level: list[str] = []
            for ids in _parts(above):
                query = select(activities.c.id).where(activities.c.parent.in_(ids))
                if live:
                    query = query.where(activities.c.phase.in_(sorted(LIVE)))
                level += self._connection.execute(query).scalars()
            levels.append(level)
            above = level
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
            self._connection.execute(insert(need), [{"activity_id": who, "needs": whom} for who, whom in needs])

    def dependants(self, activity_ids: Sequence[str]) -> list[tuple[str, str]]:
        """Return pairs of who waits, and for which of these."""
        found: list[tuple[str, str]] = []
        for ids in _parts(activity_ids):
            query = select(need.c.activity_id, need.c.needs).where(need.c.needs.in_(ids))
            found += [(row.activity_id, row.needs) for row in self._connection.execute(query)]
        return found

    def completed(self, activity_ids: Sequence[str]) -> None:
        """Let nobody wait for these any more."""
        for ids in _parts(activity_ids):
            self._connection.execute(delete(need).where(need.c.needs.in_(ids)))

    def waiting(self, activity_ids: Sequence[str]) -> set[str]:
        """Return those of these that still wait for others."""
        found: set[str] = set()
        for ids in _parts(activity_ids):
            query = select(need.c.activity_id).where(need.c.activity_id.in_(ids)).distinct()
            found |= set(self._connection.execute(query).scalars())
        return found

    def forget_needs(self, activity_ids: Sequence[str]) -> None:
        """Let these wait for nobody any more."""
        for ids in _parts(activity_ids):
            self._connection.execute(delete(need).where(need.c.activity_id.in_(ids)))


def _parts(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), _AT_ONCE):
        yield ids[start : start + _AT_ONCE]


SAVE = update(activities).where(
    activities.c.id == bindparam("of"),
    activities.c.version == bindparam("was_version"),
    activities.c.phase == bindparam("was_phase"),
    activities.c.fence == bindparam("was_fence"),
)
