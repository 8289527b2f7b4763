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

    kills: int | None  #: None: as many as fit into the minutes
    seed: int
    database: Store = "sqlite"
    trouble: Trouble = "kills"
    keep: Path | None = None
    clients: int = 5
    parallel: int = 4
    minutes: float | None = None  #: after which it is enough, however many were killed
    servers: int = 1  #: that share the database and the folder of files
    workers: int = 1  #: processes of each server
    consumers: bool = False  #: whether there are subscriptions, and consumers that are unwell at times

    def command(self) -> str:
        """Return the command that repeats it."""
        said = f"{Path(sys.executable).name} -m tests.torture --seed {self.seed} --database {self.database}"
        said += "" if self.kills is None else f" --kills {self.kills}"
        said += "" if self.minutes is None else f" --minutes {self.minutes:g}"
        said += "" if self.servers == 1 else f" --servers {self.servers}"
        said += "" if self.workers == 1 else f" --workers {self.workers}"
        said += " --consumers" if self.consumers else ""
        return said if self.trouble == "kills" else f"{said} --trouble {self.trouble}"
