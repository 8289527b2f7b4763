"""An author's service as a test has it: a real manager on a store in memory, the functions in threads beside it."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from wsrf_activity.author.declare import Declaration
from wsrf_activity.author.describe import describe
from wsrf_activity.author.targets import Loaded, load, loaded
from wsrf_activity.manager import Condition, Limits, Manager, Publishing, Rules, StartRequest
from wsrf_activity.model.activity import RECOVERIES, Activity, ActivityError, Progress, Severity, new_id
from wsrf_activity.model.errors import InvalidParameter, Refused
from wsrf_activity.model.identity import Principal
from wsrf_activity.model.listing import Filter
from wsrf_activity.model.phases import Phase
from wsrf_activity.server.engines import USUAL
from wsrf_activity.server.functions import read_description
from wsrf_activity.server.services import function_services
from wsrf_activity.soap.properties import topic_space
from wsrf_activity.store import open_database
from wsrf_activity.store.opening import MEMORY
from wsrf_activity.testing.background import Background
from wsrf_activity.testing.threads import ThreadEngine
from wsrf_activity.testing.values import request, value

PATIENCE = 10.0  #: seconds that a test waits where it says nothing
_CALLER = Principal("tester")
_PARALLEL = 8


class NotCompleted(AssertionError):
    """A value was asked for of work that did not complete; the text says why it did not."""


class InProcess:
    """One service in the process of its test. Everything but processes and HTTP is real."""

    def __init__(self, background: Background, service: object, folder: Path, settings: Mapping[str, Any]) -> None:
        """Take a module, a class, an operation, or a target as ``wsrf-activity serve`` has it.

        ``settings`` are what an operator may say of it in TOML, as ``retries=2``. Raises SettingsError, TargetError.
        """
        self._background = background
        self._loaded: Loaded = load(service) if isinstance(service, str) else loaded(service)
        described = read_description(describe(self._loaded))
        self.interface = described.interface
        services = function_services(described, settings, RECOVERIES, self.interface.name)
        self.services = {each.name: each for each in services}
        self.engine = ThreadEngine()
        self.engine.serve(self._loaded)
        self._folder = folder
        background.run(self._open())

    async def _open(self) -> None:
        self.database = open_database(MEMORY)
        engines = dict.fromkeys((*USUAL, *(each.engine for each in self.services.values())), self.engine)
        self.manager = Manager(
            self.database,
            engines,
            self._folder,
            Rules(
                services=self.services,
                interfaces={self.interface.name: self.interface},
                limits=Limits(parallel=_PARALLEL, wait=timedelta(days=1)),
            ),
            clock=lambda: datetime.now(UTC),
            publishing=Publishing(topic_space(), _nobody),
        )
        await self.manager.start()

    def start(self, operation: str, /, **parameters: Any) -> "Started":
        """Start an operation as a client does; raises InvalidParameter for what its schema does not allow."""
        return self.send(operation, parameters)

    def send(
        self,
        operation: str,
        parameters: Mapping[str, Any],
        *,
        input: bytes | None = None,
        name: str | None = None,
        work_limit: timedelta | None = None,
    ) -> "Started":
        """Start an operation with more than its parameters; raises InvalidParameter."""
        declaration = self.declaration(operation)
        asked = StartRequest(
            service=f"{self.interface.name}.{operation}",
            document=request(self.interface, declaration, parameters),
            input=input,
            name=name,
            work_limit=work_limit,
        )
        activity = self._background.run(self.manager.create(_CALLER, asked))
        return Started(self, activity, declaration)

    def kill_after(self, checkpoints: int) -> Self:
        """Have the worker of what is started next killed right after so many checkpoints, before another statement.

        Said twice it is for the attempt after that, too.
        """
        self.engine.kill_after(checkpoints)
        return self

    def declaration(self, operation: str) -> Declaration:
        """Return what was declared of an operation."""
        if operation not in self._loaded.declarations:
            known = ", ".join(self._loaded.declarations)
            raise InvalidParameter(f"{self.interface.name} has no operation {operation!r}; it has: {known}")
        return self._loaded.declarations[operation]

    def run(self, make: Callable[[Manager, Principal], Any]) -> Any:
        """Return what a coroutine of the manager's returns: for what this class has no method for."""
        return self._background.run(make(self.manager, _CALLER))

    def close(self) -> None:
        """End it with all that runs."""
        self._background.run(self._close())

    async def _close(self) -> None:
        await self.manager.stop()
        self.engine.end()
        await self.database.close()


