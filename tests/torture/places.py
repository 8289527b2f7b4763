"""Where a run takes place: with a clock that can be set, by libfaketime, or on a small disk that can be filled.

The machine's own clock and disk are left alone.
"""

import contextlib
import os
import random
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.torture.options import Options

_DISK = "160m"
_BLOCK = 1 << 20
_STEPS = ("+3600", "-3600", "+0")  #: seconds between the server's clock and the machine's


class Unprepared(Exception):
    """This machine lacks something that such a run needs; the text says what."""


class Clock:
    """The clock of the server alone: work, database and observer keep the machine's."""

    def __init__(self, folder: Path) -> None:
        found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
        if not found:
            raise Unprepared("libfaketime is not installed (Debian: apt-get install faketime)")
        self._file = folder / "clock"
        self.environment: Mapping[str, str] = {
            "LD_PRELOAD": str(found[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }
        self.set("+0")

    def step(self, rng: random.Random) -> None:
        """Set it an hour forward or back, or right."""
        self.set(rng.choice(_STEPS))

    def set(self, offset: str) -> None:
        """Let it differ so much from the machine's."""
        part = self._file.with_suffix(".part")
        part.write_text(offset + "\n")
        part.rename(self._file)


class Disk:
    """A small file system of its own in memory, for all that a server keeps in its data folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ballast = folder / "ballast"

    def fill(self, rng: random.Random) -> None:
        """Leave no room for a while."""
        with self._ballast.open("wb", buffering=0) as file:
            for size in (_BLOCK, 4096):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(b"\0" * size)
        time.sleep(rng.uniform(0.2, 2.5))
        self._ballast.unlink()


@contextmanager
def small_disk(folder: Path) -> Iterator[Disk]:
    """Mount a small disk at a folder; raises Unprepared where we may not."""
    if os.geteuid() != 0:
        raise Unprepared("only root can mount a file system")
    folder.mkdir(parents=True, exist_ok=True)
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={_DISK}", "torture", folder], capture_output=True, text=True, check=False
    )
    if made.returncode != 0:
        raise Unprepared(f"no file system can be mounted: {made.stderr.strip()}")
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def prepared(options: Options, folder: Path) -> Iterator[Clock | Disk | None]:
    """Give what this kind of run needs below its folder; raises Unprepared."""
    if options.trouble == "clock":
        yield Clock(folder)
    elif options.trouble == "disk":
        with small_disk(folder / "data") as disk:
            yield disk
    else:
        yield None
