"""Never an open proxy: what a client may reach through us, judged on the address really connected to.

    hook                 asks                              against
    client_connected     client_allowed                    strangers on a listener that is not loopback
    http_connect         await resolver.refuse_reason      ports and addresses, in time for a page of our own
    request              the same; LoopGuard               the same; a loop that comes back through another machine
    server_connect       reach.judge_server, going_to      literal addresses: asyncio asks no resolver for those
    (asyncio connects)   Resolver.getaddrinfo              everything else: what it returns *is* what is connected to

The last two rows are the lock, the others only say no earlier and more politely. A name that changes its answer on the
way is refused by the last one: answers are cached, verdicts never are. Odd spellings of an address need no rule of
their own there, since what is judged is what the resolver made of them.
"""

import asyncio
import contextlib
import errno
import hashlib
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain, islice
from typing import Any, Final, Literal

from cachetools import TLRUCache

from sfs.errors import SfsError
from sfs.text.address import Address, Kind, Network, ReachEntry, parse_address, plain_class, readings

type Reason = Literal["address", "loop", "port", "name", "busy"]
type Info = tuple[int, int, int, str, tuple[Any, ...]]  # as socket.getaddrinfo gives it
type _Key = tuple[str | None, int, int, int, int]  # host, family, type, proto, flags

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
TTL: Final = 30.0  # seconds; getaddrinfo does not tell the record's own
NEGATIVE_TTL: Final = 5.0
MAX_CACHED: Final = 4096  # answers
MAX_ANSWER: Final = 64  # addresses kept of one answer; 16 allowed ones are tried
MAX_TRIED: Final = 16
MAX_LOOKUPS: Final = 1024  # different names waited for at once; one more is told "busy"
LOOKUP_THREADS: Final = 32
LOOKUP_TIMEOUT: Final = 10.0  # seconds that one connection waits for a name

_NOBODY: Final = frozenset({Kind.UNSPECIFIED, Kind.MULTICAST})
_INNER: Final = frozenset({Kind.PRIVATE, Kind.RESERVED})
_CLIENT_KINDS: Final = frozenset({Kind.LOOPBACK, Kind.LINK_LOCAL, Kind.PRIVATE})


# The machine's own addresses.

_NEVER_OWN: Final = ("240.0.0.1", "100::1")  # class E and the discard prefix: no interface has them
_NOT_HERE: Final = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.EINVAL})
_MAX_PROC: Final = 4 << 20  # bytes


