"""The light client behind acjob, acpoll and the small commands: where the server is, and one call to it.

It knows http.client and nothing heavier; what the messages say is in ``envelopes``.
"""

import http.client
import json
import os
import time
from collections.abc import Iterable, Mapping
from urllib.parse import SplitResult, urlsplit
from xml.etree.ElementTree import Element

from wsrf_activity.cli import envelopes
from wsrf_activity.cli.activities import Activity, Reference, parse_reference
from wsrf_activity.cli.problems import Denied, Fault, NoSuchActivity, Problem, Unreachable, Usage

CONNECT = 10.0  #: seconds to find out whether anybody listens
ANSWER = 60.0  #: seconds that an answer may take beyond what was asked for
WAIT = 50.0  #: seconds of one Wait; the server's own cap is of that size
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
UNAVAILABLE = frozenset({502, 503, 504})  #: a server that starts or stops, or the proxy before it


def default_data() -> str:
    """Return the server's default data directory, as platformdirs computes it on Linux."""
    home = os.environ.get("XDG_DATA_HOME", "").strip() or os.path.expanduser("~/.local/share")
    return os.path.join(home, "wsrf-activity")


class Options:
    """Where to look for the server, as the person said it: options first, then ``WSRF_ACTIVITY_*``."""

    def __init__(self, data: str | None = None, url: str | None = None, token: str | None = None) -> None:
        environment = os.environ
        self.own_data = data is not None
        self.data = data or environment.get("WSRF_ACTIVITY_DATA") or default_data()
        self.url = (url or environment.get("WSRF_ACTIVITY_URL") or "").rstrip("/") or None
        self.token = token
        self.shared_token = environment.get("WSRF_ACTIVITY_TOKEN") or None

    def announced(self) -> str | None:
        """Return the base URL that the server of this data directory wrote down, if it did."""
        try:
            with open(os.path.join(self.data, "server.json"), encoding="utf-8") as file:
                return str(json.load(file)["base_url"]).rstrip("/")
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def token_for(self, base: str) -> str | None:
        """Return the token for the server at ``base``; one that is meant for another is never sent there."""
        if self.token:
            return self.token
        announced = self.announced()
        known = self.url or announced
        if self.shared_token and known and _origin(known) == _origin(base):
            return self.shared_token
        paired = self.own_data and self.url is not None and _origin(self.url) == _origin(base)
        if paired or (announced and _origin(announced) == _origin(base)):
            return self._stored_token()
        return None

    def _stored_token(self) -> str | None:
        try:
            with open(os.path.join(self.data, "token"), encoding="ascii") as file:
                return file.read().strip() or None
        except (OSError, ValueError):
            return None


def split_base(base: str) -> SplitResult:
    """Take a base URL apart. Raises Usage for what is none."""
    try:
        parts = urlsplit(base)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise Usage(f"{base!r} is no http or https address")
    return urlsplit(base)


def _origin(base: str) -> tuple[str, str, int]:
    parts = split_base(base)
    host = "localhost" if parts.hostname in LOOPBACK else parts.hostname or ""
    return parts.scheme, host, parts.port or (443 if parts.scheme == "https" else 80)


