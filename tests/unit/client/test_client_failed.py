"""What a client reads of why work failed is what the server writes, and is raised where a result was wanted."""

from datetime import UTC, datetime

from lxml import etree

from wsrf_activity.client.errors import NoSuchResult
from wsrf_activity.client.failed import ActivityFailed, no_result
from wsrf_activity.client.values import read_errors
from wsrf_activity.model import ns
from wsrf_activity.model.activity import ActivityError, Severity
from wsrf_activity.model.phases import Phase
from wsrf_activity.soap.properties import error_element

NOW = datetime(2026, 1, 2, tzinfo=UTC)
WARNING = ActivityError(time=NOW, severity=Severity.WARNING, description="odd", handled=True, origin="work")
FATAL = ActivityError(time=NOW, severity=Severity.FATAL, description="no", code="ValueError", trace="File x\n  no")


def test_a_trace_is_a_second_description() -> None:
    parent = etree.Element("parent")
    parent.extend(error_element(error) for error in (WARNING, FATAL))
    assert len(parent[0].findall(f"{{{ns.BF}}}Description")) == 1
    assert read_errors(parent) == (WARNING, FATAL)


def test_failed_work_has_no_result_and_says_why() -> None:
    raised = no_result("http://a/activity/b", "result", ["stdout"], Phase.FAILED, (WARNING, FATAL))
    assert isinstance(raised, ActivityFailed)
    assert (raised.error, raised.trace) == (FATAL, "File x\n  no")
    assert str(raised) == "http://a/activity/b: no\n\nFile x\n  no"


def test_work_that_goes_on_or_ended_well_has_not_failed() -> None:
    for phase, errors in ((Phase.EXECUTING, (FATAL,)), (Phase.COMPLETED, (WARNING,))):
        raised = no_result("http://a/activity/b", "x", ["stdout"], phase, errors)
        assert type(raised) is NoSuchResult
        assert "'x'; there: stdout" in str(raised)
