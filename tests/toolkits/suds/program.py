"""An activity from beginning to end with suds-community. Reads WSDL, ADDRESS and TOKEN from the environment."""

import base64
import logging
import os
import urllib.request
from contextlib import contextmanager

import suds
from suds.client import Client
from suds.plugin import MessagePlugin
from suds.sax.element import Element
from suds.sudsobject import Property

ACT = ("act", "urn:wsrf-activity:1")
XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"


@contextmanager
def step(name):
    """Say what came of a step, and go on."""
    try:
        yield
        print("ok", name)
    except Exception as error:
        print("failed", name, repr(error))


class Prefixes(MessagePlugin):
    """Declares the prefix that names in the text of a message use (a property, an XPath): suds sees only a string."""

    def marshalled(self, context):
        context.envelope.addPrefix(*ACT)


def fault_of(call, *arguments):
    """Return the name of the fault that a call raises, and its description."""
    try:
        call(*arguments)
    except suds.WebFault as error:
        [(name, content)] = error.fault.detail  # an object of suds: what it is called, and what is in it
        return name, content.Description
    return None


# It takes the attribute href of a result for one of SOAP encoding, says that it leads nowhere, and keeps it as it is.
logging.getLogger("suds").setLevel(logging.CRITICAL)
user = {"username": "any", "password": os.environ["TOKEN"]}
with step("import"):
    client = Client(os.environ["WSDL"], plugins=[Prefixes()], cache=None, **user)
    service = client.service["ActivitySoap11"]

with step("create"):
    created = service.CreateActivity(Command="cat; exit 3", Input=base64.b64encode(b"hello").decode())
    address = created.EndpointReference.Address  # store this
    # Of elements that no schema declares suds keeps name and text, not the namespace.
    namespace = ("ref", "urn:wsrf-activity:1:reference")
    header = Element("Activity", ns=namespace).setText(created.EndpointReference.ReferenceParameters.Activity[0])

with step("wait"):  # each Wait is answered at the end of the work, or when the server's own limit is reached
    client.set_options(soapheaders=header)
    while service.Wait(Timeout="PT30S").Status == "Running":
        pass

with step("header"):  # the service's own address, and the header says which activity
    assert service.Wait().Phase == "Failed"

with step("url"):  # the activity's own address needs no header
    client.set_options(soapheaders=(), location=address)
    assert service.Wait().Phase == "Failed"

with step("property"):
    assert service.GetResourceProperty("act:Phase") == ["Failed"]

with step("document"):
    document = service.GetResourcePropertyDocument()
    assert (document.Phase, document.ExitCode) == ("Failed", "3")  # text: the schema's types are not looked up here

with step("query"):
    expression = Property("number(//act:ExitCode) + 1")  # a text that can have attributes
    expression._Dialect = XPATH
    assert service.QueryResourceProperties(expression) == ["4"]

with step("termination"):
    changed = service.SetTerminationTime(RequestedLifetimeDuration="PT1H")
    assert (changed.NewTerminationTime - changed.CurrentTime).total_seconds() == 3600

with step("fault"):
    name, description = fault_of(service.GetResourceProperty, "act:Colour")
    assert name == "InvalidResourcePropertyQNameFault"
    assert "Colour" in str(description)

with step("result"):
    credentials = base64.b64encode(f"any:{os.environ['TOKEN']}".encode()).decode()
    request = urllib.request.Request(f"{address}/result/stdout", headers={"Authorization": f"Basic {credentials}"})
    with urllib.request.urlopen(request) as response:
        assert response.read() == b"hello"

with step("destroy"):
    service.Destroy()
    name, _ = fault_of(service.GetResourcePropertyDocument)
    assert name == "ResourceUnknownFault"
