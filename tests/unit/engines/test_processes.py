"""Who is below whom, told from /proc in both ways that kernels offer; and how little a supervisor loads."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from wsrf_activity.engines import processes

ROOT = Path(__file__).parents[3]


@pytest.fixture
def family() -> Iterator[subprocess.Popen[bytes]]:
    """A child with a child of its own, in a session of its own."""
    line = "setsid sh -c 'echo; read _; :' & read _; kill $!; :"
    with subprocess.Popen(["sh", "-c", line], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        yield child
        child.kill()


@pytest.mark.parametrize("kernel_tells_children", [True, False])
def test_all_who_descend_are_found(
    family: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch, kernel_tells_children: bool
) -> None:
    if not kernel_tells_children:
        monkeypatch.setattr(os.path, "exists", lambda _: False)
    found = {process.pid: process for process in processes.below(os.getpid())}
    assert found[family.pid].parent == os.getpid()
    [grandchild] = [process for process in found.values() if process.parent == family.pid]
    assert grandchild.session != found[family.pid].session


def test_a_process_is_known_by_its_start() -> None:
    me = processes.find(os.getpid())
    assert me is not None
    assert (me.parent, me.session, me.group) == (os.getppid(), os.getsid(0), os.getpgid(0))
    assert processes.find(os.getpid()) == me


def test_nobody_is_nobody() -> None:
    assert processes.find(1 << 30) is None
    assert list(processes.below(1 << 30)) == []


def test_a_supervisor_loads_little() -> None:
    program = "import sys; sys.path.append(sys.argv[1]); import wsrf_activity.engines.zygote; print(*sys.modules)"
    command = [sys.executable, "-I", "-S", "-c", program, str(ROOT)]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert set(loaded) & {"asyncio", "dataclasses", "inspect", "logging", "pathlib", "ssl", "subprocess"} == set()
    assert {name for name in loaded if name.startswith("wsrf_activity.")} == {
        "wsrf_activity.engines",
        "wsrf_activity.engines.attempt",
        "wsrf_activity.engines.beginning",
        "wsrf_activity.engines.descriptors",
        "wsrf_activity.engines.forking",
        "wsrf_activity.engines.keeping",
        "wsrf_activity.engines.order",
        "wsrf_activity.engines.outputs",
        "wsrf_activity.engines.processes",
        "wsrf_activity.engines.supervisor",
        "wsrf_activity.engines.zygote",
    }
