"""HTTP to where a client wants to be told: resolved once, checked against the policy, sent to what was checked.

No proxy, cookie, redirect or credentials are used, and only so much time and so many bytes of an answer are taken.
"""

import asyncio
import ipaddress
import logging
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import httpx

from wsrf_activity.model.errors import Refused
from wsrf_activity.notify.policy import SCHEMES, CallbackPolicy, IPAddress

MAX_URL = 2048  #: characters
RESOLVED_WITHIN = 5.0  #: seconds
CONNECTED_WITHIN = 5.0  #: seconds, for each address that a name has
ANSWERED_WITHIN = 30.0  #: seconds for one attempt, all in all
MAX_ANSWER = 1 << 16  #: bytes of an answer that are read; nothing is in it for us but its status
MAX_ADDRESSES = 8  #: of a name, that are tried; all are checked
PAUSES = (1.0, 5.0, 25.0)  #: seconds before the second and each later attempt

log = logging.getLogger(__name__)
_NAME = re.compile(r"[a-z0-9._-]+")

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]  #: from a name and a port to addresses


class CallbackRefused(Refused):
    """The server must not, or cannot, call an address; the settings say why."""


class CallbackFailed(Exception):
    """Nothing was delivered: nobody could be connected to, or the answer did not come. Its text is for the log."""


@dataclass(frozen=True, slots=True)
class Target:
    """An address that may be called, and where it has been found."""

    url: httpx.URL
    addresses: tuple[IPAddress, ...]

    @property
    def host(self) -> str:
        """The name in the URL, as certificates and rules write it."""
        return self.url.raw_host.decode("ascii").removesuffix(".")


async def resolve(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a name, as the system knows them; raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


class Callbacks:
    """Calls addresses that clients have named, as far as the policy lets it."""

    def __init__(
        self,
        policy: CallbackPolicy,
        *,
        resolve: Resolve = resolve,
        trust: Callable[[], ssl.SSLContext] = ssl.create_default_context,
        pauses: Sequence[float] = PAUSES,
        at_a_time: int = 32,
    ) -> None:
        """Begin with no connection. ``trust`` makes what certificates are checked against, at the first call.

        At most ``at_a_time`` calls are under way; ``pauses`` are the seconds before another try to connect.
        """
        self.policy = policy
        self._resolve = resolve
        self._trust = trust
        self._pauses = tuple(pauses)
        self._turn = asyncio.Semaphore(at_a_time)
        self._opening = asyncio.Lock()
        self._transport: httpx.AsyncHTTPTransport | None = None

    async def target(self, address: str) -> Target:
        """Resolve an address once and check all that it resolves to; raises CallbackRefused.

        One sentence tells all refusals that depend on what a name resolves to, so that nobody can explore the
        server's network by them; the log tells which it was.
        """
        url = _url(address)
        host = url.raw_host.decode("ascii").removesuffix(".")
        refusal = CallbackRefused(
            f"this server does not send to {url.scheme}://{host}: its callbacks setting does not allow it, "
            "or the name is not known"
        )
        if not self.policy.admits_name(url.scheme, host):
            raise refusal
        try:
            found = await self._addresses(host, url.port or (443 if url.scheme == "https" else 80))
        except (OSError, ValueError, TimeoutError) as error:
            log.warning("callback to %s refused: it cannot be resolved: %r", host, error)
            raise refusal from None
        wrong = [place for place in found if not self.policy.admits_address(host, place)]
        if wrong or not found:
            log.warning("callback to %s refused: the policy has not %s", host, ", ".join(map(str, wrong)) or "any")
            raise refusal
        return Target(url, found[:MAX_ADDRESSES])

    async def post(self, target: Target, content: bytes, headers: Mapping[str, str]) -> int:
        """POST to a target and return the status of the answer.

        Tries again where nobody could be connected to, and only then: so nothing is ever delivered twice. Raises
        CallbackFailed.
        """
        for pause in self._pauses:
            try:
                return await self._attempt(target, content, headers)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                await asyncio.sleep(pause)
        try:
            return await self._attempt(target, content, headers)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise CallbackFailed(f"nobody could be connected to: {error!r}") from None

    async def close(self) -> None:
        """Close what is open."""
        if self._transport is not None:
            await self._transport.aclose()

    async def _addresses(self, host: str, port: int) -> tuple[IPAddress, ...]:
        try:
            return (ipaddress.ip_address(host),)
        except ValueError:
            async with asyncio.timeout(RESOLVED_WITHIN):
                found = await self._resolve(host, port)
        return tuple(dict.fromkeys(map(ipaddress.ip_address, found)))

    async def _attempt(self, target: Target, content: bytes, headers: Mapping[str, str]) -> int:
        """Try the addresses of a target one after the other, as far as nobody can be connected to."""
        for address in target.addresses[:-1]:
            try:
                return await self._send(target, address, content, headers)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return await self._send(target, target.addresses[-1], content, headers)

    async def _send(self, target: Target, address: IPAddress, content: bytes, headers: Mapping[str, str]) -> int:
        """Send to one address. The name is what TLS and the Host header are about, the address where to connect."""
        request = httpx.Request(
            "POST",
            target.url.copy_with(host=str(address)),
            headers={"host": target.url.netloc.decode("ascii"), "connection": "close", **headers},
            content=content,
            extensions={
                "sni_hostname": target.host,
                "timeout": httpx.Timeout(ANSWERED_WITHIN, connect=CONNECTED_WITHIN, pool=None).as_dict(),
            },
        )
        async with self._turn:
            try:
                async with asyncio.timeout(ANSWERED_WITHIN):
                    return await self._answer(request)
            except TimeoutError:
                raise CallbackFailed("no answer in time") from None
            except (httpx.ConnectError, httpx.ConnectTimeout):
                raise
            except httpx.HTTPError as error:
                raise CallbackFailed(f"{type(error).__name__}: {error}") from None

    async def _opened(self) -> httpx.AsyncHTTPTransport:
        """Return what connects. Reading the certificates of all authorities takes a while, so nobody waits for it."""
        async with self._opening:
            if self._transport is None:
                trust = await asyncio.to_thread(self._trust)
                # Connections are not kept: the pool tells them apart by address, and two names may share one.
                limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
                self._transport = httpx.AsyncHTTPTransport(verify=trust, limits=limits, trust_env=False)
        return self._transport

    async def _answer(self, request: httpx.Request) -> int:
        response = await (await self._opened()).handle_async_request(request)
        try:
            taken = 0
            async for chunk in response.aiter_raw():
                taken += len(chunk)
                if taken > MAX_ANSWER:
                    break
        finally:
            await response.aclose()
        return response.status_code


def _url(address: str) -> httpx.URL:
    """Read what is to be called; one parser decides for the check and for the connection alike."""
    try:
        url = httpx.URL(address[: MAX_URL + 1])
    except (httpx.InvalidURL, ValueError):
        url = httpx.URL("")
    host = url.raw_host.decode("ascii")
    named = (_NAME.fullmatch(host) or ":" in host) and (url.port is None or 0 < url.port < 1 << 16)
    if len(address) > MAX_URL or url.scheme not in SCHEMES or not named:
        raise CallbackRefused(f"this server sends to http and https addresses of at most {MAX_URL} characters only")
    if url.userinfo:
        raise CallbackRefused("this server sends to no address that has a user name or password in it")
    return url
