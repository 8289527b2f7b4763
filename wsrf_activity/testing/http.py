"""An author's service on a real server over HTTP, for tests with SOAP toolkits: heavier, and all of it real."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from wsrf_activity.author.targets import load, loaded
from wsrf_activity.client import ClientProblem, connect
from wsrf_activity.model.phases import ENDED, Phase

STARTS_WITHIN = 120.0  #: seconds
_STOPS_WITHIN = 30.0
_POLL = 0.02


@dataclass
class Served:
    """A server that serves one service, without authentication, on loopback."""

    base_url: str
    name: str  #: of the service
    data: Path  #: its folder
    process: "subprocess.Popen[bytes]"

    @property
    def wsdl(self) -> str:
        """The address of the service's WSDL, for any toolkit: ``zeep.Client(served(words).wsdl)``."""
        return f"{self.base_url}/service/{self.name}?wsdl"

    @property
    def log(self) -> str:
        """What the server has written to its terminal."""
        return _log(self.data).read_text("utf-8", "replace")

    def stop(self) -> None:
        """End what runs, and then the server: work would outlive it."""
        try:
            with contextlib.suppress(ClientProblem), connect(self.base_url, data=self.data) as service:
                for each in service.list(phase=[phase for phase in Phase if phase not in ENDED]):
                    each.abort("the test is over")
        finally:
            self.process.terminate()
            try:
                self.process.wait(_STOPS_WITHIN)
            finally:
                self.process.kill()
                self.process.wait()


class Servers:
    """What the fixture ``served`` is: one server for each service, as long as the tests of a module run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._served: dict[str, Served] = {}

    def __call__(self, service: object, *, config: str = "", environment: Mapping[str, str] | None = None) -> Served:
        """Return the server of a service: a module, a class at its top level, or a target as for the command line.

        ``config`` is TOML for the server. It is asked for anew where it differs. Raises RuntimeError with what the
        server says where it does not start.
        """
        found = load(service) if isinstance(service, str) else loaded(service)
        key = f"{found.target}\n{config}\n{sorted((environment or {}).items())}"
        if key not in self._served:
            data = self._folder / f"{len(self._served)}-{found.name}"
            self._served[key] = _serve(str(found.target), found.name, data, config, environment)
        return self._served[key]

    def close(self) -> None:
        """Stop all of them."""
        with contextlib.ExitStack() as stack:
            for each in self._served.values():
                stack.callback(each.stop)


def _serve(target: str, name: str, data: Path, config: str, environment: Mapping[str, str] | None) -> Served:
    data.mkdir(parents=True)
    (data / "config.toml").write_text(config, "utf-8")
    command = [sys.executable, "-m", "wsrf_activity", "serve", "--data", str(data), "--port", "0", "--no-auth", target]
    with _log(data).open("ab") as log:
        process = subprocess.Popen(
            command, env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    place, deadline = data / "server.json", time.monotonic() + STARTS_WITHIN
    while not place.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            process.wait()
            raise RuntimeError(f"the server does not start: {_log(data).read_text('utf-8', 'replace')}")
        time.sleep(_POLL)
    return Served(json.loads(place.read_text("utf-8"))["base_url"], name, data, process)


def _log(data: Path) -> Path:
    return data.with_name(f"{data.name}.log")
