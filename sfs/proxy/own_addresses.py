"""The addresses of this machine, as its kernel knows them."""

import errno
import socket
import time
from functools import lru_cache
from typing import Any, Final

from sfs.text.address import Address, Kind, parse_address, plain_class

MAX_CACHED: Final = 4096  # answers
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
