"""HTTP to where a client wants to be told: resolved, checked against the policy, sent to what was checked.

No proxy, cookie or redirect is used, and only so much time and so many bytes of an answer are taken.
"""

import asyncio
import ipaddress
import logging
import re
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import h11
import httpx

from wsrf_activity.model.errors import Refused
from wsrf_activity.notify.connections import Connections
from wsrf_activity.notify.names import Names, Resolve, resolve
from wsrf_activity.notify.policy import SCHEMES, CallbackPolicy, IPAddress
from wsrf_activity.notify.posting import Answer, Broken, Connection, Place, Unreachable

MAX_URL = 2048  #: characters
RESOLVED_WITHIN = 5.0  #: seconds
ANSWERED_WITHIN = 30.0  #: seconds for one attempt, all in all
MAX_ADDRESSES = 8  #: of a name, that are tried; all are checked
PAUSES = (1.0, 5.0, 25.0)  #: seconds before the second and each later attempt

log = logging.getLogger(__name__)
_NAME = re.compile(r"[a-z0-9._-]+")
_PORTS = {"http": 80, "https": 443}
_ADDRESSES = 4096  #: that are read once, though many messages go there


class CallbackRefused(Refused):
    """The server must not, or cannot, call an address; the settings say why."""


class CallbackFailed(Exception):
    """Nothing was delivered: nobody could be connected to, or the answer did not come. Its text is for the log."""

    def __init__(self, text: str, told: str) -> None:
        """Keep also what whoever named the address may know: nothing of the network behind it."""
        super().__init__(text)
        self.told = told


@dataclass(frozen=True, slots=True)
class _Url:
    """What is to be called, as far as its text says."""

    scheme: str
    host: str  #: the name, as certificates and rules write it
    port: int
    named: str  #: what the header Host says: the name, and the port where it is not the usual one
    path: bytes  #: and query
    address: IPAddress | None  #: what the host is, where it is no name


@dataclass(frozen=True, slots=True)
class Target:
    """An address that may be called, and where it has been found."""

    url: _Url
    addresses: tuple[IPAddress, ...]

    @property
    def host(self) -> str:
        """The name in the URL, as certificates and rules write it."""
        return self.url.host

    @property
    def places(self) -> list[Place]:
        """Where connections to it go, in the order in which they are tried."""
        return [Place(self.url.scheme, self.host, self.url.port, str(address)) for address in self.addresses]


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

        At most ``at_a_time`` posts are under way; ``pauses`` are the seconds before another try of theirs to connect.
        """
        self.policy = policy
        self._names = Names(resolve)
        self._connections = Connections(trust)
        self._pauses = tuple(pauses)
        self._turn = asyncio.Semaphore(at_a_time)

    async def target(self, address: str) -> Target:
        """Resolve an address and check all that it resolves to; raises CallbackRefused.

        One sentence tells all refusals that depend on what a name resolves to, so that nobody can explore the
        server's network by them; the log tells which it was.
        """
        url = _url(address)
        if not self.policy.admits_name(url.scheme, url.host):
            raise _refusal(url)
        try:
            found = (url.address,) if url.address is not None else await self._addresses(url.host, url.port)
        except (OSError, ValueError, TimeoutError) as error:
            log.warning("callback to %s refused: it cannot be resolved: %r", url.host, error)
            raise _refusal(url) from None
        wrong = [place for place in found if not self.policy.admits_address(url.host, place)]
        if wrong or not found:
            log.warning("callback to %s refused: the policy has not %s", url.host, ", ".join(map(str, wrong)) or "any")
            raise _refusal(url)
        return Target(url, found[:MAX_ADDRESSES])

    async def post(self, target: Target, content: bytes, headers: Mapping[str, str]) -> int:
        """POST to a target, on a connection of its own, and return the status of the answer.

        Tries again where nobody could be connected to, and only then: so nothing is ever delivered twice. Raises
        CallbackFailed.
        """
        headers = {"connection": "close", **headers}
        for pause in self._pauses:
            try:
                async with self._turn:
                    return (await self._afresh(target, content, headers)).status
            except Unreachable:
                await asyncio.sleep(pause)
        try:
            async with self._turn:
                return (await self._afresh(target, content, headers)).status
        except Unreachable as error:
            raise _unreachable(target, error) from None

    async def push(
        self, target: Target, content: bytes, headers: Mapping[str, str], within: float = ANSWERED_WITHIN
    ) -> Answer:
        """POST to a target once, on a connection that was kept where there is one.

        It may arrive twice: a consumer may close a kept connection just as it is used, and who cannot know whether
        anything has arrived sends it once more. ``within`` are the seconds for all of it. Raises CallbackFailed.
        """
        try:
            async with asyncio.timeout(within):
                kept = self._connections.kept(target.places)
                if kept is not None:
                    try:
                        return await self._exchange(kept, target, content, headers)
                    except _Stale:
                        pass
                return await self._afresh(target, content, headers)
        except TimeoutError:
            raise CallbackFailed("no answer in time", f"no answer in {within:g} s") from None
        except Unreachable as error:
            raise _unreachable(target, error) from None

    async def close(self) -> None:
        """Close what is open."""
        self._names.close()
        await self._connections.close()

    async def _addresses(self, host: str, port: int) -> tuple[IPAddress, ...]:
        async with asyncio.timeout(RESOLVED_WITHIN):
            return await self._names.addresses(host, port)

    async def _afresh(self, target: Target, content: bytes, headers: Mapping[str, str]) -> Answer:
        """Try the addresses of a target one after the other, as far as nobody can be connected to."""
        *others, last = target.places
        for place in others:
            try:
                return await self._exchange(await self._connections.fresh(place), target, content, headers)
            except Unreachable:
                continue
        return await self._exchange(await self._connections.fresh(last), target, content, headers)

    async def _exchange(
        self, connection: Connection, target: Target, content: bytes, headers: Mapping[str, str]
    ) -> Answer:
        """Send on one connection, and keep it where it can be used again."""
        try:
            async with asyncio.timeout(ANSWERED_WITHIN):
                return await connection.post(target.url.path, {"host": target.url.named, **headers}, content)
        except TimeoutError:
            raise CallbackFailed("no answer in time", f"no answer in {ANSWERED_WITHIN:g} s") from None
        except (h11.LocalProtocolError, UnicodeEncodeError):  # whose text may have the credentials
            told = "what is to be sent, perhaps the credentials, is no HTTP"
            raise CallbackFailed(told, told) from None
        except Broken as error:
            if connection.until and error.unheard:
                raise _Stale from None
            raise CallbackFailed(str(error), "the consumer closed the connection, or did not answer in HTTP") from None
        finally:
            self._connections.keep(connection)


class _Stale(Exception):
    """A connection that was kept did not last until the answer."""


def _unreachable(target: Target, error: Exception) -> CallbackFailed:
    why = ", or its certificate is not valid for its name" if target.url.scheme == "https" else ""
    return CallbackFailed(f"nobody could be connected to: {error!r}", f"the consumer cannot be connected to{why}")


def _refusal(url: _Url) -> CallbackRefused:
    return CallbackRefused(
        f"this server does not send to {url.scheme}://{url.host}: its callbacks setting does not allow it, "
        "or the name is not known"
    )


@lru_cache(_ADDRESSES)
def _url(address: str) -> _Url:
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
    name = host.removesuffix(".")
    try:
        found = ipaddress.ip_address(name)
    except ValueError:
        found = None
    port = url.port or _PORTS[url.scheme]
    return _Url(url.scheme, name, port, url.netloc.decode("ascii"), url.raw_path, found)
