"""Apache CXF with the operations of plain Spyne; `python -m benchmarks.peers.cxf FILE` compiles and becomes it."""

import shutil

PATH = "/plain"


def missing() -> tuple[str, ...]:
    """Return a sentence for each program that it needs and that is not there."""
    lacking = [name for name in ("javac", "mvn") if not shutil.which(name)]
    return tuple(f"Not compared with Apache CXF: there is no {name}." for name in lacking)
