"""Activities as Grassroots' jobs over HTTP: one, several by id, lists; and what cannot be asked."""

import uuid
from typing import Any

import pytest

from tests.acceptance.conftest import BOB
from tests.server import Server, Wire
from wsrf_activity.model.grassroots import job_uuid


@pytest.fixture(scope="module")
def jobs(alone: Server) -> dict[str, str]:
    """One activity of each end, by how it ended."""
    with alone.client() as wire:
        made = {
            "Succeeded": wire.start("<act:Service>count</act:Service><act:Input>YQpiCg==</act:Input>"),
            "Failed": wire.create("echo it broke >&2; false"),
            "Error": wire.create("sleep 600"),
        }
        wire.call("<act:Abort/>", made["Error"])
        for activity_id in made.values():
            wire.ended(activity_id)
    return made


def get(wire: Wire, path: str) -> Any:
    """GET what is shown in Grassroots' profile."""
    sign = "&" if "?" in path else "?"
    response = wire.http.get(f"{wire.base}/activity{path}{sign}profile=grassroots")
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json"), response.text
    return response.json()


def test_a_job(holder: Wire, jobs: dict[str, str]) -> None:
    """By its id or its UUID; its results are there unless they are not wanted."""
    done = jobs["Succeeded"]
    job = get(holder, f"/{done}")
    assert (job["service_name"], job["status"], job["status_text"]) == ("count", 5, "Succeeded")
    assert {"protocol": "inline", "title": "result", "data": "2\n"} in job["results"]
    assert get(holder, f"/{uuid.UUID(job['job_uuid'])}") == job
    bare = get(holder, f"/{done}?results=omit")
    assert bare.pop("results_omitted") is True
    assert bare == {key: value for key, value in job.items() if key != "results"}


def test_a_failure_is_told_each_time(holder: Wire, jobs: dict[str, str]) -> None:
    for _ in range(2):
        job = get(holder, f"/{jobs['Failed']}")
        assert (job["status"], job["status_text"]) == (-3, "Failed")
        assert "it broke" in job["errors"]["runtime_errors"]["errors"][0]
        assert "results" not in job
    assert get(holder, f"/{jobs['Error']}")["status"] == -1


def test_several_jobs(holder: Wire, jobs: dict[str, str]) -> None:
    """In the order in which they are asked for; one that is not there stands there as an error."""
    unknown = str(uuid.uuid4())
    asked = [jobs["Failed"], unknown, job_uuid(jobs["Succeeded"]), "no/id"]
    found = get(holder, "?" + "&".join(f"job_uuid={each}" for each in asked))["results"]
    assert [job["status"] for job in found] == [-3, -1, 5, -1]
    assert [job["job_uuid"] for job in found] == [job_uuid(jobs["Failed"]), *asked[1:]]
    assert "no such activity" in found[1]["errors"]["runtime_errors"]["errors"][0]
    assert "results" in found[2]


def test_lists(holder: Wire, jobs: dict[str, str]) -> None:
    """The newest first, without results, and which ones by service and status."""
    listed = get(holder, "")["results"]
    known = {job["job_uuid"]: job["status_text"] for job in listed}
    assert {job_uuid(each): end for end, each in jobs.items()}.items() <= known.items()
    assert [job["metadata"]["CreationTime"] for job in listed] == sorted(
        (job["metadata"]["CreationTime"] for job in listed), reverse=True
    )
    assert all("results" not in job for job in listed)
    of_two = get(holder, "?service_name=count&service_name=greet")["results"]
    assert {job["service_name"] for job in of_two} == {"count"}
    for query in ("?status=-3&status=Error", "?status=Failed&status=-1"):
        assert {job["status"] for job in get(holder, query)["results"]} == {-3, -1}
    assert get(holder, "?status=Cleaned up") == {"results": []}


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("?profile=other", "accepted: grassroots"),
        ("?profile=grassroots&status=7", "-3 to 6"),
        ("?profile=grassroots&service_name=%00", "names of services"),
        ("?profile=grassroots&job_uuid=a&results=no", "include, omit"),
        ("?profile=grassroots" + "&job_uuid=a" * 201, "at most 200"),
    ],
)
def test_what_cannot_be_asked(holder: Wire, query: str, reason: str) -> None:
    response = holder.http.get(f"{holder.base}/activity{query}")
    assert response.status_code == 400
    assert reason in response.text


def test_a_set_of_which_one_has_failed(holder: Wire) -> None:
    """It has partially succeeded, says why, and the results of the others are there."""
    codes = "".join(f'<act:Parameter name="code">{code}</act:Parameter>' for code in (0, 1, 2))
    whole = holder.start(f"<act:Service>several</act:Service>{codes}")
    holder.ended(whole)
    job = get(holder, f"/{whole}")
    assert (job["status"], job["status_text"]) == (4, "Partially succeeded")
    assert job["metadata"]["ErrorStatus"] == "ErrorsHandled"
    assert "exit code 1" in job["errors"]["runtime_errors"]["errors"][0]
    members = get(holder, f"?parent={job['job_uuid']}")["results"]
    assert [each["status"] for each in members] == [5, -3, 5]
    results = [each["data"] for member in members for each in member.get("results", []) if each["title"] == "result"]
    assert results == ["0\n", "2\n"]
    assert {each["metadata"]["Parent"] for each in members} == {job["job_uuid"]}
    bare = get(holder, f"?parent={whole}&results=omit")["results"]
    assert [each.get("results_omitted") for each in bare] == [True, None, True]
    for unknown in (uuid.uuid4(), "no/id"):
        assert holder.http.get(f"{holder.base}/activity?profile=grassroots&parent={unknown}").status_code == 404


def test_nobody_elses(alone: Server, jobs: dict[str, str]) -> None:
    with alone.client(token=BOB) as bob:
        for each in (jobs["Failed"], job_uuid(jobs["Failed"])):
            assert bob.http.get(f"{alone.base}/activity/{each}?profile=grassroots").status_code == 404
        assert get(bob, f"?job_uuid={jobs['Failed']}")["results"][0]["status"] == -1
    with alone.client(token="") as anybody:
        assert anybody.http.get(f"{alone.base}/activity?profile=grassroots").status_code == 401
