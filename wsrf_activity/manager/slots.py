"""How much runs at a time. What is queued waits in the database."""


class Slots:
    """The slots of a server that is one process."""

    def __init__(self, parallel: int) -> None:
        """Let ``parallel`` attempts run at a time; 0 accepts only."""
        self.parallel = parallel

    def taken(self, running: int) -> None:
        """Hear how many attempts run here by now: more than there are slots, where work was taken over."""

    def free(self, running: int) -> int:
        """Return how many more may begin where so many run; none may where that is below zero."""
        return self.parallel - running
