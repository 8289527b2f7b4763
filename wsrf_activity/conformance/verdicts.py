"""How a check says that it did not pass: what it asks for does not hold, does not apply, or cannot be tried."""


class NotMet(Exception):
    """What a check asks for does not hold."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(f"expected {expected}; found {found}")
        self.expected = expected
        self.found = found


class NotApplicable(Exception):
    """The check does not concern this service."""


class Skipped(Exception):
    """The check cannot be made here, or was not asked for."""
