"""What an operator can set, where it comes from, and how a mistake is told: in one line that names the key."""

import ipaddress
from datetime import timedelta
from pathlib import Path

import pytest

from wsrf_activity.model.activity import RestartPolicy
from wsrf_activity.model.tables import SettingsError
from wsrf_activity.notify.backoff import Backoff
from wsrf_activity.server.settings import Settings

TOKEN = "0123456789abcdef"


def load(folder: Path, toml: str = "", environment: dict[str, str] | None = None, **options: object) -> Settings:
    config = folder / "settings.toml"
    config.write_text(toml, "utf-8")
    return Settings.load(config=config, options={"data": folder / "data", **options}, environment=environment or {})


def refused(folder: Path, toml: str = "", environment: dict[str, str] | None = None, **options: object) -> str:
    with pytest.raises(SettingsError) as error:
        load(folder, toml, environment, **options)
    line = str(error.value)
    assert "\n" not in line
    assert "Traceback" not in line
    return line


class TestPrecedence:
    """Defaults, then the file, then the environment, then options."""

    def test_each_goes_before_the_one_before(self, tmp_path: Path) -> None:
        file, environment = "[server]\nport = 2\nhost = '::1'", {"WSRF_ACTIVITY_PORT": "3"}
        assert load(tmp_path).port == 8427
        assert load(tmp_path, file).port == 2
        assert load(tmp_path, file, environment).port == 3
        assert load(tmp_path, file, environment, port=4).port == 4
        assert load(tmp_path, file, environment, port=4).host == "::1"
        assert load(tmp_path, file, environment, port=None).port == 3
        assert load(tmp_path, file, environment, port=0).port == 0

    def test_an_empty_variable_sets_nothing(self, tmp_path: Path) -> None:
        environment = {f"WSRF_ACTIVITY_{name}": "" for name in ("HOST", "PORT", "DATABASE", "BASE_URL", "NO_AUTH")}
        assert load(tmp_path, "[server]\nport = 2", environment) == load(tmp_path, "[server]\nport = 2")

    def test_every_option_is_a_variable_and_a_key(self, tmp_path: Path) -> None:
        wanted = {
            "data": str(tmp_path / "there"),
            "host": "127.0.0.2",
            "port": "9",
            "files": str(tmp_path / "shared"),
            "database": "postgresql://h/d",
            "base_url": "https://example.org/jobs",
            "no_auth": "true",
            "workers": "3",
        }
        variables = {f"WSRF_ACTIVITY_{name.upper()}": value for name, value in wanted.items()}
        by_environment = Settings.load(config=None, options={}, environment=variables)
        config = tmp_path / "c.toml"
        quoted = (f"{name} = {value if value in ('9', '3', 'true') else repr(value)}" for name, value in wanted.items())
        config.write_text("[server]\n" + "\n".join(quoted))
        by_file = Settings.load(config=None, options={}, environment={"WSRF_ACTIVITY_CONFIG": str(config)})
        by_options = Settings.load(config=None, options=wanted, environment={})
        assert by_environment == by_file == by_options
        assert (by_file.data, by_file.auth, by_file.base_url) == (tmp_path / "there", False, "https://example.org/jobs")

    def test_the_file_of_the_data_folder_is_read_where_none_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "config.toml").write_text("[limits]\nparallel = 3")
        assert Settings.load(config=None, options={"data": tmp_path}, environment={}).limits.parallel == 3
        other = Settings.load(config=None, options={"data": tmp_path / "other"}, environment={})
        assert other.database == f"sqlite:///{tmp_path / 'other' / 'activities.db'}"


