"""The messages of the quick commands: well-formed, valid against the contract, and what answers are read as."""

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from wsrf_activity.cli import envelopes
from wsrf_activity.cli.activities import Activity
from wsrf_activity.cli.problems import Denied, Fault, NoSuchActivity, Problem, Rejected, Usage

ACT = f"{{{envelopes.ACT}}}"
#: Everything that XML 1.0 section 2.2 allows.
SPEAKABLE = st.characters(codec="utf-8", exclude_categories=["Cs"]).filter(
    lambda c: c in "\t\n\r" or (c >= " " and c not in "\ufffe\uffff")
)


def test_a_whole_create_activity_has_its_elements_in_the_order_of_the_contract() -> None:
    body = envelopes.create_activity(
        envelopes.service("blast", [("database", "uniprot"), ("word", 'a<b & "c"')]),
        request_id="r1",
        input_reference="http://h/input/1",
        name="n",
        groups=["g1", "g2"],
        keep="P1D",
        limit="PT5M",
    )
    root = etree.fromstring(envelopes.envelope(body))
    request = root[0][0]
    assert [etree.QName(child).localname for child in request] == [
        "Service", "Parameter", "Parameter", "InputReference", "Name", "Group", "Group",
        "InitialTerminationTime", "ExecutionDuration", "RequestId",
    ]  # fmt: skip
    assert [(p.get("name"), p.text) for p in request.findall(f"{ACT}Parameter")] == [
        ("database", "uniprot"),
        ("word", 'a<b & "c"'),
    ]


@given(st.text(SPEAKABLE))
def test_a_command_line_arrives_as_it_was_typed(line: str) -> None:
    root = etree.fromstring(envelopes.envelope(envelopes.create_activity(envelopes.command(line), request_id="r")))
    assert (root.findtext(f".//{ACT}Command") or "") == line


@pytest.mark.parametrize("character", ["\x00", "\x01", "\x1b", "\ufffe", "\uffff", "\udc80"])
def test_a_character_that_xml_cannot_carry_is_wrong_usage(character: str) -> None:
    with pytest.raises(Usage, match=f"U\\+{ord(character):04X}"):
        envelopes.command(f"echo {character}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90", "P0DT0H0M90S"),
        ("1.5", "P0DT0H0M1.5S"),
        ("90s", "P0DT0H0M90S"),
        ("1h30m", "P0DT1H30M0S"),
        ("2d", "P2DT0H0M0S"),
        ("1w2d", "P9DT0H0M0S"),
        ("P14D", "P14D"),
        ("PT0.5S", "PT0.5S"),
    ],
)
def test_durations_as_people_write_them(text: str, expected: str) -> None:
    assert envelopes.duration(text) == expected


@pytest.mark.parametrize("text", ["", "soon", "-5s", "5x", "P", "PT", "1h 30m", "30m1h"])
def test_what_is_no_duration_is_wrong_usage(text: str) -> None:
    with pytest.raises(Usage):
        envelopes.duration(text)


def fault(detail: str) -> bytes:
    return (
        f'<s:Envelope xmlns:s="{envelopes.SOAP}"><s:Body><s:Fault><faultcode>s:Client</faultcode>'
        f"<faultstring>no</faultstring>{detail}</s:Fault></s:Body></s:Envelope>"
    ).encode()


def typed(name: str, namespace: str = envelopes.ACT) -> str:
    return (
        f'<detail><f:{name} xmlns:f="{namespace}"><b:Timestamp xmlns:b="{envelopes.BF}">2026-01-01T00:00:00Z'
        f'</b:Timestamp><b:Description xmlns:b="{envelopes.BF}">because\n  of this</b:Description></f:{name}></detail>'
    )


@pytest.mark.parametrize(
    ("detail", "expected", "code"),
    [
        (typed("ResourceUnknownFault", "http://docs.oasis-open.org/wsrf/r-2"), NoSuchActivity, 1),
        (typed("NotPermittedFault"), Denied, 77),
        (typed("UnknownServiceFault"), Rejected, 2),
        (typed("InvalidParameterFault"), Rejected, 2),
        (typed("TooBusyFault"), Fault, 1),
    ],
)
def test_a_fault_is_read_by_its_typed_detail(detail: str, expected: type[Problem], code: int) -> None:
    with pytest.raises(Problem) as raised:
        envelopes.body_of(fault(detail))
    assert (type(raised.value), raised.value.code, str(raised.value)) == (expected, code, "because of this")


def test_a_fault_without_detail_says_its_string() -> None:
    with pytest.raises(Fault, match="no") as raised:
        envelopes.body_of(fault(""))
    assert raised.value.name == "Client"


@pytest.mark.parametrize("answer", [b"", b"not found", b"<html><body/></html>", b"<a>"])
def test_an_answer_that_is_no_soap_is_a_problem(answer: bytes) -> None:
    with pytest.raises(Problem, match="no SOAP"):
        envelopes.body_of(answer)


def activity(phase: str, code: int | None, *errors: tuple[str, str]) -> Activity:
    listed = "".join(
        f'<a:Error><b:Description xmlns:b="{envelopes.BF}">{said}</b:Description>'
        f"<a:Severity>{severity}</a:Severity></a:Error>"
        for severity, said in errors
    )
    exit_code = "" if code is None else f"<a:ExitCode>{code}</a:ExitCode>"
    return Activity(
        ElementTree.fromstring(
            f'<a:ActivityProperties xmlns:a="{envelopes.ACT}">{listed}<a:Phase>{phase}</a:Phase>'
            f"{exit_code}</a:ActivityProperties>"
        )
    )


@pytest.mark.parametrize(
    ("ended", "code", "complaint"),
    [
        (activity("Completed", 0), 0, None),
        (activity("Completed", None), 0, None),
        (activity("Failed", 3, ("fatal", "exit code 3")), 3, None),
        (activity("Failed", 127, ("fatal", "exit code 127")), 127, None),
        (activity("Failed", 143, ("fatal", "the work limit of PT1S was over")), 143, "the work limit of PT1S was over"),
        (activity("Failed", None, ("warning", "w"), ("fatal", "no such program")), 1, "no such program"),
        (activity("Failed", 0, ("fatal", "the result is missing")), 1, "the result is missing"),
        (activity("Aborted", None, ("aborted", "lost with its host")), 1, "lost with its host"),
        (activity("Aborted", 143, ("aborted", "by its owner")), 143, "by its owner"),
        (activity("Aborted", 0), 1, "the activity ended as Aborted"),
    ],
)
def test_how_an_end_becomes_an_exit_code_and_a_line(ended: Activity, code: int, complaint: str | None) -> None:
    assert (ended.outcome(), ended.complaint()) == (code, complaint)


def test_progress_is_absent_until_it_was_reported() -> None:
    assert activity("Executing", None).percent is None
