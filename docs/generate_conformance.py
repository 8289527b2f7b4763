"""Writes `docs/conformance.md` from the checks of the conformance suite; a test fails when the page is older.

The words about each check are its own; those around the list are here.
"""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from wsrf_activity.conformance.registry import Check
from wsrf_activity.conformance.suite import checks

PAGE = Path(__file__).resolve().parents[1] / "docs" / "conformance.md"

_INTRODUCTION = """\
# Conformance

*Made from the checks in `wsrf_activity/conformance` by `docs/generate_conformance.py`: change those, not this.*

`wsrf-activity conformance URL` tries a running server, of this project or not, against the standards, and says of each
thing whether it holds. It speaks SOAP by hand over HTTP, judges every message by the schemas of the standards, and
knows nothing of the server but its WSDL.

```console
$ wsrf-activity conformance http://127.0.0.1:8427/activity
$ wsrf-activity conformance http://other.example/service --user me --password secret --create start.xml
```

- `--token`, or `--user` and `--password`: credentials, which are sent to the origin of the URL and to no other. For a
  server of ours on this machine they are found, as other commands find them (`--data DIR`).
- `--only PATTERN`: checks by id or by document, such as `--only 'RP-*' --only 'WS-Addressing*'`.
- `--list`: lists the checks and what they cite. No server is asked.
- `--soap 1.1`, `1.2` or `both`: which version to speak; both, as far as the WSDL has bindings for them.
- `--create FILE`: for a server without our CreateActivity, the content of a SOAP Body that starts a resource. The
  first endpoint reference in the reply is the resource. Without it nothing is destroyed or changed, and the checks that
  would are skipped.
- `--service NAME`: for a server of ours where command lines are not permitted, the service to start. Checks that need a
  command of their own are skipped.
- `--callback HOST`: how the server can call this machine, for replies and notifications sent there. On loopback that is
  known; elsewhere these checks do not apply without it.
- `--slow`: makes the checks too that wait until a lifetime is over, some seconds each.
- `--timeout SECONDS`: how long an answer may take (10).
- `--junit FILE`, `--html FILE`, `--json FILE`: the report as a file, for CI, for people (one page that needs nothing
  else), for programs.

What the suite starts it destroys again.

## The report

Each check ends in one of four ways, in each version of SOAP:

- **passed**: it holds.
- **failed**: it does not. The report says what was expected and found, what was sent, and what came.
- **not applicable**: it does not concern this service, which does not offer the operation, say.
- **skipped**: it could not be made here, or was not asked for; the report says why.

The exit code is 0 where no check failed, 1 where one did, 2 for wrong usage, 69 where no server is reached, and 77
where the server does not allow what the suite needs.

A check asks for what a standard requires (MUST) or recommends (SHOULD), or for what the standards leave open and the
contract of activities settles (ours). Most of the last kind do not apply to services with another contract.

Some rows of the list WS-1 to WS-24 cannot be seen from outside and have tests instead: what a restart leaves (WS-14),
that a port type can be extended (WS-17), the kinds of work that activities are for (WS-21). WS-24 asks for this suite.
"""


def page() -> str:
    """Return the page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    everything = checks()
    yield _INTRODUCTION
    yield f"## The checks\n\n{len(everything)} checks.\n"
    for group, members in groupby(everything, key=lambda check: check.group):
        yield from (f"### {group}\n", "| Id | What holds | Cites | |", "|---|---|---|---|")
        yield from map(_row, members)
        yield ""


def _row(check: Check) -> str:
    notes = [check.level.value, *(["slow"] if check.slow else [])]
    cells = (f"`{check.id}`", check.title, check.cites, ", ".join(notes))
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
