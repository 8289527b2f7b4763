"""The limit of delivering: POSTs of one body to many addresses by the same client, and nothing else."""

import asyncio
import json
import ssl
import sys
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

import uvloop

from wsrf_activity.notify.connections import Connections
from wsrf_activity.notify.posting import Place

_HEADERS = {"content-type": "text/xml; charset=utf-8"}


async def post(addresses: Sequence[str], content: bytes, seconds: float) -> float:
    """Return how many POSTs per second are answered, one at a time to each address, on a connection of its own."""
    done = 0
    connections = Connections(ssl.create_default_context)
    began = time.monotonic()

    async def go_on(address: str) -> None:
        nonlocal done
        to = urlsplit(address)
        name, port = to.hostname or "", to.port or 80
        connection = await connections.fresh(Place("http", name, port, name))
        headers = {"host": to.netloc, **_HEADERS}
        while time.monotonic() - began < seconds:
            answer = await connection.post(to.path.encode(), headers, content)
            if answer.status != 202:
                raise RuntimeError(f"a consumer answered {answer.status}")
            done += 1
        connection.close()

    await asyncio.gather(*map(go_on, addresses))
    return done / (time.monotonic() - began)


if __name__ == "__main__":
    given = json.load(sys.stdin)
    print(uvloop.run(post(given["addresses"], given["content"].encode(), given["seconds"])))
