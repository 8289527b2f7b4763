"""Grassroots' codes and texts, the whole table of how they merge, and activities as its jobs."""

import itertools
import json
import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsrf_activity.model.activity import (
    Activity,
    ActivityError,
    Link,
    Members,
    Progress,
    Result,
    Severity,
    Work,
    new_id,
)
from wsrf_activity.model.addresses import Addresses
from wsrf_activity.model.errors import InvalidParameter
from wsrf_activity.model.grassroots import (
    PHASES,
    JobStatus,
    ServiceJobs,
    activity_id,
    aggregate,
    job_uuid,
    merge,
    status,
)
from wsrf_activity.model.phases import Phase
from wsrf_activity.testing.strategies import NOON

TEXTS = {
    -3: "Failed",
    -2: "Failed to start",
    -1: "Error",
    0: "Idle",
    1: "Pending",
    2: "Started",
    3: "Finished",
    4: "Partially succeeded",
    5: "Succeeded",
    6: "Cleaned up",
}
#: What stands after each status (the rows) was joined by each (the columns, from -3 to 6).
MERGED = {
    -3: (-3, -3, -3, -3, -3, -3, -3, 4, 4, -3),
    -2: (-2, -2, -2, -2, -2, -2, -2, 4, 4, -2),
    -1: (-1, -1, -1, -1, -1, -1, -1, 4, 4, -1),
    0: (-3, -2, -1, 0, 1, 2, 3, 4, 5, 6),
    1: (-3, -2, -1, 0, 1, 2, 3, 4, 5, 6),
    2: (2, 2, 2, 2, 2, 2, 2, 2, 2, 2),
    3: (3, 3, 3, 3, 3, 3, 3, 3, 3, 3),
    4: (4, 4, 4, 4, 4, 4, 4, 4, 4, 4),
    5: (4, 4, 4, 4, 4, 4, 4, 4, 5, 4),
    6: (6, 6, 6, 6, 6, 6, 6, 6, 6, 6),
}
ENDED = [JobStatus.FAILED, JobStatus.FAILED_TO_START, JobStatus.ERROR, JobStatus.SUCCEEDED]
JOBS = ServiceJobs(Addresses("https://example.org/base"))
SHA = "0" * 64


def activity(phase: Phase = Phase.COMPLETED, **fields: Any) -> Activity:
    """An activity that has begun at noon."""
    begun = {"started": NOON} if phase not in (Phase.PENDING, Phase.QUEUED) else {}
    made = {"id": new_id(), "owner": "o", "service": "words.count", "work": Work(argv=("true",)), "created": NOON}
    return Activity(**{**made, **begun, "phase": phase, **fields})


def fatal(code: str, text: str = "it broke", *, handled: bool = False) -> ActivityError:
    """An error that ends work."""
    return ActivityError(time=NOON, severity=Severity.FATAL, description=text, code=code, handled=handled)


def result(name: str, media_type: str, inline: bytes | None) -> Result:
    """A result as it is kept."""
    return Result(name=name, media_type=media_type, size=9, sha256=SHA, path="1/out", inline=inline)


def test_ten_codes_and_texts() -> None:
    assert {int(each): each.text for each in JobStatus} == TEXTS
    for code, text in TEXTS.items():
        assert JobStatus.parse(code) == JobStatus.parse(text) == JobStatus.parse(str(code)) == code


@pytest.mark.parametrize(
    "wrong", [-4, 7, "-4", "7", "succeeded", "", " 5", "+5", "05", "5.0", 5.0, True, None, [5], 10**30, "9" * 5000]
)
def test_what_is_no_status(wrong: object) -> None:
    with pytest.raises(InvalidParameter, match="-3 to 6") as refused:
        JobStatus.parse(wrong)
    assert refused.value.parameter == "status"


def test_the_number_of_a_job_counts_before_its_text() -> None:
    assert JobStatus.of_job({"status": 5, "status_text": "Failed"}) is JobStatus.SUCCEEDED
    assert JobStatus.of_job({"status_text": "Failed to start"}) is JobStatus.FAILED_TO_START
    for wrong in ({"status": 7, "status_text": "Failed"}, {}):
        with pytest.raises(InvalidParameter):
            JobStatus.of_job(wrong)


