"""``python -m wsrf_activity.author describe TARGET`` and ``... run TARGET OPERATION``: where author code is imported."""

import sys
from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    """Do what the first argument says, and return the exit code; each imports only what it needs."""
    match argv[:1]:
        case ["describe"]:
            from wsrf_activity.author import describe  # noqa: PLC0415

            return describe.main(argv[1:])
        case ["run"]:
            from wsrf_activity.author import run  # noqa: PLC0415

            return run.main(argv[1:])
    print("usage: python -m wsrf_activity.author describe TARGET | run TARGET OPERATION", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
