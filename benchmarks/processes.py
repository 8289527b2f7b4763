"""What is measured and what it is measured with, each as a process of its own."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.load import Load, Plan

_ROOT = Path(__file__).resolve().parents[1]
_START_SECONDS = 300  #: with a lot to take up, on a busy machine


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers."""

    port: int
    token: str = ""
    pid: int = 0


@contextlib.contextmanager
def activity_server(data: Path, config: str) -> Iterator[Server]:
    """Start `wsrf-activity serve` on an empty data folder."""
    data.mkdir()
    (data / "config.toml").write_text(config)
    with serving(data) as server:
        yield server


@contextlib.contextmanager
def serving(data: Path) -> Iterator[Server]:
    """Start `wsrf-activity serve` on a data folder, whatever an earlier one has left there."""
    (data / "server.json").unlink(missing_ok=True)
    arguments = ["-m", "wsrf_activity", "serve", "--data", str(data), "--port", "0"]
    with _process(arguments) as process:
        announced = data / "server.json"
        deadline = time.monotonic() + _START_SECONDS
        while not announced.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("wsrf-activity does not start")
            time.sleep(0.01)
        port = urlsplit(json.loads(announced.read_text())["base_url"]).port
        yield Server(port or 80, (data / "token").read_text().strip(), process.pid)


@contextlib.contextmanager
def canned_server(size: int) -> Iterator[Server]:
    """Start the server of `benchmarks.canned`, whose answers have ``size`` bytes."""
    with _process(["-m", "benchmarks.canned", str(size)]) as process:
        assert process.stdout is not None
        yield Server(int(process.stdout.readline()))


@contextlib.contextmanager
def _process(arguments: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WSRF_ACTIVITY_")}
    with subprocess.Popen([sys.executable, *arguments], cwd=_ROOT, env=environment, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.terminate()


def put_on(plan: Plan) -> Load:
    """Have a process of its own carry out a plan."""
    return Load(**json.loads(_output("benchmarks.load", given=json.dumps(asdict(plan)))))


def spawn(command: str, at_once: int, seconds: float) -> Load:
    """Have a process of its own spawn a command again and again."""
    return Load(float(_output("benchmarks.spawn", command, str(at_once), str(seconds))), 0.0)


def _output(module: str, *arguments: str, given: str = "") -> str:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=_ROOT, input=given, stdout=subprocess.PIPE, text=True, check=True).stdout
