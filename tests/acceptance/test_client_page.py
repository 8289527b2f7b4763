"""What the page on the client shows is run as it stands there, and prints what it says."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.server import TIMEOUT, Server
from wsrf_activity.client import errors, subscription_errors

PAGE = (Path(__file__).parents[2] / "docs" / "client.md").read_text("utf-8")
BLOCKS: list[str] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_examples(alone: Server, tmp_path: Path) -> None:
    """Those that block are one program, that for asyncio is another."""
    programs = ["".join(block for block in BLOCKS if "asyncio" not in block)]
    programs += [block for block in BLOCKS if "asyncio" in block]
    assert len(programs) == 2
    for number, program in enumerate(programs):
        folder = tmp_path / str(number)
        folder.mkdir()
        ended = subprocess.run(
            [sys.executable, "-W", "error", "-c", program],
            cwd=folder,
            env={**os.environ, "WSRF_ACTIVITY_DATA": str(alone.data), "PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        assert ended.stderr == ""
        assert ended.stdout.splitlines() == re.findall(r"# prints: (.*)", program)


def test_every_exception_is_named() -> None:
    known = {**vars(errors), **vars(subscription_errors)}.values()
    kinds = [kind for kind in known if isinstance(kind, type) and issubclass(kind, Exception)]
    kinds.remove(errors.TimeFault)  # what two of them have in common
    public = [kind.__name__ for kind in kinds if not kind.__name__.startswith("_")]
    assert [name for name in public if f"`{name}`" not in PAGE] == []
