"""The matrix as tables in README.md and docs/toolkits.md, made from the record of the last run. Runs nothing."""

import json
from collections.abc import Iterator, Mapping
from typing import TypedDict

from tests.toolkits.matrix import (
    CONSUMER_STEPS,
    FOLDER,
    SERVICE_STEPS,
    STEPS,
    Toolkit,
    callers,
    consumers,
    everything,
    toolkits,
)

ROOT = FOLDER.parents[1]
RECORD = FOLDER / "matrix.json"
README = ROOT / "README.md"
PAGE = ROOT / "docs" / "toolkits.md"
_SHOWN = {
    ".cc": "cpp", ".config": "xml", ".cpp": "cpp", ".cs": "csharp", ".dat": "text", ".h": "cpp", ".java": "java",
    ".js": "javascript", ".mjs": "javascript", ".php": "php", ".pl": "perl", ".py": "python", ".rb": "ruby",
    ".sh": "bash", ".txt": "text", ".xml": "xml", ".xjb": "xml",
}  # fmt: skip


class Entry(TypedDict):
    """What the last run of a toolkit gave."""

    version: str
    steps: dict[str, str]  #: each step's verdict


def read_record() -> dict[str, Entry]:
    """Return what the last runs gave, by toolkit."""
    record: dict[str, Entry] = json.loads(RECORD.read_text("utf-8"))
    return record


def write_record(record: Mapping[str, Entry]) -> None:
    """Keep what the last runs gave; what has no folder any more is dropped."""
    names = {toolkit.name for toolkit in everything()}
    kept = {name: record[name] for name in sorted(record) if name in names}
    RECORD.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def rendered() -> dict[str, str]:
    """Return README.md and docs/toolkits.md, by name, as the record, the notes and the programs want them."""
    record = read_record()
    shown, told, calling = (
        [toolkit for toolkit in kind() if toolkit.name in record] for kind in (toolkits, consumers, callers)
    )
    readme = _between(README.read_text("utf-8"), "matrix", _table(shown, record, "docs/toolkits.md"))
    page = _between(PAGE.read_text("utf-8"), "matrix", _table(shown, record, ""))
    page = _between(page, "steps", _legend(STEPS))
    page = _between(page, "programs", [line for toolkit in shown for line in _program(toolkit, record[toolkit.name])])
    page = _between(page, "consumers", _table(told, record, ""))
    page = _between(page, "steps of consumers", _legend(CONSUMER_STEPS))
    programs = [line for toolkit in told for line in _program(toolkit, record[toolkit.name])]
    page = _between(page, "programs of consumers", programs)
    page = _between(page, "callers", _table(calling, record, ""))
    page = _between(page, "steps of callers", _legend(SERVICE_STEPS))
    page = _between(page, "services", list(_services()))
    programs = [line for toolkit in calling for line in _program(toolkit, record[toolkit.name])]
    page = _between(page, "programs of callers", programs)
    return {README.name: readme, PAGE.name: page}


def write() -> None:
    """Bring both pages up to date."""
    texts = rendered()
    for path in (README, PAGE):
        path.write_text(texts[path.name], encoding="utf-8")


def _between(text: str, mark: str, lines: list[str]) -> str:
    """Return a page with what is between two marks replaced; raises ValueError where it has no such marks."""
    begin, end = f"<!-- toolkits: {mark} -->\n", f"<!-- toolkits: end of {mark} -->"
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"the marks of {mark!r} are missing")
    return "".join((before, begin, *(f"{line}\n" for line in lines), end, after))


def _legend(steps: Mapping[str, str]) -> list[str]:
    return ["| Step | |", "|---|---|", *(f"| {step} | {words} |" for step, words in steps.items())]


def _table(shown: list[Toolkit], record: Mapping[str, Entry], page: str) -> list[str]:
    steps = shown[0].steps
    lines = [f"| Toolkit | {' | '.join(steps)} |", f"|---|{':-:|' * len(steps)}"]
    for toolkit in shown:
        entry = record[toolkit.name]
        link = f"{page}#{toolkit.anchor}"
        cells = ["✓" if entry["steps"].get(step) == "ok" else f"[note]({link})" for step in steps]
        heading = f"[{toolkit.title}]({link}) {entry['version']} ({toolkit.language})"
        lines.append(f"| {heading} | {' | '.join(cells)} |")
    return lines


def _program(toolkit: Toolkit, entry: Entry) -> Iterator[str]:
    yield from ("", f"### {toolkit.title} ({toolkit.language}) {{ #{toolkit.anchor} }}", "")
    yield f"Version {entry['version']}. {_needs(toolkit)}"
    yield from ("", "```bash", *filter(None, (toolkit.build, toolkit.run)), "```")
    if toolkit.notes:
        yield from ("", "What it cannot do by its own nature:", "")
        yield from (f"- **{step}**: {toolkit.notes[step]}" for step in toolkit.steps if step in toolkit.notes)
    for path in toolkit.sources:
        yield from ("", f"`{path.relative_to(toolkit.folder)}`:", "", f"```{_SHOWN[path.suffix]}")
        yield path.read_text("utf-8").rstrip("\n")
        yield "```"


def _services() -> Iterator[str]:
    for path in sorted((FOLDER / "services").glob("*.py"), reverse=True):
        yield from ("", f"`{path.name}`:", "", "```python", path.read_text("utf-8").rstrip("\n"), "```")


def _needs(toolkit: Toolkit) -> str:
    kinds = {"Debian": toolkit.apt, "PyPI": toolkit.pip, "npm": toolkit.npm, "Maven": toolkit.maven}
    said = [f"{', '.join(f'`{name}`' for name in names)} ({kind})" for kind, names in kinds.items() if names]
    return f"Needs {'; '.join(said)}." if said else "Comes with wsrf-activity."
