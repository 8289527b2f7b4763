"""Logging in with a WS-Security UsernameToken, as stacks do that have no other way."""

import pytest

from tests.acceptance.conftest import ALICE, BOB
from tests.server import Fault, Server, Wire
from wsrf_activity.model import ns

LIST = "<act:ListActivities/>"
PROFILE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0"
DECLARED = f'xmlns:wsse="{ns.WSSE}" xmlns:wsu="{ns.WSU}"'


def security(content: str, must: str = "") -> str:
    return f"<wsse:Security {DECLARED} {must}>{content}</wsse:Security>"


def token(password: str, kind: str = "#PasswordText") -> str:
    return (
        f'<wsse:UsernameToken wsu:Id="t1"><wsse:Username>anybody</wsse:Username>'
        f'<wsse:Password Type="{PROFILE}{kind}">{password}</wsse:Password>'
        "<wsse:Nonce>AAAA</wsse:Nonce><wsu:Created>2026-01-01T00:00:00Z</wsu:Created></wsse:UsernameToken>"
    )


@pytest.mark.parametrize("must", ["", 's:mustUnderstand="1"'])
def test_the_password_is_the_token(server: Server, must: str) -> None:
    """Whether the header must be understood or not, in both versions of SOAP."""
    with server.client(server.version, token="") as wire:
        headers = security(token(ALICE), must)
        activity_id = wire.create("true", headers=headers)
        reply = wire.call(
            "<wsrfrp:GetResourceProperty>act:Owner</wsrfrp:GetResourceProperty>", activity_id, headers=headers
        )
        assert reply[0].text == "alice"
        with pytest.raises(Fault) as refused:
            wire.call("<wsrfrp:GetResourcePropertyDocument/>", activity_id, headers=security(token(BOB), must))
        assert refused.value.name == "ResourceUnknownFault"


def test_it_counts_for_more_than_http(alone: Server, holder: Wire) -> None:
    """A gateway logs in by HTTP, whom it speaks for is said in the message."""
    activity_id = holder.create("true", headers=security(token(ALICE)))
    with alone.client(token=ALICE) as alice:
        assert alice.property(activity_id, "Owner") == "alice"


def test_without_a_password_type(anybody: Wire) -> None:
    """Text is what is meant then (UsernameToken Profile 1.1, section 3.1)."""
    said = f"<wsse:Username>a</wsse:Username><wsse:Password>{ALICE}</wsse:Password>"
    anybody.call(LIST, headers=security(f"<wsse:UsernameToken>{said}</wsse:UsernameToken>"))


REFUSED = {
    "wrong": (token("wrong"), "FailedAuthentication"),
    "none": ("<wsse:UsernameToken><wsse:Username>a</wsse:Username></wsse:UsernameToken>", "FailedAuthentication"),
    "digest": (token("x", "#PasswordDigest"), "UnsupportedSecurityToken"),
    "two": (token(ALICE) + token(BOB), "InvalidSecurity"),
    "expired": (
        "<wsu:Timestamp><wsu:Created>2020-01-01T00:00:00Z</wsu:Created><wsu:Expires>2020-01-01T00:05:00Z</wsu:Expires>"
        "</wsu:Timestamp>" + token(ALICE),
        "MessageExpired",
    ),
    "senseless": ("<wsu:Timestamp><wsu:Expires>soon</wsu:Expires></wsu:Timestamp>" + token(ALICE), "InvalidSecurity"),
}


@pytest.mark.parametrize("version", [ns.S11, ns.S12], ids=["soap11", "soap12"])
@pytest.mark.parametrize(("content", "code"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(alone: Server, version: str, content: str, code: str) -> None:
    """With WS-Security's own fault codes, which its stacks know."""
    with alone.client(version, token="") as wire, pytest.raises(Fault) as refused:
        wire.call(LIST, headers=security(content))
    fault = refused.value.envelope[-1][0]
    named = refused.value.subcodes if version == ns.S12 else [refused.value.code]
    assert named == [code]
    assert fault.find(".//{*}Detail") is None


def test_a_signature_is_not_understood(anybody: Wire, holder: Wire) -> None:
    """So a message that insists on it is refused, and one that does not carries no credentials."""
    signed = security('<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"/>' + token(ALICE), 's:mustUnderstand="1"')
    with pytest.raises(Fault) as refused:
        holder.call(LIST, headers=signed)
    assert refused.value.code == "MustUnderstand"


@pytest.mark.parametrize("body", [LIST, "<no-such-operation/>", "<a>"])
def test_nobody_learns_more_than_that_he_is_nobody(anybody: Wire, body: str) -> None:
    """A message without credentials is answered 401, whatever else is wrong with it."""
    response = anybody.http.post(
        anybody.address(None), content=anybody.envelope(body), headers={"content-type": "text/xml"}
    )
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Basic ")


def test_no_more_than_a_mebibyte_of_a_stranger_is_read(anybody: Wire) -> None:
    """With valid credentials inside even: those who send more say by HTTP who they are."""
    padding = "<!--" + "x" * (1 << 20) + "-->"
    with pytest.raises(Fault) as refused:
        anybody.call(LIST, headers=security(token(ALICE)) + padding, valid=False)
    assert refused.value.status == 401
