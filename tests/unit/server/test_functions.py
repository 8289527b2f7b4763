"""Services in Python and links between services, as the TOML file and the command line name them."""

import os
import pickle
import select
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from wsrf_activity.model.activity import Link, RestartPolicy
from wsrf_activity.model.tables import SettingsError
from wsrf_activity.server.settings import Settings

WORDS = '''
import os
from wsrf_activity.author import Service, activity

@activity
def count(job, text: str) -> int:
    """Count the words of a text."""
    return len(text.split())

@activity(retries=2, restart="resume", retry_after="PT5S", keep="P1D", each="text")
def find(job, text: str, rows: list[int] = ()) -> str:
    return os.environ.get("WSRF_ACTIVITY_TOKEN", "")

class Other(Service):
    @activity(engine="local", synchronous=True)
    def start(job) -> None: ...
'''


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with author code."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "words.py").write_text(WORDS)
    (folder / "bad.py").write_text("from wsrf_activity.author import activity\n@activity\ndef f(job, x) -> int: ...\n")
    (folder / "secret.py").write_text(f"import os\nassert 'WSRF_ACTIVITY_TOKEN' not in os.environ\n{WORDS}")
    return folder


def load(home: Path, toml: str, *targets: str, functions: bool = True) -> Settings:
    config = home / "config.toml"
    config.write_text(toml)
    options = {"data": home / "data"}
    return Settings.load(config=config, options=options, environment={}, targets=targets, functions=functions)


def refused(home: Path, toml: str, *targets: str) -> str:
    with pytest.raises(SettingsError) as error:
        load(home, toml, *targets)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    "does",
    ["os.write(1, b'noise')", "os.fork()", "threading.Thread(target=time.sleep, args=(1000,)).start()"],
)
def test_whatever_importing_does_besides(tmp_path: Path, does: str) -> None:
    (tmp_path / "odd.py").write_text(f"import os, threading, time\n{does}\n{WORDS}")
    assert sorted(load(tmp_path, "", f"{tmp_path}/odd.py").services) == ["odd.count", "odd.find"]


