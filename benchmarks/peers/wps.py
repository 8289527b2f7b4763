"""pywps with asynchronous execution, on waitress: one process that runs a command, status documents served beside.

With an argument ``ask`` it is the client: submit, poll, and fetch what came out, again and again.
"""

import logging
import os
import re
import subprocess
import sys
import threading
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import waitress
from pywps import LiteralOutput, Process, Service, configuration
from werkzeug.middleware.shared_data import SharedDataMiddleware

_EXECUTE = "/wps?service=WPS&version=1.0.0&request=Execute&identifier=nothing&storeExecuteResponse=true&status=true"
_STATUS = re.compile(rb'statusLocation="http://[^/]+(/[^"]+)"')
_POLL = 0.02  #: seconds between two looks at a status document; a user would take longer
_PATIENCE = 10.0  #: seconds after which an execution is given up: processes that threads fork may never begin


class Nothing(Process):
    """Runs a command."""

    def __init__(self) -> None:
        """Declare it."""
        outputs = [LiteralOutput("code", "exit code", data_type="integer")]
        super().__init__(self.run, "nothing", "Nothing", outputs=outputs, store_supported=True, status_supported=True)

    @staticmethod
    def run(_request, response):
        """Do it."""
        response.outputs["code"].data = subprocess.run(["/bin/true"], check=False).returncode
        return response


def serve(folder: Path) -> None:
    """Serve on a free port, after printing its number.

    All that is asked for runs at once: of what waits in pywps's own queue some is never begun, since a process may end
    between the count of those that run and the queueing.
    """
    logging.disable(logging.CRITICAL)
    with (folder / "log").open("wb") as log:  # its processes print what they stumble over
        os.dup2(log.fileno(), sys.stderr.fileno())
    (folder / "outputs").mkdir()
    (folder / "work").mkdir()
    configuration.load_configuration()
    application = SharedDataMiddleware(Service([Nothing()]), {"/outputs": str(folder / "outputs")}, cache=False)
    server = waitress.create_server(application, host="127.0.0.1", port=0, threads=8)
    settings = configuration.CONFIG
    settings.set("server", "url", f"http://127.0.0.1:{server.effective_port}/wps")
    settings.set("server", "outputurl", f"http://127.0.0.1:{server.effective_port}/outputs")
    settings.set("server", "outputpath", str(folder / "outputs"))
    settings.set("server", "workdir", str(folder / "work"))
    settings.set("server", "parallelprocesses", "-1")
    settings.set("server", "maxprocesses", "1000")
    settings.set("logging", "database", f"sqlite:///{folder / 'pywps.db'}")
    print(server.effective_port, flush=True)
    server.run()


def ask(port: int, at_once: int, seconds: float) -> float:
    """Return how many executions per second come to their end."""
    began = time.monotonic()
    done: list[float] = []

    def go_on() -> None:
        while time.monotonic() - began < seconds:
            status = _STATUS.search(_get(port, _EXECUTE))
            if status is None:  # its database was locked
                continue
            until = time.monotonic() + _PATIENCE
            while b"ProcessSucceeded" not in _get(port, status[1].decode()) and time.monotonic() < until:
                time.sleep(_POLL)
            if time.monotonic() < until:
                done.append(time.monotonic() - began)

    threads = [threading.Thread(target=go_on) for _ in range(at_once)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if not done:
        raise RuntimeError("pywps ends nothing")
    return len(done) / max(done)


def _get(port: int, path: str) -> bytes:
    http = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        http.request("GET", path)
        return http.getresponse().read()
    except HTTPException:  # the document was being written
        return b""
    finally:
        http.close()


if __name__ == "__main__":
    if sys.argv[1] == "ask":
        print(ask(int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
    else:
        serve(Path(sys.argv[1]))
