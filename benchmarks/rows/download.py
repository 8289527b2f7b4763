"""The download of a large result against the same file from the bare ASGI server, and what memory it takes."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.base import Act, Bench, Curve, Figure, Figures, Goal, Row, Scale, at, value
from benchmarks.machine import forget_peak, peak
from benchmarks.messages import WAIT, create, exchange
from benchmarks.processes import Server, activity_server, output, port_of
from benchmarks.stored import folder

_OURS, _BARE, _MEMORY = "MiB of a result", "MiB of a file from the bare ASGI server", "memory more, at most"
_MIB = 1 << 20


def _config(sizes: list[int]) -> str:
    return "".join(f'[services.of{size}]\ncommand = ["head", "-c", "{size}M", "/dev/zero"]\n' for size in sizes)


def _fetching(name: str, server: Server, path: str, size: int) -> Act:
    """Return the act that fetches a file, and sees how much more memory the server holds meanwhile."""

    def act(_seconds: float) -> Figures:
        forget_peak(server.pid)
        before = peak(server.pid)
        found = json.loads(output("benchmarks.download", str(server.port), path, server.token))
        if found["size"] < size * _MIB:
            raise RuntimeError(f"{path} came in part only")
        more = (peak(server.pid) - before) / _MIB
        figures = {at(name, size): Figure(found["rate"] / _MIB, load=found["cpu"])}
        return {**figures, at(_MEMORY, size): Figure(more, " MiB")} if name == _OURS else figures

    return act


def _seconds(figure: Figure) -> float:
    return 1024 / figure.value


@contextmanager
def prepare(scale: Scale) -> Iterator[Bench]:
    """Have the server make results, and the bare server serve the very same files."""
    most = scale.size(1024, 128)
    points = [most // 64, most // 8, most]
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as name:
        data = Path(name) / "data"
        with activity_server(data, _config(points)) as server:
            made = _ready(server, points)
            acts = []
            for size, activity_id in made.items():
                acts.append(_fetching(_OURS, server, f"/activity/{activity_id}/result/stdout", size))
                acts.append(_bare(folder(data, activity_id) / "1" / "stdout", size))
            goals = (
                Goal(f"{most} MiB to the bare ASGI server", at(_OURS, most), at(_BARE, most), 0.7),
                Goal("memory more meanwhile", at(_MEMORY, most), target=50, most=True),
            )
            curves = (
                Curve("A GiB by size of the file", "MiB of the file", "s", (_OURS, _BARE), points, _seconds),
                Curve("Memory by size of the file", "MiB of the file", "MiB more", (_MEMORY,), points, value),
            )
            yield Bench(acts, goals, curves)


def _ready(server: Server, sizes: list[int]) -> dict[int, str]:
    made = {size: create(server, f"of{size}") for size in sizes}
    for activity_id in made.values():
        while b">Completed<" not in exchange(server, f"/activity/{activity_id}", WAIT):
            pass
    return made


def _bare(path: Path, size: int) -> Act:
    def act(seconds: float) -> Figures:
        with port_of("benchmarks.canned", str(path)) as bare:
            return _fetching(_BARE, bare, "/", size)(seconds)

    return act


ROW = Row("download", "a large result", prepare, rounds=5)
