"""One call of a function in this process: what it gets, leaves and raises, without an engine."""

from pathlib import Path

import pytest

from wsrf_activity.author import Cancelled, Job
from wsrf_activity.author.run import explain, perform
from wsrf_activity.author.targets import Loaded, TargetError, load
from wsrf_activity.engines import failures, outputs
from wsrf_activity.types.errors import Unfit

AUTHOR = """
import sys
from pathlib import Path
from wsrf_activity.author import activity

@activity
def shout(job, text: str, times: int = 1) -> str:
    job.progress(100)
    return text.upper() * times

@activity
async def asked(job) -> str:
    return "yes"

@activity
def file(job, name: str) -> Path:
    (job.workdir / "out.csv").write_text("a,b")
    return Path(name)

@activity
def quiet(job) -> None:
    pass

@activity
def asks_for(job, text: str) -> str:
    return job.spawn("shout", text=text).id

@activity
def asks_by_function(job, text: str) -> str:
    return job.spawn(asks_for, text=text).id

@activity
def bad(job) -> int:
    return 3.5

class Unspeakable(Exception):
    def __str__(self):
        raise RuntimeError("no text either")

@activity
def leaves(job, returns: bool) -> str:
    if returns:
        job.result("result", "all")
    sys.exit()

@activity
def leaves_nothing(job) -> None:
    sys.exit(0)

@activity
def breaks(job) -> None:
    raise Unspeakable()
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    path = tmp_path_factory.mktemp("author") / "performed.py"
    path.write_text(AUTHOR)
    return load(str(path))


@pytest.fixture
def job(tmp_path: Path) -> Job:
    for name in ("stdout", "stderr"):
        (tmp_path / name).touch()
    (tmp_path / "work").mkdir()
    return Job(tmp_path, activity_id="a", service="mine.shout")


def _request(operation: str, children: str = "") -> bytes:
    return f'<{operation} xmlns="urn:x">{children}</{operation}>'.encode()


def _result(job: Job) -> tuple[str, bytes]:
    found, missing = outputs.collect(str(job.folder), "text/plain", {})
    assert missing == []
    [(path, kind)] = [(path, kind) for name, path, kind, _, _ in found if name == "result"]
    return kind, (job.folder / path).read_bytes()


@pytest.mark.parametrize(
    ("operation", "children", "expected"),
    [
        ("shout", "<text>ab</text>", ("text/plain; charset=utf-8", b"AB")),
        ("shout", "<text>ab</text><times>2</times>", ("text/plain; charset=utf-8", b"ABAB")),
        ("asked", "", ("text/plain; charset=utf-8", b"yes")),
        ("file", "<name>out.csv</name>", ("text/csv", b"a,b")),
        ("quiet", "", ("text/plain; charset=utf-8", b"")),
    ],
)
def test_what_is_returned_is_the_result(
    loaded: Loaded, job: Job, operation: str, children: str, expected: tuple[str, bytes]
) -> None:
    perform(job, loaded, operation, _request(operation, children))
    assert _result(job) == expected


def test_an_operation_beside_it_is_found_by_its_own_name(loaded: Loaded, job: Job) -> None:
    perform(job, loaded, "asks_for", _request("asks_for", "<text>a</text>"))
    [child] = (job.folder / "spawned").glob("*.json")
    assert '"service": "mine.shout"' in child.read_text()
    assert _result(job)[1].decode() == child.stem


def test_an_operation_is_asked_for_by_its_function(loaded: Loaded, job: Job) -> None:
    perform(job, loaded, "asks_by_function", _request("asks_by_function", "<text>a</text>"))
    [child] = (job.folder / "spawned").glob("*.json")
    assert '"service": "mine.asks_for"' in child.read_text()


def test_what_is_not_what_it_says_is_an_error(loaded: Loaded, job: Job) -> None:
    with pytest.raises(Unfit, match="what bad returned is not what it says"):
        perform(job, loaded, "bad", _request("bad"))
    with pytest.raises(FileNotFoundError, match="there is no file missing"):
        perform(job, loaded, "file", _request("file", "<name>missing</name>"))
    with pytest.raises(TargetError, match="no operation gone any more"):
        perform(job, loaded, "gone", _request("gone"))


def test_who_leaves_by_exit_has_returned_nothing(loaded: Loaded, job: Job) -> None:
    with pytest.raises(Unfit, match=r"leaves was ended by sys\.exit and has returned nothing"):
        perform(job, loaded, "leaves", _request("leaves", "<returns>false</returns>"))
    perform(job, loaded, "leaves_nothing", _request("leaves_nothing"))
    assert _result(job)[1] == b""


def test_who_leaves_by_exit_may_have_said_its_result(loaded: Loaded, job: Job) -> None:
    with pytest.raises(SystemExit):
        perform(job, loaded, "leaves", _request("leaves", "<returns>true</returns>"))
    assert _result(job)[1] == b"all"


def test_who_is_cancelled_while_it_is_imported_is_cancelled(tmp_path: Path) -> None:
    path = tmp_path / "interrupted.py"
    path.write_text("from wsrf_activity.author import Cancelled\nraise Cancelled\n")
    with pytest.raises(Cancelled):
        load(str(path))


def test_an_exception_without_a_text_is_explained(loaded: Loaded, job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        perform(job, loaded, "breaks", _request("breaks"))
    except Exception as error:
        explain(error, job.folder)
    failure = failures.read(str(job.folder))
    assert failure is not None
    assert failure.code == failure.message == "performed.Unspeakable"
    assert failure.trace == capsys.readouterr().err.strip("\n")
    assert "author/run.py" not in (failure.trace or "")
