"""Services with operations of their own: called at their address, at once or until the end, by their own WSDL."""

import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import zeep
from lxml import etree

from tests.acceptance.watching import Asked, eventually
from tests.interfaces import SURVEY_NS, WORDS_NS
from tests.server import Fault, Server, Wire, running
from wsrf_activity.model import ns

SYNC = "<act:StartOptions><act:Synchronous>true</act:Synchronous>{}</act:StartOptions>"
COUNT = f'<w:count xmlns:w="{WORDS_NS}"><w:text>{{}}</w:text></w:count>'
UNTYPED: Any = zeep  #: it has no types
ACT, WSA = f"{{{ns.ACT}}}", f"{{{ns.WSA}}}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the services of `tests.interfaces`."""
    with running(Server(tmp_path_factory.mktemp("typed") / "server", module="tests.typed_server")) as server:
        yield server
        assert "Traceback" not in server.log.read_text()


@pytest.fixture(params=[ns.S11, ns.S12], ids=["soap11", "soap12"])
def wire(server: Server, request: pytest.FixtureRequest) -> Iterator[Wire]:
    with server.client(request.param) as client:
        yield client


def _words(wire: Wire, text: str, headers: str = "") -> etree._Element:
    return wire.call(COUNT.format(text), url=f"{wire.base}/service/words", headers=headers)


def _survey(wire: Wire, body: str, headers: str = "") -> etree._Element:
    name = body.split(">", maxsplit=1)[0].split(" ", maxsplit=1)[0]
    said = f'<s:{name} xmlns:s="{SURVEY_NS}">{body.partition(">")[2]}</s:{name}>'
    return wire.call(said, url=f"{wire.base}/service/survey", headers=headers)


def _id(response: etree._Element) -> str:
    return response.findtext(f".//{{{ns.REF}}}Activity") or ""


# At once.


def test_an_own_operation_answers_with_the_reference(wire: Wire) -> None:
    response = _words(wire, "a b c")
    assert response.tag == f"{{{WORDS_NS}}}countResponse"
    assert [etree.QName(child).localname for child in response] == [
        "EndpointReference",
        "TerminationTime",
        "CurrentTime",
    ]
    assert wire.ended(_id(response)) == "Completed"
    assert wire.result(_id(response)).strip() == b"3"
    assert wire.property(_id(response), "Service") == "words.count"


def test_the_reference_names_the_wsdl_of_the_service(wire: Wire) -> None:
    [metadata] = _words(wire, "x").iter(f"{WSA}Metadata")
    assert metadata.get(f"{{{ns.WSDLI}}}wsdlLocation") == f"{WORDS_NS} {wire.base}/service/words?wsdl"
    [name] = metadata.iterfind(f"{{{ns.WSAM}}}ServiceName")
    prefix, _, local = (name.text or "").partition(":")
    assert (name.nsmap[prefix], local, name.get("EndpointName")) == (WORDS_NS, "words", "wordsSoap11")


def test_an_activity_is_asked_at_the_service_by_its_reference_parameter(wire: Wire) -> None:
    activity_id = _id(_words(wire, "a"))
    reference = f'<ref:Activity xmlns:ref="{ns.REF}">{activity_id}</ref:Activity>'
    waited = wire.call("<act:Wait/>", url=f"{wire.base}/service/words", headers=reference)
    assert waited.findtext(f"{ACT}Phase") == "Completed"
    listed = wire.call("<act:ListActivities/>", url=f"{wire.base}/service/words")
    assert activity_id in [each.text for each in listed.iter(f"{ACT}ActivityId")]


def test_create_activity_starts_it_too(wire: Wire) -> None:
    said = '<act:Service>survey.summarise</act:Service><act:Parameter name="unit">foot</act:Parameter>'
    said += '<act:Parameter name="tags">b</act:Parameter><act:Parameter name="tags">a</act:Parameter>'
    activity_id = wire.start(said)
    assert wire.ended(activity_id) == "Completed"
    found = etree.fromstring(wire.result(activity_id))
    assert [each.text for each in found.iterfind(f"{{{SURVEY_NS}}}labels")] == ["b", "a"]
    for wrong, parameter in (("<act:Parameter name='unit'>mile</act:Parameter>", "unit"), ("", "unit")):
        with pytest.raises(Fault) as refused:
            wire.start(f"<act:Service>survey.summarise</act:Service>{wrong}")
        assert refused.value.name == "InvalidParameterFault"
        assert refused.value.detail is not None
        assert refused.value.detail.findtext(f"{ACT}Parameter") == parameter


def test_options_say_what_create_activity_says(wire: Wire) -> None:
    options = (
        '<act:StartOptions s:mustUnderstand="1"><act:Input>YWJj</act:Input><act:Name>n</act:Name>'
        "<act:Group>g</act:Group><act:RunId>r</act:RunId><act:InitialTerminationTime>P1D</act:InitialTerminationTime>"
        "<act:ExecutionDuration>PT5M</act:ExecutionDuration></act:StartOptions>"
    )
    response = _survey(wire, "class><s:lambda>AA==</s:lambda>", options)  # which is synchronous where nothing is said
    assert response.findtext(f"{{{SURVEY_NS}}}classResult") == "YWJj"
    document = wire.document(_id(response))
    assert [document.findtext(f"{ACT}{name}") for name in ("Name", "Group", "RunId")] == ["n", "g", "r"]
    assert document.findtext(f"{ACT}ExecutionDuration") == "PT5M"


