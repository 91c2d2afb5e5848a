"""Never an open proxy: what a client may reach through us, judged on the address really connected to.

    hook                 asks                              against
    client_connected     client_allowed                    strangers on a listener that is not loopback
    http_connect         await resolver.refuse_reason      ports and addresses, in time for a page of our own
    request              the same; LoopGuard               the same; a loop that comes back through another machine
    server_connect       reach.judge_server, going_to      literal addresses: asyncio asks no resolver for those
    (asyncio connects)   Resolver.getaddrinfo              everything else: what it returns *is* what is connected to

The last two rows are the lock (resolver.py), the others only say no earlier and more politely.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final, Literal

from sfs.proxy.own_addresses import is_own_address
from sfs.text.address import Address, Kind, Network, ReachEntry, parse_address, plain_class, readings

type Reason = Literal["address", "loop", "port", "name", "busy"]

# https and wss: their own port, the ports that Cloudflare documents for HTTPS, and 8443. Browsers send ws:// as CONNECT
# to port 80.
CONNECT_PORTS: Final = frozenset({80, 443, 2053, 2083, 2087, 2096, 8443})
# The ports that no browser opens (WHATWG Fetch, "bad ports"): a web page must not be able to speak SMTP or IRC.
BAD_PORTS: Final = frozenset(
    chain(
        (0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95),
        (101, 102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465),
        (512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995),
        (1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, *range(6665, 6670), 6679, 6697, 10080),
    )
)

_NOBODY: Final = frozenset({Kind.UNSPECIFIED, Kind.MULTICAST})
_INNER: Final = frozenset({Kind.PRIVATE, Kind.RESERVED})
_CLIENT_KINDS: Final = frozenset({Kind.LOOPBACK, Kind.LINK_LOCAL, Kind.PRIVATE})


def client_allowed(peer_ip: str, listen_is_loopback: bool, named_networks: Iterable[Network] = ()) -> bool:
    """Whether to serve the client at `peer_ip` (as in `peername`) at all. A loopback listener serves whoever can reach
    it; any other one the private ranges, link-local, and `named_networks` (the `clients` of groups)."""
    ip = parse_address(peer_ip)
    if ip is None:
        return False
    ip = ip.ipv4_mapped or ip if ip.version == 6 else ip  # a listener for both families sees IPv4 clients so
    return listen_is_loopback or plain_class(ip) in _CLIENT_KINDS or any(ip in network for network in named_networks)


@dataclass(frozen=True, slots=True)
class Reach:
    """What clients may reach, beside the public internet.

    `entries`: the key `reach`. `proxy_ports`, `other_ports`: where we listen ourselves; the proxy's are refused on
    every address of this machine, whatever `entries` say, the others (admin page, bureau) unless an entry names both
    address and port. `private`: other machines of the inner network. `machine`: this machine's own outer addresses;
    closed, since what comes by way of us counts as local to services and firewalls here."""

    entries: tuple[ReachEntry, ...] = ()
    proxy_ports: frozenset[int] = frozenset()
    other_ports: frozenset[int] = frozenset()
    private: bool = True
    machine: bool = False
    owns: Callable[[Address], bool] = is_own_address

    def with_ports(self, proxy: Iterable[int], others: Iterable[int] = ()) -> "Reach":
        """The same, once the ports are known on which we listen."""
        return replace(self, proxy_ports=frozenset(proxy), other_ports=frozenset(others))

    def allowed(self, ip: str, port: int, connect: bool = False) -> Reason | None:
        """None where a client may be connected to `ip` (any spelling, with or without zone) and `port`; else why not:
        `loop` (the proxy itself), `address`, `port`. `connect`: by CONNECT, so that we cannot see what it speaks."""
        address = parse_address(ip)
        if address is None:
            return "address"
        for reading in readings(address):
            if reason := self._judge(reading, port, connect):
                return reason
        return None

    def judge_server(self, address: tuple[str, int], udp: bool = False, connect: bool = False) -> Reason | None:
        """The part of the lock for `server_connect`: literal addresses, of which asyncio asks no resolver. Names pass,
        the resolver judges them; but UDP (HTTP/3) is resolved where we cannot look, so there names are refused."""
        if parse_address(address[0]) is None:
            return "address" if udp else None
        return self.allowed(*address[:2], connect=connect)

    def is_self(self, ip: str, port: int) -> bool:
        """Whether the proxy itself answers at `ip` and `port`."""
        address = parse_address(ip)
        return port in self.proxy_ports and address is not None and any(self.owns(one) for one in readings(address))

    def names_port(self, *ports: int | None) -> bool:
        """Whether an entry has one of `ports`; None stands for an entry without a port."""
        return any(entry.port in ports for entry in self.entries)

    def _judge(self, ip: Address, port: int, connect: bool) -> Reason | None:
        kind = plain_class(ip)
        own_port = port in self.proxy_ports or port in self.other_ports
        own = (own_port or not self.machine) and self.owns(ip)
        if own and port in self.proxy_ports:
            return "loop"
        if kind in _NOBODY:
            return "address"
        # Secrets and own pages open to an entry that means them, never to a network that happens to hold them.
        only_single = kind is Kind.METADATA or (own and own_port)
        named = [
            entry
            for entry in self.entries
            if entry.covers(ip, port) and (entry.single or not only_single) and (entry.port or not (own and own_port))
        ]
        if not named and (own or not (kind is Kind.PUBLIC or (self.private and kind in _INNER))):
            return "address"
        if port in BAD_PORTS and not any(entry.port for entry in named):
            return "port"
        return "port" if connect and port not in CONNECT_PORTS and not named else None


def connect_port_allowed(port: int, reach: Reach) -> bool:
    """Whether CONNECT to `port` can be allowed at all. A port outside CONNECT_PORTS is open only at the addresses of an
    entry that names it, or names no port: `Reach.allowed(..., connect=True)` has the last word."""
    return port in CONNECT_PORTS or (plain_port_allowed(port, reach) and reach.names_port(port, None))


def plain_port_allowed(port: int, reach: Reach) -> bool:
    """Whether plain HTTP to `port` can be allowed at all: any but those no browser opens, and what an entry names."""
    return 0 < port < 65536 and (port not in BAD_PORTS or reach.names_port(port))
