"""The limit of delivering: POSTs of one body to many addresses with the same HTTP library, and nothing else."""

import asyncio
import json
import ssl
import sys
import time
from collections.abc import Sequence

import httpx
import uvloop


async def post(addresses: Sequence[str], content: bytes, seconds: float) -> float:
    """Return how many POSTs per second are answered, one at a time to each address.

    Each address has a client of its own: one for all takes several times as long, looking for its connections.
    """
    done = 0
    trust = ssl.create_default_context()
    began = time.monotonic()

    async def go_on(address: str) -> None:
        nonlocal done
        headers = {"content-type": "text/xml; charset=utf-8"}
        async with httpx.AsyncClient(verify=trust, trust_env=False) as client:
            while time.monotonic() - began < seconds:
                (await client.post(address, content=content, headers=headers)).raise_for_status()
                done += 1

    await asyncio.gather(*map(go_on, addresses))
    return done / (time.monotonic() - began)


if __name__ == "__main__":
    given = json.load(sys.stdin)
    print(uvloop.run(post(given["addresses"], given["content"].encode(), given["seconds"])))
