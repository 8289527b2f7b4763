"""A run as one page of HTML that needs nothing from elsewhere, light or dark as its reader has it."""

from datetime import UTC, datetime
from html import escape

from wsrf_activity.conformance.runner import Outcome, Report, Result

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --quiet: #8889; --good: #1a7f37; --bad: #cf222e; --none: #6e7781; }
@media (prefers-color-scheme: dark) { :root { --good: #3fb950; --bad: #f85149; --none: #8b949e; } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: .2rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .4rem; }
p.where { margin-top: 0; color: var(--none); overflow-wrap: anywhere; }
ul.sum { display: flex; gap: 1.5rem; list-style: none; padding: 0; flex-wrap: wrap; }
ul.sum b { font-size: 1.5rem; display: block; line-height: 1.2; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; border-top: 1px solid var(--line); }
td:first-child { white-space: nowrap; font-variant-numeric: tabular-nums; }
td small { color: var(--none); display: block; }
.passed { color: var(--good); } .failed { color: var(--bad); font-weight: 600; }
.not-applicable, .skipped { color: var(--none); }
span.outcome { display: block; white-space: nowrap; }
details { margin: .3rem 0; } pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #8881;
  padding: .6rem; border-radius: .4rem; font-size: .85em; margin: .3rem 0; }
"""


def page(report: Report) -> bytes:
    """Return the page."""
    title = f"Conformance of {escape(report.url)}"
    body = "\n".join(_group(name, results) for name, results in report.groups().items())
    made = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, in {report.seconds:.1f} s"
    text = (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>{_STYLE}</style>\n</head>\n'
        f'<body>\n<h1>Conformance</h1>\n<p class="where">{escape(report.url)}<br>{made}</p>\n'
        f"{_sum(report)}\n{body}\n</body>\n</html>\n"
    )
    return text.encode()


def _sum(report: Report) -> str:
    items = (f'<li class="{_class(outcome)}"><b>{report.count(outcome)}</b> {outcome}</li>' for outcome in Outcome)
    return f'<ul class="sum">{"".join(items)}</ul>'


def _group(name: str, results: list[Result]) -> str:
    rows: dict[str, list[Result]] = {}
    for result in results:
        rows.setdefault(result.check.id, []).append(result)
    return f"<h2>{escape(name)}</h2>\n<table>\n{''.join(map(_row, rows.values()))}</table>"


def _row(results: list[Result]) -> str:
    check = results[0].check
    what = f"{escape(check.title)}<small>{escape(check.cites)}, {escape(check.level)}</small>"
    reasons = dict.fromkeys(result.reason for result in results if result.outcome is not Outcome.FAILED)
    what += "".join(f"<small>{escape(reason)}</small>" for reason in reasons if reason)
    what += "".join(_failure(result) for result in results if result.outcome is Outcome.FAILED)
    outcomes = "".join(
        f'<span class="outcome {_class(result.outcome)}">{result.outcome} <small>{result.spoken}</small></span>'
        for result in results
    )
    return f'<tr id="{escape(check.id)}"><td>{escape(check.id)}</td><td>{what}</td><td>{outcomes}</td></tr>\n'


def _failure(result: Result) -> str:
    where = f"{result.spoken}: " if result.spoken else ""
    text = f"<details open><summary>{where}expected {escape(result.expected)}; found {escape(result.found)}</summary>"
    if result.exchange:
        text += f"<pre>{escape(result.exchange.sent.shown())}</pre><pre>{escape(result.exchange.answer.shown())}</pre>"
    return f"{text}</details>"


def _class(outcome: Outcome) -> str:
    return outcome.value.replace(" ", "-")
