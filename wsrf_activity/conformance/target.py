"""The server under test: found by its WSDL, and spoken to over plain HTTP. What is said is recorded."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
from lxml import etree

from wsrf_activity.conformance.described import Description, describe
from wsrf_activity.conformance.wire import Answer, Exchange, Sent
from wsrf_activity.model import ns
from wsrf_activity.model.addresses import is_loopback

_PLACES = ("", "/activity")  #: below the given address, where a service may be
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


class NotReachable(Exception):
    """Nobody answers at the address."""


class NotAllowed(Exception):
    """The server wants other credentials, or lets these do less than the suite needs."""


class NoService(Exception):
    """Somebody answers, but it is no web service with a WSDL."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What to log in with; nothing of it is sent to another origin than the one that was asked for."""

    token: str | None = None
    user: str | None = None
    password: str | None = None

    def auth(self) -> httpx.Auth | None:
        """Return it for httpx."""
        if self.user is not None or self.password is not None:
            return httpx.BasicAuth(self.user or "", self.password or "")
        return None if self.token is None else _Bearer(self.token)


class Target:
    """Sends requests, with the credentials where they belong."""

    def __init__(self, url: str, credentials: Credentials, timeout: float) -> None:
        self.url = url.partition("?")[0].rstrip("/")
        self.timeout = timeout
        self._origin = origin(self.url)
        self._auth = credentials.auth()
        self._client = httpx.Client(timeout=timeout, trust_env=not on_this_machine(self.url))

    def close(self) -> None:
        """Give its connections back."""
        self._client.close()

    def send(
        self,
        method: str,
        url: str,
        content: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        chunked: bool = False,
        anonymous: bool = False,
    ) -> Exchange:
        """Send one request, without credentials where it is to be anonymous. Raises NotReachable."""
        auth = self._auth if origin(url) == self._origin and not anonymous else None
        body = iter([content]) if chunked else content
        try:
            response = self._client.request(method, url, content=body, headers=headers, auth=auth)
        except (httpx.TransportError, httpx.InvalidURL, httpx.DecodingError) as error:
            raise NotReachable(f"no answer from {url}: {str(error) or type(error).__name__}") from None
        answered = {name.lower(): value for name, value in response.headers.items()}
        sent = Sent(method, url, dict(headers or {}), content)
        return Exchange(sent, Answer(response.status_code, answered, response.content))

    def discover(self) -> Description:
        """Find the WSDL at the address, or at the usual place below it. Raises NotReachable, NotAllowed, NoService."""
        for place in _PLACES:
            url = f"{self.url}{place}?wsdl"
            answer = self.send("GET", url).answer
            if answer.status in (401, 403):
                raise NotAllowed(f"{url} answers HTTP {answer.status}: give --token, or --user and --password")
            root = answer.root
            if answer.status == 200 and root is not None and root.tag == f"{{{ns.WSDL}}}definitions":
                self.url += place
                return describe(url, root, self._fetch)
        raise NoService(f"{self.url}?wsdl is no WSDL: give the address of a web service")

    def endpoint(self, description: Description, version: str) -> str:
        """Return where to send messages: what the WSDL says, unless that is another server than the one asked for."""
        said = description.addresses.get(version, "")
        return said if said and origin(said) == self._origin else self.url

    def _fetch(self, url: str) -> etree._Element | None:
        try:
            answer = self.send("GET", url).answer
        except NotReachable:
            return None
        return answer.root if answer.status == 200 else None


def origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port; the names of loopback are one."""
    parts = urlsplit(url)
    host = "localhost" if parts.hostname in _LOCAL else parts.hostname or ""
    return parts.scheme, host, parts.port or (443 if parts.scheme == "https" else 80)


def on_this_machine(url: str) -> bool:
    """Whether an address is on this machine."""
    return is_loopback(urlsplit(url).hostname or "")


class _Bearer(httpx.Auth):
    def __init__(self, token: str) -> None:
        self._header = f"Bearer {token}"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = self._header
        yield request
