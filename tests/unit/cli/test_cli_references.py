"""How an activity may be named on a command line."""

from pathlib import Path

import pytest

from wsrf_activity.cli.activities import parse_reference
from wsrf_activity.cli.problems import Usage

ID = "k5x3q7abcdefghijklmnopqrst"
EPR = """<?xml version="1.0"?>
<wsa:EndpointReference xmlns:wsa="http://www.w3.org/2005/08/addressing">
  <wsa:Address> {address} </wsa:Address>{parameters}
</wsa:EndpointReference>"""
PARAMETERS = (
    '<wsa:ReferenceParameters><r:Activity xmlns:r="urn:wsrf-activity:1:reference">'
    f"{ID}</r:Activity></wsa:ReferenceParameters>"
)


@pytest.mark.parametrize(
    ("text", "base"),
    [
        (ID, None),
        (f"  {ID}\n", None),
        (f"http://127.0.0.1:8427/activity/{ID}", "http://127.0.0.1:8427"),
        (f"https://host.example/some/prefix/activity/{ID}/", "https://host.example/some/prefix"),
        (f"http://h:1/activity/{ID}?wsdl", "http://h:1"),
        (EPR.format(address=f"http://h:1/p/activity/{ID}", parameters=PARAMETERS), "http://h:1/p"),
        (EPR.format(address=f"http://h:1/p/activity/{ID}", parameters=""), "http://h:1/p"),
        (EPR.format(address="http://h:1/p/activity", parameters=PARAMETERS), "http://h:1/p"),
        (f"<answer>{EPR.format(address='http://h:1/activity', parameters=PARAMETERS)[22:]}</answer>", "http://h:1"),
    ],
)
def test_every_form_names_the_same_activity(text: str, base: str | None) -> None:
    reference = parse_reference(text)
    assert (reference.id, reference.base) == (ID, base)


def test_a_file_may_hold_the_reference(tmp_path: Path) -> None:
    file = tmp_path / "epr.xml"
    file.write_text(EPR.format(address=f"http://h:1/activity/{ID}", parameters=PARAMETERS))
    assert parse_reference(str(file)).id == ID


@pytest.mark.parametrize(
    "text",
    [
        "",
        "two words",
        "../../etc/passwd",
        "http://127.0.0.1:8427/",
        "http://127.0.0.1:8427/activity/",
        "http://127.0.0.1:8427/activity/a b",
        "<wsa:EndpointReference/>",
        "<not><closed>",
        EPR.format(address="http://elsewhere.example/", parameters=""),
        '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
    ],
)
def test_what_names_no_activity_is_wrong_usage(text: str) -> None:
    with pytest.raises(Usage):
        parse_reference(text)
