"""Who is let in and what they see: tokens, owners, hosts, methods, connections, and what work learns of its server."""

import base64
import contextlib
import re
import socket
import sqlite3
from pathlib import Path

import pytest

from tests.acceptance.conftest import ALICE, BOB, CONFIG
from tests.acceptance.probing import address, head, received
from tests.server import TIMEOUT, Fault, Server, Wire, running
from wsrf_activity.model import ns

LIST = "<act:ListActivities/>"
UNKNOWN = "a" * 26
SET, SOON = "wsrfrl:SetTerminationTime", "wsrfrl:RequestedLifetimeDuration"


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize("scheme", ["Bearer {}", "bearer {}", "BEARER  {}"])
def test_bearer(alone: Server, anybody: Wire, scheme: str) -> None:
    """However it is written."""
    anybody.post(anybody.envelope(LIST), authorization=scheme.format(alone.token))


@pytest.mark.parametrize("user", ["", "anybody", "local", "\N{SNOWMAN}"])
def test_basic(alone: Server, anybody: Wire, user: str) -> None:
    """Any user name will do, since the token says who it is."""
    anybody.post(anybody.envelope(LIST), authorization=basic(user, alone.token))


WRONG = [
    "",
    "Bearer",
    "Bearer x",
    "Basic",
    "Basic !!!",
    "Basic eA==",
    "Basic \xe9",
    "Bearer \xff",
    "Digest x",
    "x",
    basic("a", ""),
    basic("token", "x"),
]


@pytest.mark.parametrize("authorization", WRONG)
@pytest.mark.parametrize("version", [ns.S11, ns.S12], ids=["soap11", "soap12"])
def test_without_credentials(alone: Server, version: str, authorization: str) -> None:
    """401 with a challenge and a typed fault, before a byte of the message is looked at."""
    with alone.client(version, token="") as wire:
        response = wire.http.post(
            wire.address(None),
            content=b"no XML at all",
            headers=[
                (b"content-type", b"text/xml" if version == ns.S11 else b"application/soap+xml"),
                (b"authorization", authorization.encode("latin-1")),
            ],
        )
        assert response.status_code == 401
        assert response.headers["www-authenticate"].startswith("Basic ")
        with pytest.raises(Fault) as caught:
            wire.read(response)
        assert (caught.value.name, caught.value.code) == ("NotPermittedFault", "Sender")


def test_the_token_with_a_byte_more_or_less(alone: Server, anybody: Wire) -> None:
    """Is another one."""
    for token in (alone.token[:-1], alone.token + "x", alone.token.swapcase(), alone.token[::-1]):
        with pytest.raises(Fault):
            anybody.post(anybody.envelope(LIST), authorization=f"Bearer {token}")


@pytest.mark.parametrize(
    "path", ["/activity?wsdl", "/activity?singleWsdl", "/activity?WSDL", "/health", "/activity/x?wsdl"]
)
def test_what_is_public(anybody: Wire, path: str) -> None:
    """The description, and whether it lives."""
    assert anybody.http.get(anybody.base + path).status_code == 200


@pytest.mark.parametrize(
    "path", ["/activity", f"/activity/{UNKNOWN}", f"/activity/{UNKNOWN}/result/stdout", "/activity?xyz", "/activity?"]
)
def test_what_is_not(anybody: Wire, path: str) -> None:
    """Everything else."""
    response = anybody.http.get(anybody.base + path)
    assert (response.status_code, response.headers["www-authenticate"][:5]) == (401, "Basic")


@pytest.mark.parametrize(
    "name", ["../activity.xsd", "..%2f..%2ftoken", "/etc/passwd", "%00", "x" * 9000, "", "activity.xsd%00", "\u202e"]
)
def test_no_other_file_is_a_schema(anybody: Wire, name: str) -> None:
    """Names of schemas are looked up, not paths of files."""
    for kind in ("xsd", "wsdl", "singleWsdl"):
        response = anybody.http.get(f"{anybody.base}/activity?{kind}={name}")
        assert response.status_code == 404 or (not name and kind != "xsd")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "", "127.0.0.1.evil.example", "[::2]", "localhost@evil"]
)
def test_a_name_that_was_rebound(holder: Wire, host: str) -> None:
    """On loopback only loopback's names are ours, whatever a page elsewhere has made its own name point to."""
    for method, path in (("GET", "/health"), ("GET", "/activity?wsdl"), ("POST", "/activity"), ("PUT", "/input")):
        response = holder.http.request(method, holder.base + path, headers={"host": host})
        assert response.status_code == 421


