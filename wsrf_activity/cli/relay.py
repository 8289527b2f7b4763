"""Passing an activity's output on while it is made, unchanged and whole however often the line breaks."""

import http.client
import os
import select
import threading
from collections.abc import Callable

from wsrf_activity.cli import envelopes
from wsrf_activity.cli.activities import Activity
from wsrf_activity.cli.problems import Problem, Unreachable
from wsrf_activity.cli.quick import UNAVAILABLE, WAIT, Patience, Server

BLOCK = 1 << 16  #: bytes

Sink = Callable[[bytes], None]


class SinkClosed(Exception):
    """What takes the output does not take it any more; the cause is the OSError that says why."""


def to_descriptor(descriptor: int) -> Sink:
    """Return a sink that writes to a file descriptor at once: what comes out of a job is never held back."""

    def write(data: bytes) -> None:
        left = memoryview(data)
        while left:
            try:
                left = left[os.write(descriptor, left) :]
            except BlockingIOError:
                # Whoever started us may have made the pipe non-blocking.
                select.select([], [descriptor], [])
            except OSError as error:
                raise SinkClosed from error

    return write


class Relay:
    """One output of an activity on its way to a sink; knows how many bytes went through."""

    def __init__(self, server: Server, identifier: str, name: str, sink: Sink, limit: float) -> None:
        """``limit`` is how many seconds the server may stay away."""
        self._server = server
        self._path = f"/activity/{identifier}/result/{name}"
        self._sink = sink
        self._patience = Patience(server, limit)
        self.name = name
        self.passed = 0

    def follow(self) -> None:
        """Pass on what there is and what comes, to the end. Raises Problem, SinkClosed."""
        while True:
            try:
                if self._attempt():
                    return
                self._patience.idle()
            except Unreachable as problem:
                self._patience.lost(problem)

    def _attempt(self) -> bool:
        """Read once from where we are; False where the line broke, so that there may be more."""
        headers = {"Range": f"bytes={self.passed}-"} if self.passed else {}
        with self._server.open("GET", f"{self._path}?follow=true", headers) as response:
            if response.status in UNAVAILABLE:
                raise Unreachable(f"{self._server.base} answers HTTP {response.status}")
            if response.status in (404, 416):
                # No such output, or nothing after what we have: whether that is all, the activity says.
                self._patience.answered()
                return True
            if response.status not in (200, 206):
                raise self._server.refused(response.status) or Problem(f"{self.name} refused: HTTP {response.status}")
            self._patience.answered()
            return self._pass_on(response, skip=self.passed if response.status == 200 else 0)

    def _pass_on(self, response: http.client.HTTPResponse, skip: int) -> bool:
        while True:
            try:
                block = response.read1(BLOCK)
            except (OSError, http.client.HTTPException):
                # Also after a minute of silence: a line that died without a word is found out that way.
                return False
            if not block:
                return not response.length
            fresh = block[skip:]
            skip = max(0, skip - len(block))
            if fresh:
                self._sink(fresh)
                self.passed += len(fresh)

    def lacks(self, activity: Activity) -> bool:
        """Tell whether the ended activity has more of this output than went through."""
        result = activity.result(self.name)
        return result is not None and (result.size or 0) > self.passed


def _discarding(sink: Sink) -> Sink:
    """Return a sink that goes on without a word where ``sink`` was closed: standard error may be."""
    open_still = True

    def write(data: bytes) -> None:
        nonlocal open_still
        if open_still:
            try:
                sink(data)
            except SinkClosed:
                open_still = False

    return write


class Streams:
    """Standard output and standard error of one activity, followed side by side."""

    def __init__(self, server: Server, identifier: str, limit: float) -> None:
        self._server = server
        self._identifier = identifier
        self._patience = Patience(server, limit)
        self._out = Relay(server, identifier, "stdout", to_descriptor(1), limit)
        self._err = Relay(server, identifier, "stderr", _discarding(to_descriptor(2)), limit)
        self._failure: Problem | None = None

    def follow(self) -> Activity:
        """Return the activity once it has ended and all output went through. Raises Problem, SinkClosed."""
        before = -1
        while True:
            self._follow_both()
            activity = self._patience.activity(self._identifier)
            short = [relay for relay in (self._out, self._err) if relay.lacks(activity)]
            if not activity.ended:
                change = envelopes.wait(WAIT, "Change", activity.version)
                self._patience.call(self._identifier, change, within=WAIT)
            elif not short:
                return activity
            elif before == (before := self._out.passed + self._err.passed):
                raise Problem(f"the server gives less of {short[0].name} than it says there is")

    def _follow_both(self) -> None:
        beside = threading.Thread(target=self._follow_err, daemon=True)
        beside.start()
        self._out.follow()
        beside.join()
        if self._failure:
            raise self._failure

    def _follow_err(self) -> None:
        try:
            self._err.follow()
        except Problem as problem:
            self._failure = problem
