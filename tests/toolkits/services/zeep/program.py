"""Services in Python, called with zeep by their own WSDLs. Reads WORDS_WSDL, SURVEY_WSDL and TOKEN."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import requests
import zeep

ACT = "{urn:wsrf-activity:1}"


@contextmanager
def step(name: str) -> Iterator[None]:
    """Say what came of a step, and go on."""
    try:
        yield
        print("ok", name)
    except Exception as error:
        print("failed", name, repr(error))


def fault_of(operation, *arguments, **named):
    """Return the element in the detail of the fault that a call raises: zeep gives it as lxml has it."""
    try:
        operation(*arguments, **named)
    except zeep.exceptions.Fault as fault:
        return fault.detail[0]
    raise AssertionError("no fault")


session = requests.Session()
session.auth = ("any", os.environ["TOKEN"])
transport = zeep.Transport(session=session)

with step("import"):
    words = zeep.Client(os.environ["WORDS_WSDL"], transport=transport)
    survey = zeep.Client(os.environ["SURVEY_WSDL"], transport=transport)
    synchronous = [words.get_element(f"{ACT}StartOptions")(Synchronous=True)]

with step("start"):
    started = words.service.count(text="to be or not to be")
    headers = started.EndpointReference.ReferenceParameters._value_1  # says which activity, at the service's address
    while words.service.Wait(Timeout=timedelta(seconds=30), _soapheaders=headers).Status == "Running":
        pass
    results = words.service.GetResourcePropertyDocument(_soapheaders=headers).Result
    assert [result.Text for result in results if result.name == "result"] == ["6"]

with step("call"):
    assert words.service.count(text="to be", _soapheaders=synchronous).countResult == 2

with step("rich"):
    seen = datetime(2026, 1, 1, 10, 30, tzinfo=UTC)
    points = [{"label": "hill", "height": 12.5}, {"label": "peak", "height": 99.25, "seen": seen}]
    answer = survey.service.summarise(points=points, unit="foot", tags=["a", "b"], _soapheaders=synchronous)
    summary = answer.summariseResult
    assert (summary.unit, summary.labels) == ("foot", ["hill", "peak", "a", "b"])
    assert (summary.highest.label, summary.highest.height, summary.highest.seen) == ("peak", 99.25, seen)
    assert summary.made == datetime(2026, 1, 31, 12, 30, tzinfo=UTC)

with step("invalid"):
    wrong = [{"label": "hill", "height": 1}, {"label": "pit", "height": "deep"}]
    detail = fault_of(survey.service.summarise, points=wrong)
    said = [detail.findtext(f"{ACT}{name}") for name in ("Parameter", "Row", "Column")]
    assert (detail.tag, said) == (f"{ACT}InvalidParameterFault", ["points", "2", "height"])

with step("failed"):
    detail = fault_of(survey.service.summarise, points=[], _soapheaders=synchronous)
    assert (detail.tag, detail.findtext(f"{ACT}Phase")) == (f"{ACT}WorkFailedFault", "Failed")
