"""Wrong usage, told in one line before anything is sent anywhere."""

import subprocess
import sys
from pathlib import Path

import pytest


def run(module: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", "WSRF_ACTIVITY_DATA": str(cwd), "TERM": "dumb"}
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("module", "arguments", "code", "said"),
    [
        ("wsrf_activity.cli.acjob", ["echo hello"], 69, "wsrf-activity serve"),
        ("wsrf_activity.cli.acjob", ["-t", "email", "me@example.org", "date"], 2, "not offered"),
        ("wsrf_activity.cli.acjob", [], 2, "in quotes"),
        ("wsrf_activity.cli.acjob", ["echo", "hello"], 2, "in quotes"),
        ("wsrf_activity.cli.acjob", [" "], 2, "in quotes"),
        ("wsrf_activity.cli.acjob", ["-t", "pigeon", "date"], 2, "pigeon"),
        ("wsrf_activity.cli.acjob", ["a\x01b"], 2, "U+0001"),
        ("wsrf_activity.cli.acjob", ["--name", "a\x02", "date"], 2, "U+0002"),
        ("wsrf_activity.cli.acjob", ["--service", "s", "date"], 2, "not both"),
        ("wsrf_activity.cli.acjob", ["--service", "s", "-p", "novalue"], 2, "key=value"),
        ("wsrf_activity.cli.acjob", ["-p", "a=b", "date"], 2, "--service"),
        ("wsrf_activity.cli.acjob", ["--keep", "soon", "date"], 2, "soon"),
        ("wsrf_activity.cli.acjob", ["--patience", "-1", "date"], 2, "-1"),
        ("wsrf_activity.cli.acjob", ["--url", "gopher://x", "date"], 2, "gopher"),
        ("wsrf_activity.cli.acpoll", ["abc"], 69, "wsrf-activity serve"),
        ("wsrf_activity.cli.acpoll", ["a b"], 2, "an activity's id"),
        ("wsrf_activity.cli.acpoll", [], 2, "standard input"),
        ("wsrf_activity.cli.acpoll", ["-i", "0", "abc"], 2, "above zero"),
        ("wsrf_activity", ["list"], 69, "wsrf-activity serve"),
        ("wsrf_activity", ["show", "a b"], 2, "an activity's id"),
        ("wsrf_activity", ["show"], 2, "ID"),
        ("wsrf_activity", ["serve", "--port", "70000"], 2, "65535"),
        ("wsrf_activity", ["unheard-of"], 2, "unheard-of"),
    ],
)
def test_wrong_usage_and_no_server(module: str, arguments: list[str], code: int, said: str, tmp_path: Path) -> None:
    ended = run(module, *arguments, cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (code, "")
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
