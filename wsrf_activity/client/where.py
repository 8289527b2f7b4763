"""Where the server is and what token it wants, found as `acjob` finds them. Nothing is sent from here."""

import json
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

import platformdirs

from wsrf_activity.client.errors import Unreachable

#: What follows a server's own address where somebody has taken that of its WSDL, or of its activities.
_BELOW = re.compile(r"/activity$|/(activity|service/[^/?]+)\?(wsdl|singleWsdl)$")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port; all names of loopback are one. Raises ValueError for what is no HTTP address."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError(f"{url!r} is no http or https address")
    host = "localhost" if parts.hostname in _LOOPBACK else parts.hostname
    return parts.scheme, host, parts.port or (443 if parts.scheme == "https" else 80)


class Where:
    """One server: given by its address, or the one that runs here. It may come back at another port."""

    def __init__(self, url: str | None = None, token: str | None = None, data: "str | os.PathLike[str] | None" = None):
        """Take what was given; ``WSRF_ACTIVITY_URL``, ``_TOKEN`` and ``_DATA`` stand in for what was not.

        Raises Unreachable where no server is known, ValueError for an address that is none.
        """
        environment = os.environ
        given = url or environment.get("WSRF_ACTIVITY_URL") or None
        own_data = data is not None
        self._data = Path(data or environment.get("WSRF_ACTIVITY_DATA") or platformdirs.user_data_path("wsrf-activity"))
        self._token = token
        self._shared = environment.get("WSRF_ACTIVITY_TOKEN") or None
        self._moves = given is None
        self._paired = own_data and given is not None
        found = given or self._announced()
        if found is None:
            raise Unreachable(f"no server at {self._data}: start one with `wsrf-activity serve`, or name its address")
        self.base = _BELOW.sub("", found.rstrip("/"))
        self._former = [self.base]
        origin(self.base)

    @property
    def here(self) -> bool:
        """Whether it is on this machine, where no proxy helps."""
        return origin(self.base)[1] == "localhost"

    def refresh(self) -> None:
        """Look again: a server that was started anew may listen at another port."""
        announced = self._announced() if self._moves else None
        if announced is not None and announced != self.base:
            self.base = announced
            self._former.append(announced)

    def origin(self, address: str) -> str:
        """Return which server an address is of: nothing for this one, wherever it is and was."""
        return "" if self._below(address) is not None else "{}://{}:{}".format(*origin(address))

    def current(self, address: str) -> str:
        """Return an address below where the server was as one below where it is."""
        below = self._below(address)
        return address if below is None else self.base + below

    def _below(self, address: str) -> str | None:
        """Return the path of an address below where the server is, or was."""
        found = (base for base in self._former if address == base or address.startswith(f"{base}/"))
        return next((address[len(base) :] for base in found), None)

    def headers(self, url: str) -> dict[str, str]:
        """Return what logs in at ``url``. A token is never sent to another server than its own.

        Raises Unreachable while a server that was found here is being started anew, and so says nothing of itself.
        """
        token = self._token_for(url)
        return {"Authorization": f"Bearer {token}"} if token else {}

    def _token_for(self, url: str) -> str | None:
        if origin(url) != origin(self.base):
            return None
        if self._token or self._shared:
            return self._token or self._shared
        announced = self._announced()
        if announced is None and self._moves:
            raise Unreachable(f"the server at {self._data} is down, or just being started: try again")
        ours = announced is not None and origin(announced) == origin(self.base)
        return self._stored() if ours or self._paired else None

    def _announced(self) -> str | None:
        try:
            return str(json.loads((self._data / "server.json").read_bytes())["base_url"]).rstrip("/")
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _stored(self) -> str | None:
        try:
            return (self._data / "token").read_text("ascii").strip() or None
        except (OSError, ValueError):
            return None
