"""The demo, as a person starts it: pleasant on a terminal, plain elsewhere, right in both, and gone afterwards."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wsrf_activity.cli import demo

TIMEOUT = 120  #: seconds
DEMO = [sys.executable, "-m", "wsrf_activity", "demo"]


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    # A setting of the person's own, which must not reach the demo's server.
    return os.environ | {"TMPDIR": str(tmp_path), "WSRF_ACTIVITY_URL": "http://127.0.0.1:1"} | more


def leftovers(tmp_path: Path) -> list[str]:
    """Return the processes that mention the demo's folder, and what is left in it."""
    processes = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            except OSError:
                continue  # it ended while we looked
            if str(tmp_path) in line:
                processes.append(line)
    return processes + [str(path) for path in tmp_path.iterdir()]


def test_it_is_right_plain_and_leaves_nothing(tmp_path: Path) -> None:
    ended = subprocess.run(
        DEMO,
        env=environment(tmp_path),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "\x1b" not in ended.stdout
    for name, bases, gc in (line.split() for line in demo.expected(demo.sequences()).decode().splitlines()):
        assert re.search(rf"{name}\s+{bases}\s+{re.escape(gc)}\s", ended.stdout)
    phases = re.findall(r"^ +[\d.]+ s +(\w+)", ended.stdout, re.MULTILINE)
    assert phases[-1] == "Completed"
    assert "Executing" in phases
    assert re.search(r"Executing +60 %  length and GC content of each", ended.stdout)
    assert ended.stdout.count("  ok ") == 3
    assert re.search(r"http://127\.0\.0\.1:\d+/activity/\w+", ended.stdout)
    assert leftovers(tmp_path) == []


def on_a_terminal(tmp_path: Path, **more: str) -> tuple[int, str]:
    controller, terminal = pty.openpty()
    with subprocess.Popen(
        DEMO, env=environment(tmp_path, TERM="xterm-256color", COLUMNS="100", **more), stdin=terminal, stdout=terminal
    ) as process:
        os.close(terminal)
        shown = b"".join(iter(lambda: _read(controller), b""))
        code = process.wait(TIMEOUT)
    os.close(controller)
    return code, shown.decode("utf-8", "replace")


def _read(controller: int) -> bytes:
    ready, _, _ = select.select([controller], [], [], TIMEOUT)
    assert ready, "the demo hangs"
    try:
        return os.read(controller, 1 << 16)
    except OSError:  # how Linux says that the other side is closed
        return b""


def test_a_terminal_gets_colours_and_a_bar(tmp_path: Path) -> None:
    code, shown = on_a_terminal(tmp_path)
    assert code == 0
    assert "\x1b[" in shown
    assert "━" in shown
    assert "sorted by GC content" in shown


def test_no_color_is_respected(tmp_path: Path) -> None:
    code, shown = on_a_terminal(tmp_path, NO_COLOR="1")
    assert code == 0
    assert not re.search(r"\x1b\[[\d;]*3[0-7]m", shown)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_nothing(tmp_path: Path, sent: signal.Signals) -> None:
    code = 0
    for _ in range(20):  # a busy machine may let it come to its end before the signal
        with subprocess.Popen(
            DEMO, env=environment(tmp_path, PYTHONUNBUFFERED="1"), stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout
            for line in process.stdout:
                if "Executing" in line:
                    process.send_signal(sent)
                    break
            process.stdout.read()
            code = process.wait(TIMEOUT)
        if code != 0:
            break
    assert code == 130
    until = time.monotonic() + TIMEOUT
    while left := leftovers(tmp_path):
        # The work was told to end; that it does is seen from outside only by looking.
        assert time.monotonic() < until, left
        time.sleep(0.05)
