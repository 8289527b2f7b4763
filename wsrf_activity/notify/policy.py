"""Which addresses the server may call because a client has named them: rules over schemes, hosts and networks.

Nothing is resolved or sent here; ``callbacks`` does that and asks these rules about what it found.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

SCHEMES: Final = frozenset({"http", "https"})  #: there are no others, whatever a policy says
#: Networks that have a name. "public" is the third: all that is reachable from everywhere.
NAMED: Final[dict[str, tuple[Network, ...]]] = {
    "loopback": (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128")),
    "private": tuple(map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"))),
}
PUBLIC: Final = "public"
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_LABEL = "[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_ACCEPTED = "10.0.0.0/8, example.org, *.example.org, http, https, loopback, private, public"


@dataclass(frozen=True, slots=True)
class Rules:
    """What one list of a policy names."""

    schemes: frozenset[str] = frozenset()
    hosts: frozenset[str] = frozenset()  #: names, and ``*.name`` for all names below one
    networks: tuple[Network, ...] = ()
    public: bool = False

    @classmethod
    def parse(cls, entries: Iterable[str]) -> "Rules":
        """Read the entries of a list; raises ValueError for one that is no network, host or scheme."""
        rules = cls()
        for entry in entries:
            rules = rules._with(entry.strip().lower())
        return rules

    def _with(self, entry: str) -> "Rules":
        if entry in SCHEMES:
            return replace(self, schemes=self.schemes | {entry})
        if entry == PUBLIC:
            return replace(self, public=True)
        found = NAMED.get(entry) or _network(entry)
        if found:
            return replace(self, networks=self.networks + found)
        name = entry.removeprefix("*.").removesuffix(".")
        if not _HOST.fullmatch(name) or name.rpartition(".")[2].isdigit():
            raise ValueError(f"{entry!r} is no network, host or scheme; accepted: {_ACCEPTED}")
        return replace(self, hosts=self.hosts | {f"*.{name}" if entry.startswith("*.") else name})

    @property
    def names_places(self) -> bool:
        """Whether there is more in the list than schemes."""
        return bool(self.hosts or self.networks or self.public)

    def has_host(self, host: str) -> bool:
        """Whether a name is in the list, itself or by ``*.`` and a name above it."""
        labels = host.split(".")
        above = (".".join(labels[at:]) for at in range(1, len(labels)))
        return host in self.hosts or any(f"*.{name}" in self.hosts for name in above)

    def has_address(self, address: IPAddress) -> bool:
        """Whether an address is in one of the networks of the list."""
        if any(address in network for network in self.networks):
            return True
        return self.public and address.is_global and not address.is_multicast


_EVERYWHERE = Rules(SCHEMES, public=True)
_HERE = Rules(SCHEMES, networks=NAMED["loopback"] + NAMED["private"])


@dataclass(frozen=True, slots=True)
class CallbackPolicy:
    """Where the server may send what it was not asked for on the same connection."""

    allow: Rules = _HERE
    deny: Rules = field(default_factory=Rules)

    @classmethod
    def of(cls, allow: Rules, deny: Rules, *, local: bool) -> "CallbackPolicy":
        """Return the policy of a server, which is ``local`` if only this machine reaches it.

        Schemes and places that ``allow`` names take the place of the usual ones: http and https; loopback and private
        networks for a local server, public addresses for any other. ``deny`` takes away from either.
        """
        usual = _HERE if local else _EVERYWHERE
        if allow.names_places:
            usual = replace(allow, schemes=SCHEMES)
        return cls(replace(usual, schemes=allow.schemes or SCHEMES), deny)

    @property
    def closed(self) -> bool:
        """Whether nobody is ever called."""
        return not self.allow.schemes - self.deny.schemes

    def admits_name(self, scheme: str, host: str) -> bool:
        """Whether something at this host may be called, as far as that can be known before it is resolved."""
        return scheme in self.allow.schemes - self.deny.schemes and not self.deny.has_host(host)

    def admits_address(self, host: str, address: IPAddress) -> bool:
        """Whether a host may be called at an address; a host that is allowed by its name may be anywhere."""
        faces = _faces(address)
        if any(self.deny.has_address(face) for face in faces):
            return False
        return self.allow.has_host(host) or all(self.allow.has_address(face) for face in faces)


def _network(entry: str) -> tuple[Network, ...]:
    """An address alone is a network of one; a prefix with bits set behind it is more likely a mistake than meant."""
    try:
        return (ipaddress.ip_network(entry),)
    except ValueError as error:
        if "host bits" in str(error):
            raise
        return ()


def _faces(address: IPAddress) -> tuple[IPAddress, ...]:
    """Return all that an address stands for: IPv6 has several ways to write, or to tunnel to, an address of IPv4."""
    if isinstance(address, ipaddress.IPv4Address):
        return (address,)
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    inner = [address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return (address, *(face for face in inner if face is not None))
