"""This machine: the addresses that devices of the house reach it by, and who holds a port.

lan_listen     where `--lan` listens: loopback and the private addresses, never a public one
check_listen   whether an address can be listened on, in words, before anything is started
"""

import contextlib
import errno
import socket
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from sfs.errors import SfsError
from sfs.sources.values import Listen
from sfs.text.address import Kind, parse_address, plain_class

LOOPBACK: Final = "127.0.0.1"
MAX_ADDRESSES: Final = 16  # listened on at once; a machine with more private ones is no household's
_TRIES: Final = 20  # ports asked for until one is free on every address
# Interfaces whose other end is no device of the house: containers, guests, VPNs. A bridge that an owner made (br0) is
# none of them: Docker's begin with br-.
_VIRTUAL: Final = (
    *("docker", "br-", "veth", "virbr", "vnet", "vmnet", "vboxnet", "lxc", "lxd", "podman", "cni", "flannel", "cali"),
    *("kube", "nerdctl", "tun", "tap", "wg", "ppp", "tailscale", "zt", "utun", "awdl", "llw", "anpi", "vethernet"),
)


@dataclass(frozen=True, slots=True)
class Holder:
    """The program that listens on a port. `command`: its arguments, () where the system does not tell."""

    name: str
    pid: int
    command: tuple[str, ...] = ()

    @property
    def is_sfs(self) -> bool:
        """Whether it is another `sfs run`."""
        words = [word.replace("\\", "/").rsplit("/", 1)[-1].removesuffix(".exe") for word in self.command[:8]]
        return ("sfs", "run") in pairwise(words)


def private_addresses() -> tuple[str, ...]:
    """The addresses by which devices of the house reach this machine, IPv4 first: RFC 1918 and ULA (RFC 4193) of
    interfaces that are up. Those of containers, guests and VPNs only where there are no others; () for none."""
    import psutil

    try:
        states, addresses = psutil.net_if_stats(), psutil.net_if_addrs()
    except OSError:
        return ()
    found: list[tuple[bool, bool, str]] = []
    for name, listed in addresses.items():
        state = states.get(name)
        if state is None or not state.isup:
            continue
        found += [(_is_virtual(name), ":" in one.address, one.address) for one in listed if _is_private(one.address)]
    real = [entry for entry in found if not entry[0]] or found
    hosts = dict.fromkeys(host for _, _, host in sorted(real, key=lambda entry: entry[1]))
    return tuple(hosts)[:MAX_ADDRESSES]


def _is_virtual(name: str) -> bool:
    return name.lower().startswith(_VIRTUAL)


def _is_private(text: str) -> bool:
    if "%" in text:  # an address of one link alone: nobody can type it
        return False
    ip = parse_address(text)
    return ip is not None and plain_class(ip) is Kind.PRIVATE


def lan_listen(listen: Listen) -> tuple[Listen, ...]:
    """Where to listen for the devices of the house: loopback first, then the private addresses, all with the port of
    `listen`; a port 0 becomes one that is free on all of them. SfsError where the machine has no private address."""
    hosts = private_addresses()
    if not hosts:
        raise SfsError(
            "--lan: this machine has no private address that devices of the house could reach",
            mend="join the network first; or name an address yourself with --listen. A public address is never opened",
        )
    all_hosts = (LOOPBACK, *hosts)
    port = listen.port or _port_free_on(all_hosts)
    return tuple(Listen(host, port) for host in all_hosts)


def _port_free_on(hosts: Sequence[str]) -> int:
    fault: OSError | None = None
    for _ in range(_TRIES):
        port = 0
        with contextlib.ExitStack() as held:
            try:
                for host in hosts:
                    port = held.enter_context(bound(host, port)).getsockname()[1]
            except OSError as error:
                fault = error
                continue
        return port
    assert fault is not None
    raise SfsError(f"no port is free on all of {', '.join(hosts)}: {fault.strerror}", mend="name one with --listen")


def check_listen(listens: Iterable[Listen], option: str = "--listen") -> None:
    """Whether each of `listens` can be listened on now. SfsError, with who holds the port where the system tells;
    `option`: what the command line calls this address."""
    for listen in listens:
        try:
            bound(listen.host, listen.port).close()
        except OSError as fault:
            raise cannot_listen(listen, option, fault.errno) from None


