"""Removes files and whole folders, whatever work has made of them: called, or as a program that lines on stdin tell.

As a program it needs nothing but the standard library, so that it starts at once and stays small.
"""

import contextlib
import itertools
import json
import os
import secrets
import shutil
import sys
from collections.abc import Iterable

_NICE = 10  #: whoever waits for an answer comes first


def remove(path: str) -> None:
    """Remove a file or a whole folder, one that its work has made unreadable too; what is gone is as good."""
    if os.path.isdir(path) and not os.path.islink(path):
        try:
            shutil.rmtree(path, onerror=_open_and_retry)
        except (RecursionError, OSError):
            _remove_deep(path)
    else:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def _open_and_retry(function: object, path: str, failure: object) -> None:
    """Work may have left folders that even their owner cannot list: open them and try once more."""
    if not os.path.lexists(path):
        return
    parent = os.path.dirname(path)
    os.chmod(parent, 0o700)
    if os.path.isdir(path) and not os.path.islink(path):
        os.chmod(path, 0o700)
        shutil.rmtree(path)
    else:
        os.unlink(path)


def _remove_deep(top: str) -> None:
    """Remove a folder in which folders lie deeper than Python calls functions and than a path may be long.

    Whatever lies in a folder is moved up to the top before that folder is removed, so that no path gets long.
    """
    numbers = itertools.count()
    aside = f"{top}/.{secrets.token_hex(8)}."  # what may be left of a sweep that was killed is as any other folder
    while entries := _opened(top):
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                os.unlink(entry.path)
                continue
            for inner in _opened(entry.path):
                if inner.is_dir(follow_symlinks=False):
                    os.chmod(inner.path, 0o700)  # to move it changes what it calls its parent
                    os.rename(inner.path, f"{aside}{next(numbers)}")
                else:
                    os.unlink(inner.path)
            os.rmdir(entry.path)
    os.rmdir(top)


def _opened(path: str) -> list[os.DirEntry[str]]:
    os.chmod(path, 0o700)
    with os.scandir(path) as entries:
        return list(entries)


def remove_all(root: str, paths: Iterable[str]) -> dict[str, str]:
    """Remove what these name below ``root``, and return which are left, with the reason."""
    left = {}
    for path in paths:
        try:
            remove(os.path.join(root, path))
        except OSError as error:
            left[path] = str(error)
    return left


def main(root: str) -> None:
    """Remove what each line, a list in JSON, names below ``root``, and answer with an object that has what is left."""
    os.nice(_NICE)
    for line in sys.stdin:
        sys.stdout.write(f"{json.dumps(remove_all(root, json.loads(line)))}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
