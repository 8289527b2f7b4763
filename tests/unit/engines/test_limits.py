"""The limits of work: what they become, and which of them are refused."""

import resource
from datetime import timedelta

import pytest

from wsrf_activity.engines.limits import WorkLimits


def test_unless_told_otherwise_only_output_and_cores_are_bounded() -> None:
    assert dict(WorkLimits().rlimits()) == {resource.RLIMIT_CORE: 0, resource.RLIMIT_FSIZE: 8 << 30}


def test_every_limit_reaches_the_kernel() -> None:
    limits = WorkLimits(output=1 << 20, memory=1 << 30, processes=100, open_files=200)
    assert dict(limits.rlimits()) == {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 1 << 20,
        resource.RLIMIT_AS: 1 << 30,
        resource.RLIMIT_NPROC: 100,
        resource.RLIMIT_NOFILE: 200,
    }


@pytest.mark.parametrize(
    "make",
    [
        lambda: WorkLimits(output=1000),
        lambda: WorkLimits(memory=1 << 20),
        lambda: WorkLimits(processes=0),
        lambda: WorkLimits(open_files=3),
        lambda: WorkLimits(grace=timedelta(seconds=-1)),
    ],
)
def test_what_no_supervisor_could_live_with_is_refused(make: type[WorkLimits]) -> None:
    with pytest.raises(ValueError, match="accepted: "):
        make()


def test_the_environment_is_withheld_but_for_what_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_TIME", "de_DE")
    monkeypatch.setenv("WSRF_ACTIVITY_TOKEN", "secret")
    monkeypatch.setenv("LD_PRELOAD_OF_OTHERS", "x")
    passed = WorkLimits().environ()
    assert passed["LC_TIME"] == "de_DE"
    assert passed.keys() & {"WSRF_ACTIVITY_TOKEN", "LD_PRELOAD_OF_OTHERS"} == set()
    assert WorkLimits(environment=("WSRF_*",)).environ().keys() >= {"WSRF_ACTIVITY_TOKEN"}
