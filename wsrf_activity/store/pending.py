"""A transaction on its way from the event loop to the thread that runs it, and its outcome on the way back."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from wsrf_activity.store.base import Transaction

T = TypeVar("T")

STOPPED = "the server is stopping; ask again when it is back"


@dataclass(slots=True)
class Pending(Generic[T]):
    """What somebody in an event loop waits for."""

    transaction: Transaction[T]
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[T]"
    result: T | None = None
    error: Exception | None = None
    reads: bool = False  #: and changes nothing

    def tell(self) -> None:
        """Hand the outcome over; in the loop's own thread."""
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(cast(T, self.result))


def tell(batch: Sequence[Pending[Any]]) -> None:
    """Hand the outcomes over, in any thread. A loop is woken once for all that are its own."""
    for loop in {each.loop for each in batch}:
        own = [each for each in batch if each.loop is loop]
        try:
            loop.call_soon_threadsafe(_tell, own)
        except RuntimeError:
            continue  # it has closed: nobody waits for the answer any more


def fail(batch: Sequence[Pending[Any]], error: Exception) -> None:
    """Hand one error over to all of them, whatever some had come to."""
    for each in batch:
        each.error = error
    tell(batch)


def _tell(batch: Sequence[Pending[Any]]) -> None:
    for each in batch:
        each.tell()