@pytest.mark.parametrize("known", JobStatus)
def test_merging(known: JobStatus) -> None:
    assert tuple(int(merge(known, added)) for added in JobStatus) == MERGED[known]


@given(st.lists(st.sampled_from(ENDED), min_size=1, max_size=6))
def test_a_set_that_has_ended(members: list[JobStatus]) -> None:
    """It does not matter who ended first but for the kind of failure, where none did well."""
    whole = aggregate(members)
    good = members.count(JobStatus.SUCCEEDED)
    if good == 0:
        assert whole is members[0]
    else:
        assert whole is (JobStatus.SUCCEEDED if good == len(members) else JobStatus.PARTIALLY_SUCCEEDED)
    assert whole is aggregate(reversed(members)) or good == 0


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ([], 0), ([0, 0], 0), ([0, 1], 1), ([1, 2, 0], 2), ([5, 1], 2), ([0, -3], 2), ([5, 2], 2),
        ([5, 5, -3], 4), ([-3, 5, 5], 4), ([4, 4], 4), ([4, -3], 4), ([-2, -3], -2), ([5, -1], 4), ([5], 5),
    ],
)  # fmt: skip
def test_a_set(members: list[int], expected: int) -> None:
    for order in itertools.permutations(members) if expected != -2 else [members]:
        assert aggregate(map(JobStatus, order)) == expected


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (activity(Phase.PENDING), 0),
        (activity(Phase.QUEUED), 1),
        (activity(Phase.QUEUED, started=NOON, attempt=2, errors=(fatal("ExitCode", handled=True),)), 1),
        (activity(Phase.EXECUTING), 2),
        (activity(Phase.EXECUTING, gathering=True, members=Members(3, 1, 1)), 2),
        (activity(Phase.COMPLETED), 5),
        (activity(Phase.COMPLETED, errors=(fatal("ExitCode", handled=True),)), 5),
        (activity(Phase.COMPLETED, members=Members(3, 3)), 5),
        (activity(Phase.COMPLETED, members=Members(3, 2, 1)), 4),
        (activity(Phase.COMPLETED, members=Members(3, 2, 0, 1)), 4),
        (activity(Phase.FAILED, errors=(fatal("ExitCode"),)), -3),
        (activity(Phase.FAILED, members=Members(2, 0, 2)), -3),
        (activity(Phase.FAILED, errors=(fatal("CannotStart"),)), -2),
        (activity(Phase.FAILED, errors=(fatal("CannotStart", handled=True), fatal("ExitCode"))), -3),
        (activity(Phase.FAILED, started=None), -2),
        (activity(Phase.ABORTED), -1),
    ],
)
def test_the_status_of_an_activity(made: Activity, expected: int) -> None:
    assert status(made) == expected
    assert PHASES[status(made)] is made.phase


def test_every_phase_has_its_statuses() -> None:
    assert set(PHASES.values()) == set(Phase)
    assert set(JobStatus) - set(PHASES) == {JobStatus.FINISHED, JobStatus.CLEANED_UP}


@given(st.uuids())
def test_ids_as_uuids(given_id: uuid.UUID) -> None:
    inner = activity_id(str(given_id))
    assert job_uuid(inner) == str(given_id)
    assert activity_id(inner) == inner
    assert job_uuid(activity_id(f"urn:uuid:{given_id}")) == str(given_id)


@pytest.mark.parametrize("odd", ["", "a", "ids-of-other-kinds", "a" * 26 + "b", "ä"])
def test_other_ids_stay_as_they_are(odd: str) -> None:
    assert (job_uuid(odd), activity_id(odd)) == (odd, odd)


