"""Who calls, and whether a request comes from where it may: tokens by Basic or Bearer, the Host header."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from wsrf_activity.model.identity import Principal

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
CHALLENGE = 'Basic realm="wsrf-activity", charset="UTF-8"'


def token_digest(token: str) -> bytes:
    """Return what is kept of a token, so that comparing it tells nothing by its time."""
    return hashlib.sha256(token.encode()).digest()


@dataclass(frozen=True, slots=True)
class Gate:
    """The rules of admission. Without tokens everybody is ``anonymous``."""

    tokens: Mapping[bytes, Principal]  #: by the token's digest
    anonymous: Principal | None
    hosts: frozenset[str] | None  #: names by which the server may be called; None: any

    def admits_host(self, request: HTTPConnection) -> bool:
        """Whether the Host header names us; a page elsewhere that rebinds its name to loopback does not get in."""
        if self.hosts is None:
            return True
        host = request.headers.get("host", "").lower()
        name = host[: host.index("]") + 1] if host.startswith("[") and "]" in host else host.partition(":")[0]
        return name in self.hosts

    def caller(self, request: HTTPConnection) -> Principal | None:
        """Return who calls, None where the credentials are missing or wrong."""
        token = _token(request.headers.get("authorization", ""))
        if token is None:
            return self.anonymous
        return self.login(token)

    def login(self, token: str) -> Principal | None:
        """Return whose token it is, None where it is nobody's."""
        digest = token_digest(token)
        for known, principal in self.tokens.items():
            if hmac.compare_digest(known, digest):
                return principal
        return self.anonymous if not self.tokens else None


def _token(header: str) -> str | None:
    """Basic carries it as the password, whatever the user name, so that every SOAP toolkit can log in."""
    scheme, _, value = header.strip().partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(value.strip(), validate=True).decode("utf-8").partition(":")[2]
    except ValueError:  # not base64, not ASCII, not UTF-8: no credentials
        return ""
