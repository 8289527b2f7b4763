"""Names and certificates that there are for a test alone."""

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest


class Names:
    """A resolver that knows what a test tells it, and counts."""

    def __init__(self, **names: Sequence[str]) -> None:
        self.names = names
        self.asked = 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        await asyncio.sleep(0)
        if host not in self.names:
            raise OSError("no such name")
        return self.names[host]


class Certificate(NamedTuple):
    """A certificate for the name ``consumer``."""

    context: ssl.SSLContext  #: of who shows it
    trust: Callable[[], ssl.SSLContext]  #: of who believes it


def make_certificate(folder: Path) -> Certificate:
    """Return a new one that signs itself; skips the test where there is nothing to make it with."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=consumer -addext subjectAltName=DNS:consumer"
    made = [*command.split(), "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(made, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return Certificate(context, lambda: ssl.create_default_context(cafile=certificate))
