"""IP addresses: every spelling that a browser or a resolver takes, what hides inside one, and what kind it is.

    spelling   127.1  2130706433  0x7f.0.0.1  0177.0.0.1  [::1]  fe80::1%eth0  full-width digits   -> parse_address
    hiding     ::ffff:127.0.0.1  64:ff9b::7f00:1  2002:7f00:1::  ...   one destination, several readings -> readings
    kind       the worst of all readings: a public-looking address that ends at loopback is loopback -> address_class

The kinds have tables of their own: `ipaddress.is_private` changed its mind between Python releases.
"""

import ipaddress
import string
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

from sfs.errors import RuleError, Where

type Address = IPv4Address | IPv6Address
type Network = IPv4Network | IPv6Network

MAX_SPELLING = 256  # characters; no host name that a proxy hands on is longer (253 in DNS, and brackets)
MEMO = 4096  # the same few addresses are judged for every request
MAX_REACH_LINE = 128  # characters; the longest entry, a full IPv6 network with a port, has 54


class Kind(StrEnum):
    """What kind of address it is, the worst first: a destination with several readings is of the worst kind."""

    METADATA = "metadata"  # where a cloud tells its machines their secrets
    LOOPBACK = "loopback"
    UNSPECIFIED = "unspecified"
    LINK_LOCAL = "link-local"
    MULTICAST = "multicast"  # and the broadcast address
    PRIVATE = "private"  # RFC 1918, ULA, site-local
    RESERVED = "reserved"  # not public, but in use inside some networks: carrier NAT, benchmarks, examples, class E
    PUBLIC = "public"


# Where clouds tell a machine its own secrets. Most lie in link-local space; these sets make them "metadata", which no
# network in `reach` opens, only the address itself. AWS, Azure, GCP, Oracle, Alibaba, Scaleway, Tencent.
_METADATA: Final[frozenset[Address]] = frozenset(
    ipaddress.ip_address(text)
    for texts in (
        "169.254.169.254 169.254.170.2 169.254.170.23 169.254.169.253 169.254.169.250 169.254.0.23 169.254.42.42",
        "100.100.100.200 192.0.0.192 168.63.129.16",
        "fd00:ec2::254 fd00:ec2::253 fd00:ec2::23 fd20:ce::254 fd00:c1::a9fe:a9fe fd00:42::42",
    )
    for text in texts.split()
)
# IANA special-purpose registries (RFC 6890 and its updates). The first row that holds the address answers.
_V4_KINDS: Final[tuple[tuple[IPv4Network, Kind], ...]] = tuple(
    (IPv4Network(text), kind)
    for kind, texts in (
        (Kind.UNSPECIFIED, "0.0.0.0/8"),  # Linux takes 0.0.0.0 for this machine
        (Kind.LOOPBACK, "127.0.0.0/8"),
        (Kind.LINK_LOCAL, "169.254.0.0/16"),
        (Kind.PRIVATE, "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16"),
        (Kind.MULTICAST, "224.0.0.0/4 255.255.255.255/32"),
        (Kind.RESERVED, "100.64.0.0/10 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 198.18.0.0/15 198.51.100.0/24"),
        (Kind.RESERVED, "203.0.113.0/24 240.0.0.0/4"),
    )
    for text in texts.split()
)
_V6_KINDS: Final[tuple[tuple[IPv6Network, Kind], ...]] = tuple(
    (IPv6Network(text), kind)
    for kind, texts in (
        (Kind.UNSPECIFIED, "::/128"),
        (Kind.LOOPBACK, "::1/128"),
        (Kind.LINK_LOCAL, "fe80::/10"),
        (Kind.PRIVATE, "fc00::/7 fec0::/10"),
        (Kind.MULTICAST, "ff00::/8"),
        (Kind.PUBLIC, "2001::/32"),  # Teredo: judged by the address inside
        (Kind.RESERVED, "2001::/23 2001:db8::/32 3fff::/20"),
        (Kind.PUBLIC, "2000::/3"),
        (Kind.RESERVED, "::/0"),
    )
    for text in texts.split()
)
_WORST_FIRST: Final = tuple(Kind)
_SIXTOFOUR: Final = IPv6Network("2002::/16")  # RFC 3056
_TEREDO: Final = IPv6Network("2001::/32")  # RFC 4380
_NAT64_LOCAL: Final = IPv6Network("64:ff9b:1::/48")  # RFC 8215
# An IPv4 destination in other words: nothing of the outer address remains on the way. v4-mapped, v4-compatible,
# NAT64 (RFC 6052), IPv4-translated (RFC 2765).
_LAST_32: Final = tuple(IPv6Network(text) for text in ("::ffff:0:0/96", "::/96", "64:ff9b::/96", "::ffff:0:0:0/96"))

