"""The toolkit matrix: software that others wrote, each with a small program of its own, gets through on one server."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.server import Server, running
from tests.toolkits import pages
from tests.toolkits.matrix import STEPS, Report, Toolkit, callers, complaints, consumers, everything, toolkits
from tests.toolkits.running import SERVICES, read
from tests.toolkits.telling import judged
from wsrf_activity.soap import contract

TOOLKITS = toolkits()
#: Generating and compiling code takes its time: what does so is run once, the others with the WSDL in one document too.
CASES = [(toolkit, "wsdl") for toolkit in TOOLKITS]
CASES += [(toolkit, "singleWsdl") for toolkit in TOOLKITS if not toolkit.build]
CASES += [(other, "wsdl") for other in (*consumers(), *callers())]
ALL = os.environ.get("TOOLKITS") == "all"
CI = os.environ.get("CI") == "true"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server as it comes, on SQLite. At the end it has had nothing to complain of."""
    with running(Server(tmp_path_factory.mktemp("toolkits") / "server", config=SERVICES)) as server:
        yield server
        assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize(("toolkit", "wsdl"), CASES, ids=[f"{toolkit.anchor}-{wsdl}" for toolkit, wsdl in CASES])
def test_the_toolkit_gets_through(toolkit: Toolkit, wsdl: str, server: Server, tmp_path: Path) -> None:
    if toolkit.nightly and not ALL:
        pytest.skip("heavy: runs where TOOLKITS=all")
    try:
        report, found = judged(toolkit, server, tmp_path / toolkit.anchor, wsdl)
    except LookupError as error:
        if CI:
            raise
        pytest.skip(str(error))
    assert found == [], f"{found}\n{report.output}\n{report.errors}"


@pytest.mark.parametrize("document", ["notification.wsdl", "consumer.wsdl"])
@pytest.mark.parametrize(
    "toolkit", [toolkit for toolkit in TOOLKITS if toolkit.reads], ids=lambda toolkit: toolkit.name
)
def test_the_toolkit_reads_the_other_wsdls(toolkit: Toolkit, document: str, server: Server, tmp_path: Path) -> None:
    """And finds all operations in them."""
    if toolkit.nightly and not ALL:
        pytest.skip("heavy: runs where TOOLKITS=all")
    try:
        report = read(toolkit, f"{server.base}/activity?wsdl={document}", tmp_path / toolkit.name)
    except LookupError as error:
        if CI:
            raise
        pytest.skip(str(error))
    said = f"{report.output[:10_000]}\n{report.errors}"
    assert report.exit_code == 0, said
    assert [o.name for o in contract.operations(document).values() if o.name not in report.output] == [], said


def test_the_table_has_every_toolkit() -> None:
    record = pages.read_record()
    known = {toolkit.name: toolkit for toolkit in everything()}
    assert set(record) == set(known), "run `python -m tests.toolkits NAME`"
    for toolkit in known.values():
        steps = record[toolkit.name]["steps"]
        assert list(steps) == list(toolkit.steps)
        assert {step for step, verdict in steps.items() if verdict != "ok"} == set(toolkit.notes)


def test_the_pages_are_no_older_than_the_programs() -> None:
    stale = [path.name for path in (pages.README, pages.PAGE) if path.read_text("utf-8") != pages.rendered()[path.name]]
    assert stale == [], "run `python -m tests.toolkits` for what has changed"


def test_complaints() -> None:
    toolkit = Toolkit(name="x", title="X", language="Y", version="true", run="true", notes={"query": "cannot"})
    well = Report("1", 0, "".join(f"{'unable' if step == 'query' else 'ok'} {step}\n" for step in STEPS), "")
    assert list(complaints(toolkit, well)) == []

    def of(changed: str, into: str, exit_code: int | None = 0, toolkit: Toolkit = toolkit) -> str:
        [only] = complaints(toolkit, replace(well, output=well.output.replace(changed, into), exit_code=exit_code))
        return only

    assert of("ok wait\n", "") == "wait: not reported"
    assert of("ok wait\n", "ok wait\nok wait\n") == "wait: reported more than once"
    assert of("ok wait", "failed wait it hangs") == "wait: it hangs"
    assert of("ok wait", "unable wait too lazy").startswith("wait: unable, and toolkit.toml has no note why")
    assert of("unable query", "ok query") == "query: went well, though toolkit.toml has a note that it cannot"
    assert of("ok import\n", "ok import\nok dance\n") == "dance: there is no such step"
    assert of("", "", 3) == "exit code 3"
    assert of("", "", None) == "it did not come to its end"
