"""What is read from the contract: operations by their body element, and the verdict on one element; in threads too."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from lxml import etree

from tests.contract import instances
from tests.contract.instances import element
from tests.wire_validation import check_envelope, officially_valid
from wsrf_activity.model import ns
from wsrf_activity.soap import contract

ENVELOPE = """<soap:Envelope xmlns:soap="{soap}" xmlns:wsa="{wsa}" xmlns:act="{act}"><soap:Header>{head}</soap:Header>
<soap:Body>{body}</soap:Body></soap:Envelope>"""
#: All elements of the standards' namespaces, as lxml filters them.
STANDARD = [f"{{{namespace}}}*" for namespace in contract.schema_files() if namespace not in (ns.ACT, ns.MEX)]


def _envelope(body: str, head: str = "", soap: str = ns.S11) -> bytes:
    return ENVELOPE.format(soap=soap, wsa=ns.WSA, act=ns.ACT, head=head, body=body).encode()


def test_an_operation_is_found_by_its_body_element() -> None:
    wait = contract.operations()[f"{{{ns.ACT}}}Wait"]
    assert (wait.name, wait.output) == ("Wait", f"{{{ns.ACT}}}WaitResponse")
    assert wait.input_action == f"{ns.ACTW}/ActivityPortType/WaitRequest"
    assert wait.output_action == f"{ns.ACTW}/ActivityPortType/WaitResponse"
    assert wait.faults[f"{{{ns.R}}}ResourceUnknownFault"] == ns.WSRF_FAULT_ACTION


def test_a_one_way_operation_has_no_output() -> None:
    notify = contract.operations("notification.wsdl")[f"{{{ns.WSNT}}}Notify"]
    assert (notify.output, notify.output_action, dict(notify.faults)) == (None, None, {})


def test_the_verdict_names_line_and_expectation_with_our_prefixes() -> None:
    body = etree.fromstring(f'<a xmlns:act="{ns.ACT}">\n\n<act:CreateActivity><act:Servce/></act:CreateActivity></a>')[
        0
    ]
    [complaint] = contract.violations(body)
    assert complaint.startswith("line 3: Element 'act:Servce'")
    assert "act:Service, act:Command" in complaint


def test_the_wildcard_is_named_in_words() -> None:
    [complaint] = contract.violations(element("<wsnt:Unsubscribe><wsnt:Filter/></wsnt:Unsubscribe>"))
    assert "an element of another namespace" in complaint


def test_complaints_are_bounded() -> None:
    many = "<act:Phase>x</act:Phase>" * 1000
    assert (
        len(contract.violations(element(f"<act:ListActivities>{many}</act:ListActivities>")))
        == contract.MOST_VIOLATIONS
    )


@pytest.mark.parametrize("size", [10, 5000])
def test_a_large_element_is_judged_as_a_small_one(size: int) -> None:
    name = "<wsrfrp:ResourceProperty>{}</wsrfrp:ResourceProperty>"
    right, padded, wrong = (name.format(text) for text in ("x:a", " x:a\n", "undeclared:a"))
    for last, complaints in ((right, 0), (padded, 0), (wrong, 2)):
        names = element(
            f"<wsrfrp:GetMultipleResourceProperties>\n{right * size}{last}</wsrfrp:GetMultipleResourceProperties>"
        )
        assert len(contract.violations(names)) == complaints
        assert all(complaint.startswith("line ") for complaint in contract.violations(names))


def _phases(count: int) -> str:
    return f"<act:ListActivities>{'<act:Phase> x</act:Phase>' * count}</act:ListActivities>"


def _attributes(count: int) -> str:
    many = " ".join(f"a{number}=' 1'" for number in range(count))
    return f"<wsa:To {many}>urn:a</wsa:To>"


@pytest.mark.parametrize("wrong", [_phases, _attributes])
def test_complaints_cost_the_same_however_many_there_are(wrong: Callable[[int], str]) -> None:
    def seconds(count: int) -> float:
        instance = element(wrong(count))
        began = time.perf_counter()
        assert contract.violations(instance)
        return time.perf_counter() - began

    seconds(5_000)
    # Eight times as many: eight times as long, with room for a busy machine; were it quadratic, sixty-four times.
    assert seconds(40_000) < 30 * seconds(5_000)


def test_qnames_are_resolved_where_the_element_stands() -> None:
    text = "<wsrfrp:GetMultipleResourceProperties>{}</wsrfrp:GetMultipleResourceProperties>"
    name = "<wsrfrp:ResourceProperty>{}</wsrfrp:ResourceProperty>"
    padded = element(text.format(name.format("  x:a\n")))
    before = etree.tostring(padded.getroottree())
    assert contract.violations(padded) == []
    assert etree.tostring(padded.getroottree()) == before
    assert contract.violations(element(text.format(name.format("  undeclared:a\n"))))


@pytest.mark.parametrize("scope", ["", f'xmlns="{ns.ACT}"'])
def test_the_default_namespace_is_in_scope_for_qnames(scope: str) -> None:
    outer = etree.fromstring(
        f'<a {scope} xmlns:rp="{ns.RP}"><rp:GetResourceProperty>  Status</rp:GetResourceProperty></a>'
    )
    assert contract.violations(outer[0]) == []
    assert contract.clark_name(outer[0], "Status") == (f"{{{ns.ACT}}}Status" if scope else "Status")
    with pytest.raises(KeyError):
        contract.clark_name(outer[0], "undeclared:Status")


def test_threads_get_their_own_verdict_and_reasons() -> None:
    def judge(_: int) -> list[list[str]]:
        return [contract.violations(instance) for _, instance in instances.read(instances.OURS)]

    alone = judge(0)
    assert {bool(complaints) for complaints in alone} == {True, False}
    with ThreadPoolExecutor(8) as pool:
        assert all(verdicts == alone for verdicts in pool.map(judge, range(32)))


def test_nothing_is_fetched_for_a_hint_in_a_message() -> None:
    hint = "xsi:schemaLocation='urn:example http://192.0.2.1/never.xsd'"
    assert (
        contract.violations(
            element(f"<wsrfrp:GetResourcePropertyResponse><x:A {hint}/></wsrfrp:GetResourcePropertyResponse>")
        )
        == []
    )


def test_both_sets_judge_every_message_seen_in_the_wild_alike(official_schemas: Path) -> None:
    verdicts = []
    for sample in sorted((official_schemas / "samples").glob("*.xml")):
        for part in etree.parse(sample).getroot().iter(*STANDARD):
            complaints = contract.violations(part)
            if not any("No matching global declaration" in complaint for complaint in complaints):
                verdicts.append(complaints == [])
                assert verdicts[-1] == officially_valid(part), (sample.name, part.tag, complaints)
    assert verdicts.count(True) > 100
    assert verdicts.count(False) > 5


@pytest.mark.parametrize("soap", [ns.S11, ns.S12])
def test_a_valid_envelope_passes(soap: str) -> None:
    head = "<wsa:Action>urn:a</wsa:Action><wsa:To>urn:b</wsa:To>"
    assert check_envelope(_envelope("<act:Wait/>", head, soap)) == []


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ("", "<act:Wait><act:For>Never</act:For></act:Wait>"),
        ("", "<act:Wait/><act:Wait/>"),
        ("<wsa:To><act:Wait/></wsa:To>", "<act:Wait/>"),
        (
            "",
            "<soap:Fault><faultcode>soap:Client</faultcode><faultstring/><detail><act:TooBusyFault/></detail></soap:Fault>",
        ),
    ],
)
def test_an_envelope_with_an_invalid_part_fails(head: str, body: str) -> None:
    assert check_envelope(_envelope(body, head))


def test_an_element_that_is_no_envelope_fails() -> None:
    assert check_envelope(b"<a/>")


@pytest.mark.parametrize("header", ["<wsa:To>urn:a</wsa:To>", "<wsa:Action>urn:a</wsa:Action>" * 2])
def test_the_official_rules_of_addressing_hold(header: str, official_schemas: Path) -> None:
    complaints = check_envelope(_envelope("<act:Wait/>", header))
    assert [complaint for complaint in complaints if complaint.startswith("official: wsa:")]