def test_options_are_understood_with_own_operations_alone(wire: Wire) -> None:
    options = '<act:StartOptions s:mustUnderstand="1"/>'
    for url in (f"{wire.base}/service/words", f"{wire.base}/activity"):
        with pytest.raises(Fault) as refused:
            wire.call("<act:ListActivities/>", url=url, headers=options)
        assert refused.value.code == "MustUnderstand"
    for wrong in ("<act:StartOptions/><act:StartOptions/>", "<act:StartOptions><act:Nmae/></act:StartOptions>"):
        with pytest.raises(Fault, match="act:StartOptions is not valid") as refused:
            wire.call(COUNT.format("a"), url=f"{wire.base}/service/words", headers=wrong, valid=False)
        assert refused.value.code == "Sender"


def test_an_own_operation_is_none_elsewhere(wire: Wire) -> None:
    for url in (f"{wire.base}/activity", f"{wire.base}/service/survey"):
        with pytest.raises(Fault, match="is no operation of this service"):
            wire.call(COUNT.format("a"), url=url)


def test_the_action_is_the_operations(wire: Wire) -> None:
    headers = "<wsa:Action>{}</wsa:Action><wsa:MessageID>urn:x:1</wsa:MessageID>"
    envelope = wire.post(
        wire.envelope(COUNT.format("a"), headers.format(f"{WORDS_NS}:count")), f"{wire.base}/service/words"
    )
    assert envelope.findtext(f"{{*}}Header/{WSA}Action") == f"{WORDS_NS}:countResponse"
    with pytest.raises(Fault):
        wire.call(COUNT.format("a"), url=f"{wire.base}/service/words", headers=headers.format(f"{WORDS_NS}:cuont"))


def test_a_parameter_that_is_wrong_is_named_with_row_and_column(wire: Wire) -> None:
    point = "<s:points><s:label>x</s:label><s:height>{}</s:height></s:points>"
    with pytest.raises(Fault) as refused:
        _survey(wire, f"summarise>{point.format(1)}{point.format('high')}<s:unit>foot</s:unit>")
    detail = refused.value.detail
    assert detail is not None
    said = {etree.QName(child).localname: child.text for child in detail.iterchildren(f"{ACT}*")}
    assert (refused.value.name, said) == (
        "InvalidParameterFault",
        {"Parameter": "points", "Row": "2", "Column": "height"},
    )
    assert detail.findtext(f"{{{ns.BF}}}Originator/{WSA}Address") == f"{wire.base}/service/survey"


# Until the end.


def test_a_synchronous_call_answers_with_the_value(wire: Wire) -> None:
    assert _words(wire, "a b c d", SYNC.format("")).findtext(f"{{{WORDS_NS}}}countResult") == "4"
    point = "<s:points><s:label>{}</s:label><s:height>{}</s:height></s:points>"
    said = f"summarise>{point.format('low', 1)}{point.format('high', 9)}<s:unit>metre</s:unit>"
    [summary] = _survey(wire, said, SYNC.format("")).iterfind(f"{{{SURVEY_NS}}}summariseResult")
    assert summary.findtext(f"{{{SURVEY_NS}}}highest/{{{SURVEY_NS}}}label") == "high"


def test_work_that_fails_is_a_fault_from_its_activity(wire: Wire) -> None:
    with pytest.raises(Fault) as failed:
        _words(wire, "fail", SYNC.format(""))
    detail = failed.value.detail
    assert detail is not None
    assert (failed.value.name, failed.value.code, failed.value.status) == ("WorkFailedFault", "Receiver", 500)
    assert (detail.findtext(f"{ACT}Phase"), detail.findtext(f"{{{ns.BF}}}ErrorCode")) == ("Failed", "ExitCode")
    address = detail.findtext(f"{{{ns.BF}}}Originator/{WSA}Address") or ""
    assert wire.property(address.rpartition("/")[2], "Phase") == "Failed"


def test_what_is_not_there_in_time_is_a_reference(wire: Wire) -> None:
    response = _survey(wire, "slow>", SYNC.format("<act:Timeout>PT0.1S</act:Timeout>"))
    assert len(response) == 3
    assert wire.property(_id(response), "Phase") in ("Queued", "Executing")
    wire.destroy(_id(response))


def test_a_value_that_is_too_large_is_fetched(wire: Wire) -> None:
    wire.http.timeout = httpx.Timeout(60)
    upload = wire.http.put(f"{wire.base}/input", content=bytes((1 << 20) + 1)).text.strip()
    options = f"<act:StartOptions><act:InputReference>{upload}</act:InputReference></act:StartOptions>"
    response = _survey(wire, "class><s:lambda>AA==</s:lambda>", options)
    assert len(response) == 3
    assert len(wire.result(_id(response))) == (1 << 20) + 1


