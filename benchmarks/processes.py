"""What is measured and what it is measured with, each as a process of its own."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.base import Act, Figure
from benchmarks.load import Load, Plan
from benchmarks.machine import cpu_seconds

_ROOT = Path(__file__).resolve().parents[1]
_START_SECONDS = 300  #: with a lot to take up, on a busy machine


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers."""

    port: int
    token: str = ""
    pid: int = 0


@contextlib.contextmanager
def activity_server(data: Path, config: str, *options: str) -> Iterator[Server]:
    """Start `wsrf-activity serve` on an empty data folder."""
    data.mkdir()
    (data / "config.toml").write_text(config)
    with serving(data, *options) as server:
        yield server


@contextlib.contextmanager
def serving(data: Path, *options: str, program: str = "wsrf_activity") -> Iterator[Server]:
    """Start `wsrf-activity serve` on a data folder, whatever an earlier one has left there."""
    (data / "server.json").unlink(missing_ok=True)
    arguments = ["-m", program, "serve", "--data", str(data), "--port", "0", *options]
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
def port_of(module: str, *arguments: str) -> Iterator[Server]:
    """Start a module of ours that serves, and prints the number of its port first."""
    with process(["-m", module, *arguments]) as running:
        assert running.stdout is not None
        said = running.stdout.readline()
        if not said:
            raise RuntimeError(f"{module} does not start")
        yield Server(int(said), pid=running.pid)


def canned_server(size: int) -> contextlib.AbstractContextManager[Server]:
    """Start the server of `benchmarks.canned`, whose answers have ``size`` bytes."""
    return port_of("benchmarks.canned", str(size))


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


@contextlib.contextmanager
def putting_on(plan: Plan) -> Iterator[list[Load]]:
    """Have a process of its own carry out a plan meanwhile; yield the list that has what came of it at the end."""
    loads: list[Load] = []
    with process(["-m", "benchmarks.load"], stdin=subprocess.PIPE) as running:
        assert running.stdin is not None
        running.stdin.write(f"{json.dumps(asdict(replace(plan, seconds=0.0)))}\n".encode())
        running.stdin.flush()
        yield loads
        said, _ = running.communicate()
        loads.append(Load(**json.loads(said)))


def loading(name: str, plan: Plan, *servers: Server) -> Act:
    """Return the act that carries out a plan, and says what the servers' processors had to do for it."""

    def act(seconds: float) -> dict[str, Figure]:
        before = cpu_seconds(*(server.pid for server in servers))
        load = put_on(replace(plan, seconds=seconds))
        cpu = cpu_seconds(*(server.pid for server in servers)) - before
        return {name: Figure(load.rate, load=load.cpu, cpu=cpu / load.done if servers else None)}

    return act


def telling(name: str, module: str, *arguments: str) -> Act:
    """Return the act that runs a module of ours with the seconds as its last argument, which prints a rate."""
    return lambda seconds: {name: Figure(float(output(module, *arguments, str(seconds))))}


def output(module: str, *arguments: str, given: str = "") -> str:
    """Run a module of ours as a program, and return what it says."""
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=_ROOT, input=given, stdout=subprocess.PIPE, text=True, check=True).stdout
