"""What the port type's methods have in common."""

import threading

import pytest
from lxml import etree

from wsrf_activity.model.activity import Activity, Work
from wsrf_activity.soap.ports import written
from wsrf_activity.testing.strategies import NOON


@pytest.mark.parametrize(("count", "apart"), [(0, False), (1, False), (10_000, True)])
async def test_others_are_served_while_many_members_are_written(count: int, apart: bool) -> None:
    one = Activity(id="a", owner="ada", service="s", work=Work(argv=()), created=NOON)
    threads: list[int] = []

    def write() -> etree._Element:
        threads.append(threading.get_ident())
        return etree.Element("Response")

    assert (await written([one] * count, write)).tag == "Response"
    [thread] = threads
    assert (thread != threading.get_ident()) == apart