# What host name preparation drops without a trace (RFC 3454 table B.1), so that 127<soft hyphen>.1 is 127.1.
_NOTHING: Final = dict.fromkeys(
    (0xAD, 0x34F, 0x1806, *range(0x180B, 0x180E), *range(0x200B, 0x200E), 0x2060, *range(0xFE00, 0xFE10), 0xFEFF)
)
_DOTS: Final = str.maketrans("。．｡", "...")


@lru_cache(MEMO)
def parse_address(text: str) -> Address | None:
    """The address that a browser or a resolver reads in `text`, or None: then it is a name, or nothing.

    IPv4 as WHATWG URL ("IPv4 parser") and inet_aton: one to four parts, each decimal, octal or hexadecimal, the last
    one filling what is left; one final dot. IPv6 with or without brackets; a zone (%eth0) is dropped."""
    if len(text) > MAX_SPELLING:
        return None
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text.translate(_DOTS).translate(_NOTHING)).translate(_DOTS)
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    if ":" in text:
        try:
            return IPv6Address(text.partition("%")[0])
        except ValueError:
            return None
    return _parse_ipv4(text)


def written_address(text: str) -> Address | None:
    """The address in `text` where it is written as people write one, in full, else None. For what a person configures:
    192.0.2 is a slip there, and no 192.0.0.2."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return None if "%" in text else found


@lru_cache(MEMO)
def readings(ip: Address) -> tuple[Address, ...]:
    """Every plain address that a packet to `ip` may end at, `ip` itself included where it is an address of its own.
    A guard lets `ip` pass only if it lets each of them pass."""
    if isinstance(ip, IPv4Address):
        return (ip,)
    number = int(ip)
    if number > 1 and any(ip in network for network in _LAST_32):  # :: and ::1 are no v4-compatible addresses
        return (IPv4Address(number & 0xFFFFFFFF),)
    if ip in _NAT64_LOCAL:
        return tuple(_local_nat64(ip))
    return (ip, *_tunnels(ip, number))


def address_class(ip: Address) -> Kind:
    """What kind of address `ip` is: the worst kind of all its readings."""
    return min((plain_class(one) for one in readings(ip)), key=_WORST_FIRST.index)


@lru_cache(MEMO)
def plain_class(ip: Address) -> Kind:
    """What kind `ip` is by its own number, whatever hides inside it: for one of `readings`."""
    if ip in _METADATA:
        return Kind.METADATA
    if isinstance(ip, IPv4Address):
        return next((kind for network, kind in _V4_KINDS if ip in network), Kind.PUBLIC)
    return next(kind for network, kind in _V6_KINDS if ip in network)


@dataclass(frozen=True, slots=True)
class ReachEntry:
    """One entry of `reach`: a network (a single address is a network of one) and a port, None for any."""

    network: Network
    port: int | None = None

    @property
    def single(self) -> bool:
        """Whether it names one address."""
        return self.network.num_addresses == 1

    def covers(self, ip: Address, port: int) -> bool:
        """Whether it names `ip` and `port`. `ip`: a plain address, one of `readings`."""
        return self.port in (None, port) and ip in self.network

    def __str__(self) -> str:
        text = str(self.network.network_address) if self.single else str(self.network)
        if self.port is None:
            return text
        return f"[{text}]:{self.port}" if self.network.version == 6 else f"{text}:{self.port}"


def parse_reach(text: str, where: Where | None = None) -> ReachEntry:
    """One entry of the key `reach`: 10.0.0.5, 127.0.0.1:8000, 127.0.0.0/8, 192.168.1.0/24:8080, fe80::/10, [::1]:8000.

    RuleError for anything else: names (their address can change under us), other spellings of an address, networks
    that would open half the world, and addresses at which no one machine answers."""
    text = text.strip()
    if len(text) > MAX_REACH_LINE:
        raise RuleError(f"a line of {len(text)} characters is no address", where, "write one address or network a line")
    host, port = _split_port(text, where)
    network = _network(host, text, where)
    if network.version == 6 and int(network.network_address) > 1 and any(network.subnet_of(w) for w in _LAST_32):
        inner = IPv4Address(int(network.network_address) & 0xFFFFFFFF)
        network = IPv4Network((inner, network.prefixlen - 96))  # as `readings` gives it, else it would name nothing
    _check_width(network, text, where)
    return ReachEntry(network, port)


def _parse_ipv4(text: str) -> IPv4Address | None:
    if not text[:1].isdigit():  # most names end here
        return None
    parts = text.removesuffix(".").split(".")
    if len(parts) > 4:
        return None
    numbers = [_parse_part(part) for part in parts]
    value = 0
    for index, number in enumerate(numbers):
        room = 256 if index < len(numbers) - 1 else 256 ** (5 - len(numbers))
        if number is None or number >= room:
            return None
        value = value * room + number
    return IPv4Address(value)


def _parse_part(part: str) -> int | None:
    if part[:2] in ("0x", "0X"):
        digits, base, known = part[2:] or "0", 16, string.hexdigits
    elif len(part) > 1 and part[0] == "0":
        digits, base, known = part[1:], 8, string.octdigits
    else:
        digits, base, known = part, 10, string.digits
    # int() alone would take signs, blanks, underscores and the digits of every script.
    return int(digits, base) if digits and all(char in known for char in digits) else None


def _local_nat64(ip: IPv6Address) -> Iterator[IPv4Address]:
    """The operator chooses how long the prefix is, so every layout that fits is read (RFC 6052, section 2.2)."""
    packed = ip.packed
    if packed[8] or any(packed[13:]):  # what a shorter prefix leaves zero is not: the address stands last
        yield IPv4Address(packed[12:])
        return
    octets = packed[:8] + packed[9:]  # octet 8 carries nothing in the other layouts
    for start in (6, 7, 8):  # prefixes of 48, 56, 64 bits
        if not any(octets[start + 4 :]):
            yield IPv4Address(octets[start : start + 4])


def _tunnels(ip: IPv6Address, number: int) -> Iterator[IPv4Address]:
    if ip in _SIXTOFOUR:
        yield IPv4Address((number >> 80) & 0xFFFFFFFF)
    if ip in _TEREDO:
        yield IPv4Address(~number & 0xFFFFFFFF)
    if (number >> 32) & 0xFDFFFFFF == 0x00005EFE:  # ISATAP, RFC 5214: 0000:5efe or 0200:5efe, then the address
        yield IPv4Address(number & 0xFFFFFFFF)


def _split_port(text: str, where: Where | None) -> tuple[str, int | None]:
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise RuleError(f"{text!r} is not an address", where, "write an IPv6 address with a port as [::1]:8000")
        colon, port = rest[:1], rest[1:]
    else:
        address, slash, length = text.partition("/")
        if slash:  # fe80::/10 and fe80::/10:8000: past the slash a colon can only be the port's
            length, colon, port = length.partition(":")
            host = f"{address}/{length}"
        elif text.count(":") > 1:
            host, colon, port = text, "", ""
        else:
            host, colon, port = text.partition(":")
    return host, _port(port, text, where) if colon else None


def _port(digits: str, text: str, where: Where | None) -> int:
    if digits.isascii() and digits.isdigit() and len(digits) <= 5 and 1 <= int(digits) <= 65535:
        return int(digits)
    raise RuleError(f"{digits!r} in {text!r} is not a port", where, "write a port from 1 to 65535, or none for any")


def _network(host: str, text: str, where: Where | None) -> Network:
    address, slash, length = host.partition("/")
    if slash and not (length.isascii() and length.isdigit() and len(length) <= 3):
        raise RuleError(f"{text!r} is not a network", where, "write the length in bits after the slash: 10.0.0.0/8")
    meant = parse_address(address)
    if meant is None:
        raise RuleError(
            f"{text!r} is neither an IP address nor a network", where, "write its address: a name can change hands"
        )
    # A second spelling is refused, not read: one reader's octal is another's decimal.
    if "%" in address or (meant.version == 4 and address != str(meant)):
        raise RuleError(f"{text!r} is an unusual spelling", where, f"write {meant}")
    try:
        return ipaddress.ip_network(f"{meant}/{length}" if slash else str(meant))
    except ValueError:
        pass
    try:
        loose = ipaddress.ip_network(f"{meant}/{length}", strict=False)
    except ValueError:
        raise RuleError(f"/{length} in {text!r} is too long", where, "at most /32 for IPv4, /128 for IPv6") from None
    raise RuleError(f"{text!r} names one address and a network at once", where, f"write {loose} or {meant}")


def _check_width(network: Network, text: str, where: Where | None) -> None:
    # The widest networks anyone means: 10.0.0.0/8, 127.0.0.0/8 and fc00::/7.
    least = 8 if network.version == 4 else 7
    if network.prefixlen < least:
        raise RuleError(f"{text!r} opens too much", where, f"name networks of /{least} or smaller")
    if plain_class(network.network_address) in (Kind.UNSPECIFIED, Kind.MULTICAST):
        raise RuleError(
            f"{text!r} is no machine's address", where, "write 127.0.0.0/8 for this machine, else its own address"
        )
