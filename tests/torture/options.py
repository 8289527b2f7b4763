"""What a run is asked for."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Store = Literal["sqlite", "postgresql"]
Trouble = Literal["kills", "clock", "disk"]


@dataclass(frozen=True)
class Options:
    """One run."""

    kills: int
    seed: int
    database: Store = "sqlite"
    trouble: Trouble = "kills"
    keep: Path | None = None
    clients: int = 5
    parallel: int = 4

    def command(self) -> str:
        """Return the command that repeats it."""
        said = f"{Path(sys.executable).name} -m tests.torture --kills {self.kills} --seed {self.seed}"
        said += f" --database {self.database}"
        return said if self.trouble == "kills" else f"{said} --trouble {self.trouble}"
