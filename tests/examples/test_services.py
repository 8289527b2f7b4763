"""What the examples' services do where no client looks: after a crash, with odd input, and where a step fails."""

from pathlib import Path

import pytest

from examples.database_query import archive
from examples.long_running import long_running
from examples.many_data_sets import stations
from examples.workflow import reads
from wsrf_activity.model.grassroots import status
from wsrf_activity.testing.activities import Services


@pytest.fixture
def stars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive of the test's own."""
    monkeypatch.setattr(archive, "ARCHIVE", tmp_path / "stars.sqlite")
    archive.build(archive.ARCHIVE)


@pytest.mark.usefixtures("stars")
def test_the_query_goes_on_after_its_last_slice(activities: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    slices: list[int] = []
    counted = archive.counted

    def noted(connection: object, last: int, faintest: float) -> dict[str, int]:
        slices.append(last)
        return counted(connection, last, faintest)  # type: ignore[arg-type]  # passed on as it came

    monkeypatch.setattr(archive, "counted", noted)
    whole = activities(archive).start("histogram").wait()
    assert [each.percent for each in whole.progress][-1] == 100
    killed = activities(archive).kill_after(2).start("histogram").wait()
    assert killed.activity.attempt == 2
    assert killed.value == whole.value
    assert slices == [0, 10_000, 20_000, 30_000] * 2


def test_what_is_no_base_is_left_out_with_a_warning(activities: Services) -> None:
    cleaned = activities(reads).start("clean", text="ac-gt").wait()
    assert (cleaned.value, cleaned.warnings) == ("ACGT", ["1 characters left out"])


def test_there_are_three_jobs_unless_one_says(activities: Services) -> None:
    whole = activities(long_running).start("run", seconds=1).wait()
    assert [each.value for each in whole.members] == ["1 s\n"] * 3
    assert status(whole.activity).text == "Succeeded"


def test_a_step_that_fails_stops_those_that_need_it(activities: Services) -> None:
    study = activities(stations).start("study", station=["1 2", ""]).wait()
    assert status(study.activity).text == "Partially succeeded"
    assert [each.phase for each in study.members] == ["Completed", "Failed"]
    assert [each.phase for each in study.members[1].members] == ["Failed", "Failed"]
