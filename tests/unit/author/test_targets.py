"""Author code is found by its target from any folder, described as JSON, and what is wrong with it told in one line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from lxml import etree

_ROOT = Path(__file__).parents[3]
DECLARE = "from wsrf_activity.author import activity\n"
ONE = "@activity\ndef f(job) -> int: ...\n"
WORDS = '''
"""Words, and what can be known of them."""
from dataclasses import dataclass
from wsrf_activity.author import Service, activity
print("said while it is imported")

@activity
def count(job, text: str) -> int:
    """Count the words of a text."""
    return len(text.split())

@dataclass
class Found:
    """What was found."""
    word: str
    times: int = 1

class Words(Service):
    """As a class."""
    name = "lexicon"
    namespace = "urn:example:lexicon"

    @activity(retries=2, keep="P1D", each="text")
    def find(job, text: str) -> list[Found]:
        return [Found(text)]

class More(Words):
    name = "more"

    @activity
    def again(job) -> None:
        """Do it again."""

class Wrong(More):
    namespace = "no uri"

class Empty:
    pass
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with author code in it."""
    home = tmp_path_factory.mktemp("authors")
    (home / "words.py").write_text(WORDS)
    (home / "types.py").write_text(WORDS)  # the name of a module of Python's
    (home / "pack").mkdir()
    (home / "pack" / "__init__.py").write_text("")
    (home / "pack" / "inner.py").write_text(WORDS)
    (home / "fails.py").write_text("1 / 0\n")
    (home / "syntax.py").write_text("def f(:\n")
    (home / "lacks.py").write_text("import no_such_module_at_all\n")
    (home / "ends.py").write_text("import sys\nsys.exit(4)\n")
    (home / "untyped.py").write_text(f"{DECLARE}\n@activity\ndef f(job, x) -> int: ...\n")
    (home / "twice.py").write_text(f"{DECLARE}{ONE}@activity(name='f')\ndef g(job) -> int: ...\n")
    return home


def describe(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Ask as the server does."""
    command = [sys.executable, "-P", "-m", "wsrf_activity.author", "describe", *arguments]
    environ = {"PYTHONPATH": str(_ROOT), "PATH": ""}
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=60, check=False)


def test_a_file_is_a_service(folder: Path) -> None:
    ran = describe(folder, "words.py")
    assert (ran.returncode, ran.stderr) == (0, "said while it is imported\n")
    told = json.loads(ran.stdout)
    assert told["target"] == f"{folder}/words.py"
    assert (told["name"], told["namespace"]) == ("words", "urn:wsrf-activity:service:words")
    assert told["documentation"] == "Words, and what can be known of them."
    [count] = told["operations"]
    assert (count["name"], count["service"], count["returns"], count["policies"]) == ("count", "words.count", True, {})
    schema = etree.fromstring(told["schema"].encode())
    assert schema.findtext(".//{*}documentation") == "Count the words of a text."


def test_a_class_is_a_service_with_its_own_name_and_what_it_has_from_its_bases(folder: Path) -> None:
    told = json.loads(describe(folder, "words:More").stdout)
    assert (told["name"], told["namespace"]) == ("more", "urn:example:lexicon")
    assert [each["service"] for each in told["operations"]] == ["more.find", "more.again"]
    assert told["operations"][0]["policies"] == {"retries": 2, "keep": "P1D", "each": "text"}
    assert told["operations"][0]["arguments"][0]["repeats"]


def test_an_operator_may_give_another_name_and_namespace(folder: Path) -> None:
    told = json.loads(describe(folder, "words.py:Words", "--name", "w", "--namespace", "urn:other").stdout)
    assert (told["name"], told["namespace"], told["operations"][0]["service"]) == ("w", "urn:other", "w.find")
    assert etree.fromstring(told["schema"].encode()).get("targetNamespace") == "urn:other"


@pytest.mark.parametrize("target", ["words", "pack.inner:Words", "pack/inner.py", "types.py"])
def test_what_is_told_of_a_target_finds_it_from_elsewhere(folder: Path, tmp_path: Path, target: str) -> None:
    told = json.loads(describe(folder, target).stdout)
    again = json.loads(describe(tmp_path, told["target"]).stdout)
    assert again == told


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("nowhere.py", "{}/nowhere.py: there is no such file"),
        ("no_such_module_at_all", "no_such_module_at_all: there is no module no_such_module_at_all"),
        ("a-b", "'a-b' is no target; accepted: words.py, words:Words, package.module:Class"),
        ("words:Nobody", "{}/words:Nobody: there is no class Nobody in words"),
        ("words:count", "{}/words:count: there is no class count in words"),
        ("words:Empty", "{}/words:Empty: nothing in it is an operation; write @activity above a function"),
        ("fails.py", "{}/fails.py:1: ZeroDivisionError: division by zero"),
        ("syntax.py", "{}/syntax.py:1: SyntaxError: "),
        ("lacks.py", "{}/lacks.py:1: ModuleNotFoundError: No module named 'no_such_module_at_all'"),
        ("ends.py", "{}/ends.py:2: SystemExit: 4"),
        ("untyped.py", "{}/untyped.py:3: f: parameter x has no type; write x: str, or what it is"),
        ("words:Wrong", "{}/words:Wrong: 'no uri': accepted: an absolute URI"),
        ("twice.py", "{}/twice.py: two operations are named f; give one of them @activity(name=...)"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_line(folder: Path, target: str, said: str) -> None:
    ran = describe(folder, target)
    assert (ran.returncode, ran.stdout) == (3, "")
    assert ran.stderr.splitlines()[-1].startswith(said.format(folder))