METHODS = {
    "/activity": {"GET", "HEAD", "POST"},
    f"/activity/{UNKNOWN}": {"GET", "HEAD", "POST"},
    f"/activity/{UNKNOWN}/result/stdout": {"GET", "HEAD"},
    "/health": {"GET", "HEAD"},
    "/input": {"PUT"},
}


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
@pytest.mark.parametrize("path", sorted(METHODS))
def test_methods(holder: Wire, path: str, method: str) -> None:
    """405 names those that are allowed."""
    if method in METHODS[path] or (path, method) == (f"/activity/{UNKNOWN}/result/stdout", "POST"):
        assert holder.http.request(method, holder.base + path).status_code not in (405, 500)
        return
    response = holder.http.request(method, holder.base + path)
    assert response.status_code == (204 if method == "OPTIONS" else 405)
    assert set(response.headers["allow"].split(", ")) >= METHODS[path]


ODD = [
    "%00",
    "a%00b",
    "a%2Fb",
    "%F0%9F%92%A9",
    "%E2%80%AE",
    "..%2f..%2ftoken",
    "a%20b",
    "x" * 10_000,
    "%ff",
    "%",
    "-",
    "a/b/c",
    "",
]


@pytest.mark.parametrize("odd", ODD)
def test_ids_that_are_none(server: Server, odd: str) -> None:
    """ResourceUnknownFault for SOAP and 404 for the rest, and no database is asked."""
    with server.client() as wire:
        with pytest.raises(Fault) as caught:
            wire.post(wire.envelope("<wsrfrp:GetResourcePropertyDocument/>"), f"{wire.base}/activity/{odd}")
        assert caught.value.name == "ResourceUnknownFault"
        for path in (f"/activity/{odd}", f"/activity/{odd}/result/stdout"):
            expected = 200 if path == "/activity/" else 404
            assert wire.http.get(wire.base + path).status_code == expected
        with pytest.raises(Fault) as caught:
            wire.call(
                "<wsrfrp:GetResourcePropertyDocument/>",
                headers=f"<r:Activity xmlns:r='{ns.REF}'>a&#x2028;b</r:Activity>",
            )
        assert caught.value.name == "ResourceUnknownFault"
        assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize(
    "name",
    [
        "..%2f..%2ftoken",
        "..%5c..%5ctoken",
        "%2e%2e/%2e%2e/token",
        "%2fetc%2fpasswd",
        "stdout%00",
        "../stdout",
        "1/work",
        "input",
    ],
)
def test_results_are_names_not_paths(alone: Server, holder: Wire, name: str) -> None:
    """Nothing but a result is served."""
    activity_id = holder.create("echo out")
    holder.ended(activity_id)
    path = f"/activity/{activity_id}/result/{name}"
    with socket.create_connection(address(alone), TIMEOUT) as client:
        client.sendall(head(alone, "GET", path, "Connection: close\r\n"))
        answer = received(client)
    assert re.match(rb"HTTP/1.1 40[45] ", answer), answer
    assert alone.token.encode() not in answer


def test_a_page_among_the_results_is_not_executed(holder: Wire) -> None:
    """It comes from work: no scripts in this server's name, and nothing taken for what it does not say it is."""
    activity_id = holder.start("<act:Service>greet</act:Service><act:Parameter name='name'>&lt;script></act:Parameter>")
    holder.ended(activity_id)
    for name in ("text", "stdout", "stderr"):
        headers = holder.http.get(f"{holder.address(activity_id)}/result/{name}").headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in headers["content-security-policy"]


def test_names_on_the_page_are_text(holder: Wire) -> None:
    """Also in a title."""
    activity_id = holder.create("true", "<act:Name>&lt;script>alert(1)&lt;/script></act:Name>")
    for url in (holder.address(activity_id), holder.address(None)):
        page = holder.http.get(url, headers={"accept": "text/html"})
        assert "<script>" not in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]