@pytest.mark.parametrize(
    ("toml", "key"),
    [
        ("[server]\ndatabase = 'memory://'", "database"),
        ("[server]\nport = 65536", "port"),
        ("[server]\nport = -1", "port"),
        ("[server]\nport = true", "port"),
        ("[server]\nport = '\uff18'", "port"),
        ("[server]\nhost = 5", "server.host"),
        ("[server]\nhost = ''", "server.host"),
        ("[server]\nhost = 'a b'", "host"),
        ("[server]\nhost = 'http://x'", "host"),
        ("[server]\ndata = 5", "server.data"),
        ("[server]\ndatabase = ['a']", "server.database"),
        ("[server]\nbase_url = 'example.org'", "base_url"),
        ("[server]\nbase_url = 'http://ada:secret@example.org'", "base_url"),
        ("[server]\nbase_url = 'http://example.org/?a'", "base_url"),
        ("[server]\nno_auth = 'perhaps'", "no_auth"),
        ("[server]\ndrain = 'perhaps'", "drain"),
        ("[server]\nworkers = 2", "PostgreSQL"),
        ("[server]\nworkers = 0\ndatabase = 'postgresql://h/d'", "workers"),
        ("[server]\nworkers = true\ndatabase = 'postgresql://h/d'", "workers"),
        ("[server]\nfiles = '/shared'", "files"),
        ("[limits]\nlease = 'PT0S'", "limits.lease"),
        ("[server]\nprot = 1", "server.prot"),
        ("server = 1", "server"),
        ("[serve]\nport = 1", "serve"),
        ("port = 1", "port"),
        ("[limits]\nparallel = -1", "limits.parallel"),
        ("[limits]\nparallel = 1.5", "limits.parallel"),
        ("[limits]\nparallel = true", "limits.parallel"),
        ("[limits]\ninput = 'much'", "limits.input"),
        ("[limits]\ninput = -1", "limits.input"),
        ("[limits]\nenvelope = true", "limits.envelope"),
        ("[limits]\nwork = 5", "limits.work"),
        ("[limits]\nwork = 'PT0S'", "limits.work"),
        ("[limits]\nwait = '-PT5S'", "limits.wait"),
        ("[limits]\noutput = 5", "limits"),
        ("[limits]\nnonsense = 5", "limits.nonsense"),
        ("[lifetime]\nkeep = 'two weeks'", "lifetime.keep"),
        ("[lifetime]\nmaximum = 'always'", "lifetime.maximum"),
        ("[callbacks]\nforbid = []", "callbacks.forbid"),
        ("[callbacks]\nallow = 'https'", "callbacks.allow"),
        ("[callbacks]\nallow = [1]", "callbacks.allow"),
        ("[callbacks]\ndeny = ['ftp://x']", "callbacks.deny"),
        ("[callbacks]\ndeny = ['10.0.0.1/8']", "callbacks.deny"),
        ("[principals]\nada = 'x'", "principals.ada"),
        ("[principals.ada]", "principals.ada"),
        ("[principals.ada]\ntoken = 'short'", "principals.ada"),
        ("[principals.ada]\ntoken = 5", "principals.ada.token"),
        (f"[principals.ada]\ntoken = '{TOKEN}'\ntoken_file = 'x'", "principals.ada"),
        ("[principals.ada]\ntoken_file = '/nowhere/at/all'", "principals.ada.token_file"),
        (f"[principals.ada]\ntoken = '{TOKEN}'\ncommands = 'false'", "principals.ada.commands"),
        (f"[principals.ada]\ntoken = '{TOKEN}'\nadmin = true", "principals.ada.admin"),
        (f"[principals.ada]\ntoken = '{TOKEN}'\n[principals.bob]\ntoken = '{TOKEN}'", "principals.bob"),
        (f"[principals.'']\ntoken = '{TOKEN}'", "principals"),
        ("not toml", "settings.toml"),
        ("a = 1\na = 2", "settings.toml"),
    ],
)
def test_what_cannot_be_is_told_by_its_key(tmp_path: Path, toml: str, key: str) -> None:
    line = refused(tmp_path, toml)
    assert key in line


def test_files_that_cannot_be_read_are_told_by_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"missing\.toml"):
        Settings.load(config=tmp_path / "missing.toml", options={}, environment={})
    (tmp_path / "bad.toml").write_bytes(b"a = '\xff'")
    with pytest.raises(SettingsError, match=r"bad\.toml"):
        Settings.load(config=tmp_path / "bad.toml", options={}, environment={})
    (tmp_path / "token").write_bytes(b"\xff" * 20)
    assert "token_file" in refused(tmp_path, f"[principals.ada]\ntoken_file = '{tmp_path / 'token'}'")


