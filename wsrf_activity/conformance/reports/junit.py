"""A run as JUnit XML: a test suite for each document, a test case for each check in each version of SOAP."""

import re

from lxml import etree

from wsrf_activity.conformance.runner import Outcome, Report, Result

_UNSAYABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(report: Report) -> bytes:
    """Return the file; what does not apply counts as skipped, since JUnit knows no third way."""
    root = etree.Element(
        "testsuites", {"name": f"conformance of {report.url}", **_counts(report.results, report.seconds)}
    )
    for group, results in report.groups().items():
        seconds = sum(result.seconds for result in results)
        suite = etree.SubElement(root, "testsuite", {"name": group, **_counts(tuple(results), seconds)})
        for result in results:
            _case(suite, group, result)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _counts(results: tuple[Result, ...], seconds: float) -> dict[str, str]:
    failed = sum(result.outcome is Outcome.FAILED for result in results)
    skipped = sum(result.outcome in (Outcome.SKIPPED, Outcome.NOT_APPLICABLE) for result in results)
    counted = {"tests": len(results), "failures": failed, "skipped": skipped, "errors": 0}
    return {**{name: str(number) for name, number in counted.items()}, "time": f"{seconds:.3f}"}


def _case(suite: etree._Element, group: str, result: Result) -> None:
    spoken = f" [{result.spoken}]" if result.spoken else ""
    name = f"{result.check.id} {result.check.title}{spoken}"
    case = etree.SubElement(suite, "testcase", classname=group, name=name, time=f"{result.seconds:.3f}")
    if result.outcome is Outcome.FAILED:
        failure = etree.SubElement(case, "failure", message=_sayable(result.reason), type=result.check.level.value)
        failure.text = _sayable(_told(result))
    elif result.outcome is not Outcome.PASSED:
        etree.SubElement(case, "skipped", message=_sayable(f"{result.outcome}: {result.reason}"))


def _told(result: Result) -> str:
    lines = [f"{result.check.level}: {result.check.cites}", f"expected: {result.expected}", f"found: {result.found}"]
    if result.exchange:
        lines += ["", "sent:", result.exchange.sent.shown(), "", "received:", result.exchange.answer.shown()]
    return "\n".join(lines)


def _sayable(text: str) -> str:
    return _UNSAYABLE.sub("\N{REPLACEMENT CHARACTER}", text)