OPERATIONS = [
    "<wsrfrp:GetResourcePropertyDocument/>",
    "<wsrfrp:GetResourceProperty>act:Phase</wsrfrp:GetResourceProperty>",
    "<{0}s><wsrfrp:ResourceProperty>act:Phase</wsrfrp:ResourceProperty></{0}s>".format(
        "wsrfrp:GetMultipleResourcePropertie"
    ),
    "<wsrfrp:QueryResourceProperties><wsrfrp:QueryExpression>1</wsrfrp:QueryExpression></wsrfrp:QueryResourceProperties>",
    "<wsrfrp:QueryResourceProperties><wsrfrp:QueryExpression>//*//</wsrfrp:QueryExpression></wsrfrp:QueryResourceProperties>",
    "<wsrfrl:Destroy/>",
    f"<{SET}><{SOON}>P1D</{SOON}></{SET}>",
    f"<{SET}><{SOON}>-P1D</{SOON}></{SET}>",
    "<wsrfrp:UpdateResourceProperties><wsrfrp:Update><act:Name>x</act:Name></wsrfrp:Update></wsrfrp:UpdateResourceProperties>",
    "<wsrfrp:SetResourceProperties><wsrfrp:Insert><act:Group>x</act:Group></wsrfrp:Insert></wsrfrp:SetResourceProperties>",
    "<wsrfrp:DeleteResourceProperties><wsrfrp:Delete ResourceProperty='act:Name'/></wsrfrp:DeleteResourceProperties>",
    "<wsrfrp:SetResourceProperties><wsrfrp:Delete ResourceProperty='act:Status'/></wsrfrp:SetResourceProperties>",
    "<act:Wait><act:Timeout>PT0S</act:Timeout></act:Wait>",
    "<act:Wait/>",
    "<act:Abort/>",
]


def told(wire: Wire, send: str, activity_id: str, by_header: bool) -> bytes:
    """Return the bytes of an answer, without ids and times."""
    header = f"<r:Activity xmlns:r='{ns.REF}'>{activity_id}</r:Activity>" if by_header else ""
    response = wire.http.post(
        wire.address(None if by_header else activity_id),
        content=wire.envelope(send, header),
        headers={"content-type": "text/xml" if wire.version == ns.S11 else "application/soap+xml"},
    )
    with contextlib.suppress(Fault):
        wire.read(response)
    names = sorted(name for name in response.headers if name != "date")
    plain = re.sub(rb"\d{4}-\d\d-\d\dT[\d:.]+Z", b"TIME", response.content.replace(activity_id.encode(), b"ID"))
    return b"%d %s %s" % (response.status_code, repr(names).encode(), plain)


@pytest.mark.parametrize("by_header", [False, True], ids=["by address", "by reference parameter"])
def test_what_is_anothers_does_not_exist(server: Server, by_header: bool) -> None:
    """Byte for byte the same as for an id that never was, for every operation; and nothing has happened."""
    with server.client(token=ALICE) as alice, server.client(token=BOB) as bob:
        activity_id = alice.create("true", "<act:Name>mine</act:Name>")
        alice.ended(activity_id)
        answers = [told(bob, body, activity_id, by_header) for body in OPERATIONS]
        assert answers == [told(bob, body, UNKNOWN, by_header) for body in OPERATIONS]
        assert all(b"ResourceUnknownFault" in answer for answer in answers)
        assert alice.property(activity_id, "Name") == "mine"
        alice.destroy(activity_id)
        assert answers == [told(bob, body, activity_id, by_header) for body in OPERATIONS]
        assert answers == [told(alice, body, activity_id, by_header) for body in OPERATIONS]


def test_what_is_anothers_is_not_served_or_used_either(server: Server) -> None:
    """Pages, results, inputs, listings."""
    with server.client(token=ALICE) as alice, server.client(token=BOB) as bob:
        activity_id = alice.create("echo secret")
        alice.ended(activity_id)
        for path in ("", "/result/stdout", "/result/result", "/result/nothing"):
            mine, none = (bob.http.get(bob.address(i) + path) for i in (activity_id, UNKNOWN))
            assert (mine.status_code, mine.text) == (none.status_code, none.text) == (404, none.text)
        upload = alice.http.put(f"{alice.base}/input", content=b"secret").text.strip()
        for reference in (upload, f"{alice.address(activity_id)}/result/stdout"):
            with pytest.raises(Fault) as caught:
                bob.start(f"<act:Service>count</act:Service><act:InputReference>{reference}</act:InputReference>")
            missing = reference.replace(activity_id, UNKNOWN).replace(upload.rpartition("/")[2], UNKNOWN)
            with pytest.raises(Fault) as unknown:
                bob.start(f"<act:Service>count</act:Service><act:InputReference>{missing}</act:InputReference>")
            assert caught.value.description == unknown.value.description
        assert activity_id not in bob.http.get(bob.address(None), headers={"accept": "application/json"}).text
        assert not bob.call(LIST).findall(f"{{{ns.ACT}}}Entry")