class Started:
    """An activity that was started. What it shows is read anew each time."""

    def __init__(self, service: InProcess, activity: Activity, declaration: Declaration | None) -> None:
        self._service = service
        self._declaration = declaration
        self.id = activity.id

    @property
    def activity(self) -> Activity:
        """Its record as it is now: phase, attempt, errors, results and all the rest."""
        found: Activity = self._service.run(lambda manager, caller: manager.get(caller, self.id))
        return found

    def wait(self, timeout: float = PATIENCE) -> Self:
        """Return when it has ended, however; raises TimeoutError with what it last said."""
        return self.until(*(phase for phase in Phase if phase.ended), timeout=timeout)

    def until(self, *phases: Phase, timeout: float = PATIENCE) -> Self:
        """Return when it is in one of these phases, or has ended; raises TimeoutError."""
        condition = Condition(frozenset(phases))
        span = timedelta(seconds=timeout)
        activity, timed_out = self._service.run(lambda manager, caller: manager.wait(caller, self.id, condition, span))
        if timed_out:
            raise TimeoutError(f"after {timeout:g} s it is {activity.phase}; it last said: {activity.progress}")
        return self

    @property
    def phase(self) -> Phase:
        """Where it is."""
        return self.activity.phase

    @property
    def value(self) -> Any:
        """What the function returned, read from the result again; raises NotCompleted where it did not complete."""
        activity = self.activity
        if activity.phase is not Phase.COMPLETED:
            said = "; ".join(f"{each.code or each.severity}: {each.description}" for each in activity.errors)
            raise NotCompleted(f"it is {activity.phase}{said and ': '}{said}")
        if self._declaration is None:
            return self.result()
        path = self._path("result")
        return value(self._declaration, path.read_bytes(), path)

    def result(self, name: str = "result") -> bytes:
        """Return the content of a result; raises NoSuchActivity where there is none of that name."""
        return self._path(name).read_bytes()

    @property
    def errors(self) -> tuple[ActivityError, ...]:
        """Its list of errors, warnings among them."""
        return self.activity.errors

    @property
    def warnings(self) -> list[str]:
        """What the function has warned of."""
        return [each.description for each in self.errors if each.severity is Severity.WARNING and each.handled]

    @property
    def progress(self) -> list[Progress]:
        """All that the function has said of how far it is, in order and over all attempts."""
        return [each for each in self._told() if isinstance(each, Progress)]

    @property
    def members(self) -> "Sequence[Started]":
        """The activities that it waits for: those of a set in their order, and what it has spawned."""
        wanted = Filter(parent=self.id, limit=1000)
        page = self._service.run(lambda manager, caller: manager.list(caller, wanted))
        found = sorted(page.activities, key=lambda each: (each.index or 0, each.created))
        return [Started(self._service, each, self._declared(each)) for each in found]

    def abort(self, reason: str | None = None) -> Self:
        """Abort it as a client does, and return when nothing of it runs any more."""
        self._service.run(lambda manager, caller: manager.abort(caller, self.id, reason))
        return self

    def kill(self) -> Self:
        """Kill its worker. What is known of it from then on is what was kept: see ``restart`` of its operation."""
        self._service.run(lambda manager, caller: self._kill())
        return self

    async def _kill(self) -> None:
        self._service.engine.kill(self.id)

    def _declared(self, activity: Activity) -> Declaration | None:
        service, _, operation = activity.service.rpartition(".")
        return self._service.declaration(operation) if service == self._service.interface.name else None

    def _path(self, name: str) -> Path:
        path: Path = self._service.run(lambda manager, caller: manager.content(caller, self.id, name)).path
        return path

    def _told(self) -> list[Any]:
        read = self._service.database.read
        logged = self._service.run(
            lambda manager, caller: read(lambda records: records.subscriptions.of_activity(self.id, 0, 100_000))
        )
        return [each.event.payload for each in logged]


async def _nobody(address: str) -> object:
    raise Refused(f"in a test nobody is told at {address}")


class Services:
    """What the fixture ``activities`` is: makes services, and closes them when the test is over."""

    def __init__(self, background: Background, folder: Path) -> None:
        self._background = background
        self._folder = folder
        self._stack = ExitStack()

    def __call__(self, service: object, **settings: Any) -> InProcess:
        """Return a service: of a module, a class, an operation, or a target as ``wsrf-activity serve`` has it."""
        made = InProcess(self._background, service, self._folder / new_id(), settings)
        self._stack.callback(made.close)
        return made

    def close(self) -> None:
        """Close all of them."""
        self._stack.close()
