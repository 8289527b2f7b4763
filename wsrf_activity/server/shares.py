"""How much of the work each of several processes runs, in memory that they have in common with their parent."""

import mmap
import os

from wsrf_activity.manager.slots import Slots

_COUNT = 4  #: bytes of a number


class Tally:
    """How many attempts run in each process."""

    def __init__(self, processes: int, descriptor: int | None = None) -> None:
        """Begin one, or take part in the one that another process began."""
        size = processes * _COUNT
        self.descriptor = os.memfd_create("tally") if descriptor is None else descriptor
        if descriptor is None:
            os.ftruncate(self.descriptor, size)
        self._counts = memoryview(mmap.mmap(self.descriptor, size)).cast("I")

    def write(self, index: int, running: int) -> None:
        """Write how many run in one process."""
        self._counts[index] = running

    @property
    def total(self) -> int:
        """How many run in all of them."""
        return sum(self._counts)


class Share(Slots):
    """One process's part of the slots. While another runs more than its part, since it took work over, this one begins
    less: the whole is not exceeded.
    """

    def __init__(self, parallel: int, processes: int, index: int, tally: Tally) -> None:
        """Divide ``parallel``; what is left over goes to the first ones, and who gets none accepts only."""
        share, rest = divmod(parallel, processes)
        super().__init__(share + (index < rest))
        self._whole = parallel
        self._index = index
        self._tally = tally

    def taken(self, running: int) -> None:
        """Let the others know."""
        self._tally.write(self._index, running)

    def free(self, running: int) -> int:
        """Return how many may begin by this process's part, and by the whole."""
        self.taken(running)
        return min(super().free(running), self._whole - self._tally.total)
