"""Installs what the toolkits need: `python3 -m tests.toolkits.installing [NAME...]`, or `.ci/toolkits install`.

Without names: all that the CI runs, with TOOLKITS=all the heavy ones too. What is there already is left as it is. Only
the standard library, since it runs before the project is installed.
"""

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterable
from pathlib import Path

from tests.toolkits.matrix import CACHE, Toolkit, everything

_POM = """\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>toolkits</groupId><artifactId>{name}</artifactId><version>1</version>
  <dependencies>{dependencies}</dependencies>
</project>
"""
_DEPENDENCY = "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>"


def main(names: list[str]) -> int:
    """Install what these need, and return an exit code."""
    known = {toolkit.name: toolkit for toolkit in everything()}
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"no toolkit called {', '.join(unknown)}: there are {', '.join(known)}", file=sys.stderr)
        return 2
    heavy = os.environ.get("TOOLKITS") == "all"
    wanted = [known[name] for name in names] or [t for t in known.values() if heavy or not t.nightly]
    try:
        _apt(wanted)
        for toolkit in wanted:
            _pip(toolkit)
            _npm(toolkit)
            _maven(toolkit)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"cannot install the toolkits: {error}", file=sys.stderr)
        return 1
    return 0


def _apt(wanted: Iterable[Toolkit]) -> None:
    """Install the packages that are missing, of the toolkits and of what fetches them, all at once."""
    packages = {package for toolkit in wanted for package in toolkit.apt}
    if any(toolkit.npm for toolkit in wanted) and not shutil.which("npm"):
        packages.add("npm")
    if any(toolkit.maven for toolkit in wanted) and not shutil.which("mvn"):
        packages.add("maven")
    missing = sorted(package for package in packages if not _has_package(package))
    if missing:
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        _do("apt-get", "update", "-qq", environment=environment)
        _do("apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing, environment=environment)


def _has_package(name: str) -> bool:
    command = ["dpkg-query", "-W", "-f", "${db:Status-Status}", name]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout == "installed"


def _pip(toolkit: Toolkit) -> None:
    folder = toolkit.cache / "venv"
    if toolkit.pip and _is_stale(folder, toolkit.pip):
        venv.create(folder, clear=True, with_pip=True)
        _do(str(folder / "bin" / "pip"), "install", "-q", "--disable-pip-version-check", *toolkit.pip)
        _stamp(folder, toolkit.pip)


def _npm(toolkit: Toolkit) -> None:
    folder = toolkit.cache / "node_modules"
    if toolkit.npm and _is_stale(folder, toolkit.npm):
        shutil.rmtree(folder, ignore_errors=True)
        options = ["--prefix", str(toolkit.cache), "--no-save", "--no-package-lock", "--no-audit", "--no-fund"]
        _do("npm", "install", "--silent", *options, *toolkit.npm)
        _stamp(folder, toolkit.npm)


def _maven(toolkit: Toolkit) -> None:
    """Put the artifacts, and all that they depend on, into one folder."""
    folder = toolkit.cache / "jars"
    if toolkit.maven and _is_stale(folder, toolkit.maven):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        pom = toolkit.cache / "pom.xml"
        dependencies = "".join(_DEPENDENCY.format(*artifact.split(":")) for artifact in toolkit.maven)
        pom.write_text(_POM.format(name=toolkit.anchor, dependencies=dependencies))
        options = ["-q", "-B", "-f", str(pom), f"-Dmaven.repo.local={CACHE / 'maven'}", f"-DoutputDirectory={folder}"]
        _do("mvn", *options, "dependency:copy-dependencies")
        _stamp(folder, toolkit.maven)


def _is_stale(folder: Path, wanted: tuple[str, ...]) -> bool:
    stamp = folder / ".wanted"
    return not stamp.exists() or stamp.read_text() != "\n".join(wanted)


def _stamp(folder: Path, wanted: tuple[str, ...]) -> None:
    """Say last what is there, so that what was interrupted is done again."""
    (folder / ".wanted").write_text("\n".join(wanted))


def _do(*command: str, environment: dict[str, str] | None = None) -> None:
    print("+", " ".join(command), flush=True)
    subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