def test_a_job_that_succeeded() -> None:
    large = result("plot", "image/png", None)
    made = activity(
        name="Counting",
        results=(
            result("result", "text/plain; charset=utf-8", b"3\n"),
            result("table", "application/json", b'{"words": 3}'),
            result("nan", "application/json", b"NaN"),
            result("deep", "application/json", b"[" * 4000),
            result("bytes", "application/octet-stream", b"\xff"),
            large,
        ),
        work=Work(
            argv=("true",), then=(Link(service="sort", results={"lines": "result", "": "table"}, multiple=True),)
        ),
    )
    job = JOBS.job(made, "Counts words.")
    base = f"https://example.org/base/activity/{made.id}"
    assert (job["service_name"], job["job_type"]) == ("words.count", "default_service_job")
    assert (job["status"], job["status_text"]) == (5, "Succeeded")
    assert job["job_uuid"] == job_uuid(made.id) != made.id
    assert (job["so:name"], job["so:description"], job["so:url"]) == ("Counting", "Counts words.", base)
    assert job["results"] == [
        {"protocol": "inline", "title": "result", "data": "3\n"},
        {"protocol": "inline", "title": "table", "data": {"words": 3}},
        {"protocol": "https", "title": "nan", "value": f"{base}/result/nan"},
        {"protocol": "https", "title": "deep", "value": f"{base}/result/deep"},
        {"protocol": "https", "title": "bytes", "value": f"{base}/result/bytes"},
        {"protocol": "https", "title": "plot", "value": f"{base}/result/plot"},
    ]
    mappings = [
        {"input": "result", "output": "lines", "multiple": True},
        {"input": "table", "output": "Input", "multiple": True},
    ]
    assert job["linked_services"] == [{"so:name": "sort", "parameters": {"mappings": mappings}}]
    assert "errors" not in job
    assert JobStatus.of_job(json.loads(json.dumps(job))) is JobStatus.SUCCEEDED


def test_results_are_omitted_and_the_job_says_so() -> None:
    made = activity(results=(result("result", "text/plain", b"3"),))
    job = JOBS.job(made, results=False)
    assert job["results_omitted"] is True
    assert "results" not in job


@pytest.mark.parametrize("phase", [Phase.PENDING, Phase.QUEUED, Phase.EXECUTING, Phase.FAILED, Phase.ABORTED])
def test_no_results_without_success(phase: Phase) -> None:
    made = activity(phase, results=(result("stdout", "text/plain", b"3"),), errors=(fatal("ExitCode"),))
    for results in (True, False):
        assert JOBS.job(made, results=results).keys().isdisjoint({"results", "results_omitted", "linked_services"})


def test_a_set_of_which_one_failed() -> None:
    made = activity(
        members=Members(3, 2, 1),
        parent=new_id(),
        progress=Progress(100, "all ended"),
        ended=NOON + timedelta(seconds=1.5),
        errors=(fatal("ExitCode", "member 2 broke", handled=True),),
    )
    job = JOBS.job(made)
    assert (job["status"], job["status_text"], job["results"]) == (4, "Partially succeeded", [])
    assert job["errors"] == {"runtime_errors": {"errors": ["member 2 broke"]}}
    assert job["metadata"] == {
        "ActivityId": made.id,
        "Phase": "Completed",
        "ErrorStatus": "ErrorsHandled",
        "CreationTime": "2026-05-01T12:00:00Z",
        "StartTime": "2026-05-01T12:00:00Z",
        "EndTime": "2026-05-01T12:00:01.5Z",
        "Progress": {"Percent": 100, "Message": "all ended"},
        "Parent": job_uuid(made.parent or ""),
        "Members": {"Total": 3, "Completed": 2, "Failed": 1, "Aborted": 0},
    }


def test_a_failure_can_be_read_again() -> None:
    made = activity(Phase.FAILED, errors=(fatal("ExitCode"),))
    assert JOBS.job(made) == JOBS.job(replace(made))


def test_a_job_that_is_not_there() -> None:
    job = JOBS.unknown("x", "there is none")
    errors = {"runtime_errors": {"errors": ["there is none"]}}
    assert job == {"job_uuid": "x", "status": -1, "status_text": "Error", "errors": errors}
