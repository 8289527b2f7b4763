"""The way in for toolkits: zeep with what the server itself describes, and curl with envelopes written by hand."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import zeep
from lxml import etree

from tests.acceptance.commands import TIMEOUT
from tests.server import Server, Wire
from tests.wire_validation import check_envelope
from wsrf_activity.model import ns

LINES = b"ccc\na\nbb\na\n\xff\x00\n"
PIPELINE = "sort | uniq -c | sort -rn; cat; printf end"
UNTYPED: Any = zeep  #: it has no types
PORTS = {"ActivitySoap11": ns.S11, "ActivitySoap12": ns.S12}


def in_a_shell() -> bytes:
    """Return what the pipeline gives there."""
    return subprocess.run(["/bin/sh", "-c", PIPELINE], input=LINES, capture_output=True, check=True).stdout


class Checked(zeep.Plugin):
    """Holds each message that zeep sends or gets against the schemas, and each answer against its request."""

    def __init__(self) -> None:
        self.version: str | None = None
        self._message_id: str | None = None

    def egress(self, envelope: etree._Element, http_headers: Any, operation: Any, options: Any) -> Any:
        assert check_envelope(etree.tostring(envelope)) == []
        self.version = etree.QName(envelope).namespace
        self._message_id = envelope.findtext(f"{{*}}Header/{{{ns.WSA}}}MessageID")
        return envelope, http_headers

    def ingress(self, envelope: etree._Element, http_headers: Any, operation: Any) -> Any:
        assert check_envelope(etree.tostring(envelope)) == []
        assert etree.QName(envelope).namespace == self.version
        assert envelope.findtext(f"{{*}}Header/{{{ns.WSA}}}RelatesTo") == self._message_id is not None
        return envelope, http_headers


class Toolkit:
    """A zeep client, its session, and proxies for one port of the service."""

    def __init__(self, server: Server, port: str, description: str) -> None:
        self.session = requests.Session()
        self.session.auth = ("any", server.token)
        self.base = server.base
        self.checked = Checked()
        transport = UNTYPED.Transport(session=self.session)
        self.client = UNTYPED.Client(f"{self.base}/activity?{description}", transport=transport, plugins=[self.checked])
        self.service = self.client.bind("ActivityService", port)
        self._binding = f"{{{ns.ACTW}}}{port}"

    def at(self, address: str) -> Any:
        """Return a proxy for an address."""
        return self.client.create_service(self._binding, address)


@pytest.fixture(params=["wsdl", "singleWsdl"])
def description(request: pytest.FixtureRequest) -> str:
    """Which of the two forms of the description is read."""
    return str(request.param)


@pytest.fixture(params=list(PORTS))
def toolkit(server: Server, request: pytest.FixtureRequest, description: str) -> Iterator[Toolkit]:
    """A client for either port."""
    made = Toolkit(server, request.param, description)
    with made.session:
        yield made
    assert made.checked.version == PORTS[request.param]


def property_of(name: str) -> etree.QName:
    """Return the name of a property of ours, as zeep takes QNames."""
    return etree.QName(ns.ACT, name)


def test_the_whole_way_by_address(toolkit: Toolkit) -> None:
    """Create, wait, all properties, the result, the end: with the address of the endpoint reference alone."""
    created = toolkit.service.CreateActivity(
        Command=PIPELINE, Input=LINES, Name="zeep", Group=["a", "b"], ExecutionDuration=timedelta(hours=1)
    )
    assert created.TerminationTime > created.CurrentTime
    activity = toolkit.at(created.EndpointReference.Address._value_1)
    waited = activity.Wait(Timeout=timedelta(seconds=50))
    assert (waited.TimedOut, waited.Phase, waited.ErrorStatus) == (False, "Completed", "NoErrors")
    properties = activity.GetResourcePropertyDocument()
    assert (properties.Status, properties.ExitCode, properties.Service) == ("Ended", 0, "command")
    assert (properties.Name, properties.Group, properties.Owner) == ("zeep", ["a", "b"], "local")
    assert properties.ExecutionDuration == timedelta(hours=1)
    [result] = [result for result in properties.Result if result.name == "result"]
    expected = in_a_shell()
    assert result.Base64 == expected
    assert (result.size, result.sha256) == (len(expected), hashlib.sha256(expected).hexdigest())
    assert toolkit.session.get(result.href).content == expected
    changed = activity.SetTerminationTime(RequestedLifetimeDuration=timedelta(days=1))
    assert changed.NewTerminationTime - changed.CurrentTime == timedelta(days=1)
    activity.Destroy()
    with pytest.raises(zeep.exceptions.Fault) as caught:
        activity.Wait()
    assert caught.value.code.rpartition(":")[2] in ("Client", "Sender")
    assert [element.tag for element in caught.value.detail] == [f"{{{ns.R}}}ResourceUnknownFault"]


def test_the_whole_way_by_reference_parameter(toolkit: Toolkit) -> None:
    """All requests go to the one address of the service; the header alone says which activity is meant."""
    created = toolkit.service.CreateActivity(Command="echo gone wrong >&2; exit 3")
    headers = created.EndpointReference.ReferenceParameters._value_1
    assert [etree.QName(header).namespace for header in headers] == [ns.REF]
    assert toolkit.service.Wait(_soapheaders=headers).Phase == "Failed"
    assert toolkit.service.GetResourceProperty(property_of("ExitCode"), _soapheaders=headers) == [3]
    several = [property_of("Phase"), property_of("Attempt"), property_of("EstimatedEndTime")]
    assert toolkit.service.GetMultipleResourceProperties(several, _soapheaders=headers) == ["Failed", 1]
    assert toolkit.service.Abort(Reason="late", _soapheaders=headers).Phase == "Failed"
    listed = toolkit.service.ListActivities(Phase=["Failed"])
    assert headers[0].text in [entry.ActivityId for entry in listed.Entry]
    toolkit.service.Destroy(_soapheaders=headers)
    with pytest.raises(zeep.exceptions.Fault) as caught:
        toolkit.service.GetResourcePropertyDocument(_soapheaders=headers)
    assert [element.tag for element in caught.value.detail] == [f"{{{ns.R}}}ResourceUnknownFault"]


def test_a_typed_fault_reaches_the_caller(toolkit: Toolkit) -> None:
    """With what it says, in the words of the schema."""
    with pytest.raises(zeep.exceptions.Fault) as caught:
        toolkit.service.CreateActivity(Service="count", Parameter=[{"name": "what", "_value_1": "x"}])
    [detail] = caught.value.detail
    assert detail.tag == f"{{{ns.ACT}}}InvalidParameterFault"
    assert detail.findtext(f"{{{ns.ACT}}}Parameter") == "what"
    assert detail.findtext(f"{{{ns.BF}}}Description") == caught.value.message


@pytest.mark.skipif(shutil.which("curl") is None and os.environ.get("CI") != "true", reason="no curl here")
def test_the_whole_way_with_curl(server: Server, wire: Wire, tmp_path: Path) -> None:
    """Envelopes written by hand, in either version."""
    sent, got = tmp_path / "sent", tmp_path / "got"

    def curl(*arguments: str) -> bytes:
        command = ["curl", "-sS", "--fail-with-body", "-u", f"any:{server.token}", *arguments]
        return subprocess.run(command, capture_output=True, check=True, timeout=TIMEOUT).stdout

    def soap(address: str, body: str) -> etree._Element:
        sent.write_bytes(wire.envelope(body))
        kind = "text/xml" if wire.version == ns.S11 else "application/soap+xml"
        answer = curl("-H", f"Content-Type: {kind}; charset=utf-8", "--data-binary", f"@{sent}", address)
        assert check_envelope(answer) == []
        envelope = etree.fromstring(answer)
        assert etree.QName(envelope).namespace == wire.version
        return envelope[-1][0]

    sent.write_bytes(LINES)
    uploaded = curl("-T", str(sent), f"{server.base}/input").decode().strip()
    content = f"<act:Command>{PIPELINE}</act:Command><act:InputReference>{uploaded}</act:InputReference>"
    created = soap(f"{server.base}/activity", f"<act:CreateActivity>{content}</act:CreateActivity>")
    address = created.findtext(f"{{{ns.WSA}}}EndpointReference/{{{ns.WSA}}}Address") or ""
    assert soap(address, "<act:Wait/>").findtext(f"{{{ns.ACT}}}Phase") == "Completed"
    document = soap(address, "<wsrfrp:GetResourcePropertyDocument/>")[0]
    [href] = [r.get("href") or "" for r in document.iterfind(f"{{{ns.ACT}}}Result") if r.get("name") == "result"]
    curl("-o", str(got), href)
    assert got.read_bytes() == in_a_shell()
    soap(address, "<wsrfrl:Destroy/>")
