"""The documentation's list of conformance checks is not older than the checks, each of which has a name of its own."""

from collections import Counter

from docs import generate_conformance
from wsrf_activity.conformance.suite import checks


def test_it_is_what_the_generator_writes() -> None:
    """Run `python docs/generate_conformance.py` after a change of the checks."""
    remedy = "the checks have changed: run `python docs/generate_conformance.py`"
    assert generate_conformance.PAGE.read_text(encoding="utf-8") == generate_conformance.page(), remedy


def test_every_check_has_an_id_of_its_own_and_cites_something() -> None:
    """An id is what reports, --only and people name a check by."""
    twice = [name for name, number in Counter(check.id for check in checks()).items() if number > 1]
    assert twice == []
    assert all(check.title and check.cites for check in checks())
