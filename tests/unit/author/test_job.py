"""What a function says by its job, and what it finds there: with a folder, and no server or process of its own."""

import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import pytest

from wsrf_activity.author import Cancelled, Job
from wsrf_activity.author.spawning import Known
from wsrf_activity.engines import outputs
from wsrf_activity.engines.base import Estimated, Said, Spawned, Warned
from wsrf_activity.engines.messages import Messages
from wsrf_activity.model.activity import Progress
from wsrf_activity.types.signatures import read_arguments, signature_of


class Counted:
    """A state of the author's."""

    def __init__(self, number: int) -> None:
        self.number = number

    def to_json(self) -> dict[str, int]:
        return {"number": self.number}

    @classmethod
    def from_json(cls, kept: dict[str, int]) -> Self:
        return cls(kept["number"])


def _job(folder: Path, **said: Any) -> Job:
    (folder / "work").mkdir(exist_ok=True)
    return Job(folder, activity_id="a", **said)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return _job(tmp_path)


def _said(job: Job) -> list[Said]:
    """Return what the server hears of all that was said."""
    heard: list[Said] = []
    Messages(job.folder, heard.append).read(last=True)
    return heard


@pytest.mark.parametrize(
    ("arguments", "heard"),
    [
        ((42,), Progress(42.0)),
        ((42.125, "half"), Progress(42.125, "half")),
        (("sorting",), Progress(None, "sorting")),
        (("3 of 7",), Progress(None, "3 of 7")),
        ((None, "50% sure"), Progress(None, "50% sure")),
        ((100.00000001,), Progress(100.0)),
        ((-1e-9,), Progress(0.0)),
        ((1e-7,), Progress(0.0)),
        ((5, "two\nlines\x00"), Progress(5.0, "two lines")),
        ((float("inf"), "\ud800"), Progress(100.0, "?")),
    ],
)
def test_progress_is_heard(job: Job, arguments: tuple[Any, ...], heard: Progress) -> None:
    job.progress(*arguments)
    assert _said(job) == [heard]


def test_a_long_text_is_cut_and_not_lost(job: Job) -> None:
    job.progress(7, "\u00e9" * 9999)
    job.warn("w" * 9999)
    warned, progress = _said(job)
    assert isinstance(warned, Warned)
    assert isinstance(progress, Progress)
    assert len(warned.message) > 900
    assert len(progress.message or "") > 400


def test_what_is_no_progress_says_so(job: Job) -> None:
    with pytest.raises(ValueError, match="from 0 to 100"):
        job.progress(float("nan"))
    job.progress()
    job.progress("")
    assert _said(job) == []


def test_warnings_and_estimates_are_heard(job: Job) -> None:
    end = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
    job.warn("odd\nsample")
    job.estimate(end)
    assert _said(job) == [Warned("odd sample"), Estimated(end)]
    for span in (60, timedelta(minutes=1)):
        job.estimate(span)
        estimated = _said(job)[-1]
        assert isinstance(estimated, Estimated)
        assert timedelta(seconds=50) < estimated.end - datetime.now(UTC) < timedelta(seconds=61)


@pytest.mark.parametrize("end", [datetime(2030, 1, 2), 1e18, timedelta.max])  # noqa: DTZ001 - which is what is refused
def test_an_end_that_is_none(job: Job, end: Any) -> None:
    with pytest.raises(ValueError, match="accepted"):
        job.estimate(end)


def test_what_is_said_is_not_worth_an_error(tmp_path: Path, job: Job) -> None:
    (tmp_path / "messages").mkdir()
    job.progress(1)
    job.warn("w")


@pytest.mark.parametrize("state", [{"step": 3, "names": ["a"]}, [], 0, "text", None])
def test_a_state_is_kept(tmp_path: Path, job: Job, state: Any) -> None:
    assert job.state is None
    job.checkpoint("before")
    job.checkpoint(state)
    assert job.state == _job(tmp_path, attempt=2).state == state
    assert sorted(os.listdir(tmp_path)) == ["checkpoint", "work"]


