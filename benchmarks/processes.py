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
    with process(arguments) as running:
        announced = data / "server.json"
        deadline = time.monotonic() + _START_SECONDS
        while not announced.exists():
            if running.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("wsrf-activity does not start")
            time.sleep(0.01)
        port = urlsplit(json.loads(announced.read_text())["base_url"]).port
        yield Server(port or 80, (data / "token").read_text().strip(), running.pid)


@contextlib.contextmanager
def canned_server(size: int) -> Iterator[Server]:
    """Start the server of `benchmarks.canned`, whose answers have ``size`` bytes."""
    with process(["-m", "benchmarks.canned", str(size)]) as running:
        assert running.stdout is not None
        yield Server(int(running.stdout.readline()))


@contextlib.contextmanager
def process(arguments: list[str], *, stdin: int | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program of ours, and end it at the end. Settings of the environment are not for it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WSRF_ACTIVITY_")}
    command = [sys.executable, *arguments]
    with subprocess.Popen(command, cwd=_ROOT, env=environment, stdin=stdin, stdout=subprocess.PIPE) as running:
        try:
            yield running
        finally:
            running.terminate()


def put_on(plan: Plan) -> Load:
    """Have a process of its own carry out a plan."""
    return Load(**json.loads(output("benchmarks.load", given=json.dumps(asdict(plan)))))


def spawn(command: str, at_once: int, seconds: float) -> Load:
    """Have a process of its own spawn a command again and again."""
    return Load(float(output("benchmarks.spawn", command, str(at_once), str(seconds))), 0.0)


def output(module: str, *arguments: str, given: str = "") -> str:
    """Run a module of ours as a program, and return what it says."""
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=_ROOT, input=given, stdout=subprocess.PIPE, text=True, check=True).stdout
