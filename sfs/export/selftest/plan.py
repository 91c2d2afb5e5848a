"""What a self-test asks: the lists, and where each of them has to hold. plan_file.py reads it."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final

from sfs.export.order import TTL
from sfs.export.transfer import Peer
from sfs.text.address import Address

ARRIVES: Final = timedelta(minutes=10)  # secondaries look every 5 minutes where no NOTIFY comes


class Engine(StrEnum):
    """What is asked."""

    BIND = "bind"
    UNBOUND = "unbound"
    KNOT = "knot"
    PDNS = "pdns"
    DNSMASQ = "dnsmasq"
    SQUID = "squid"
    PROXY = "proxy"
    STOP_PAGE = "stop page"
    PRIMARY = "primary"
    LIST = "list"


RESOLVERS: Final = (Engine.BIND, Engine.UNBOUND, Engine.KNOT, Engine.PDNS, Engine.DNSMASQ)


class Transport(StrEnum):
    """How a resolver is asked."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"
    HTTPS = "https"

    @property
    def encrypted(self) -> bool:
        """Whether nobody on the way sees the question."""
        return self in (Transport.TLS, Transport.HTTPS)


@dataclass(frozen=True, slots=True)
class Way:
    """One way to a resolver. `extra`: nobody has to answer there, but who does has to hold to the lists."""

    address: Address
    port: int
    transport: Transport
    extra: bool = False
    path: str = ""  # of DNS over HTTPS

    def __str__(self) -> str:
        host = f"[{self.address}]" if self.address.version == 6 else str(self.address)
        return f"{host}:{self.port}/{self.transport}"


@dataclass(frozen=True, slots=True)
class AskedList:
    """A list. `answer`: addresses of the stop page, () for "no such name"; `serial`, `file`, `primary`: what says which
    version has to be in force; `open`: names that exist and must open; `alias`: a name that leads to the canary."""

    zone: str
    answer: tuple[Address, ...]
    serial: int | None = None
    file: Path | None = None
    primary: Peer | None = None
    key_file: Path | None = None
    arrives: timedelta = ARRIVES
    max_age: timedelta | None = None
    ttl: int = TTL
    open: tuple[str, ...] = ()
    alias: str = ""

    def addresses(self, version: int) -> frozenset[str]:
        """What an A (4) or AAAA (6) question is answered with."""
        return frozenset(str(one) for one in self.answer if one.version == version)


@dataclass(frozen=True, slots=True)
class Resolver:
    """A resolver, with all ways to it. `lists`: their zones; `exempt_from`: an address of this machine for which the
    lists do not hold there."""

    name: str
    engine: Engine
    ways: tuple[Way, ...]
    lists: tuple[str, ...]
    exempt_from: Address | None = None


@dataclass(frozen=True, slots=True)
class WebProxy:
    """A Squid or a proxy of SFS."""

    name: str
    engine: Engine
    address: str
    port: int
    lists: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StopPage:
    """A page that stands in the place of what is listed, by its http URL."""

    url: str
    address: str
    port: int
    path: str


@dataclass(frozen=True, slots=True)
class Plan:
    """All of it. `at_once`: questions that wait for an answer; `within`: the time for the whole."""

    lists: tuple[AskedList, ...]
    resolvers: tuple[Resolver, ...] = ()
    proxies: tuple[WebProxy, ...] = ()
    stop_pages: tuple[StopPage, ...] = ()
    at_once: int = 32
    within: timedelta = timedelta(minutes=2)

    def of(self, zone: str) -> AskedList:
        """The list of this zone, which is there."""
        return next(one for one in self.lists if one.zone == zone)
