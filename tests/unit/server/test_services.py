"""Services as the TOML file has them: every mistake is told when the file is read, not when a caller comes."""

import tomllib
from collections.abc import Mapping

import pytest

from wsrf_activity.model.services import Service
from wsrf_activity.model.tables import SettingsError, Table
from wsrf_activity.server.services import read_services


def refused(toml: str) -> str:
    with pytest.raises(SettingsError) as error:
        read(toml)
    assert "\n" not in str(error.value)
    return str(error.value)


def read(toml: str) -> Mapping[str, Service]:
    table = Table("", tomllib.loads(toml))
    services = read_services(table.table("services"), 5).services
    table.done()
    return services


@pytest.mark.parametrize(
    ("said", "key"),
    [
        ("", "services.s:"),
        ("command = ['a']\nshell = 'a'", "services.s:"),
        ("command = 'a b'", "services.s.command"),
        ("command = []", "services.s.command"),
        ("command = ['a', 1]", "services.s.command"),
        ("shell = ''", "services.s.shell"),
        ("shell = ['a']", "services.s.shell"),
        ("command = ['a', '{q}']", "services.s: {q}"),
        ("shell = 'a {q}'", "services.s: {q}"),
        ("command = ['a']\ninput = 'pipe'", "services.s.input"),
        ("command = ['a']\nrestart = 'continue'", "services.s.restart"),
        ("command = ['a']\nrestart = 'never'", "services.s.restart"),
        ("command = ['a']\nretries = -1", "services.s.retries"),
        ("command = ['a']\nkeep = 14", "services.s.keep"),
        ("command = ['a']\nwork_limit = 'PT0S'", "services.s.work_limit"),
        ("command = ['a']\nengine = 1", "services.s.engine"),
        ("command = ['a']\nretry_after = 5", "services.s.retry_after"),
        ("command = ['a']\neach = 'p'", "services.s.each: there is no parameter p; there is: none"),
        ("command = ['a']\nparameters.p = {}\ntimes = 'p'", "services.s.times: the parameter p is not an integer"),
        ("command = ['a']\nparameters.p.type = 'integer'\ntimes = 'p'\neach = 'p'", "services.s: each and times"),
        ("command = ['a']\nparameters.p = { type = 'date', min = 1 }", "services.s.parameters.p: min and max are for"),
        ("command = ['a']\nparameters.p = { type = 'date', default = 'now' }", "services.s.parameters.p.default"),
        ("command = ['a']\nsynchronous = 'no'", "services.s.synchronous"),
        ("command = ['a']\ncomand = 'b'", "services.s.comand"),
        ("command = ['a']\nresults.stdout.path = 'x'", "services.s.results.stdout"),
        ("command = ['a']\nresults.r.path = '/etc/passwd'", "services.s.results.r.path"),
        ("command = ['a']\nresults.r.path = 'a/../../b'", "services.s.results.r.path"),
        ("command = ['a']\nresults.r.path = '.'", "services.s.results.r.path"),
        ("command = ['a']\nresults.r = 'x'", "services.s.results.r"),
        ("command = ['a']\nresults.r.media = 'x'", "services.s.results.r"),
        ("command = ['a']\nparameters.'a.b' = {}", "services.s.parameters.a.b"),
        ("command = ['a']\nparameters.'1' = {}", "services.s.parameters.1"),
        ("command = ['a']\nparameters.p = 'string'", "services.s.parameters.p"),
        ("command = ['a']\nparameters.p.type = 'float'", "services.s.parameters.p.type"),
        ("command = ['a']\nparameters.p.required = 'false'", "services.s.parameters.p.required"),
        ("command = ['a']\nparameters.p.default = [1]", "services.s.parameters.p.default"),
        ("command = ['a']\nparameters.p = { type = 'integer', default = 'x' }", "services.s.parameters.p.default"),
        ("command = ['a']\nparameters.p = { default = 'x', choices = ['y'] }", "services.s.parameters.p.default"),
        ("command = ['a']\nparameters.p.choices = 'fast'", "services.s.parameters.p.choices"),
        ("command = ['a']\nparameters.p.choices = []", "services.s.parameters.p.choices"),
        ("command = ['a']\nparameters.p.choices = [[1]]", "services.s.parameters.p.choices"),
        ("command = ['a']\nparameters.p.pattern = '('", "services.s.parameters.p.pattern"),
        ("command = ['a']\nparameters.p.min = '1'", "services.s.parameters.p.min"),
        ("command = ['a']\nparameters.p.max = nan", "services.s.parameters.p.max"),
        ("command = ['a']\nparameters.p.max = inf", "services.s.parameters.p.max"),
        ("command = ['a']\nparameters.p = { min = 2, max = 1 }", "services.s.parameters.p"),
        ("command = ['a']\nparameters.p.mim = 2", "services.s.parameters.p.mim"),
        ("shell = \"grep '{p}'\"\nparameters.p = {}", "services.s.shell: write {p} outside quotes"),
    ],
)
def test_what_cannot_be_is_told_by_its_key(said: str, key: str) -> None:
    assert key in refused(f"[services.s]\n{said}")


@pytest.mark.parametrize("name", ["command", "'a b'", "'1'", "''", "'é'", "a" * 64])
def test_names_that_a_service_cannot_have(name: str) -> None:
    assert "cannot have that name" in refused(f"[services.{name}]\ncommand = ['a']")


def test_a_default_makes_a_parameter_optional_unless_it_is_said() -> None:
    assert read("[services.s]\ncommand = ['a']\nparameters.p = { default = false, type = 'boolean' }")


def test_times_of_toml_are_values() -> None:
    said = "parameters.p = { type = 'datetime', default = 2020-01-01T00:00:00Z }\nparameters.q.choices = [2020-01-01]"
    service = read(f"[services.s]\ncommand = ['a']\n{said}")["s"]
    assert [each.default for each in service.parameters] == ["2020-01-01T00:00:00Z", None]
    assert service.parameters[1].choices == ("2020-01-01",)


def test_how_many_activities_a_request_starts_and_how_they_are_answered() -> None:
    said = "synchronous = true\nretry_after = 'PT1M'\ntimes = 'n'\nparameters.n.type = 'integer'"
    service = read(f"[services.s]\ncommand = ['a']\n{said}")["s"]
    assert (service.synchronous, service.retry_after.seconds, service.times, service.each) == (True, 60, "n", None)
