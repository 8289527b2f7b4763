"""The query of a page of activities. Whatever is asked for, an index has it in the order of the page.

So a page costs as much as it has entries, however many activities are stored that are not on it; but of a group, or of
a parent's members, all may be looked at where phases, a service or a run are asked for too.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Select, or_, select, tuple_, union_all

from wsrf_activity.model.listing import Filter
from wsrf_activity.model.phases import Phase
from wsrf_activity.store.tables import activity as activities
from wsrf_activity.store.tables import activity_group as groups

Query = Select[Any] | CompoundSelect[Any]


def listing(owner: str, wanted: Filter, now: datetime) -> Query:
    """Return the query of an owner's activities that are not expired ``now``, the newest first, one too many."""
    branches = [_branch(owner, wanted, phases, now) for phases in _branches(wanted)]
    if len(branches) == 1:
        [query] = branches
        created, key = _place(wanted)
        return query.order_by(created.desc(), key.desc()).limit(wanted.limit + 1)
    merged = union_all(*branches)
    columns = merged.selected_columns
    return merged.order_by(columns["created"].desc(), columns["id"].desc()).limit(wanted.limit + 1)


def _branches(wanted: Filter) -> Sequence[Sequence[Phase]]:
    """Return the phases that are looked for one by one, each in its part of an index, and merged by the database.

    Runs and services are indexed by phase. Several phases in one question would be looked for among all activities.
    """
    phases = wanted.phases or tuple(Phase)
    if wanted.group is not None or wanted.parent is not None:
        return [wanted.phases]
    if wanted.service is None and wanted.run_id is None and len(phases) == len(Phase):
        return [()]
    return [(phase,) for phase in phases]


def _branch(owner: str, wanted: Filter, phases: Sequence[Phase], now: datetime) -> Select[Any]:
    query = select(activities).where(or_(activities.c.terminates.is_(None), activities.c.terminates > now))
    if wanted.group is not None:
        query = query.join(groups, groups.c.activity_id == activities.c.id)
        query = query.where(groups.c.owner == owner, groups.c.name == wanted.group)
    query = query.where(*_conditions(owner, wanted, phases))
    created, key = _place(wanted)
    if wanted.created_after is not None:
        query = query.where(created > wanted.created_after)
    if wanted.after is not None:
        query = query.where(tuple_(created, key) < wanted.after)
    return query


def _place(wanted: Filter) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    if wanted.group is not None:
        return groups.c.created, groups.c.activity_id
    return activities.c.created, activities.c.id


def _conditions(owner: str, wanted: Filter, phases: Sequence[Phase]) -> list[ColumnElement[bool]]:
    """Return what is asked of columns, the narrowest of it as columns alone, and all else as expressions.

    No index has expressions, so that none is taken but the right one; SQLite would not know which that is.
    """
    columns = activities.c
    narrow = wanted.parent is not None or wanted.group is not None
    asked: list[tuple[ColumnElement[str], str | None, bool]] = [
        (columns.parent, wanted.parent, wanted.group is not None),
        (columns.owner, owner, narrow),
        (columns.run_id, wanted.run_id, narrow),
        (columns.service, wanted.service, narrow or wanted.run_id is not None),
    ]
    conditions = [
        (column.concat("") if hidden else column) == value for column, value, hidden in asked if value is not None
    ]
    phase = columns.phase.concat("") if narrow else columns.phase
    if phases:
        conditions.append(or_(*(phase == each.value for each in phases)))
    return conditions
