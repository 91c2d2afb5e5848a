"""HTTP to one bureau: a few connections that are kept, every size and time bounded.

A bureau may be slow, wrong, endless or somebody else than it was: whatever comes is a Reply or a BureauFault. Other
hosts are never asked, whoever says so: a redirect is followed inside the bureau's own origin alone. Names are looked up
in threads of ours, past the guard on what clients may reach: a bureau on loopback is ours to ask, not theirs."""

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urljoin

import h11

from sfs.errors import UrlError
from sfs.pics.labels import MAX_TEXT
from sfs.text.url import DEFAULT_PORTS, Url, parse_url

MAX_REPLY: Final = MAX_TEXT  # bytes of a body: a longer list of labels would not be read
MAX_HEAD: Final = 16_384  # bytes of a status line and its fields
MAX_REDIRECTS: Final = 3
MAX_EVENTS: Final = 4_096  # pieces that one reply comes in; a chunk of one byte each is no honest answer
MAX_QUERY: Final = 2_000  # characters of a request line; a longer question is sent as a form
MAX_KEPT: Final = 4  # connections that wait for the next question
IDLE: Final = 30.0  # seconds that they wait
_PIECE: Final = 65_536
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class BureauFault(Exception):
    """A bureau that gave no answer; the text says why in a word."""


class TooLong(BureauFault):
    """An answer beyond MAX_REPLY, or a question that the bureau finds too long: ask for less at a time."""


class Refused(BureauFault):
    """A bureau that is there and does not answer such a question."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The body of a 200. `max_age`: seconds for which the bureau lets it be kept; None where it does not say."""

    body: bytes
    max_age: float | None


@dataclass(slots=True)
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    http: h11.Connection
    since: float = 0.0

    def close(self) -> None:
        self.writer.transport.abort()


class BureauHttp:
    """Asks the bureau at `url`. To be used in one loop. `tls` makes the context for an https bureau."""

    def __init__(self, url: Url, tls: Callable[[], ssl.SSLContext]) -> None:
        self.url = url
        self._make_tls, self._tls = tls, None if url.scheme != "https" else tls
        self._context: ssl.SSLContext | None = None
        self._idle: list[_Connection] = []

    async def ask(self, query: str, seconds: float) -> Reply:
        """The answer to a question (`query` as in a URL). BureauFault where there is none within `seconds`."""
        target = self.url
        try:
            async with asyncio.timeout(seconds):
                for _ in range(MAX_REDIRECTS + 1):
                    reply = await self._exchange(target, query)
                    if isinstance(reply, Reply):
                        return reply
                    target = reply
        except TimeoutError:
            raise BureauFault("slow") from None
        except (OSError, h11.ProtocolError, ValueError) as fault:
            raise BureauFault(type(fault).__name__) from None
        raise BureauFault("redirects")

    def close(self) -> None:
        """End what is kept."""
        while self._idle:
            self._idle.pop().close()

    async def _exchange(self, target: Url, query: str) -> Reply | Url:
        """One question on a kept connection, on a new one where that has ended meanwhile."""
        request = _request(target, query)
        while (kept := self._kept()) is not None:
            with contextlib.suppress(ConnectionError, h11.RemoteProtocolError):
                return await self._on(kept, request, target)
        return await self._on(await self._connect(), request, target)

    def _kept(self) -> _Connection | None:
        now = asyncio.get_running_loop().time()
        while self._idle:
            connection = self._idle.pop()
            if now - connection.since < IDLE and not connection.reader.at_eof():
                return connection
            connection.close()
        return None

    async def _connect(self) -> _Connection:
        if self._tls is not None and self._context is None:
            self._context = self._make_tls()
        port = self.url.port or DEFAULT_PORTS[self.url.scheme]
        reader, writer = await _open(self.url.host, port, self._context)
        return _Connection(reader, writer, h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD))

    async def _on(self, connection: _Connection, request: tuple[h11.Request, bytes], target: Url) -> Reply | Url:
        """Ask on a connection, which is kept where it may be and ended where anything goes wrong."""
        done = False
        try:
            head, form = request
            http, writer = connection.http, connection.writer
            parts = [http.send(head), http.send(h11.Data(data=form)) if form else b"", http.send(h11.EndOfMessage())]
            writer.write(b"".join(part for part in parts if part))
            await writer.drain()
            reply = await _read(connection, target)
            done = True
            return reply
        finally:
            if done and connection.http.our_state is connection.http.their_state is h11.DONE:
                self._keep(connection)
            else:
                connection.close()

    def _keep(self, connection: _Connection) -> None:
        if len(self._idle) >= MAX_KEPT:
            connection.close()
            return
        connection.http.start_next_cycle()
        connection.since = asyncio.get_running_loop().time()
        self._idle.append(connection)