def test_a_command_line_needs_the_right_to_one(alone: Server) -> None:
    """bob may start services only."""
    with alone.client(token=BOB) as bob:
        with pytest.raises(Fault) as caught:
            bob.create("id")
        assert (caught.value.name, caught.value.code) == ("NotPermittedFault", "Sender")


@pytest.mark.parametrize(
    "value", ["$(touch x)", "`touch x`", "'; touch x; '", '"; touch x; "', "a\nb", "*", "\\", "$HOME", "&&", "'"]
)
def test_values_stay_values_in_a_shell_line(holder: Wire, value: str) -> None:
    """What a caller gives is quoted, whatever the shell would make of it."""
    escaped = value.replace("&", "&amp;")
    activity_id = holder.start(f"<act:Service>greet</act:Service><act:Parameter name='name'>{escaped}</act:Parameter>")
    assert holder.ended(activity_id) == "Completed"
    assert holder.result(activity_id, "text") == f"Hello, {value}\n".encode()


@pytest.mark.parametrize("value", ["--files0-from=/etc/passwd", "l --help", "-l", "", "l\n"])
def test_values_are_no_options(holder: Wire, value: str) -> None:
    """A parameter with choices has no other value."""
    with pytest.raises(Fault) as caught:
        holder.start(f"<act:Service>count</act:Service><act:Parameter name='what'>{value}</act:Parameter>")
    assert caught.value.name == "InvalidParameterFault"


def test_work_learns_no_token(alone: Server, holder: Wire) -> None:
    """Neither from its environment, nor from the list of processes, nor from its own open files."""
    activity_id = holder.create("env; ls -l /proc/self/fd; cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
    holder.ended(activity_id)
    seen = holder.result(activity_id) + holder.result(activity_id, "stderr") + alone.log.read_bytes()
    for token in (alone.token, ALICE, BOB):
        assert token.encode() not in seen
    assert b"WSRF_ACTIVITY_TOKEN" not in seen
    assert (alone.data / "token").stat().st_mode & 0o777 == 0o600


def test_an_input_over_the_limit(tmp_path: Path) -> None:
    """413, by its announced length or by what has come; and nothing stays."""
    config = "[limits]\ninput = 1000000\n"
    with running(Server(tmp_path / "server", None, config)) as server, server.client() as wire:
        for content in (b"x" * 2_000_000, iter([b"x" * 100_000] * 20)):
            assert wire.http.put(f"{wire.base}/input", content=content).status_code == 413
        assert (
            wire.http.put(f"{wire.base}/input", content=b"x", headers={"content-encoding": "gzip"}).status_code == 415
        )
        with server.client(token="") as anybody:
            assert anybody.http.put(f"{wire.base}/input", content=b"x").status_code == 401
        assert list((server.data / "uploads").iterdir()) == []


def test_a_failure_of_the_servers_own_shows_nothing_of_it(tmp_path: Path) -> None:
    """A table is gone: a Receiver's fault, told in the log alone; when it is back, the server goes on."""
    with running(Server(tmp_path / "server", None, CONFIG)) as server:
        rename = "ALTER TABLE {} RENAME TO {}"
        with contextlib.closing(sqlite3.connect(server.data / "activities.db")) as database:
            database.execute(rename.format("activity", "hidden"))
            for version in (ns.S11, ns.S12):
                with server.client(version) as wire, pytest.raises(Fault) as caught:
                    wire.call(LIST)
                fault = caught.value
                assert (fault.code, fault.status) == ("Receiver", 500)
                assert not re.search(r"sqlite|select|table|Traceback|\.py|/tmp", str(fault), re.IGNORECASE)
            database.execute(rename.format("hidden", "activity"))
        with server.client() as wire:
            wire.call(LIST)