def test_threads_do_not_mix_what_they_keep(tmp_path: Path, job: Job) -> None:
    """Of any two checkpoints, and of any two results of a name, one is there whole."""

    def keep(size: int) -> None:
        for _ in range(20):
            job.checkpoint("x" * size)
            job.result("kept", "x" * size)
            assert len(job.state) in sizes

    sizes = (10, 20_000, 40_000, 80_000)
    with ThreadPoolExecutor(len(sizes)) as pool:
        list(pool.map(keep, sizes))
    assert len(_job(tmp_path).state) in sizes
    assert sorted(os.listdir(tmp_path)) == ["checkpoint", "results", "work"]


def test_a_state_of_the_authors_class_is_kept(tmp_path: Path) -> None:
    _job(tmp_path, state=Counted).checkpoint(Counted(3))
    assert _job(tmp_path, state=Counted).state.number == 3
    (tmp_path / "checkpoint").write_text("{}")
    with pytest.raises(KeyError):
        _ = _job(tmp_path, state=Counted).state


def test_what_cannot_be_kept_leaves_what_was(job: Job) -> None:
    job.checkpoint(1)
    for state in (object(), {"a": {1, 2}}):
        with pytest.raises(TypeError, match="accepted: what JSON can hold"):
            job.checkpoint(state)
    assert job.state == 1


def test_a_checkpoint_that_cannot_be_read_says_so(tmp_path: Path, job: Job) -> None:
    (tmp_path / "checkpoint").write_bytes(b"\xff{")
    with pytest.raises(ValueError, match="checkpoint cannot be read"):
        _ = job.state


def test_who_never_asked_is_cancelled_where_it_stands(job: Job) -> None:
    with pytest.raises(Cancelled):
        job.cancel()
    assert job.ending
    assert not issubclass(Cancelled, Exception)


def test_who_asks_is_told(job: Job) -> None:
    assert not job.cancelled
    job.cancel()
    assert job.cancelled


def _results(folder: Path) -> dict[str, tuple[str, str, bytes]]:
    """Return media type, path and content of the results that the supervisor finds."""
    found, missing = outputs.collect(str(folder), "text/plain", {})
    assert missing == []
    return {name: (kind, path, (folder / path).read_bytes()) for name, path, kind, _, _ in found}


def test_results_are_found(tmp_path: Path, job: Job) -> None:
    outside = tmp_path / "outside.csv"
    outside.write_text("out")
    odd = job.workdir / " odd\nname"
    odd.write_text("odd")
    (job.workdir / "sub").mkdir()
    (job.workdir / "sub" / "in.html").write_text("in")
    (job.workdir / "link.txt").symlink_to(outside)
    for name in ("stdout", "stderr"):
        (tmp_path / name).touch()
    job.result("text", "caf\u00e9")
    job.result("bytes", b"\x00", "image/png")
    job.result("inside", Path("sub/in.html"))
    job.result("outside", outside)
    job.result("link", Path("link.txt"))
    job.result("odd", odd, "text/plain; charset=utf-8")
    job.result("text", bytearray(b"second"), "text/csv")
    found = _results(tmp_path)
    assert {name: found[name] for name in found if name not in ("stdout", "stderr")} == {
        "text": ("text/csv", "work/.results/text", b"second"),
        "bytes": ("image/png", "work/.results/bytes", b"\x00"),
        "inside": ("text/html", "work/sub/in.html", b"in"),
        "outside": ("text/csv", "work/.results/outside", b"out"),
        "link": ("text/plain", "work/.results/link", b"out"),
        "odd": ("text/plain; charset=utf-8", "work/.results/odd", b"odd"),
    }


