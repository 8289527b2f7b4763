"""The query of a page of activities. Whatever is asked for, an index has it in the order of the page.

So a page costs as much as it has entries, however many activities are stored that are not on it; but of a group, or of
a parent's members, all may be looked at where phases, a service or a run are asked for too.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, String, or_, select, tuple_, union_all
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from wsrf_activity.model.listing import Filter
from wsrf_activity.model.phases import Phase
from wsrf_activity.store.tables import activity as activities
from wsrf_activity.store.tables import activity_group as groups


class unindexed(FunctionElement[str]):
    """A column that SQLite is to use no index for: without statistics it takes any that it finds.

    PostgreSQL has them, and knows better with the column as it is.
    """

    inherit_cache = True
    type = String()


@compiles(unindexed, "sqlite")
def _unindexed_sqlite(element: unindexed, compiler: SQLCompiler, **options: Any) -> str:
    return f"+{compiler.process(element.clauses, **options)}"


@compiles(unindexed)
def _unindexed(element: unindexed, compiler: SQLCompiler, **options: Any) -> str:
    return str(compiler.process(element.clauses, **options))


def listing(owner: str, wanted: Filter, now: datetime) -> Select[Any]:
    """Return the query of an owner's activities that are not expired ``now``, the newest first, one too many."""
    pages = [_page(owner, wanted, phases, now) for phases in _branches(wanted)]
    if len(pages) == 1:
        return pages[0]
    merged = union_all(*(select(page.subquery()) for page in pages)).subquery()
    return select(merged).order_by(merged.c.created.desc(), merged.c.id.desc()).limit(wanted.limit + 1)


def _branches(wanted: Filter) -> Sequence[Sequence[Phase]]:
    """Return the phases that are looked for one by one, a page of each, which the database merges.

    Runs and services are indexed by phase. Several phases in one question would be looked for among all activities.
    """
    phases = tuple(dict.fromkeys(wanted.phases or Phase))  # one that is named twice would be listed twice
    if wanted.group is not None or wanted.parent is not None:
        return [wanted.phases]
    if wanted.service is None and wanted.run_id is None and len(phases) == len(Phase):
        return [()]
    return [(phase,) for phase in phases]


def _page(owner: str, wanted: Filter, phases: Sequence[Phase], now: datetime) -> Select[Any]:
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
    return query.order_by(created.desc(), key.desc()).limit(wanted.limit + 1)


def _place(wanted: Filter) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    if wanted.group is not None:
        return groups.c.created, groups.c.activity_id
    return activities.c.created, activities.c.id


def _conditions(owner: str, wanted: Filter, phases: Sequence[Phase]) -> list[ColumnElement[bool]]:
    """Return what is asked of columns; those that are not the narrowest are not to be looked up in an index."""
    columns = activities.c
    narrow = wanted.parent is not None or wanted.group is not None
    asked: list[tuple[ColumnElement[str], str | None, bool]] = [
        (columns.parent, wanted.parent, wanted.group is not None),
        (columns.owner, None if wanted.group is not None else owner, narrow),  # a group is its owner's
        (columns.run_id, wanted.run_id, narrow),
        (columns.service, wanted.service, narrow or wanted.run_id is not None),
    ]
    conditions = [
        (unindexed(column) if hidden else column) == value for column, value, hidden in asked if value is not None
    ]
    phase = unindexed(columns.phase) if narrow else columns.phase
    if phases:
        conditions.append(or_(*(phase == each.value for each in phases)))
    return conditions
