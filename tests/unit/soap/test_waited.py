"""act:WaitResponse: many get the same, and each a copy of its own."""

from hypothesis import given
from lxml import etree

from wsrf_activity.model import ns
from wsrf_activity.model.activity import Activity
from wsrf_activity.model.addresses import Addresses
from wsrf_activity.soap import contract
from wsrf_activity.soap.messages import write_waited
from wsrf_activity.soap.properties import View
from wsrf_activity.testing.strategies import NOON, activities

ADDRESSES = Addresses("http://h:1/a")


def told(shown: Activity, timed_out: bool) -> etree._Element:
    """Return the response."""
    return write_waited(View(shown, NOON, ADDRESSES), timed_out)


@given(activities(), activities())
def test_each_is_told_of_its_own_activity(one: Activity, other: Activity) -> None:
    """However many were told of another before, and whatever becomes of their answers."""
    for shown in (one, other, one):
        for timed_out in (True, False):
            response = told(shown, timed_out)
            texts = {name: response.findtext(f"{{{ns.ACT}}}{name}") for name in ("TimedOut", "Version", "Phase")}
            assert texts == {
                "TimedOut": "true" if timed_out else "false",
                "Version": str(shown.version),
                "Phase": shown.phase.value,
            }
            assert response.findtext(f"{{{ns.ACT}}}ErrorStatus") == shown.error_status.value
            assert (response.find(f"{{{ns.ACT}}}Progress") is not None) == (shown.progress is not None)
            assert contract.violations(response) == []
            response.clear()
