"""Connections of one download: to public addresses only, and all of them ended when the time is over.

Both are done where the socket is made. The address that was judged is the one that is connected to, so that a name
that answers with another address the second time gains nothing; and a server that sends a byte now and then, in the
handshake, in its header or in the body, is cut off at the end of the time, whatever waits for it.
"""

import queue
import socket
import threading
from typing import Any, Final, Self

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from sfs.lists.faults import ListFault
from sfs.text.address import Kind, address_class, parse_address

# Ends of names that never leave a house or an office (RFC 6762, 8375, 6761, ICANN's .internal, and old habits).
_NEAR_ENDS: Final = (".local", ".lan", ".home", ".home.arpa", ".internal", ".intranet", ".localhost", ".test")
_HIDDEN: Final = (Kind.METADATA, Kind.UNSPECIFIED, Kind.MULTICAST)  # nobody keeps a list there


def names_near(host: str) -> bool:
    """Whether a host, as it is written, means a machine in the house: such an address the owner chose himself."""
    address = parse_address(host)
    if address is not None:
        return address_class(address) is not Kind.PUBLIC
    return "." not in host or host.endswith(_NEAR_ENDS)


class Guard:
    """The sockets of one download. Used as a context: at its end all are closed. `near`: whether machines in the house
    may be reached; `proxied`: whether a proxy of the user's connects for us, and judges itself."""

    def __init__(self, seconds: float, near: bool, proxied: bool = False) -> None:
        self.near, self.proxied = near, proxied
        self.over = False  # whether the time ended
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._close()

    def connect(self, host: str, port: int, timeout: float) -> socket.socket:
        """A socket to the first address of `host` that answers. ListFault `near` where it leads into the house;
        OSError where none answers."""
        if self.over:
            raise TimeoutError("the time is over")
        last: OSError | None = None
        for family, address in _addresses(host, port, timeout):
            if not self.proxied:
                self._judge(host, str(address[0]))
            try:
                return self._connected(family, address, timeout)
            except OSError as fault:
                last = fault
        raise last or OSError(f"{host} has no address")

    def pools(self) -> dict[str, type[HTTPConnectionPool]]:
        """urllib3's pools by scheme, with connections that are made here."""
        guard = self

        class Plain(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return _made(self, guard)

        class Secure(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return _made(self, guard)

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        return {"http": PlainPool, "https": SecurePool}

    def _judge(self, host: str, text: str) -> None:
        address = parse_address(text)
        kind = Kind.RESERVED if address is None else address_class(address)
        if kind in _HIDDEN or (kind is not Kind.PUBLIC and not self.near):
            what = f"{host} leads to {text}, an address inside this network"
            raise ListFault(
                "near", what, mend="if the list lies on a machine of yours, write its address itself as url"
            )

    def _connected(self, family: int, address: Any, timeout: float) -> socket.socket:
        made = socket.socket(family, socket.SOCK_STREAM)
        try:
            made.settimeout(timeout)
            self._keep(made)
            made.connect(address)
        except OSError:
            made.close()
            raise
        return made

    def _keep(self, made: socket.socket) -> None:
        """Hold a second handle of the socket: TLS takes the first one away from us."""
        with self._lock:
            self._sockets.append(made.dup())

    def _end(self) -> None:
        self.over = True
        self._close()

    def _close(self) -> None:
        with self._lock:
            sockets, self._sockets = self._sockets, []
        for one in sockets:
            try:
                if self.over:
                    one.shutdown(socket.SHUT_RDWR)  # wakes whoever waits for it
            except OSError:
                pass  # it is closed already
            finally:
                one.close()


def _made(connection: HTTPConnection, guard: Guard) -> socket.socket:
    """A socket for urllib3, with the faults that urllib3 knows."""
    host, timeout = connection._dns_host, connection.timeout
    try:
        return guard.connect(host, connection.port, float(timeout) if isinstance(timeout, int | float) else 10.0)
    except socket.gaierror as fault:
        raise NameResolutionError(host, connection, fault) from None
    except TimeoutError:
        raise ConnectTimeoutError(connection, "no connection in time") from None
    except OSError as fault:
        raise NewConnectionError(connection, fault.strerror or str(fault)) from None


def _addresses(host: str, port: int, timeout: float) -> list[tuple[int, Any]]:
    """What the resolver says, in its order; in a thread, since the resolver knows no time bound."""
    answers: queue.Queue[list[tuple[int, Any]] | OSError] = queue.Queue(1)

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put([(int(family), address) for family, _, _, _, address in found])
        except (OSError, UnicodeError) as fault:
            answers.put(fault if isinstance(fault, OSError) else OSError(str(fault)))

    threading.Thread(target=ask, name="resolve", daemon=True).start()
    try:
        answer = answers.get(timeout=timeout)
    except queue.Empty:
        raise TimeoutError(f"no answer to the question where {host} is") from None
    if isinstance(answer, OSError):
        raise answer
    return answer