def _request(target: Url, query: str) -> tuple[h11.Request, bytes]:
    form = target.sent
    own = f"{form.query}&" if form.query else ""
    fields = [
        ("Host", target.origin.partition("://")[2]),
        ("User-Agent", "sfs"),
        ("Accept", "application/pics-labels"),
        ("Accept-Encoding", "identity"),
    ]
    if len(form.path) + len(own) + len(query) <= MAX_QUERY:
        return h11.Request(method="GET", target=f"{form.path}?{own}{query}", headers=fields), b""
    body = query.encode("ascii")
    fields += [("Content-Type", "application/x-www-form-urlencoded"), ("Content-Length", str(len(body)))]
    place = f"{form.path}?{form.query}" if form.query else form.path
    return h11.Request(method="POST", target=place, headers=fields), body


async def _read(connection: _Connection, target: Url) -> Reply | Url:
    """The body of a 200, or where the bureau sends us inside its origin. BureauFault for every other answer."""
    head: h11.Response | None = None
    body = bytearray()
    for _ in range(MAX_EVENTS):
        event = connection.http.next_event()
        if event is h11.NEED_DATA:
            connection.http.receive_data(await connection.reader.read(_PIECE))
        elif isinstance(event, h11.Response):
            head = event
            _check(head)
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > MAX_REPLY:
                raise TooLong("too long")
        elif isinstance(event, h11.EndOfMessage):
            assert head is not None
            if head.status_code in _REDIRECTS:
                return _elsewhere(head, target)
            return Reply(bytes(body), _max_age(head))
        elif not isinstance(event, h11.InformationalResponse):
            raise BureauFault("closed")
    raise BureauFault("in too many pieces")


def _check(head: h11.Response) -> None:
    if head.status_code in (413, 414):
        raise TooLong(f"status {head.status_code}")
    if head.status_code in (400, 404, 405, 501):
        raise Refused(f"status {head.status_code}")
    if head.status_code != 200 and head.status_code not in _REDIRECTS:
        raise BureauFault(f"status {head.status_code}")
    if _field(head, b"content-encoding") not in ("", "identity"):
        raise BureauFault("coded")


def _elsewhere(head: h11.Response, target: Url) -> Url:
    try:
        url = parse_url(urljoin(target.text, _field(head, b"location")))
    except UrlError:
        raise BureauFault("redirect to nowhere") from None
    if url.origin != target.origin:
        raise BureauFault("redirect to another place")
    return url


def _max_age(head: h11.Response) -> float | None:
    """Cache-Control as far as a client with a bound of its own needs it. Spec: RFC 9111, section 5.2.2."""
    found = None
    for part in _field(head, b"cache-control").lower().split(","):
        name, _, value = part.strip().partition("=")
        if name in ("no-store", "no-cache"):
            return 0.0
        if name == "max-age" and value.isascii() and value.isdigit():
            found = float(value[:9])
    return found


def _field(head: h11.Response, name: bytes) -> str:
    return ",".join(value.decode("latin-1").strip() for key, value in head.headers if key == name)


async def _open(
    host: str, port: int, context: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to the first address that takes one. OSError where none does."""
    last: OSError = OSError(f"{host} has no address")
    for info in await _addresses(host, port):
        sock = socket.socket(*info[:3])
        sock.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(sock, info[4])
            name = host if context is not None else None
            return await asyncio.open_connection(sock=sock, ssl=context, server_hostname=name)
        except OSError as fault:
            last = fault
            sock.close()
        except BaseException:
            sock.close()
            raise
    raise last


async def _addresses(host: str, port: int) -> list[Any]:
    """What the system's resolver says, asked in a daemon thread: a name that hangs holds up no end of the program."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[Any]] = loop.create_future()

    def deliver(infos: list[Any]) -> None:
        if not found.done():
            found.set_result(infos)

    def work() -> None:
        infos: list[Any] = []
        with contextlib.suppress(OSError, UnicodeError):
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[:MAX_KEPT]
        with contextlib.suppress(RuntimeError):  # the loop ended meanwhile
            loop.call_soon_threadsafe(deliver, infos)

    threading.Thread(target=work, name="sfs bureau name", daemon=True).start()
    return await found
