"""Every problem that a caller can be told has its fault."""

from collections.abc import Iterator

import pytest

from wsrf_activity.model import errors
from wsrf_activity.soap import faults

#: HTTP says these by their status before SOAP comes into play; in an envelope the plain BaseFault does.
PLAIN = {errors.TooLarge}


def _leaves(kind: type[errors.Problem]) -> Iterator[type[errors.Problem]]:
    below = [each for each in kind.__subclasses__() if each.__module__ == errors.__name__]
    for each in below:
        yield from _leaves(each)
    if not below:
        yield kind


LEAVES = sorted(set(_leaves(errors.Problem)) - PLAIN, key=lambda kind: kind.__name__)


@pytest.mark.parametrize("leaf", LEAVES)
def test_every_leaf_has_a_typed_fault(leaf: type[errors.Problem]) -> None:
    typed = next(faults._TABLE[kind] for kind in leaf.__mro__ if kind in faults._TABLE)
    assert not typed.element.endswith("}BaseFault"), f"{leaf.__name__} has no row in the table of faults"


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = {line.strip() for line in (errors.__doc__ or "").splitlines()}
    for leaf in _leaves(errors.Problem):
        assert {kind.__name__ for kind in leaf.__mro__[:-3]} <= drawn, leaf
