"""The conformance suite: the server here fails nothing, and one that is wrong in one way fails what that concerns."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree
from typer.testing import CliRunner, Result

from tests.acceptance.altering import Alteration, Proxy, Reply, Request, proxy
from tests.acceptance.conftest import BOB, CONFIG
from tests.ports import held_port
from tests.server import Server, running
from wsrf_activity.cli.main import app
from wsrf_activity.conformance.runner import Outcome, Report, run
from wsrf_activity.conformance.session import Options
from wsrf_activity.conformance.suite import checks
from wsrf_activity.conformance.target import Credentials, NotAllowed
from wsrf_activity.model import ns

TIMEOUT = 60.0
LEAST = 180  #: checks that have to hold, so that none of them can go missing unseen


def failed(report: Report) -> dict[str, str]:
    """Return what failed, and why."""
    return {result.check.id: result.reason for result in report.results if result.outcome is Outcome.FAILED}


def try_(base: str, token: str, *only: str, **settings: object) -> Report:
    """Run the suite in one version of SOAP."""
    options = Options(Credentials(token), TIMEOUT, (ns.S11,), only=only)
    return run(base, replace(options, **settings))  # type: ignore[arg-type]  # as they come


def test_no_failure_here(server: Server) -> None:
    """Every check, on either database."""
    report = try_(server.base, server.token, versions=(server.version,), slow=True)
    found = failed(report)
    assert found == {}
    assert report.count(Outcome.PASSED) >= LEAST
    assert report.count(Outcome.SKIPPED) == 0
    assert {result.check.id for result in report.results} == {check.id for check in checks()}


def test_nothing_is_left_behind(right: Server) -> None:
    """What the suite starts it destroys."""
    with right.client() as wire:
        before = len(wire.call("<act:ListActivities/>"))
        try_(right.base, right.token, "RL-*", "WS-2*")
        assert len(wire.call("<act:ListActivities/>")) == before


@pytest.fixture(scope="module")
def altered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Proxy, Server]]:
    """A server behind a proxy that can make it wrong."""
    with ExitStack() as stack:
        front, port = stack.enter_context(proxy()), stack.enter_context(held_port())
        front.behind = f"http://127.0.0.1:{port}"
        arguments = ("--base-url", front.base, "--port", str(port))
        data = tmp_path_factory.mktemp("data") / "server"
        yield front, stack.enter_context(running(Server(data, None, CONFIG, arguments)))


@pytest.fixture
def right(altered: tuple[Proxy, Server]) -> Server:
    """The same server, as it is: for what concerns no database."""
    front, server = altered
    front.alteration = Alteration()
    return server


def replies(pattern: bytes, by: bytes, *, within: bytes = b"") -> Alteration:
    """Replace a pattern in all replies, or in those that have something in them."""

    def reply(request: Request, answer: Reply) -> Reply:
        return (
            answer.saying(re.sub(pattern, by, answer.content, flags=re.DOTALL)) if within in answer.content else answer
        )

    return Alteration(reply=reply)


def requests(pattern: bytes, by: bytes) -> Alteration:
    """Replace a pattern in all requests."""
    return Alteration(request=lambda sent: replace(sent, content=re.sub(pattern, by, sent.content, flags=re.DOTALL)))


def _status(request: Request, answer: Reply) -> Reply:
    return replace(answer, status=200) if answer.status in (400, 500) else answer


def _media_type(request: Request, answer: Reply) -> Reply:
    if b":Envelope" not in answer.content[:200]:
        return answer
    return replace(answer, headers={**answer.headers, "content-type": "application/xml"})


def _destroyed(request: Request) -> Request | Reply:
    """Say that something was destroyed, and do nothing."""
    if b"<wsrfrl:Destroy/>" not in request.content:
        return request
    content = f'<s:Envelope xmlns:s="{ns.S11}"><s:Body><DestroyResponse xmlns="{ns.RL}"/></s:Body></s:Envelope>'
    return Reply(200, {"content-type": "text/xml; charset=utf-8"}, content.encode())


def _reversed(request: Request, answer: Reply) -> Reply:
    """Give several properties the other way round."""
    if request.method != "POST" or b"GetMultipleResourcePropertiesResponse" not in answer.content:
        return answer
    root = etree.fromstring(answer.content)
    [body] = root[-1]
    body[:] = reversed(list(body))
    return answer.saying(etree.tostring(root))


def _lost(request: Request, answer: Reply) -> Reply:
    """List one activity less than there are."""
    return answer.saying(re.sub(rb"<act:Entry>.*?</act:Entry>", b"", answer.content, count=1, flags=re.DOTALL))


def _malformed(request: Request, answer: Reply) -> Reply:
    """Tell more about an id that cannot be one."""
    if "%20" not in request.path:
        return answer
    return answer.saying(answer.content.replace(b"faultstring>", b"faultstring>malformed: ", 1))


FAULT, WRONG = ns.WSRF_FAULT_ACTION.encode(), ns.SOAP_FAULT_ACTION.encode()
_RELATES = rb"<wsa:RelatesTo[^>]*>[^<]*</wsa:RelatesTo>"
_ORDER = rb"(<wsrfrl:NewTerminationTime>.*</wsrfrl:NewTerminationTime>)(<wsrfrl:CurrentTime>.*</wsrfrl:CurrentTime>)"
#: What is wrong, which checks are made, and which of them must find it.
WRONGS: dict[str, tuple[Alteration, tuple[str, ...], set[str]]] = {
    "RelatesTo is missing": (
        replies(_RELATES, b""),
        ("ADDR-*", "RP-*"),
        {"ADDR-1", "ADDR-6", "ADDR-9", "ADDR-22", "ADDR-48"},
    ),
    "the Action of WSRF faults is SOAP's": (replies(FAULT, WRONG, within=b":Fault>"), ("ADDR-*", "BF-*"), {"ADDR-7"}),
    "children are in the wrong order": (replies(_ORDER, rb"\2\1"), ("RL-*", "RP-*"), {"RL-4", "RL-5", "RL-6"}),
    "faults have status 200": (
        Alteration(reply=_status),
        ("SOAP-*", "BF-*"),
        {"SOAP-7", "SOAP-14", "SOAP-15", "SOAP-16", "SOAP-19"},
    ),
    "messages have another media type": (Alteration(reply=_media_type), ("SOAP-*", "RP-*"), {"SOAP-2", "SOAP-9"}),
    "nothing is destroyed": (
        Alteration(request=_destroyed),
        ("RL-*", "BF-*"),
        {"BF-8", "RL-12", "RL-13", "RL-14"},
    ),
    "an unknown resource is unavailable": (
        replies(b"ResourceUnknownFault", b"ResourceUnavailableFault", within=b":Fault>"),
        ("RL-*", "BF-*"),
        {"BF-8", "RL-12", "RL-13", "RL-14"},
    ),
    "an activity is lost": (Alteration(reply=_lost), ("RL-*", "WS-2*", "WS-19a"), {"WS-19a"}),
    "properties come in another order": (Alteration(reply=_reversed), ("RP-*", "QUERY-*"), {"RP-9"}),
    "faults are as old as time": (replies(rb"Timestamp>\d{4}", b"Timestamp>1970"), ("BF-*", "RP-*"), {"BF-3"}),
    "mustUnderstand is not looked at": (
        requests(rb"mustUnderstand='1'", b"odd='1'"),
        ("SOAP-*", "ADDR-*"),
        {"SOAP-19", "SOAP-24", "ADDR-8"},
    ),
    "replies to nobody are sent": (
        requests(ns.WSA_NONE.encode(), ns.WSA_ANONYMOUS.encode()),
        ("ADDR-*",),
        {"ADDR-15", "ADDR-16", "ADDR-17"},
    ),
    "the WSDL lacks a fault": (
        replies(rb'<wsdl:fault name="InvalidResourcePropertyQNameFault"[^>]*/>', b""),
        ("DESC-*", "BF-*"),
        {"DESC-13", "BF-1"},
    ),
    "the WSDL is rpc": (replies(rb'style="document"', b'style="rpc"'), ("DESC-*",), {"DESC-5"}),
    "a refused change does not say what there is": (
        replies(rb"<wsrfrp:CurrentValue.*?</wsrfrp:CurrentValue>", b""),
        ("MOD-*",),
        {"MOD-17"},
    ),
    "failures leave no error": (replies(rb"<act:Error>.*?</act:Error>", b""), ("WS-1*",), {"WS-10b", "WS-18a"}),
    "each request is a new one": (
        requests(rb"<act:RequestId>.*?</act:RequestId>", b""),
        ("WS-2*",),
        {"WS-22a", "WS-22b"},
    ),
    "a malformed id is told apart": (Alteration(reply=_malformed), ("WS-20", "WS-3*"), {"WS-20"}),
}


@pytest.mark.parametrize("what", WRONGS)
def test_a_wrong_server_fails_what_is_wrong(altered: tuple[Proxy, Server], what: str) -> None:
    """Exactly the checks that the wrong concerns."""
    front, server = altered
    front.alteration, only, expected = WRONGS[what]
    found = failed(try_(front.base, server.token, *only))
    assert set(found) == expected, found


def test_a_failure_tells_what_was_sent_and_came(altered: tuple[Proxy, Server], tmp_path: Path) -> None:
    """At the terminal, and in every file; credentials are in none."""
    front, server = altered
    front.alteration = replies(FAULT, WRONG, within=b":Fault>")
    files = [tmp_path / name for name in ("junit.xml", "page.html", "data.json")]
    options = [f"--{kind}={path}" for kind, path in zip(("junit", "html", "json"), files, strict=True)]
    ended = command(front.base, "--token", server.token, "--soap=1.1", "--only=ADDR-7", "--only=addr-6", *options)
    assert ended.exit_code == 1, ended.output
    for text in (ended.output, *(path.read_text() for path in files)):
        assert "InvalidResourcePropertyQNameFault" in text
        assert "GetResourceProperty" in text
        assert ns.SOAP_FAULT_ACTION in text
        assert server.token not in text
    suites = etree.parse(files[0]).getroot()
    assert [suites.get(name) for name in ("tests", "failures", "skipped")] == ["2", "1", "0"]
    assert [case.findtext("failure") is None for case in suites.iter("testcase")] == [True, False]
    page = etree.fromstring(files[1].read_bytes(), etree.HTMLParser())
    assert page.xpath("count(//*[@src or @href])") == 0
    assert [result["outcome"] for result in json.loads(files[2].read_text())["results"]] == ["passed", "failed"]


def command(*arguments: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(app, ["conformance", *arguments])


def test_a_server_without_our_way_to_start(right: Server, tmp_path: Path) -> None:
    """The person says how; what needs commands of the suite's own is skipped."""
    body = tmp_path / "start.xml"
    body.write_text(f'<c:CreateActivity xmlns:c="{ns.ACT}"><c:Service>count</c:Service></c:CreateActivity>')
    ended = command(right.base, "--token", BOB, "--create", str(body), "--only=RL-*", "--only=WS-10*", "--soap=1.2")
    assert ended.exit_code == 0, ended.output
    assert "it needs a command line of its own" in ended.output