def test_what_importing_starts_is_waited_for_by_nobody_and_ended(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    ours = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    begun = f"import subprocess\nsubprocess.Popen(['sleep', '1000'], stdin=open({str(pipe)!r}, 'w'))\n"
    (tmp_path / "odd.py").write_text(begun + WORDS)
    try:
        assert sorted(load(tmp_path, "", f"{tmp_path}/odd.py").services) == ["odd.count", "odd.find"]
        assert select.select([ours], [], [], 30)[0]  # nobody has the other end any more
        assert os.read(ours, 1) == b""
    finally:
        os.close(ours)


@pytest.mark.parametrize(
    ("ends", "said"),
    [("os._exit(0)", "ended Python with code 0"), ("os.kill(os.getpid(), 9)", "was ended by signal 9")],
)
def test_what_does_not_come_to_be_imported(tmp_path: Path, ends: str, said: str) -> None:
    (tmp_path / "odd.py").write_text(f"import os\n{ends}\n{WORDS}")
    assert refused(tmp_path, "", f"{tmp_path}/odd.py").endswith(f"odd.py: importing it {said}")


def test_each_operation_is_a_service_that_can_be_started(home: Path) -> None:
    settings = load(home, '[services.words]\npython = "words.py"\nretries = 5\nwork_limit = "PT1H"\ninput = "file"')
    assert pickle.loads(pickle.dumps(settings)) == settings  # as workers get it
    count, find = settings.services["words.count"], settings.services["words.find"]
    assert count.function == (sys.executable, "-m", "wsrf_activity.author", "run", f"{home}/words.py", "count")
    assert (count.interface, count.documentation, count.stdin) == ("words", "Count the words of a text.", "file")
    assert (count.retries, count.restart, count.work_limit) == (5, RestartPolicy.ABORT, timedelta(hours=1))
    assert (find.retries, find.restart, find.keep) == (5, RestartPolicy.RESUME, timedelta(days=1))
    assert (find.retry_after, find.each) == (timedelta(seconds=5), "text")
    interface = settings.interfaces["words"]
    assert interface.namespace == "urn:wsrf-activity:service:words"
    assert [each.service for each in interface.operations] == ["words.count", "words.find"]
    assert interface.operations[1].arguments[0].repeats


def test_targets_on_the_command_line_stand_in_the_current_folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    settings = load(home, "[services.w]\npython = 'words'\nnamespace = 'urn:w'\n", "words.py", "words:Other")
    assert set(settings.interfaces) == {"w", "words", "Other"}
    assert settings.interfaces["w"].namespace == "urn:w"
    assert settings.services["Other.start"].synchronous
    assert settings.services["Other.start"].function[4:] == (f"{home}/words:Other", "start")


def test_author_code_sees_no_secrets_and_is_not_imported_here(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WSRF_ACTIVITY_TOKEN", "secret-of-the-server")
    assert "secret.count" in load(home, "[services.secret]\npython = 'secret.py'").services
    assert "secret" not in sys.modules
    assert os.environ["WSRF_ACTIVITY_TOKEN"]


def test_without_functions_nobody_is_asked(home: Path) -> None:
    settings = load(
        home, "[services.bad]\npython = 'bad.py'\nretries = 1\n[services.c]\ncommand = ['a']", functions=False
    )
    assert set(settings.services) == {"c"}


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("[services.w]\npython = 'bad.py'", "services.w.python: {}/bad.py:2: f: parameter x has no type"),
        ("[services.w]\npython = 'nowhere.py'", "services.w.python: {}/nowhere.py: there is no such file"),
        ("[services.w]\npython = '--help'", "services.w.python: '--help' is no target"),
        ("[services.w]\npython = 5", "services.w.python: accepted: a text"),
        ("[services.w]\npython = 'words.py'\ncommand = ['a']", "services.w.command: there is no such setting"),
        ("[services.w]\npython = 'words.py'\neach = 'text'", "services.w.each: there is no such setting"),
        ("[services.w]\npython = 'words.py'\nretries = -1", "services.w.retries: -1: accepted"),
        (
            "[services.w]\npython = 'words.py'\nnamespace = 'words'",
            "services.w.namespace: 'words': accepted: an absolute",
        ),
        ("[services.w]\npython = 'words.py'\nengine = 'slurm'", "there is no engine 'slurm'"),
        ("[services.w]\ncommand = ['a']\nnamespace = 'urn:wsrf-activity:1'", "'urn:wsrf-activity:1' is taken"),
        ("[services.w]\ncommand = ['a']\nnamespace = ''", "services.w.namespace: accepted: a text"),
        ("[services.w]\npython = 'words.py'\n[services.'w.count']\ncommand = ['a']", "services.w.count: two services"),
        ("[services.Destroy]\ncommand = ['a']", "every service has an operation Destroy already"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(home: Path, toml: str, said: str) -> None:
    assert said.format(home) in refused(home, toml)


def test_one_target_cannot_be_served_twice(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    assert "two services have that name" in refused(home, "", "words.py", "words.py")


LINKED = """
[services.a]
command = ["a"]
results.found.path = "found.txt"
then = {then}
[services.b]
command = ["b", "{{text}}", "{{more}}"]
parameters.text = {{}}
parameters.more = {{ default = "x" }}
then = {back}
"""


def linked(then: str, back: str = "[]") -> str:
    return LINKED.format(then=then, back=back)


def test_links_are_read(home: Path) -> None:
    then = (
        "[{ service = 'b', results = { text = 'found', '' = 'stdout' }, parameters = { more = 5 }, multiple = true }]"
    )
    links = load(home, linked(then)).services["a"].then
    assert links == (
        Link(service="b", results={"text": "found", "": "stdout"}, parameters={"more": "5"}, multiple=True),
    )


@pytest.mark.parametrize(
    ("then", "back", "said"),
    [
        ("'b'", "[]", "services.a.then: accepted: a list of tables"),
        ("[{ }]", "[]", "services.a.then: link 1: service: needed"),
        ("[{ service = 'b', result = {} }]", "[]", "services.a.then: link 1: result: there is no such setting"),
        ("[{ service = 'b', results = { text = [1] } }]", "[]", "link 1: results: accepted: a table of texts"),
        (
            "[{ service = 'b', results = { text = 'r' }, parameters = { text = 'x' } }]",
            "[]",
            "text is among results and",
        ),
        ("[{ service = 'c' }]", "[]", "services.a.then: there is no service 'c'; configured: a, b"),
        ("[{ service = 'b' }]", "[]", "services.a.then: service b needs its parameter text"),
        (
            "[{ service = 'b', parameters = { text = 'x', no = 'x' } }]",
            "[]",
            "service b takes no text 'no'; accepted: text",
        ),
        (
            "[{ service = 'b', results = { text = 'no' } }]",
            "[]",
            "a leaves no 'no'; accepted: found, result, stderr, stdout",
        ),
        ("[{ service = 'a' }]", "[]", "services.a.then: a -> a would go on for ever"),
        ("[{ service = 'b', parameters = { text = 'x' } }]", "[{ service = 'a' }]", "would go on for ever"),
    ],
)
def test_links_that_cannot_be_followed_are_refused(home: Path, then: str, back: str, said: str) -> None:
    assert said in refused(home, linked(then, back))


def test_a_command_may_lead_to_a_function(home: Path) -> None:
    toml = "[services.w]\npython = 'words.py'\n[services.c]\ncommand = ['a']\n"
    settings = load(home, f"{toml}then = [{{ service = 'w.count', results = {{ text = 'result' }} }}]")
    assert settings.services["c"].then[0].service == "w.count"