@pytest.mark.parametrize(
    ("name", "content", "kind", "error"),
    [
        ("../up", b"", None, ValueError),
        ("a/b", b"", None, ValueError),
        ("stdout", b"", None, ValueError),
        (".hidden", b"", None, ValueError),
        ("x" * 64, b"", None, ValueError),
        ("a\n", b"", None, ValueError),
        ("a", b"", "plain", ValueError),
        ("a", b"", "text/plain\nb text/plain /etc/passwd", ValueError),
        ("a", Path("nothing"), None, FileNotFoundError),
        ("a", Path("."), None, FileNotFoundError),
        ("a", 3, None, TypeError),
    ],
)
def test_what_can_be_no_result(job: Job, name: str, content: Any, kind: str | None, error: type[Exception]) -> None:
    with pytest.raises(error, match=re.compile("accepted|no file")):
        job.result(name, content, kind)
    assert not (job.folder / "results").exists()


def test_so_many_results_and_no_more(job: Job) -> None:
    for number in range(outputs.SAID):
        job.result(f"r{number}", b"")
    with pytest.raises(ValueError, match="one archive"):
        job.result("more", b"")
    before = (job.folder / "results").read_bytes()
    for _ in range(3):
        job.result("r0", b"new")
    assert (job.folder / "results").read_bytes() == before


def _count(job: Job, text: str, times: int = 1) -> int:
    return len(text) * times


def _spawned(job: Job, child_id: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((job.folder / "spawned" / f"{child_id}.json").read_bytes())
    return content


def test_an_operation_beside_it_is_asked_for(tmp_path: Path) -> None:
    job = _job(tmp_path, known=Known("words", "urn:w", {"count": signature_of(_count, "count")}))
    first = job.spawn("count", text="a b", name="one")
    second = job.spawn("count", text=first.output(), times=3, after=[first, "other"])
    third = job.spawn(
        "other.sort", numbers=[1, 2.5, True], moment=datetime(2030, 1, 2, tzinfo=UTC), input=second.output("x")
    )
    assert _said(job) == [Spawned()]
    said = _spawned(job, first.id)
    assert read_arguments(signature_of(_count, "count"), said.pop("document").encode()) == {"text": "a b"}
    assert said == {"id": first.id, "service": "words.count", "name": "one", "after": [], "outputs": []}
    said = _spawned(job, second.id)
    assert (said["parameters"], said["outputs"]) == ({"times": ["3"]}, [["text", first.id, "result"]])
    assert said["after"] == [first.id, "other"]
    said = _spawned(job, third.id)
    assert said["parameters"]["numbers"] == ["1", "2.5", "true"]
    assert said["parameters"]["moment"] == ["2030-01-02T00:00:00Z"]
    assert said["outputs"] == [[None, second.id, "x"]]
    (tmp_path / "spawned" / f"{first.id}.json").rename(tmp_path / "taken")  # as the server does
    job.checkpoint({"children": [first.id, second.id]})
    assert job.state["children"][0] == first.id


def test_an_operation_is_asked_for_by_its_function(tmp_path: Path) -> None:
    operations = {"count_all": signature_of(_count, "count_all")}
    job = _job(tmp_path, known=Known("words", "urn:w", operations, {_count: "count_all"}))
    assert _spawned(job, job.spawn(_count, text="a").id)["service"] == "words.count_all"
    for other in (_spawned, 3, ["count_all"]):
        with pytest.raises(TypeError, match="is no operation of this service; accepted: one of its functions"):
            job.spawn(other, text="a")  # type: ignore[arg-type]  # what is wrong is tried


def test_what_its_own_operation_does_not_take_is_refused(tmp_path: Path) -> None:
    job = _job(tmp_path, known=Known("words", "urn:w", {"count": signature_of(_count, "count")}))
    for parameters in ({"text": 3}, {"text": "a", "more": 1}, {}):
        with pytest.raises(ValueError, match=r"text|more"):
            job.spawn("count", **parameters)
    with pytest.raises(TypeError, match="accepted: simple values"):
        job.spawn("other.sort", table={"a": 1})
    assert not (tmp_path / "spawned").exists()