def is_own_address(ip: Address) -> bool:
    """Whether `ip` (plain, one of `readings`) belongs to this machine.

    The kernel is asked: a socket binds to own addresses only. Any error that does not say "not mine" (no descriptor
    left, for one) counts as own, which refuses. An answer is kept for ten seconds: addresses come and go."""
    if plain_class(ip) in (Kind.LOOPBACK, Kind.UNSPECIFIED):
        return True
    return _asked_own(ip, int(time.monotonic()) // 10)


def parse_proc(fib_trie: str, if_inet6: str) -> frozenset[Address]:
    """The machine's addresses from Linux' /proc/net/fib_trie and /proc/net/if_inet6."""
    found: list[Address | None] = []
    host = ""
    for line in fib_trie.splitlines():
        if "|-- " in line:
            host = line.partition("|-- ")[2].strip()
        elif line.strip() == "/32 host LOCAL":
            found.append(parse_address(host))
    for line in if_inet6.splitlines():
        digits = line[:32]
        found.append(parse_address(":".join(digits[at : at + 4] for at in range(0, 32, 4))))
    return frozenset(ip for ip in found if ip is not None)


@lru_cache(MAX_CACHED)
def _asked_own(ip: Address, tens: int) -> bool:
    listed = _listed_addresses(tens // 6)
    return _binds(str(ip)) if listed is None else ip in listed


@lru_cache(maxsize=1)
def _listed_addresses(minute: int) -> frozenset[Address] | None:
    """None where binding tells own addresses from others. Where the system lets anyone bind to anything
    (net.ipv4.ip_nonlocal_bind, usual beside HAProxy), its list of them, read once in `minute`."""
    if not any(_binds(host) for host in _NEVER_OWN):
        return None
    texts = []
    for name in ("/proc/net/fib_trie", "/proc/net/if_inet6"):
        try:
            with open(name, encoding="ascii", errors="replace") as file:
                texts.append(file.read(_MAX_PROC))
        except OSError:
            texts.append("")
    return parse_proc(*texts)


def _binds(host: str) -> bool:
    if ":" not in host:
        return _bind_error(socket.AF_INET, (host, 0)) not in _NOT_HERE
    local = host.startswith("fe80:")  # says nothing without its interface
    scopes = [index for index, _ in socket.if_nameindex()[:64]] if local else [0]
    return any(_bind_error(socket.AF_INET6, (host, 0, 0, scope)) not in _NOT_HERE for scope in scopes)


def _bind_error(family: int, address: tuple[Any, ...]) -> int | None:
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind(address)
    except OSError as error:
        return error.errno
    return None


# What may be reached.


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


class LoopGuard:
    """Knows a request that went through us before, also when another machine (a router's port forwarding) sent it back.

    Each mark is fresh, so that no server can follow a reader by it, and known again by its key. Workers of one port
    share the key. Only plain HTTP can loop this way: leave other requests unmarked (nginx, for one, stops compressing
    where it sees Via)."""

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key or secrets.token_bytes(32)

    def mark(self) -> str:
        """A value to add as one more Via field (RFC 9110, section 7.6.3)."""
        nonce = secrets.token_hex(6)
        return f"1.1 sfs-{nonce}{self._mac(nonce)}"

    def seen(self, fields: Iterable[str]) -> bool:
        """Whether one of the Via `fields` holds a mark of ours. The last 32 hops count: ours is never far from the end,
        so a client cannot hide it behind a long list of its own."""
        hops = [hop for field in fields for hop in field[-4096:].split(",")]
        return any(self._is_ours(hop.split()[1]) for hop in hops[-32:] if len(hop.split()) > 1)

    def _is_ours(self, by: str) -> bool:
        token = by.removeprefix("sfs-")
        if len(token) != 28 or token == by or not token.isascii():
            return False
        return secrets.compare_digest(token[12:], self._mac(token[:12]))

    def _mac(self, nonce: str) -> str:
        return hashlib.blake2b(nonce.encode(), key=self._key, digest_size=8).hexdigest()


# The resolver.


class AddressRefused(OSError):
    """A name whose addresses are all refused; `reason` as `Reach.allowed`. mitmproxy shows the text as its own 502."""

    def __init__(self, host: str, reason: Reason) -> None:
        super().__init__(f"{host}: not reachable through this proxy ({reason})")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Going:
    """Where the connection that this task opens is going. `forced`: connect to that name's addresses instead
    (SafeSearch); SNI, Host and the pool still see `host`. `connect`: asked for by CONNECT."""

    host: str
    forced: str | None = None
    client: str | None = None
    connect: bool = False


@dataclass(frozen=True, slots=True)
class _Answer:
    infos: tuple[Info, ...] = ()
    error: tuple[int, str] | None = None


_going: ContextVar[Going | None] = ContextVar("sfs_going", default=None)
_own: ContextVar[bool] = ContextVar("sfs_own_lookup", default=False)
_probe: ContextVar[list[str] | None] = ContextVar("sfs_probe", default=None)


def going_to(going: Going | None) -> None:
    """Tell the resolver what the connection being opened is for; to be called in *every* `server_connect`, which runs
    in the task that connects. A task inherits what its parent said, so a Going counts for its own host only."""
    _going.set(going)


@contextlib.contextmanager
def own_lookups() -> Iterator[None]:
    """Within it we connect for ourselves (a bureau on loopback), not for a client: nothing is refused. Tasks started
    within it keep this for life."""
    token = _own.set(True)
    try:
        yield
    finally:
        _own.reset(token)


class Resolver:
    """Takes the place of the event loop's getaddrinfo and lets through what `reach` allows.

    Lookups run in threads of their own, so slow names hold up one another at LOOKUP_THREADS at once and nobody else;
    the threads are daemons, so a slow name does not hold up the end either. One lookup serves all who wait for it.
    To be used in one loop; `reach` may be replaced at any time and counts from then on."""

    def __init__(
        self,
        reach: Reach,
        lookup: Callable[..., Iterable[Info]] = socket.getaddrinfo,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.reach = reach
        self._lookup = lookup
        self._cache: TLRUCache[_Key, _Answer] = TLRUCache(MAX_CACHED, _expiry, clock)
        self._flights: dict[_Key, asyncio.Task[_Answer]] = {}
        self._slots = asyncio.Semaphore(LOOKUP_THREADS)
        self._stock: Callable[..., Any] | None = None

    def install(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        """Take over the loop's lookups. SfsError where the loop is not asyncio's own: others (uvloop) ask no method."""
        loop = loop or asyncio.get_running_loop()
        if not isinstance(loop, asyncio.BaseEventLoop):
            raise _unguarded(loop)
        self._stock = loop.getaddrinfo
        loop.getaddrinfo = self.getaddrinfo  # type: ignore[assignment,method-assign]  # the only place

    async def self_test(self) -> None:
        """Connect once and see that we were asked. SfsError where not: then nothing guards, and SFS must not start."""
        seen: list[str] = []
        token = _probe.set(seen)
        try:
            # 127.0.0.1 in a spelling that only a resolver takes: no query leaves the machine if the test fails.
            _, writer = await asyncio.open_connection("2130706433", 9)
            writer.close()
        except OSError:
            pass
        finally:
            _probe.reset(token)
        if seen != ["2130706433"]:
            raise _unguarded(asyncio.get_running_loop())

    async def getaddrinfo(
        self, host: Any, port: Any, *, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> list[Info]:
        """As the loop's own, without what may not be reached. AddressRefused where nothing is left, OSError where
        nothing was found."""
        if flags & socket.AI_PASSIVE and self._stock is not None:  # an address to listen at, none to go to
            return list(await self._stock(host, port, family=family, type=type, proto=proto, flags=flags))
        name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
        if (probe := _probe.get()) is not None:
            probe.append(name)
            raise OSError("the resolver guard is on")
        number = _port_number(port)
        going = _going.get()
        going = going if going is not None and going.host == name else None
        asked = (going and going.forced) or name
        infos = [_with_port(info, number) for info in await self._infos((asked, family, type, proto, flags))]
        if _own.get():
            return infos
        return self._filter(infos, name or "", number, connect=going is not None and going.connect)

    async def refuse_reason(
        self, host: str, port: int, connect: bool = False, forced: str | None = None
    ) -> Reason | None:
        """Why a client may not go to `host` and `port`, for a page of our own; None where it may as far as we know now.

        Beside the reasons of `Reach.allowed`: `name` (no such name), `busy` (no answer in time). It uses the answers
        that the connection will use; where they are known it does not wait."""
        port_allowed = connect_port_allowed if connect else plain_port_allowed
        if not port_allowed(port, self.reach):
            return "port"
        if parse_address(host) is not None and forced is None:
            return self.reach.allowed(host, port, connect)
        try:
            self._filter(await self._infos(_tcp_key(forced or host)), host, port, connect)
        except AddressRefused as refused:
            return refused.reason
        except socket.gaierror:
            return "name"
        except OSError:
            return "busy"
        return None

    async def listening_self(self, host: str, port: int) -> bool:
        """Whether `host`, a name or any spelling of an address, and `port` are this proxy's own listener."""
        if port not in self.reach.proxy_ports:
            return False
        if parse_address(host) is not None:
            return self.reach.is_self(host, port)
        try:
            infos = await self._infos(_tcp_key(host))
        except OSError:
            return False
        return any(self.reach.is_self(info[4][0], port) for info in infos)

    def _filter(self, infos: Iterable[Info], host: str, port: int, connect: bool) -> list[Info]:
        reasons: list[Reason] = []
        kept: list[Info] = []
        for info in infos:
            reason = self.reach.allowed(info[4][0], port, connect)
            if reason is None:
                kept.append(info)
            else:
                reasons.append(reason)
        if not kept:
            raise AddressRefused(host, "loop" if "loop" in reasons else reasons[0] if reasons else "address")
        return kept[:MAX_TRIED]

    async def _infos(self, key: _Key) -> tuple[Info, ...]:
        """The unfiltered answer, from the cache or by one lookup for all who ask. OSError where there is none."""
        if key[0] is not None:
            key = (key[0].lower(), *key[1:])
        answer = self._cache.get(key)
        if answer is None:
            flight = self._flights.get(key) or self._start(key)
            try:
                async with asyncio.timeout(LOOKUP_TIMEOUT):
                    answer = await asyncio.shield(flight)  # one who leaves does not take the others' answer away
            except TimeoutError:
                raise TimeoutError(f"{key[0]}: no answer from the resolver in {LOOKUP_TIMEOUT:.0f} s") from None
        if answer.error is not None:
            raise socket.gaierror(*answer.error)
        return answer.infos

    def _start(self, key: _Key) -> asyncio.Task[_Answer]:
        if len(self._flights) >= MAX_LOOKUPS:
            raise OSError(errno.EAGAIN, f"{key[0]}: too many names are being looked up")
        flight = asyncio.create_task(self._fly(key), name="sfs lookup")
        self._flights[key] = flight
        flight.add_done_callback(lambda _: self._flights.pop(key, None))
        return flight

    async def _fly(self, key: _Key) -> _Answer:
        async with self._slots:
            answer = await self._in_thread(key)
        self._cache[key] = answer
        return answer

    def _in_thread(self, key: _Key) -> asyncio.Future[_Answer]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_Answer] = loop.create_future()

        def deliver(answer: _Answer) -> None:
            if not future.done():
                future.set_result(answer)

        def work() -> None:
            answer = self._ask(key)
            with contextlib.suppress(RuntimeError):  # the loop ended meanwhile
                loop.call_soon_threadsafe(deliver, answer)

        try:
            threading.Thread(target=work, name="sfs lookup", daemon=True).start()
        except RuntimeError:  # no thread left
            deliver(_Answer(error=(socket.EAI_AGAIN, "no thread left to look up a name")))
        return future

    def _ask(self, key: _Key) -> _Answer:
        host, *hints = key
        try:
            # Without a port, so that one answer serves them all.
            return _Answer(tuple(islice(self._lookup(host, None if host else 0, *hints), MAX_ANSWER)))
        except socket.gaierror as error:
            return _Answer(error=(error.errno or socket.EAI_FAIL, str(error.strerror)))
        except Exception:
            # A label over 63 characters is a UnicodeError here, a NUL a ValueError: no such name can exist.
            return _Answer(error=(socket.EAI_NONAME, "not a name that can be looked up"))


def _expiry(key: _Key, answer: _Answer, now: float) -> float:
    return now + (TTL if answer.error is None else NEGATIVE_TTL)


def _tcp_key(host: str) -> _Key:
    """As asyncio asks when it connects."""
    return (host, 0, socket.SOCK_STREAM, 0, 0)


def _with_port(info: Info, port: int) -> Info:
    return (*info[:4], (info[4][0], port, *info[4][2:]))


def _port_number(port: Any) -> int:
    try:
        number = int(port or 0)
    except (TypeError, ValueError):
        number = -1
    if not 0 <= number < 65536:
        raise OSError(f"{port!r} is not a port number")
    return number


def _unguarded(loop: asyncio.AbstractEventLoop) -> SfsError:
    return SfsError(
        f"{type(loop).__module__}.{type(loop).__name__} resolves names past SFS: clients could reach this machine",
        mend="start SFS on asyncio's own event loop, without uvloop",
    )