def test_where_no_command_line_is_permitted(right: Server) -> None:
    """It says what to do, and a service does in its place."""
    denied = command(right.base, "--token", BOB, "--only=RL-*")
    assert (denied.exit_code, "--service" in denied.output) == (77, True)
    ended = command(right.base, "--token", BOB, "--service=count", "--only=RL-*", "--only=WS-22*", "--only=RP-1")
    assert ended.exit_code == 0, ended.output


def test_credentials_that_the_server_does_not_take(right: Server) -> None:
    """No check is blamed for them."""
    with pytest.raises(NotAllowed):
        try_(right.base, "wrong", "RP-*")
    assert command(right.base, "--token", "wrong", "--only=RP-1").exit_code == 77
    assert command(right.base, "--user", "any", "--password", right.token, "--only=RP-1").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--only=NO-SUCH"], 2, "--list"),
        (["--soap=1.3"], 2, "both"),
        (["--create=/no/such/file"], 2, "--create"),
        (["not an address"], 2, "address"),
        (["http://127.0.0.1:1"], 69, "no answer"),
    ],
)
def test_wrong_usage(arguments: list[str], code: int, said: str) -> None:
    """Each with the exit code that the other commands have for it, in one line."""
    where = [] if arguments[0].startswith(("http", "not")) else ["http://127.0.0.1:1"]
    ended = command(*where, *arguments)
    assert (ended.exit_code, said in ended.output) == (code, True), ended.output


def test_a_server_that_is_no_web_service(right: Server) -> None:
    """A page of another kind is no WSDL."""
    ended = command(f"{right.base}/health")
    assert (ended.exit_code, "no WSDL" in ended.output) == (2, True), ended.output


def test_the_list_needs_no_server() -> None:
    """Every check with what it cites."""
    ended = command("--list", "--only=RL-*")
    assert ended.exit_code == 0
    wanted = [check for check in checks() if check.matches("RL-*")]
    assert [check.id for check in wanted] == re.findall(r"^ +(RL-\d+) ", ended.output, re.MULTILINE)
    assert all(check.cites in ended.output for check in wanted)
