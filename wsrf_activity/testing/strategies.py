"""Activities of every shape, for properties that must hold for all of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from wsrf_activity.model.activity import (
    Activity,
    ActivityError,
    Binding,
    Heard,
    Link,
    Members,
    Progress,
    RestartPolicy,
    Result,
    ResultSpec,
    Severity,
    Work,
)
from wsrf_activity.model.events import Termination
from wsrf_activity.model.phases import Phase

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
END = Termination(NOON, "over")  #: of an activity that is removed

#: What XML can carry, and databases too: no surrogates, no controls.
texts = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=40)
names = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=40)
times = st.integers(0, 253_370_764_800_000_000).map(lambda us: EPOCH + timedelta(microseconds=us))  #: to the year 9999
spans = st.timedeltas(timedelta(0), timedelta(days=40_000))
counts = st.integers(0, 2**62)

progresses = st.builds(Progress, st.none() | st.floats(0, 100), st.none() | texts)
errors = st.builds(
    ActivityError,
    time=times,
    severity=st.sampled_from(Severity),
    description=texts,
    code=st.none() | names,
    handled=st.booleans(),
    origin=st.none() | names,
    trace=st.none() | texts,
)
results = st.builds(
    Result,
    name=names,
    media_type=names,
    size=counts,
    sha256=st.text("0123456789abcdef", min_size=64, max_size=64),
    path=names,
    inline=st.none() | st.binary(max_size=30),
)
links = st.builds(
    Link,
    service=names,
    results=st.dictionaries(names, names, max_size=2),
    parameters=st.dictionaries(names, texts, max_size=2),
    multiple=st.booleans(),
)
works = st.builds(
    Work,
    argv=st.lists(texts, max_size=4).map(tuple),
    stdin=st.sampled_from(["stdin", "file"]),
    media_type=names,
    results=st.dictionaries(names, st.builds(ResultSpec, names, names), max_size=3),
    restart=st.sampled_from(RestartPolicy),
    retries=st.integers(0, 9),
    recoveries=st.integers(0, 9),
    retry_after=spans,
    keep=spans,
    arguments=st.none() | texts.map(str.encode),
    bindings=st.lists(st.builds(Binding, st.none() | names, names, names), max_size=2).map(tuple),
    then=st.lists(links, max_size=2).map(tuple),
)


def activities(**fixed: Any) -> st.SearchStrategy[Activity]:
    """Activities with every field drawn, but for those that are given."""
    drawn: dict[str, Any] = {
        "id": st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=26, max_size=26),
        "owner": names,
        "service": names,
        "work": works,
        "created": times,
        "phase": st.sampled_from(Phase),
        "version": st.integers(1, 2**40),
        "name": st.none() | texts,
        "run_id": st.none() | texts,
        "groups": st.lists(names, unique=True, max_size=3).map(tuple),
        "started": st.none() | times,
        "ended": st.none() | times,
        "terminates": st.none() | times,
        "lifetime_set": st.booleans(),
        "work_limit": st.none() | spans,
        "progress": st.none() | progresses,
        "attempt": st.integers(1, 99),
        "recovered": st.integers(0, 99),
        "heard": st.builds(Heard, counts, counts),
        "fence": st.integers(0, 2**40),
        "engine": names,
        "engine_job": st.none() | texts,
        "exit_code": st.none() | st.integers(0, 255),
        "errors": st.lists(errors, max_size=4).map(tuple),
        "results": st.lists(results, max_size=3, unique_by=lambda result: result.name).map(tuple),
        "estimated_end": st.none() | times,
        "begins": st.none() | times,
        "parent": st.none() | st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=26, max_size=26),
        "index": st.none() | st.integers(0, 10_000),
        "members": st.none() | st.builds(Members, *[st.integers(0, 10_000)] * 4),
        "gathering": st.booleans(),
        "needs": st.lists(names, max_size=3).map(tuple),
        "has_input": st.booleans(),
        "request_id": st.none() | names,
        "request_digest": st.none() | names,
    }
    return st.builds(Activity, **{**drawn, **{name: st.just(value) for name, value in fixed.items()}})


def activity(**fixed: Any) -> Activity:
    """One plain activity, queued at noon."""
    given: dict[str, Any] = {
        "id": "abcdefghijklmnopqrstuvwxyz",
        "owner": "ada",
        "service": "command",
        "work": Work(argv=("true",)),
        "created": NOON,
    }
    return Activity(**{**given, **fixed})
