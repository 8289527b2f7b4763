"""The limit of running work: processes that do nothing, begun and buried by a program that does nothing else."""

import os
import sys
import time


def main(command: str, at_once: int, seconds: float) -> float:
    """Return how many processes ended per second, ``at_once`` of them at a time."""
    start = time.monotonic()
    for _ in range(at_once):
        _spawn(command)
    done = 0
    while done == 0 or time.monotonic() - start < seconds:
        os.wait()
        done += 1
        _spawn(command)
    elapsed = time.monotonic() - start
    for _ in range(at_once):
        os.wait()
    return done / elapsed


def _spawn(command: str) -> None:
    os.posix_spawn(command, [command], {})


if __name__ == "__main__":
    print(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
