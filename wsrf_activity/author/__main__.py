"""``python -m wsrf_activity.author describe TARGET`` or ``run TARGET OPERATION``: where author code is imported."""

import importlib
import sys
from collections.abc import Sequence

_USAGE = "usage: python -m wsrf_activity.author describe TARGET [--name N] [--namespace U] | run TARGET OPERATION\n"


def main(argv: Sequence[str]) -> int:
    """Do what the first argument says, and return the exit code; each of the two imports only what it needs."""
    if argv[:1] not in (["describe"], ["run"]):
        sys.stderr.write(_USAGE)
        return 2
    return int(importlib.import_module(f"wsrf_activity.author.{argv[0]}").main(argv[1:]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
