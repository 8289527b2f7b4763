"""The rules over whom the server may call: what is usual, what lists add and take away, and every disguise of IPv4."""

import ipaddress

import pytest

from wsrf_activity.notify.policy import CallbackPolicy, Rules


def policy(*allow: str, deny: tuple[str, ...] = (), local: bool = False) -> CallbackPolicy:
    return CallbackPolicy.of(Rules.parse(allow), Rules.parse(deny), local=local)


def admits(policy: CallbackPolicy, address: str, host: str = "h") -> bool:
    return policy.admits_address(host, ipaddress.ip_address(address))


LOOPBACK = ("127.0.0.1", "127.255.0.3", "::1", "::ffff:127.0.0.1")
PRIVATE = ("10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fd00::1", "::ffff:192.168.1.1")
PUBLIC = ("8.8.8.8", "172.32.0.1", "2a00:1450:4001:801::200e", "::ffff:8.8.8.8", "64:ff9b::808:808")
NOWHERE = (
    "0.0.0.0",
    "169.254.169.254",
    "100.64.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "fe80::1",
    "ff02::1",
    "64:ff9b::7f00:1",  # NAT64 of 127.0.0.1
    "2002:7f00:1::1",  # 6to4 of 127.0.0.1
    "2001:0:7f00:1::",  # Teredo
    "::ffff:169.254.169.254",
)


@pytest.mark.parametrize("address", LOOPBACK + PRIVATE + PUBLIC + NOWHERE)
def test_what_is_usual(address: str) -> None:
    """Loopback and private networks for a server that only this machine reaches, public addresses for any other."""
    assert admits(policy(local=True), address) is (address in LOOPBACK + PRIVATE)
    assert admits(policy(), address) is (address in PUBLIC)


def test_what_is_allowed_takes_the_place_of_what_is_usual() -> None:
    only = policy("10.0.0.0/8", "2001:db8::/32")
    assert admits(only, "10.1.2.3")
    assert admits(only, "::ffff:10.1.2.3")
    assert admits(only, "2001:db8::1")
    assert not admits(only, "8.8.8.8")
    both = policy("public", "private", "192.0.2.7")
    assert all(admits(both, address) for address in (*PUBLIC, *PRIVATE, "192.0.2.7"))
    assert not any(admits(both, address) for address in (*LOOPBACK, *NOWHERE, "192.0.2.8"))
    assert admits(policy("https"), "8.8.8.8")
    nat64 = "64:ff9b::a00:1"  # of 10.0.0.1: all that an address stands for has to be allowed
    assert [admits(rules, nat64) for rules in (policy("public"), policy("private"), both)] == [False, False, True]


def test_a_name_that_is_allowed_may_be_anywhere() -> None:
    named = policy("consumer.example.org", "*.example.net.")
    for host in ("consumer.example.org", "a.example.net", "a.b.example.net"):
        assert admits(named, "10.0.0.1", host)
    for host in ("example.net", "x.consumer.example.org", "aexample.net", "example.org"):
        assert not admits(named, "10.0.0.1", host)


def test_what_is_denied_is_denied_whatever_else_is_said() -> None:
    strict = policy("public", "inside", deny=("8.8.8.0/24", "*.example.org", "http", "169.254.0.0/16"))
    assert not admits(strict, "8.8.8.8")
    assert not admits(strict, "::ffff:8.8.8.8")
    assert not admits(strict, "64:ff9b::808:808")
    assert not admits(strict, "169.254.169.254", "inside")
    assert admits(strict, "10.0.0.1", "inside")
    assert not strict.admits_name("https", "a.example.org")
    assert not strict.admits_name("http", "example.org")
    assert strict.admits_name("https", "example.org")


def test_schemes() -> None:
    assert policy().admits_name("http", "h")
    assert not policy("https").admits_name("http", "h")
    assert not policy().admits_name("ftp", "h")
    assert policy(deny=("http", "https")).closed
    assert policy("https", deny=("https",)).closed
    assert not policy(deny=("http",)).closed


@pytest.mark.parametrize(
    "entry",
    ["", "*", "*.", "ftp://x", "http://x", "a b", "10.0.0.1/8", "10.0.0.0/33", "10.0.0", "1.2.3.4.5", "x:80", "[::1]"],
)
def test_what_names_nothing(entry: str) -> None:
    with pytest.raises(ValueError, match="host"):
        Rules.parse([entry])
