"""The client finds the server and its token as the commands do, and never gives a token to another server."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from wsrf_activity.cli.quick import Options
from wsrf_activity.client import Unreachable
from wsrf_activity.client.where import Where

HERE, THERE = "http://127.0.0.1:8427", "http://there.example:8427"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder of a server that runs at HERE."""
    (tmp_path / "server.json").write_text(json.dumps({"base_url": HERE, "pid": 1}))
    (tmp_path / "token").write_text("stored\n")
    return tmp_path


@pytest.mark.parametrize(
    "asked", [HERE, "http://localhost:8427", "http://127.0.0.1:8428", THERE, "https://there.example"]
)
@pytest.mark.parametrize("url", [None, HERE, THERE])
@pytest.mark.parametrize("shared", [None, "shared"])
@pytest.mark.parametrize("token", [None, "given"])
def test_tokens_go_where_the_commands_send_them(
    data: Path, monkeypatch: pytest.MonkeyPatch, asked: str, url: str | None, shared: str | None, token: str | None
) -> None:
    monkeypatch.setenv("WSRF_ACTIVITY_DATA", str(data))
    if shared:
        monkeypatch.setenv("WSRF_ACTIVITY_TOKEN", shared)
    where = Where(url, token)
    found = where.headers(f"{asked}/activity").get("Authorization", "").removeprefix("Bearer ") or None
    same = Where(asked).base == where.base or asked.replace("localhost", "127.0.0.1") == where.base
    expected = Options(url=url, token=token).token_for(asked) if same else None
    assert found == expected


def test_a_server_that_moved_is_found_again(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = Where(data=data)
    address = f"{HERE}/activity/x"
    (data / "server.json").write_text(json.dumps({"base_url": "http://127.0.0.1:9999", "pid": 2}))
    assert where.current(address) == address
    where.refresh()
    assert where.current(address) == "http://127.0.0.1:9999/activity/x"
    assert where.current(f"{THERE}/activity/x") == f"{THERE}/activity/x"
    assert where.headers(where.current(address)) == {"Authorization": "Bearer stored"}


@pytest.mark.parametrize("below", ["", "/", "/activity", "/activity?wsdl", "/service/words?wsdl"])
def test_the_address_of_a_wsdl_says_where_the_server_is(below: str) -> None:
    assert Where(f"{THERE}{below}").base == THERE


def test_what_to_do_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="wsrf-activity serve"):
        Where(data=tmp_path)
    with pytest.raises(ValueError, match="no http or https address"):
        Where("there.example")


def test_the_package_alone_is_light() -> None:
    """Who wants only the model, or the commands, does not pay for the client."""
    code = "import sys, wsrf_activity, wsrf_activity.cli.acjob; print('zeep' in sys.modules, 'httpx' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["False", "False"]
