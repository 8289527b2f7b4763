"""WS-Security 1.1 as far as a UsernameToken goes: many SOAP toolkits can log in no other way. Nothing is signed,
encrypted or verified here but the password, which is the server's token.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from wsrf_activity.model import ns
from wsrf_activity.model.lifetime import parse_time
from wsrf_activity.soap.faults import SENDER, Fault, SoapProblem

SECURITY = f"{{{ns.WSSE}}}Security"
_TOKEN = f"{{{ns.WSSE}}}UsernameToken"
_PASSWORD = f"{{{ns.WSSE}}}Password"
_TIMESTAMP = f"{{{ns.WSU}}}Timestamp"
_TEXT = "PasswordText"  #: what the type's URI ends in (UsernameToken Profile 1.1, section 3.1); it is the default


@dataclass(frozen=True, slots=True)
class UsernameToken:
    """What a message says of who sends it."""

    password: str


def understood(block: etree._Element) -> bool:
    """Whether a Security header has nothing in it but what is read here."""
    return block.tag == SECURITY and all(child.tag in (_TOKEN, _TIMESTAMP) for child in block)


def read(blocks: Iterable[etree._Element], now: datetime) -> UsernameToken | None:
    """Return the message's credentials, None where it has none.

    A Security header that holds anything else, a signature say, is not for us, and must not be understood. Raises
    SoapProblem for a message that has expired, and for credentials that cannot be checked here.
    """
    headers = [block for block in blocks if understood(block)]
    if not headers:
        return None
    tokens = [child for block in headers for child in block if child.tag == _TOKEN]
    for block in headers:
        _check_age(block, now)
    if not tokens:
        return None
    if len(tokens) > 1:
        raise refused("InvalidSecurity", "a message may have one wsse:UsernameToken")
    password = tokens[0].find(_PASSWORD)
    if password is None:
        raise refused("FailedAuthentication", "the wsse:UsernameToken has no wsse:Password; send the server's token")
    if (password.get("Type") or _TEXT).strip().rpartition("#")[2] != _TEXT:
        # Of a token only its digest is kept, so that a digest of it with a nonce cannot be computed.
        raise refused("UnsupportedSecurityToken", "only PasswordText is accepted; use HTTPS where others can listen")
    return UsernameToken((password.text or "").strip())


def refused(code: str, reason: str) -> SoapProblem:
    """Return one of WS-Security's own faults (WS-Security 1.1, section 12)."""
    subcode = f"{{{ns.WSSE}}}{code}"
    return SoapProblem(Fault(code=SENDER, reason=reason, action=ns.SOAP_FAULT_ACTION, subcodes=(subcode,)))


def _check_age(block: etree._Element, now: datetime) -> None:
    """Refuse a message whose own time is over (WS-Security 1.1, section 10)."""
    expires = block.findtext(f"{_TIMESTAMP}/{{{ns.WSU}}}Expires")
    if expires is None:
        return
    try:
        over = parse_time(expires.strip()) <= now
    except ValueError:
        raise refused("InvalidSecurity", "wsu:Expires is no time") from None
    if over:
        raise refused("MessageExpired", "the message has expired; see that the clocks of both sides agree")