def test_values_of_the_environment_are_checked_like_those_of_the_file(tmp_path: Path) -> None:
    assert "port" in refused(tmp_path, environment={"WSRF_ACTIVITY_PORT": "many"})
    assert "no_auth" in refused(tmp_path, environment={"WSRF_ACTIVITY_NO_AUTH": "perhaps"})
    assert "workers" in refused(tmp_path, environment={"WSRF_ACTIVITY_WORKERS": "4"})


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost", "LocalHost", "::ffff:127.0.0.1"]
)
def test_on_loopback_everybody_may_be_let_in(tmp_path: Path, host: str) -> None:
    settings = load(tmp_path, host=host, no_auth=True)
    assert (settings.auth, settings.on_loopback) == (False, True)
    assert "[" not in settings.host


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "127.evil.example", "example.org", "::ffff:192.0.2.1"])
def test_off_loopback_nobody_is_let_in_unseen(tmp_path: Path, host: str) -> None:
    assert "--no-auth" in refused(tmp_path, host=host, no_auth=True)
    assert load(tmp_path, host=host).auth


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    toml = f"[server]\ndatabase = 'postgresql://ada:hunter2@h/d'\n[principals.ada]\ntoken = '{TOKEN}'"
    settings = load(tmp_path, toml)
    assert settings.accounts[0].token == TOKEN
    assert "hunter2" in settings.database
    assert "hunter2" not in repr(settings)
    assert TOKEN not in repr(settings)


def test_everything_that_can_be_said(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        """
        [limits]
        parallel = 0
        envelope = "1 MiB"
        input = "2GiB"
        output = 1048576
        work = "PT1H"
        wait = "PT10S"
        page = 7
        uploads = "P2D"
        recoveries = 3
        memory = "1 GiB"
        processes = 50
        open_files = 100
        grace = "PT1S"
        [lifetime]
        keep = "P1D"
        maximum = "never"
        [callbacks]
        allow = ["10.0.0.0/8", "https"]
        deny = ["*.example.org"]
        retry_first = "PT5S"
        retry_most = "PT1M"
        give_up = "PT1H"
        [principals.ada]
        token = "0123456789abcdef"
        commands = true
        [services.s]
        command = ["prog", "{p}", "{q}"]
        input = "file"
        media_type = "text/plain"
        work_limit = "PT5M"
        keep = "P3D"
        restart = "rerun"
        retries = 2
        engine = "local"
        synchronous = false
        documentation = "What it does."
        parameters.p = { type = "integer", default = 5, min = 1, max = 9.5, documentation = "How many." }
        parameters.q = { choices = ["a", true, 1.5], required = false }
        results.r = { path = "out/r.csv", media_type = "text/csv" }
        [services.t]
        command = ["prog"]
        recoveries = 0
        """,
    )
    assert (settings.limits.parallel, settings.envelope, settings.limits.input) == (0, 1 << 20, 2 << 30)
    assert settings.lifetime.maximum is None
    assert settings.accounts[0].principal.may_run_commands
    assert settings.callbacks.allow.schemes == {"https"}
    assert settings.callbacks.deny.hosts == {"*.example.org"}
    assert settings.backoff == Backoff(timedelta(seconds=5), timedelta(minutes=1), timedelta(hours=1))
    service = settings.services["s"]
    assert (service.restart, service.retries, service.stdin) == (RestartPolicy.RERUN, 2, "file")
    assert (service.recoveries, settings.services["t"].recoveries) == (3, 0)
    assert service.parameters[1].choices == ("a", "true", "1.5")
    assert service.work({}, settings.lifetime.keep).argv == ("prog", "5")


@pytest.mark.parametrize(
    ("host", "base_url", "local"),
    [
        ("127.0.0.1", None, True),
        ("::1", "http://localhost:8427/jobs", True),
        ("127.0.0.1", "https://jobs.example.org", False),
        ("0.0.0.0", None, False),
        ("192.0.2.1", "http://127.0.0.1", False),
    ],
)
def test_whom_a_server_calls_back_depends_on_who_reaches_it(
    tmp_path: Path, host: str, base_url: str | None, local: bool
) -> None:
    policy = load(tmp_path, host=host, base_url=base_url).callbacks
    assert policy.admits_address("h", ipaddress.ip_address("127.0.0.1")) is local
    assert policy.admits_address("h", ipaddress.ip_address("8.8.8.8")) is not local
