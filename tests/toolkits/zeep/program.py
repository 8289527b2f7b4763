"""An activity from beginning to end with zeep. Reads WSDL, ADDRESS and TOKEN from the environment."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import requests
import zeep
from lxml import etree

ACT = "urn:wsrf-activity:1"
RP = "{http://docs.oasis-open.org/wsrf/rp-2}"
XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"


@contextmanager
def step(name: str) -> Iterator[None]:
    """Say what came of a step, and go on."""
    try:
        yield
        print("ok", name)
    except Exception as error:
        print("failed", name, repr(error))


def fault_of(call: Callable[[], object]) -> str:
    """Return the name of the fault that a call raises: zeep gives the detail as lxml elements, not as objects."""
    try:
        call()
    except zeep.exceptions.Fault as fault:
        return str(fault.detail[0].tag)
    return "none"


class Expression(zeep.Plugin):
    """Puts the text into a query: zeep has none in elements whose content is mixed, and declares no prefix for it."""

    text = ""

    def egress(self, envelope, http_headers, operation, options):
        for empty in envelope.iter(f"{RP}QueryExpression"):
            full = etree.Element(empty.tag, empty.attrib, nsmap={"act": ACT})
            full.text = self.text
            empty.getparent().replace(empty, full)
        return envelope, http_headers


session = requests.Session()
expression = Expression()
session.auth = ("any", os.environ["TOKEN"])
with step("import"):
    client = zeep.Client(os.environ["WSDL"], transport=zeep.Transport(session=session), plugins=[expression])
    service = client.service  # the first port of the WSDL, SOAP 1.1, at the address of the service

with step("create"):
    created = service.CreateActivity(Command="cat; exit 3", Input=b"hello")
    address = created.EndpointReference.Address._value_1  # store this
    # The element is declared in no schema, so that zeep gives it as it came: it is sent back as it is.
    headers = created.EndpointReference.ReferenceParameters._value_1

with step("url"):  # the activity's own address needs no header
    activity = client.create_service("{urn:wsrf-activity:1:wsdl}ActivitySoap11", address)
    assert activity.Wait(Timeout=timedelta(0)).Version > 0

with step("wait"):  # each Wait is answered at the end of the work, or when the server's own limit is reached
    while activity.Wait(Timeout=timedelta(seconds=30)).Status == "Running":
        pass

with step("header"):  # the service's own address, and the header says which activity
    assert service.Wait(_soapheaders=headers).Phase == "Failed"

with step("property"):
    assert activity.GetResourceProperty(etree.QName(ACT, "Phase")) == ["Failed"]

with step("document"):
    document = activity.GetResourcePropertyDocument()
    assert (document.Phase, document.ExitCode) == ("Failed", 3)

with step("query"):
    expression.text = "number(//act:ExitCode) + 1"
    assert activity.QueryResourceProperties({"Dialect": XPATH}) == ["4"]

with step("termination"):
    changed = activity.SetTerminationTime(RequestedLifetimeDuration=timedelta(hours=1))
    assert changed.NewTerminationTime - changed.CurrentTime == timedelta(hours=1)

with step("fault"):
    fault = fault_of(lambda: activity.GetResourceProperty(etree.QName(ACT, "Colour")))
    assert fault == f"{RP}InvalidResourcePropertyQNameFault"

with step("result"):
    assert session.get(f"{address}/result/stdout").content == b"hello"

with step("destroy"):
    activity.Destroy()
    assert fault_of(activity.GetResourcePropertyDocument) == "{http://docs.oasis-open.org/wsrf/r-2}ResourceUnknownFault"
