"""Fetches what the peer needs with Maven, compiles it, both once for each form of it, and runs it in this process."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

_HERE = Path(__file__).parent
_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wsrf-activity-benchmarks"


def built() -> Path:
    """Return a folder with the classes and all that they need."""
    sources = [_HERE / "Peer.java", _HERE / "pom.xml"]
    form = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:16]
    folder = _CACHE / f"cxf-{form}"
    if not (folder / "Peer.class").exists():
        jars = ["mvn", "-q", "-B", "-f", str(_HERE / "pom.xml"), f"-DoutputDirectory={folder}/jars"]
        subprocess.run([*jars, "dependency:copy-dependencies"], stdout=sys.stderr, check=True)
        compiling = ["javac", "-nowarn", "-proc:none", "-cp", f"{folder}/jars/*", "-d", str(folder)]
        subprocess.run([*compiling, str(_HERE / "Peer.java")], stdout=sys.stderr, check=True)
    return folder


def main(file: Path) -> None:
    """Serve on a free port, after printing its number, with a database in a file."""
    folder = built()
    with file.with_suffix(".log").open("wb") as log:  # CXF tells what it does
        os.dup2(log.fileno(), sys.stderr.fileno())
    os.execvp("java", ["java", "-cp", f"{folder}:{folder}/jars/*", "Peer", str(file)])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
