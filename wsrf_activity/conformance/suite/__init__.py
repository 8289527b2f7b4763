"""The checks themselves, one module a standard."""

from wsrf_activity.conformance.registry import Check
from wsrf_activity.conformance.suite import (
    activity,
    addressing,
    addressing_faults,
    base_faults,
    description,
    http,
    lifetime,
    metadata,
    modification,
    notification,
    properties,
    queries,
    rows,
    soap,
)

_MODULES = (
    description,
    soap,
    http,
    addressing,
    addressing_faults,
    base_faults,
    properties,
    queries,
    modification,
    lifetime,
    notification,
    metadata,
    activity,
    rows,
)


def checks() -> list[Check]:
    """Return all checks in the order in which they are made and reported."""
    groups: dict[str, list[Check]] = {}
    for module in _MODULES:
        groups.setdefault(module.GROUP.title, []).extend(module.GROUP.checks)
    return [check for group in groups.values() for check in group]
