"""How the quick commands find the server, and whom they tell their token."""

import json
import subprocess
import sys
from pathlib import Path

import platformdirs
import pytest

from wsrf_activity.cli import quick
from wsrf_activity.cli.problems import Unreachable, Usage

HERE = "http://127.0.0.1:8427"


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATA", "URL", "TOKEN"):
        monkeypatch.delenv(f"WSRF_ACTIVITY_{name}", raising=False)


@pytest.fixture
def data(tmp_path: Path) -> str:
    (tmp_path / "server.json").write_text(json.dumps({"base_url": HERE, "pid": 1}))
    (tmp_path / "token").write_text("local\n")
    return str(tmp_path)


@pytest.mark.parametrize("home", [None, "", " ", "/somewhere/else"])
def test_the_default_data_directory_is_that_of_platformdirs(home: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if home is None:
        monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    else:
        monkeypatch.setenv("XDG_DATA_HOME", home)
    assert quick.default_data() == str(platformdirs.user_data_path("wsrf-activity"))


def test_a_local_server_and_its_token_are_found(data: str) -> None:
    options = quick.Options(data)
    assert quick.Server(options).base == HERE
    assert options.token_for(HERE) == options.token_for("http://localhost:8427") == "local"


def test_no_server_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="wsrf-activity serve") as raised:
        quick.Server(quick.Options(str(tmp_path)))
    assert raised.value.code == 69


@pytest.mark.parametrize("text", ["", "{}", "[]", "nothing", '{"base_url"'])
def test_a_broken_announcement_is_no_server(tmp_path: Path, text: str) -> None:
    (tmp_path / "server.json").write_text(text)
    with pytest.raises(Unreachable):
        quick.Server(quick.Options(str(tmp_path)))


@pytest.mark.parametrize("elsewhere", ["http://127.0.0.1:8428", "https://127.0.0.1:8427", "http://evil.example:8427"])
def test_the_token_of_one_server_is_never_sent_to_another(
    data: str, elsewhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WSRF_ACTIVITY_TOKEN", "shared")
    assert quick.Options(data).token_for(elsewhere) is None
    assert quick.Options(data).token_for(HERE) == "shared"


def test_a_token_on_the_command_line_is_sent_where_the_person_points(data: str) -> None:
    assert quick.Options(data, token="mine").token_for("https://far.example") == "mine"


def test_an_address_beside_a_data_directory_is_paired_with_its_token(data: str) -> None:
    assert quick.Options(data, url="https://proxy.example/x").token_for("https://proxy.example/x") == "local"


@pytest.mark.parametrize("url", ["ftp://h", "h:80", "http://", "http://h:99999", "http://[::1"])
def test_what_is_no_address_is_wrong_usage(url: str) -> None:
    with pytest.raises(Usage):
        quick.Server(quick.Options(url=url))


def test_a_server_that_moved_is_found_again(data: str) -> None:
    server = quick.Server(quick.Options(data))
    Path(data, "server.json").write_text(json.dumps({"base_url": "http://127.0.0.1:9", "pid": 2}))
    server.refresh()
    assert server.base == "http://127.0.0.1:9"


def test_an_address_that_the_person_gave_is_never_left(data: str) -> None:
    server = quick.Server(quick.Options(data, url="http://127.0.0.1:7"))
    server.refresh()
    assert server.base == "http://127.0.0.1:7"


def test_the_quick_commands_import_nothing_heavy() -> None:
    program = "import sys, wsrf_activity.cli.acjob, wsrf_activity.cli.acpoll; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    heavy = {"asyncio", "dataclasses", "httpx", "inspect", "lxml", "rich", "spyne", "typer", "typing", "zeep"}
    assert heavy.isdisjoint(run.stdout.split())
