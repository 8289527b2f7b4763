"""A run as JSON."""

import json

from wsrf_activity.conformance.runner import Outcome, Report, Result


def json_text(report: Report) -> bytes:
    """Return the whole run; what was sent and came is there where a check failed."""
    whole = {
        "url": report.url,
        "seconds": round(report.seconds, 3),
        "outcomes": {outcome.value: report.count(outcome) for outcome in Outcome},
        "results": [_result(result) for result in report.results],
    }
    return f"{json.dumps(whole, indent=2)}\n".encode()


def _result(result: Result) -> dict[str, object]:
    check = result.check
    said: dict[str, object] = {
        "id": check.id,
        "document": check.group,
        "title": check.title,
        "cites": check.cites,
        "level": check.level.value,
        "soap": result.spoken or None,
        "outcome": result.outcome.value,
        "seconds": round(result.seconds, 3),
    }
    if result.reason:
        said["reason"] = result.reason
    if result.outcome is Outcome.FAILED:
        said |= {"expected": result.expected, "found": result.found}
    if result.exchange:
        said |= {"sent": result.exchange.sent.shown(), "received": result.exchange.answer.shown()}
    return said
