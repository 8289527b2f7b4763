"""The process that removes files where there are many: the server's own threads would keep its event loop waiting.

Each file takes several system calls. A thread gives the interpreter up for each of them, and has it back before the
event loop has woken to take it, which then waits out the interpreter's switch interval, 5 ms, again and again.
"""

import json
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from wsrf_activity.engines import processes
from wsrf_activity.manager import sweep

T = TypeVar("T")
log = logging.getLogger(__name__)
PATIENCE = 30.0  #: seconds in which a process at work does something; one large file may take as long on a slow disk
_LEAVING = 5.0  #: seconds that a process has to end
_PROGRAM = (sys.executable, "-I", "-S", os.fspath(sweep.__file__))


class Sweeper:
    """Starts the process when there is work for it. Blocking: call it in a thread."""

    def __init__(self, root: Path) -> None:
        """Remove below ``root``; begin without a process."""
        self._root = root
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None

    def remove(self, paths: Sequence[str]) -> Mapping[str, str] | None:
        """Remove what these name, and return what is left, with the reason; None where there can be no process.

        A process that does nothing, as one that was stopped, is replaced. Raises TimeoutError where its successor does
        nothing as well: the file system hangs, and whoever else touched it would hang, too.
        """
        with self._lock:
            try:
                return self._ask_twice(f"{json.dumps(list(paths))}\n".encode())
            except TimeoutError:
                raise
            except (OSError, ValueError):
                log.warning("there is no process to remove files; the server does so itself", exc_info=True)
                self._end()
                return None

    def rest(self) -> None:
        """End the process until there is work for it."""
        with self._lock:
            self._end()

    def _ask_twice(self, line: bytes) -> Mapping[str, str]:
        try:
            return self._ask(line)
        except TimeoutError:
            log.warning("the process that removes files does nothing; another one takes its place")
            self._end(at_once=True)
        try:
            return self._ask(line)
        except TimeoutError:
            self._end(at_once=True)
            raise

    def _ask(self, line: bytes) -> Mapping[str, str]:
        process, channel = self._open()
        channel.settimeout(PATIENCE)
        while line:
            line = line[_patiently(process, partial(channel.send, line)) :]
        answer = b""
        while not answer.endswith(b"\n"):
            block = _patiently(process, partial(channel.recv, 65536))
            if not block:
                raise BrokenPipeError("it was killed")
            answer += block
        left: Mapping[str, str] = json.loads(answer)
        return left

    def _open(self) -> tuple[subprocess.Popen[bytes], socket.socket]:
        if self._process is None or self._channel is None:
            self._channel, theirs = socket.socketpair()
            command = [*_PROGRAM, os.fspath(self._root)]
            with theirs:
                # In a session of its own it does not hear the Ctrl-C that is meant for the server; it ends with its
                # stdin.
                self._process = subprocess.Popen(
                    command, stdin=theirs.fileno(), stdout=theirs.fileno(), start_new_session=True
                )
        return self._process, self._channel

    def _end(self, *, at_once: bool = False) -> None:
        channel, self._channel = self._channel, None
        process, self._process = self._process, None
        if channel is not None:
            channel.close()  # it is waiting for the next line, and ends where there is none
        if process is None:
            return
        for patience in (0.0 if at_once else _LEAVING, _LEAVING):
            try:
                process.wait(patience)
            except subprocess.TimeoutExpired:
                process.kill()  # what hangs in a system call ends after that, and nobody waits for it
            else:
                return


def _patiently(process: subprocess.Popen[bytes], step: Callable[[], T]) -> T:
    """Return what a step comes to; raises its TimeoutError where the process has not used a processor meanwhile."""
    used = -1
    while True:
        try:
            return step()
        except TimeoutError:
            now = processes.find(process.pid)
            if now is None or now.used == used:
                raise
            used = now.used
