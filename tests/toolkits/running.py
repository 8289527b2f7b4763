"""Runs the program of a toolkit against a server. What the outcome means is `matrix`'s to say."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.server import Server
from tests.toolkits.matrix import FOLDER, Report, Toolkit

#: The services that callers call.
SERVICES = "".join(f'[services.{name}]\npython = "{FOLDER}/services/{name}.py"\n' for name in ("words", "survey"))

_QUICK, _BUILD, _RUN = 30.0, 300.0, 120.0  #: seconds that each command may take


def version(toolkit: Toolkit, scratch: Path) -> str | None:
    """Return the version that is installed, or None. The scratch folder must not exist; it is made."""
    exit_code, output, _ = _shell(toolkit.version, _copy(toolkit, scratch), _environment(toolkit), _QUICK)
    words = output.split()
    return words[-1] if exit_code == 0 and words else None


def run(toolkit: Toolkit, server: Server, scratch: Path, wsdl: str = "wsdl") -> Report:
    """Build and run the program in a fresh copy of its folder, and return what it said.

    `wsdl` is the form that it gets as WSDL: the one that imports its schemas, or `singleWsdl`. Raises LookupError where
    the toolkit is not installed.
    """
    found = version(toolkit, scratch)
    if found is None:
        raise LookupError(f"{toolkit.title} is not installed: .ci/toolkits install {toolkit.name}")
    toolkit.cache.mkdir(parents=True, exist_ok=True)
    environment = _environment(toolkit) | {
        "WSDL": f"{server.base}/activity?{wsdl}",
        "SINGLE_WSDL": f"{server.base}/activity?singleWsdl",
        "MANAGER_WSDL": f"{server.base}/subscription?{wsdl}",
        "CONSUMER_WSDL": f"{server.base}/activity?{wsdl}=consumer.wsdl",
        "SINGLE_CONSUMER_WSDL": f"{server.base}/activity?singleWsdl=consumer.wsdl",
        "WORDS_WSDL": f"{server.base}/service/words?{wsdl}",
        "SURVEY_WSDL": f"{server.base}/service/survey?{wsdl}",
        "ADDRESS": f"{server.base}/activity",
        "TOKEN": server.token,
    }
    commands = [(toolkit.build, _BUILD), (toolkit.run, _RUN)]
    outputs, errors, exit_code = "", "", 0
    for command, seconds in commands:
        if command and exit_code == 0:
            exit_code_or_none, output, error = _shell(command, scratch, environment, seconds)
            outputs, errors = outputs + output, errors + error
            if exit_code_or_none is None:
                return Report(found, None, outputs, f"{errors}\nnot done after {seconds:.0f} s: {command}")
            exit_code = exit_code_or_none
    return Report(found, exit_code, outputs, errors)


def read(toolkit: Toolkit, url: str, scratch: Path) -> Report:
    """Have a toolkit read a WSDL, and return what it said, with the text of all that it made behind that.

    Raises LookupError where the toolkit is not installed.
    """
    found = version(toolkit, scratch)
    if found is None or toolkit.reads is None:
        raise LookupError(f"{toolkit.title} is not installed: .ci/toolkits install {toolkit.name}")
    toolkit.cache.mkdir(parents=True, exist_ok=True)
    exit_code, output, errors = _shell(toolkit.reads, scratch, _environment(toolkit) | {"WSDL": url}, _RUN)
    known = {path.relative_to(toolkit.folder) for path in toolkit.sources}
    made = (path for path in scratch.rglob("*") if path.is_file() and path.relative_to(scratch) not in known)
    return Report(found, exit_code, output + "".join(path.read_text("utf-8", "replace") for path in made), errors)


def _copy(toolkit: Toolkit, scratch: Path) -> Path:
    shutil.copytree(toolkit.folder, scratch, ignore=shutil.ignore_patterns("__pycache__"))
    modules = toolkit.cache / "node_modules"
    if modules.exists():  # Node looks for modules beside the program and nowhere else.
        (scratch / "node_modules").symlink_to(modules)
    return scratch


def _environment(toolkit: Toolkit) -> dict[str, str]:
    """Python is the one of the toolkit's own environment, or else the one that runs this."""
    path = [str(toolkit.cache / "venv" / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
    return {**os.environ, "PATH": os.pathsep.join(path), "CACHE": str(toolkit.cache), "LC_ALL": "C.UTF-8"}


def _shell(command: str, folder: Path, environment: Mapping[str, str], seconds: float) -> tuple[int | None, str, str]:
    """Return exit code, output and errors; the code is None where the time was over, and nothing of it runs on."""
    process = subprocess.Popen(
        ["/bin/sh", "-c", command],
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        output, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, errors = process.communicate()
        return None, output, errors
    return process.returncode, output, errors