class Server:
    """A server that can be called. Not for several threads at once, except ``open``."""

    def __init__(self, options: Options, base: str | None = None) -> None:
        """Find the server at ``base``, or the one that the options name. Raises Unreachable."""
        self._options = options
        announced = options.announced()
        self._moves = options.url is None and (base is None or base == announced)
        found = base or options.url or announced
        if found is None:
            raise Unreachable(f"no server at {options.data}: start one with `wsrf-activity serve`")
        self.reached = False  #: whether it was ever there: only then is it worth waiting for
        self._kept: http.client.HTTPConnection | None = None
        self._aim(found)

    def _aim(self, base: str) -> None:
        self.base = base
        self._parts = split_base(base)
        self._token = self._options.token_for(base)

    def refresh(self) -> None:
        """Look again where the server is: one that was started again may listen on another port."""
        self._kept = None
        announced = self._options.announced() if self._moves else None
        if announced and announced != self.base:
            self._aim(announced)

    def address(self, identifier: str) -> str:
        """Return the address of an activity."""
        return f"{self.base}/activity/{identifier}"

    def connect(self) -> http.client.HTTPConnection:
        """Return a new connection to the server. Raises Unreachable."""
        kind = http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(self._parts.hostname or "", self._parts.port, timeout=CONNECT, blocksize=1 << 16)
        try:
            connection.connect()
        except OSError as error:
            raise self.unreachable(error) from error
        self.reached = True
        return connection

    def unreachable(self, error: BaseException) -> Unreachable:
        """Return what to tell a person whom ``error`` cut off from the server."""
        if self._moves and not self.reached:
            return Unreachable(f"no server at {self.base}: start one with `wsrf-activity serve`")
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return Unreachable(f"no answer from {self.base}: {reason}")

    def open(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: Iterable[bytes] | None = None,
    ) -> http.client.HTTPResponse:
        """Return the answer to one request on its own connection, still to be read; a body goes chunked."""
        connection = self.connect()
        connection.sock.settimeout(ANSWER)
        try:
            response = self._exchange(connection, method, path, {"Connection": "close", **(headers or {})}, body)
            if connection.sock is not None:
                # From here on the answer alone holds the socket open, and closes it.
                connection.sock.close()
            return response
        except BaseException:
            connection.close()
            raise

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: Iterable[bytes] | bytes | None,
    ) -> http.client.HTTPResponse:
        sent = dict(headers)
        if self._token:
            sent["Authorization"] = f"Bearer {self._token}"
        chunked = body is not None and not isinstance(body, bytes)
        if chunked:
            sent["Transfer-Encoding"] = "chunked"
        try:
            try:
                connection.request(method, self._parts.path + path, body, sent, encode_chunked=chunked)
            except (BrokenPipeError, ConnectionResetError):
                if not chunked:
                    raise
                # A server that refuses a body says so and hangs up; its answer is still to be read.
            return connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise self.unreachable(error) from error

    def call(self, identifier: str | None, body: str, within: float = 0.0) -> Element:
        """Return the body of the answer to a SOAP call on an activity, or on the service where that is None.

        ``within`` is how many seconds the server was asked to take at most. Raises Problem.
        """
        path = "/activity" if identifier is None else f"/activity/{identifier}"
        status, answer = self._post(path, body, within + ANSWER)
        if status in UNAVAILABLE:
            raise Unreachable(f"{self.base} answers HTTP {status}: it starts, stops, or is not there")
        try:
            return envelopes.body_of(answer)
        except NoSuchActivity as unknown:
            raise NoSuchActivity(unknown.name, f"no such activity: {identifier}") from None
        except Fault:
            raise
        except Problem as problem:
            raise self.refused(status) or problem from None

    def refused(self, status: int) -> Denied | None:
        """Return what an HTTP status says about who may do what."""
        if status == 401 and not self._token:
            return Denied(f"{self.base} wants a token: give --token, or the server's --data directory")
        if status in (401, 403):
            return Denied(f"{self.base} does not accept this token" if status == 401 else "not permitted")
        return None

    def _post(self, path: str, body: str, timeout: float) -> tuple[int, bytes]:
        kept, self._kept = self._kept, None
        if kept is not None:
            try:
                return self._post_on(kept, path, body, timeout)
            except Unreachable as problem:
                if isinstance(problem.__cause__, TimeoutError):
                    raise
                # The server closes idle connections: that says nothing about whether it is there.
        return self._post_on(self.connect(), path, body, timeout)

    def _post_on(
        self, connection: http.client.HTTPConnection, path: str, body: str, timeout: float
    ) -> tuple[int, bytes]:
        headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{envelopes.action(body)}"'}
        try:
            connection.sock.settimeout(timeout)
            response = self._exchange(connection, "POST", path, headers, envelopes.envelope(body))
            answer = self.read(response)
        except BaseException:
            connection.close()
            raise
        if not response.will_close:
            self._kept = connection
        return response.status, answer

    def read(self, response: http.client.HTTPResponse) -> bytes:
        """Return the whole of a short answer. Raises Unreachable where it breaks off."""
        try:
            return response.read()
        except (OSError, http.client.HTTPException) as error:
            raise self.unreachable(error) from error

    def put_input(self, blocks: Iterable[bytes]) -> str:
        """Stream an input to the server and return its address there. Raises Problem."""
        response = self.open("PUT", "/input", {"Content-Type": "application/octet-stream"}, blocks)
        with response:
            text = self.read(response).decode("utf-8", "replace").strip()
        if response.status in UNAVAILABLE:
            raise Unreachable(f"{self.base} answers HTTP {response.status}")
        if response.status != 201:
            line = " ".join(text.split())[:200]
            raise self.refused(response.status) or Problem(f"input refused: HTTP {response.status} {line}")
        return response.getheader("Location") or text


class Patience:
    """How long a server that went away is waited for: ``limit`` seconds without an answer, not in all."""

    def __init__(self, server: Server, limit: float) -> None:
        self._server = server
        self._limit = limit
        self._since: float | None = None
        self._pause = 0.1

    def answered(self) -> None:
        """Note that the server is there."""
        self._since = None
        self._pause = 0.1

    def lost(self, problem: Unreachable) -> None:
        """Pause before another attempt. Raises ``problem`` once the patience is over."""
        now = time.monotonic()
        self._since = self._since or now
        if not self._server.reached or now - self._since >= self._limit:
            raise problem
        self.idle()
        self._server.refresh()

    def idle(self) -> None:
        """Pause before asking again a server that is there but has no news."""
        time.sleep(self._pause)
        self._pause = min(self._pause * 1.5, 3.0)

    def call(self, identifier: str | None, body: str, within: float = 0.0) -> Element:
        """Call as Server.call does, however often it has to be asked. Only for what may be repeated."""
        while True:
            try:
                answer = self._server.call(identifier, body, within)
            except Unreachable as problem:
                self.lost(problem)
            else:
                self.answered()
                return answer

    def activity(self, identifier: str) -> Activity:
        """Return the resource property document. Raises NoSuchActivity."""
        return Activity(self.call(identifier, envelopes.get_document())[0])

    def wait_for_end(self, identifier: str, each: float = WAIT, limit: float | None = None) -> bool:
        """Return True when the activity has ended, False at ``limit``; ask at least every ``each`` seconds.

        Raises Problem.
        """
        until = None if limit is None else time.monotonic() + limit
        while True:
            if until is not None:
                each = min(each, max(0.0, until - time.monotonic()))
            asked = time.monotonic()
            answer = self.call(identifier, envelopes.wait(each), within=each)
            if answer.findtext(f"{{{envelopes.ACT}}}Status") == "Ended":
                return True
            if until is not None and time.monotonic() >= until:
                return False
            # A server whose cap is tiny must not be asked in a tight loop.
            time.sleep(max(0.0, min(each, 1.0) - (time.monotonic() - asked)))


def locate(options: Options, text: str) -> tuple[Server, Reference]:
    """Return the server of the activity that ``text`` names, and which it is. Raises Problem."""
    reference = parse_reference(text)
    return Server(options, reference.base), reference
