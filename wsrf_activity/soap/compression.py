"""Answers made smaller for clients that accept it. How requests are unpacked is the transport's matter."""

import gzip

from starlette.requests import Request
from starlette.responses import Response

_WORTH_COMPRESSING = 2048  #: bytes: less fits into a packet or two as it is


def compressed(response: Response, request: Request) -> Response:
    """Compress what is worth it for a client that accepts it (RFC 9110, section 12.5.3)."""
    response.raw_headers.append((b"vary", b"accept-encoding"))
    if len(response.body) >= _WORTH_COMPRESSING and _accepts_gzip(request.headers.get("accept-encoding", "")):
        response.body = gzip.compress(response.body, compresslevel=1, mtime=0)
        response.headers["content-encoding"] = "gzip"
        response.headers["content-length"] = str(len(response.body))
    return response


def _accepts_gzip(accepted: str) -> bool:
    for choice in accepted.lower().split(","):
        coding, _, weight = choice.partition(";")
        if coding.strip() in ("gzip", "x-gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
