"""The process that removes files where there are many: the server's own threads would keep its event loop waiting.

Each file takes several system calls. A thread gives the interpreter up for each of them, and has it back before the
event loop has woken to take it, which then waits out the interpreter's switch interval, 5 ms, again and again.
"""

import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from wsrf_activity.manager import sweep

log = logging.getLogger(__name__)
_PROGRAM = (sys.executable, "-I", "-S", os.fspath(sweep.__file__))


class Sweeper:
    """Starts the process when there is work for it. Blocking: call it in a thread."""

    def __init__(self, root: Path) -> None:
        """Remove below ``root``; begin without a process."""
        self._root = root
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def remove(self, paths: Sequence[str]) -> Mapping[str, str] | None:
        """Remove what these name, and return what is left, with the reason; None where there can be no process."""
        with self._lock:
            try:
                return self._ask(paths)
            except (OSError, ValueError):
                log.warning("there is no process to remove files; the server does so itself", exc_info=True)
                self._end()
                return None

    def rest(self) -> None:
        """End the process until there is work for it."""
        with self._lock:
            self._end()

    def _ask(self, paths: Sequence[str]) -> Mapping[str, str]:
        if self._process is None:
            # In a session of its own it does not hear the Ctrl-C that is meant for the server; it ends with its stdin.
            self._process = subprocess.Popen(
                [*_PROGRAM, os.fspath(self._root)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        given, answers = self._process.stdin, self._process.stdout
        assert given is not None
        assert answers is not None
        given.write(f"{json.dumps(list(paths))}\n")
        given.flush()
        left: Mapping[str, str] = json.loads(answers.readline())  # of one that was killed there is no line
        return left

    def _end(self) -> None:
        if self._process is None:
            return
        process, self._process = self._process, None
        try:
            process.communicate()  # it is waiting for the next line, and ends where there is none
        except OSError:
            process.wait()
