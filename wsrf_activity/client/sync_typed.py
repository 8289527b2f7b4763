"""A service with operations of its own, for who blocks; `typed.py` has the same as coroutines."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from wsrf_activity.client import typed
from wsrf_activity.client.activities import Activity as Core
from wsrf_activity.client.ports import run

if TYPE_CHECKING:
    from wsrf_activity.client.sync import Activity


class TypedService:
    """A service by its own WSDL. Each of its operations is also an attribute: ``words.count(text="a b")`` starts it."""

    def __init__(self, core: typed.TypedService, made: "Callable[[Core], Activity]") -> None:
        """Take it from a server: `Service.service`."""
        self.core = core
        self._made = made

    def __repr__(self) -> str:
        return repr(self.core)

    def __getattr__(self, operation: str) -> "Callable[..., Activity]":
        if operation.startswith("__"):
            raise AttributeError(operation)
        return lambda *given, **more: self.start(operation, *given, **more)

    @property
    def name(self) -> str:
        """Its name."""
        return self.core.name

    def operations(self) -> Sequence[str]:
        """Return the names of its own operations. Raises UnknownService, Unreachable."""
        return run(self.core.operations())

    def start(self, operation: str, /, *given: Any, **more: Any) -> "Activity":
        """Start an operation and return its activity at once.

        Its parameters are keywords, or a mapping where their names are those of other arguments: values of Python, also
        dataclasses, enums, and lists of any. ``input``, ``name``, ``groups``, ``run_id``, ``expires``, ``work_limit``
        and ``request_id`` are as in `Service.start`. Raises UnknownService for a service or an operation that there is
        not, InvalidParameter, and what `Service.start` does.
        """
        return self._made(run(self.core.start(operation, *given, **more)))

    def call(self, operation: str, /, *given: Any, **more: Any) -> Any:
        """Start an operation, wait for its end however long that takes, and return its value; None where it has none.

        A record comes as an object whose members are attributes, a list as a list. ``timeout`` is in seconds;
        ``input`` and ``request_id`` are as in `start`. Raises WorkFailed where the work does not complete, whose
        ``originator`` is the activity, WaitTimeout, and what `start` does.
        """
        return run(self.core.call(operation, *given, **more))
