"""The engine of docs/extending.md is one: it keeps the contract, and the page shows it as it is."""

import contextlib
import os
import signal
from datetime import timedelta
from pathlib import Path

from tests.unit.testing.nohup import Nohup
from wsrf_activity.engines.base import Engine, Failure, Job
from wsrf_activity.testing import EngineContract, fresh_job

ROOT = Path(__file__).parents[3]
WAITS = "(echo warn careful; echo progress 50% half) >> $ACTIVITY_REPORT; until test -e go; do sleep 0.02; done"
FAILURE = r'{"code": "Broken", "message": "it broke", "trace": "here\nand there"}'
FAILS = f"; printf %s '{FAILURE}' > $ACTIVITY_FAILURE; exit 1"


class TestNohup(EngineContract):
    def make(self, folder: Path) -> Engine:
        return Nohup(poll=timedelta(milliseconds=20))

    def waiting(self, folder: Path) -> Job:
        return fresh_job(folder, "sh", "-c", WAITS)

    def failing(self, folder: Path) -> Job:
        return fresh_job(folder, "sh", "-c", WAITS + FAILS)

    async def let_end(self, engine: Engine, job: Job) -> None:
        (job.folder / "work" / "go").touch()

    async def let_fail(self, engine: Engine, job: Job, failure: Failure) -> None:
        await self.let_end(engine, job)

    def impossible(self, engine: Engine, folder: Path) -> Job:
        return fresh_job(folder, "no-such-program")

    async def clean_up(self, folder: Path) -> None:
        end_all(folder)


def end_all(folder: Path) -> None:
    for pid in folder.glob("*/*/pid"):
        if not (pid.parent / "code").exists():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(int(pid.read_text()), signal.SIGTERM)


def test_the_page_shows_what_is_tested_here() -> None:
    page = (ROOT / "docs" / "extending.md").read_text("utf-8")
    assert (ROOT / "tests" / "unit" / "testing" / "nohup.py").read_text("utf-8") in page
    tested = Path(__file__).read_text("utf-8")
    shown = tested[tested.index("WAITS = ") : tested.index("    async def clean_up")].rstrip()
    assert shown in page