def test_the_same_request_id_answers_with_the_same_value(wire: Wire) -> None:
    options = SYNC.format(f"<act:RequestId>once-{wire.version}</act:RequestId>")
    first, second = _words(wire, "a b", options), _words(wire, " a b ".strip(), options)
    assert _id(first) == _id(second)
    assert second.findtext(f"{{{WORDS_NS}}}countResult") == "2"
    with pytest.raises(Fault) as refused:
        _words(wire, "a b c", options)
    assert refused.value.name == "RequestConflictFault"


def test_who_hangs_up_has_started_it_all_the_same(server: Server) -> None:
    with server.client() as wire:
        group = "<act:Group>left alone</act:Group>"
        body, url = f'<s:slow xmlns:s="{SURVEY_NS}"/>', f"{wire.base}/service/survey"
        leaving = Asked(wire, body, headers=SYNC.format(group), url=url)
        listing = f"<act:ListActivities>{group}</act:ListActivities>"
        eventually(lambda: len(wire.call(listing)) == 1)
        leaving.hang_up()
        [left] = wire.call(listing)
        activity_id = left.findtext(f"{ACT}ActivityId") or ""
        assert wire.property(activity_id, "Phase") in ("Queued", "Executing")
        aborted = wire.call("<act:Abort/>", activity_id)
        assert aborted.findtext(f"{ACT}Phase") == "Aborted"


def test_an_abort_is_told_to_who_waits(server: Server) -> None:
    with server.client() as wire, server.client() as other:
        told: list[Fault] = []

        def wait() -> None:
            with pytest.raises(Fault) as failed:
                _survey(wire, "slow>", SYNC.format("<act:Name>to be aborted</act:Name>"))
            told.append(failed.value)

        thread = threading.Thread(target=wait)
        thread.start()
        activity_id = ""
        while not activity_id:
            listed = other.call("<act:ListActivities/>")
            found = [each for each in listed if each.findtext(f"{ACT}Name") == "to be aborted"]
            activity_id = (found[0].findtext(f"{ACT}ActivityId") or "") if found else ""
        other.call("<act:Abort><act:Reason>enough</act:Reason></act:Abort>", activity_id)
        thread.join(60)
        assert [(fault.name, fault.description) for fault in told] == [("WorkFailedFault", "enough")]


# What is told of it.


def test_get_metadata_is_of_the_service(wire: Wire) -> None:
    asked = f"<mex:GetMetadata><mex:Dialect>{ns.WSDL}</mex:Dialect></mex:GetMetadata>"
    for url, namespace in ((f"{wire.base}/service/words", WORDS_NS), (f"{wire.base}/activity", ns.ACTW)):
        [section] = wire.call(asked, url=url)
        assert (section.get("Identifier"), section[0].get("targetNamespace")) == (namespace, namespace)


def test_pages_are_for_everybody(server: Server) -> None:
    with server.client(token="") as wire:
        as_json = {"accept": "application/json"}
        listed = wire.http.get(f"{wire.base}/service", headers=as_json).json()["services"]
        assert [each["name"] for each in listed] == ["survey", "words"]
        [count] = wire.http.get(listed[1]["address"], headers=as_json).json()["operations"]
        assert (count["name"], [each["name"] for each in count["parameters"]]) == ("count", ["text"])
        page = wire.http.get(f"{wire.base}/service/words")
        assert "<code>count</code></td><td>text</td><td>long</td>" in page.text
        assert wire.http.get(f"{wire.base}/", headers=as_json).json()["services"] == listed
        assert wire.http.head(f"{wire.base}/service/words").status_code == 200
        for listed_url in (listed[1]["wsdl"], listed[1]["singleWsdl"], f"{listed[1]['address']}?xsd=service.xsd"):
            assert b"count" in wire.http.get(listed_url).content
        assert wire.http.get(f"{listed[1]['address']}?wsdl=activity.wsdl").status_code == 404


@pytest.mark.parametrize("name", ["none", "words/x", "%2e%2e", "activity"])
def test_a_service_that_there_is_not(server: Server, name: str) -> None:
    with server.client() as wire:
        url = f"{wire.base}/service/{name}"
        answer = wire.http.get(url)
        assert (answer.status_code, "there is no service" in answer.text) == (404, True)
        assert wire.http.head(url).status_code == 404
        with pytest.raises(Fault) as refused:
            wire.call(COUNT.format("a"), url=url)
        assert (refused.value.name, refused.value.status) == ("UnknownServiceFault", 404)


def test_zeep_calls_it_by_its_wsdl(server: Server) -> None:
    transport = UNTYPED.Transport()
    transport.session.auth = ("", server.token)
    client = UNTYPED.Client(f"{server.base}/service/survey?wsdl", transport=transport)
    options = client.get_element(f"{ACT}StartOptions")(Synchronous=True)
    answered = client.service.summarise(
        points=[{"label": "a", "height": 1.5}, {"label": "b", "height": 3}],
        unit="foot",
        tags=["t"],
        _soapheaders=[options],
    )
    result = answered.summariseResult
    assert (result.unit, result.highest.label, result.labels) == ("foot", "b", ["a", "b", "t"])
    assert result.made.year == 2026
