"""A client of the websocket that shows what changes."""

import json
from collections.abc import Callable
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.server import TIMEOUT, Server


def socket(server: Server, token: str, group: str | None = None, origin: str | None = None) -> ClientConnection:
    url = server.base.replace("http", "ws") + "/updates" + (f"?group={group}" if group else "")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return connect(url, additional_headers=headers, origin=origin, proxy=None)  # type: ignore[arg-type]  # any text


def frames(connection: ClientConnection, until: Callable[[str, dict[str, Any]], bool]) -> list[tuple[str, Any]]:
    """Return the frames up to the one that is waited for."""
    found = []
    while True:
        [(verb, job)] = json.loads(connection.recv(TIMEOUT)).items()
        found.append((verb, job))
        if until(verb, job):
            return found
