"""The signature by which a consumer knows that a message is the server's, and new. No I/O."""

import hmac
import re
from typing import Final

HEADER: Final = "x-wsrf-activity-signature"
WINDOW: Final = 300.0  #: seconds that the two clocks may differ, and a message may be on its way
_SIGNED: Final = re.compile(r"t=([0-9]{1,12}),sha256=([0-9a-f]{64})")


def is_signed(header: str | None, body: bytes, secret: str, now: float) -> bool:
    """Whether a message has the header of one who knows the secret, made at about ``now``, in Unix seconds.

    The header is ``t=<Unix seconds>,sha256=<HMAC in hex>``; what is signed is ``<Unix seconds>.`` and the body.
    """
    read = _SIGNED.fullmatch((header or "").strip())
    if read is None:
        return False
    made, said = read.groups()
    expected = hmac.new(secret.encode(), f"{made}.".encode() + body, "sha256").hexdigest()
    return hmac.compare_digest(said, expected) and abs(now - int(made)) <= WINDOW
