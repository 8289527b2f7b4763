"""What the quick commands wrote out for themselves, to start fast, is what the contract says."""

import pytest
from lxml import etree

from wsrf_activity.cli import envelopes
from wsrf_activity.model import ns
from wsrf_activity.soap import contract


@pytest.mark.parametrize(
    "body",
    [
        envelopes.create_activity(
            envelopes.command("sort | uniq"), request_id="r", groups=["g"], keep="P1D", limit="PT1M"
        ),
        envelopes.create_activity(
            envelopes.service("blast", [("a", "b")]), request_id="r", input_reference="http://h/input/1", name="n"
        ),
        envelopes.list_activities(phases=["Completed", "Failed"], group="g", service="s", limit=3, cursor="c"),
        envelopes.wait(0.5, "Change", "7"),
        envelopes.abort("because"),
        envelopes.destroy(),
        envelopes.get_document(),
    ],
)
def test_every_request_is_valid_and_has_its_action(body: str) -> None:
    request = etree.fromstring(envelopes.envelope(body))[0][0]
    assert contract.violations(request) == []
    operation = contract.operations()[str(request.tag)]
    assert envelopes.action(body) == operation.input_action


def test_the_namespaces_are_those_of_the_model() -> None:
    assert (envelopes.ACT, envelopes.REFERENCE, envelopes.WSA) == (ns.ACT, ns.REF, ns.WSA)
    assert (envelopes.BF, envelopes.RP, envelopes.RL) == (ns.BF, ns.RP, ns.RL)
