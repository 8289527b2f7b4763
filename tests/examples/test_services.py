"""What the examples' services do where no client looks: after a crash, with odd input, and where a step fails."""

from pathlib import Path

import pytest

from examples.database_query import archive
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