def bound(host: str, port: int, backlog: int = 1) -> socket.socket:
    """A socket that listens there and does not block (OSError), with the options that asyncio's own get, so that both
    find the same."""
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = infos[0]
    made = socket.socket(family, kind, protocol)
    try:
        if hasattr(socket, "SO_REUSEADDR") and hasattr(socket, "AF_UNIX"):  # on Windows it would take another's port
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(address)
        made.listen(backlog)
    except OSError:
        made.close()
        raise
    never_blocks(made)
    return made


def never_blocks(sock: socket.socket) -> socket.socket:
    """The same socket. Whether it blocks belongs to what listens, so to all processes that have it, and Python sets it
    anew for each copy as the object copied has it: a worker that came too late for a connection would wait in
    `accept`, with all that it serves, for the next one."""
    sock.setblocking(False)
    return sock


def listening_socket(listen: Listen, option: str, waiting: int) -> socket.socket:
    """A listening socket that does not block; `waiting`: connections that may wait to be taken. SfsError, which names
    `option`, for a port in use or an address that this machine does not have."""
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform != "win32":  # there it would let another program take the port away
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((listen.host, listen.port))
        # At once, so that of two that start together one fails here and not later in its thread.
        listener.listen(waiting)
    except OSError as fault:
        listener.close()
        raise cannot_listen(listen, option, fault.errno) from None
    return never_blocks(listener)


def cannot_listen(listen: Listen, option: str = "--listen", number: int | None = errno.EADDRINUSE) -> SfsError:
    """Why an address cannot be listened on, and how to mend it; `number` is the system's errno."""
    place = f"cannot listen on {listen}"
    another = f"{option} {Listen(listen.host, _neighbour(listen.port))}"
    if number in (errno.EACCES, errno.EPERM):
        low = f"ports below 1024 need rights: choose another with {another}"
        return SfsError(f"{place}: the system does not let this user have that port", mend=low)
    if number == errno.EADDRNOTAVAIL or (isinstance(number, int) and number < 0):  # below 0: getaddrinfo's own
        return SfsError(f"{place}: this machine has no such address", mend=f"choose one that it has, with {option}")
    if number != errno.EADDRINUSE:
        return SfsError(f"{place}: error {number} of the system", mend=f"choose another with {another}")
    holder = port_holder(listen)
    if holder is None:
        return SfsError(f"{place}: another program has this port", mend=f"end it, or choose another with {another}")
    mend = f"end that program, or choose another port with {another}"
    if holder.is_sfs:
        mend = f"a filter runs there already: use it, or end it first; for a second one choose {another} and --state"
    return SfsError(f"{place}: {holder.name} (pid {holder.pid}) has this port", mend=mend)


def _neighbour(port: int) -> int:
    return port + 2 if 1024 <= port <= 65_533 else 8080  # + 1 is the page of the administrator, by default


def port_holder(listen: Listen) -> Holder | None:
    """Who listens on a TCP port, as far as the system tells this user: Linux names programs of the same user alone,
    to root all of them."""
    import psutil

    wanted = parse_address(listen.host)
    try:
        for one in psutil.net_connections(kind="tcp"):
            if one.status != psutil.CONN_LISTEN or not one.laddr or one.laddr.port != listen.port:
                continue
            held = parse_address(one.laddr.ip)
            all_addresses = wanted is None or held is None or wanted.is_unspecified or held.is_unspecified
            if one.pid and (all_addresses or held == wanted):
                return _holder(one.pid)
    except (psutil.Error, OSError):
        return None
    return None


def _holder(pid: int) -> Holder | None:
    import psutil

    try:
        process = psutil.Process(pid)
        name = process.name()
    except (psutil.Error, OSError):
        return None
    try:
        command = tuple(process.cmdline())
    except (psutil.Error, OSError):
        command = ()
    # A program may call itself anything; this goes to a terminal.
    return Holder("".join(letter for letter in name if letter.isprintable())[:64] or "a program", pid, command)
