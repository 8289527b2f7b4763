"""Engines as the TOML file has them, ours and those of others, and the services that name them."""

import tomllib
from datetime import timedelta
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from wsrf_activity.engines import kinds
from wsrf_activity.engines.base import Engine
from wsrf_activity.engines.limits import WorkLimits
from wsrf_activity.engines.local import LocalEngine
from wsrf_activity.engines.memory import MemoryEngine
from wsrf_activity.model.tables import SettingsError, Table, text
from wsrf_activity.server.engines import make_engines, read_engines
from wsrf_activity.server.settings import Settings

USUAL = WorkLimits(output=2 << 30)


class Elsewhere(MemoryEngine):
    """An engine that a package of somebody else has, with a setting of its own."""

    def __init__(self, queue: str) -> None:
        super().__init__()
        self.queue = queue


def elsewhere(settings: Table) -> Engine:
    queue = settings.take("queue", text, "batch")
    if queue == "closed":
        raise ValueError("the queue is closed; accepted: batch")
    return Elsewhere(queue)


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have kinds installed as if they were of other packages: one works, one has our name, one cannot be imported."""
    values = {"elsewhere": f"{__name__}:elsewhere", "local": f"{__name__}:elsewhere", "broken": "no.such.package:kind"}
    found = EntryPoints(EntryPoint(name, value, kinds.GROUP) for name, value in values.items())
    monkeypatch.setattr(kinds, "entry_points", lambda group: found.select(group=group))
    monkeypatch.setattr(EntryPoint, "load", _load)


def _load(point: EntryPoint) -> object:
    if point.module != __name__:
        raise ModuleNotFoundError(f"No module named {point.module.partition('.')[0]!r}")
    return globals()[point.attr]


def made(toml: str) -> dict[str, Engine]:
    table = Table("", tomllib.loads(toml))
    engines = read_engines(table.table("engines"), USUAL)
    table.done()
    return dict(make_engines(engines, USUAL))


def refused(toml: str) -> str:
    with pytest.raises(SettingsError) as error:
        made(toml)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_the_default_is_always_there() -> None:
    [(name, engine)] = made("").items()
    assert name == "local"
    assert isinstance(engine, LocalEngine)
    assert engine.limits == USUAL


def test_each_has_settings_of_its_own_and_a_local_one_the_usual_limits_beside() -> None:
    engines = made(
        "[engines.big]\nkind = 'local'\nmemory = '64 GiB'\ngrace = 'PT1M'\n[engines.local]\nprocesses = 9\n"
        "[engines.far]\nkind = 'elsewhere'\nqueue = 'night'\n[engines.elsewhere]\n[engines.memory]"
    )
    big, local, far = engines["big"], engines["local"], engines["far"]
    assert isinstance(big, LocalEngine)
    assert big.limits == WorkLimits(output=2 << 30, memory=64 << 30, grace=timedelta(minutes=1))
    assert isinstance(local, LocalEngine)
    assert local.limits == WorkLimits(output=2 << 30, processes=9)
    assert isinstance(far, Elsewhere)
    assert far.queue == "night"
    usual = engines["elsewhere"]
    assert isinstance(usual, Elsewhere)
    assert usual.queue == "batch"
    assert type(engines["memory"]) is MemoryEngine


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("[engines.big]", "engines.big.kind: needed"),
        ("[engines.big]\nkind = 1", "engines.big.kind"),
        ("[engines.big]\nkind = 'slurm'", "engines.big: there is no kind of engine 'slurm'; installed: broken, "),
        ("[engines.'a b']\nkind = 'local'", "engines.a b: an engine cannot have that name"),
        ("[engines.big]\nkind = 'local'\nmemmory = 1", "engines.big.memmory: there is no such setting"),
        ("[engines.big]\nkind = 'local'\nmemory = '1 KiB'", "engines.big: memory is 1024; accepted"),
        ("[engines.far]\nkind = 'elsewhere'\nmemory = 1", "engines.far.memory: there is no such setting"),
        ("[engines.far]\nkind = 'elsewhere'\nqueue = 'closed'", "engines.far: the queue is closed"),
        ("[engines.far]\nkind = 'broken'", "engines.far: no.such.package:kind cannot be loaded: ModuleNotFoundError"),
    ],
)
def test_a_mistake_is_told_when_the_file_is_read(toml: str, said: str) -> None:
    assert refused(toml).startswith(said)


def test_a_service_names_an_engine_that_there_is(tmp_path: Path) -> None:
    def load(engine: str) -> Settings:
        config = tmp_path / "settings.toml"
        config.write_text(f"[engines.far]\nkind = 'elsewhere'\n[services.s]\ncommand = ['a']\nengine = '{engine}'")
        return Settings.load(config=config, options={"data": tmp_path / "data"}, environment={})

    assert load("far").services["s"].engine == "far"
    with pytest.raises(
        SettingsError, match=r"^services\.s\.engine: there is no engine 'near'; configured: far, local$"
    ):
        load("near")
