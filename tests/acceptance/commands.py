"""A real server process with the commands that find it, and what holds their work up while a test looks. No tests."""

import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

TIMEOUT = 90  #: seconds after which a hanging command fails its test
COMMANDS = {
    "acjob": [sys.executable, "-m", "wsrf_activity.cli.acjob"],
    "acpoll": [sys.executable, "-m", "wsrf_activity.cli.acpoll"],
    "wsrf-activity": [sys.executable, "-m", "wsrf_activity"],
}


class Shell:
    """A server with a data directory of its own, and the commands that find it there."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.log = data.with_suffix(".log")
        environment = {key: value for key, value in os.environ.items() if not key.startswith("WSRF_ACTIVITY_")}
        self.environment = environment | {"WSRF_ACTIVITY_DATA": str(data)}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server; return when it listens."""
        announced = self.data / "server.json"
        announced.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*COMMANDS["wsrf-activity"], "serve", "--port", "0"],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        until = time.monotonic() + TIMEOUT
        while not announced.exists():
            assert self._process.poll() is None, self.log.read_text()
            assert time.monotonic() < until, self.log.read_text()
            time.sleep(0.02)

    def kill(self) -> None:
        """End the server as a power cut does."""
        assert self._process
        self._process.kill()
        self._process.wait(TIMEOUT)

    def stop(self) -> None:
        """End the server in order."""
        assert self._process
        self._process.terminate()
        self._process.wait(TIMEOUT)

    @property
    def base(self) -> str:
        """The server's base URL."""
        return str(json.loads((self.data / "server.json").read_text())["base_url"])

    def run(
        self, program: str, *arguments: str, stdin: bytes | None = None, check: int | None = 0
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command to its end; without ``stdin`` it gets /dev/null."""
        argv = [*COMMANDS[program], *arguments]
        with subprocess.Popen(
            argv,
            env=self.environment,
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            out, err = process.communicate(stdin, TIMEOUT)
        assert check is None or process.returncode == check, err
        return subprocess.CompletedProcess(argv, process.returncode, out, err)

    def begin(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a command and leave it running."""
        return subprocess.Popen(
            [*COMMANDS[program], *arguments],
            # Unbuffered, so that what was not read as a line is still there for communicate().
            bufsize=0,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def script(self, script: str) -> subprocess.CompletedProcess[bytes]:
        """Run a script of bash in which the commands are what a person types."""
        functions = "".join(f'{name}() {{ {shlex.join(argv)} "$@"; }}\n' for name, argv in COMMANDS.items())
        return subprocess.run(
            ["bash", "-c", functions + script],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
        )

    def json(self, *arguments: str) -> object:
        """Return what a command of `wsrf-activity` writes with --json."""
        return json.loads(self.run("wsrf-activity", *arguments, "--json").stdout)

    def of_group(self, group: str) -> dict[str, str]:
        """Return the only activity of a group."""
        rows = self.json("list", "--group", group)
        assert isinstance(rows, list)
        assert len(rows) == 1, rows
        return dict(rows[0])


class Gate:
    """Holds work up until the test opens it, however slow the machine is."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.held = f"read opened < {shlex.quote(str(path))}"
        self._path = path

    def open(self) -> None:
        """Let the work go on; return when it does."""
        subprocess.run(["sh", "-c", f"echo > {shlex.quote(str(self._path))}"], timeout=TIMEOUT, check=True)


def await_connection(process: subprocess.Popen[bytes]) -> None:
    """Return when the process has a TCP connection that stands."""
    proc = Path("/proc", str(process.pid))
    until = time.monotonic() + TIMEOUT
    while not _established(proc):
        assert process.poll() is None, "it ended before it connected"
        assert time.monotonic() < until, "it never connected"
        time.sleep(0.01)


def _established(proc: Path) -> bool:
    own = set()
    for descriptor in (proc / "fd").iterdir():
        try:
            own.add(os.readlink(descriptor))
        except FileNotFoundError:
            continue  # closed since it was listed
    rows = [line.split() for line in (proc / "net" / "tcp").read_text().splitlines()[1:]]
    return any(row[3] == "01" and f"socket:[{row[9]}]" in own for row in rows)
