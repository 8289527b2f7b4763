"""What a toolkit of the matrix is, and what its program has to say. The standard library only, since what installs
toolkits runs before anything else is installed; nothing is run here.
"""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).parent

#: Where downloads are kept between runs, a folder for each toolkit. Taken when this is imported: tests have no home.
CACHE = Path(
    os.environ.get("TOOLKITS_CACHE")
    or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wsrf-activity-toolkits"
)

#: What every program shows, in the order in which it does, and what each step is.
STEPS: Mapping[str, str] = {
    "import": "reads the served WSDL; code is generated from it and compiled where the toolkit works that way",
    "create": "CreateActivity; the reference parameter is taken from the reply",
    "wait": "Wait, until the activity has ended",
    "property": "GetResourceProperty: a QName in the body of the request",
    "document": "GetResourcePropertyDocument",
    "query": "QueryResourceProperties: an XPath expression with a prefix",
    "termination": "SetTerminationTime by a duration",
    "fault": "a fault told by its own type: a class where the toolkit makes one, or else the element in the detail",
    "header": "an operation at the service's address, with the reference parameter as a SOAP header",
    "url": "an operation at the activity's own address, without any header",
    "result": "the bytes of the result, over plain HTTP",
    "destroy": "Destroy, and ResourceUnknownFault from then on",
}

#: What every consumer shows: a service that others wrote, which is told of activities by a server of ours.
CONSUMER_STEPS: Mapping[str, str] = {
    "serve": "listens, with what the toolkit makes of a WSDL",
    "subscribe": "Subscribe by the toolkit itself, with a topic expression and act:VerifyConsumer",
    "verify": "answers VerifyConsumer, before anything else is told",
    "soap11": "the messages of a life in SOAP 1.1: topic, event id, payload and SubscriptionReference are read",
    "soap12": "the same in SOAP 1.2",
    "renew": "Renew, at the SubscriptionReference that a message named, by a duration and by a time",
    "unsubscribe": "Unsubscribe at the same address, without any header",
}

#: What every caller of services shows: those of `services/`, which have operations of their own in WSDLs of their own.
SERVICE_STEPS: Mapping[str, str] = {
    "import": "reads the WSDLs of both services; code is generated and compiled where the toolkit works that way",
    "start": "the operation of a service in four lines; its answer is the endpoint reference, which is waited on",
    "call": "the same with act:StartOptions in the header: the answer is the value",
    "rich": "rows, a list, an optional value, a choice and times go there and come back, typed",
    "invalid": "InvalidParameterFault, which names parameter, row and column",
    "failed": "WorkFailedFault, where what was called raises an exception",
}

_SPOKEN = re.compile(r"^(ok|unable|failed) ([a-z0-9]+)(?: (.*))?$", re.MULTILINE)


@dataclass(frozen=True)
class Toolkit:
    """A folder with a program and its `toolkit.toml`."""

    name: str  #: of the folder, as seen from here
    title: str
    language: str
    version: str  #: a shell command that prints it, and fails where the toolkit is not installed
    run: str  #: a shell command
    build: str | None = None  #: a shell command: code generation and compilation
    apt: tuple[str, ...] = ()
    pip: tuple[str, ...] = ()
    npm: tuple[str, ...] = ()
    maven: tuple[str, ...] = ()  #: group:artifact:version
    reads: str | None = None  #: a shell command that reads any WSDL, by code generation where that is how it is done
    nightly: bool = False  #: too heavy for every change
    notes: Mapping[str, str] = field(default_factory=dict)  #: per step that it cannot do: why, and the way round

    @property
    def folder(self) -> Path:
        return FOLDER / self.name

    @property
    def is_consumer(self) -> bool:
        """Whether its program is told of things, rather than asking for them."""
        return self.name.startswith("consumers/")

    @property
    def steps(self) -> Mapping[str, str]:
        """What its program has to show."""
        if self.name.startswith("services/"):
            return SERVICE_STEPS
        return CONSUMER_STEPS if self.is_consumer else STEPS

    @property
    def anchor(self) -> str:
        """Where it is on the page."""
        return self.name.replace("/", "-")

    @property
    def cache(self) -> Path:
        """What it may keep between runs; `venv`, `node_modules` and `jars` are there if it asks for pip, npm, maven."""
        return CACHE / self.name

    @property
    def sources(self) -> list[Path]:
        """What its users copy: all of its files but the one that describes it to us."""
        files = (path for path in self.folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        return sorted(path for path in files if path.name != "toolkit.toml")


@dataclass(frozen=True)
class Report:
    """What came of one run."""

    version: str
    exit_code: int | None  #: None where it had to be ended
    output: str
    errors: str

    @property
    def steps(self) -> list[tuple[str, str, str]]:
        """Return verdict, step and reason of each line that says them."""
        return [(verdict, step, reason) for verdict, step, reason in _SPOKEN.findall(self.output)]


def load(folder: Path) -> Toolkit:
    """Read a folder's `toolkit.toml`; raises TypeError for a key that there is not."""
    told = tomllib.loads((folder / "toolkit.toml").read_text("utf-8"))
    told |= {kind: tuple(told.get(kind, ())) for kind in ("apt", "pip", "npm", "maven")}
    return Toolkit(name=folder.relative_to(FOLDER).as_posix(), **told)


def toolkits() -> list[Toolkit]:
    """Return all whose programs ask, by language and title, as the table has them."""
    return _found("*/toolkit.toml")


def consumers() -> list[Toolkit]:
    """Return all whose programs are told."""
    return _found("consumers/*/toolkit.toml")


def callers() -> list[Toolkit]:
    """Return all whose programs call services that have operations of their own."""
    return _found("services/*/toolkit.toml")


def everything() -> list[Toolkit]:
    """Return all of them."""
    return [*toolkits(), *consumers(), *callers()]


def _found(pattern: str) -> list[Toolkit]:
    found = [load(path.parent) for path in FOLDER.glob(pattern)]
    return sorted(found, key=lambda toolkit: (toolkit.language, toolkit.title.lower()))


def complaints(toolkit: Toolkit, report: Report) -> Iterator[str]:
    """Return what is wrong with a run, in words; nothing where it holds what the notes of the toolkit say."""
    if report.exit_code != 0:
        yield "it did not come to its end" if report.exit_code is None else f"exit code {report.exit_code}"
    spoken = [step for _, step, _ in report.steps]
    yield from (f"{step}: not reported" for step in toolkit.steps if step not in spoken)
    yield from (f"{step}: reported more than once" for step in toolkit.steps if spoken.count(step) > 1)
    yield from (f"{step}: there is no such step" for step in [*spoken, *toolkit.notes] if step not in toolkit.steps)
    for verdict, step, reason in report.steps:
        if verdict == "failed":
            yield f"{step}: {reason}"
        elif verdict == "unable" and step not in toolkit.notes:
            yield f"{step}: unable, and toolkit.toml has no note why: {reason}"
        elif verdict == "ok" and step in toolkit.notes:
            yield f"{step}: went well, though toolkit.toml has a note that it cannot"
