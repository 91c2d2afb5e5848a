"""Domain fronting, tried for real: a secure page that says one site outside and asks for another inside.

No browser can be told to do that, so the proxy does it as a client would: it connects to its own listener on this
machine, asks for a tunnel to a name of ours that stands for an open site (FRONT), says that name in the TLS handshake,
and inside asks for a site that is closed (HIDDEN). Where the proxy does not look inside, the tunnel leads to a small
TLS server here, and its answer says that the closed site could have been reached.

The connection counts as the client's that the try is for: its policy, its trust. It is told from others by the port
that it comes from, which is ours as long as we hold the socket; nobody else can be led to the server."""

import asyncio
import contextlib
import datetime
import secrets
import socket
import ssl
import tempfile
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from mitmproxy import connection

from sfs.core.probes import FRONT, HIDDEN
from sfs.proxy.shared import Shared

TIMEOUT: Final = 5.0  # seconds for one try
MAX_TRIES: Final = 8  # at once
MAX_TOLD: Final = 256  # tries of all workers together
MAX_HEAD: Final = 65_536  # bytes of an answer's head

type Place = tuple[Any, ...]  # an address as the socket module gives it: host, port, and two more in IPv6


@dataclass(frozen=True, slots=True)
class _Try:
    """One try. `client`: whose connection it stands for; `server`: where its tunnel leads if nobody looks inside."""

    client: str
    server: tuple[str, int]


class Fronting:
    """The tries of one proxy."""

    def __init__(self, shared: Shared | None = None) -> None:
        self._shared = shared or Shared()
        self._shared.on("try", self._told)
        self._from: dict[tuple[str, int], _Try] = {}  # by the address that the connection comes from
        self._running: dict[str, _Try] = {}  # by mitmproxy's id of it
        self._slots = asyncio.Semaphore(MAX_TRIES)

    def connected(self, client: connection.Client) -> None:
        """A connection came: if it is ours, it stands for the client that it tries for."""
        peer = client.peername
        found = self._from.get((peer[0], peer[1])) if peer and self._from else None
        if found is not None and peer is not None:
            self._running[client.id] = found
            client.peername = (found.client, peer[1])

    def ended(self, client_id: str) -> None:
        """A connection is gone."""
        self._running.pop(client_id, None)

    def server(self, client_id: str) -> tuple[str, int] | None:
        """Where the tunnel of our own connection leads; None for every other connection."""
        found = self._running.get(client_id)
        return found.server if found is not None else None

    async def refused(self, client: str, listener: Place, *, front: bool) -> bool | None:
        """Whether the proxy stops it, tried as `client` at the `listener` that it reached; None where that could not
        be tried in time. `front`: the client's requests come by way of another proxy."""
        try:
            async with asyncio.timeout(TIMEOUT), self._slots:
                return await self._through(client, listener, front=front)
        except OSError:  # TimeoutError too
            return None

    def _told(self, host: str, port: int, client: str, server: str, server_port: int) -> None:
        """Another worker begins a try, or ends it: then it says the same once more."""
        if self._from.pop((host, port), None) is None and len(self._from) < MAX_TOLD:
            self._from[host, port] = _Try(client, (server, server_port))

    async def _through(self, client: str, listener: Place, *, front: bool) -> bool:
        secret = secrets.token_hex(16)
        with contextlib.closing(_socket_for(listener)) as sock:
            server = await asyncio.start_server(_answering(secret), "127.0.0.1", 0, ssl=_server_side())
            key, place = sock.getsockname()[:2], server.sockets[0].getsockname()
            self._from[key] = _Try(client, place)
            self._shared.tell("try", *key, client, *place)
            try:
                await self._shared.settled()  # another worker may be the one that takes the connection
                await asyncio.get_running_loop().sock_connect(sock, listener)
                return not await _asks(sock.dup(), secret, front=front)
            finally:
                del self._from[key]
                self._shared.tell("try", *key, client, *place)
                server.close()
                server.abort_clients()


def _socket_for(listener: Place) -> socket.socket:
    """A socket with a port of its own, from the address that it will connect to: one of this machine."""
    sock = socket.socket(socket.AF_INET6 if ":" in listener[0] else socket.AF_INET)
    try:
        sock.setblocking(False)
        sock.bind((listener[0], 0, *listener[2:]))
    except OSError:
        sock.close()
        raise
    return sock


async def _asks(sock: socket.socket, secret: str, *, front: bool) -> bool:
    """Whether the hidden site can be asked for over this connection: its answer came, or a page in its place."""
    reader, writer = await asyncio.open_connection(sock=sock, limit=MAX_HEAD)
    try:
        more = "Via: 1.1 front\r\n" if front else ""
        if await _status(reader, writer, f"CONNECT {FRONT}:443 HTTP/1.1\r\nHost: {FRONT}:443\r\n{more}\r\n") != 200:
            return False
        await writer.start_tls(_client_side(), server_hostname=FRONT)
        head = f"GET /{secret} HTTP/1.1\r\nHost: {HIDDEN}\r\nAccept: text/html\r\n\r\n"
        return await _status(reader, writer, head) == 200
    except (ConnectionError, ssl.SSLError):  # cut, at any time
        return False
    finally:
        writer.transport.abort()


async def _status(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: str) -> int:
    """The status of the answer to a request; 0 where the connection ends, or what comes is no answer."""
    writer.write(head.encode())
    await writer.drain()
    try:
        line = (await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return 0
    return int(line[1]) if len(line) > 2 and line[1].isdigit() else 0


def _answering(secret: str) -> Any:
    """The server behind the proxy: 200 for the request of this try, nothing for any other."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(OSError, asyncio.IncompleteReadError):
            if await reader.readuntil(b"\r\n") == f"GET /{secret} HTTP/1.1\r\n".encode():
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                await writer.drain()

    return answer


@cache
def _client_side() -> ssl.SSLContext:
    """Takes any certificate: whose it is, is the question, and nothing is told to it that matters."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@cache
def _server_side() -> ssl.SSLContext:
    """With a certificate that nobody has to trust, made here and kept in memory."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, FRONT)])
    today = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as file:  # OpenSSL reads it from a file alone; the owner's, and gone at once
        plain = serialization.NoEncryption()
        file.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
        file.write(made.public_bytes(serialization.Encoding.PEM))
        file.flush()
        context.load_cert_chain(file.name)
    return context
