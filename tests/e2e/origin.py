"""A real web server on loopback for the end-to-end tests: pages by path, plain and TLS, HTTP/1.1 and HTTP/2, WebSocket.

It also does what servers should not: stall, die, drip, bomb, announce wrong lengths. What was asked is kept in `seen`,
so that a test can show that nothing went upstream."""

import asyncio
import base64
import gzip
import hashlib
import ssl
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import brotli
import h2.config
import h2.connection
import h2.events
import zstandard


@dataclass
class Reply:
    """What a path answers. `chunks` are sent one by one with `pause` seconds between; `die` ends the connection
    without finishing; `length` announces another length than there is; `chunked` uses chunked coding."""

    body: bytes = b""
    type: str | None = "text/html; charset=utf-8"
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    chunks: list[bytes] | None = None
    pause: float = 0.0
    die: bool = False
    length: int | None = None
    chunked: bool = False
    stream: Callable[[asyncio.StreamWriter], object] | None = None


@dataclass
class Asked:
    """One request as it arrived."""

    host: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""
    address: str = ""  # of ours that was connected to


def page(title: str = "A page", *, meta: str = "", body: str = "<p>text</p>", charset: str = "utf-8") -> bytes:
    """A small HTML page in a charset, declared in its META where it is not UTF-8."""
    declared = f'<meta charset="{charset}">'
    text = f"<!doctype html><html><head>{declared}<title>{title}</title>{meta}</head><body>{body}</body></html>"
    return text.encode(charset)


def coded(body: bytes, coding: str) -> bytes:
    """`body` with a content coding."""
    if coding == "gzip":
        return gzip.compress(body)
    if coding == "deflate":
        return zlib.compress(body)
    if coding == "br":
        return brotli.compress(body)
    if coding == "zstd":
        return zstandard.compress(body)
    return body


class Origin:
    """Runs in a thread of its own. `http` and `https` are its ports, the same on each of its addresses. `sni`: the
    names that handshakes asked for."""

    def __init__(self, certificate: Path, key: Path, *addresses: str) -> None:
        self.addresses = addresses or ("127.0.0.1",)
        self.sni: list[str | None] = []
        self.replies: dict[str, Reply] = {}
        self.seen: list[Asked] = []
        self.connections = 0
        self._loop = asyncio.new_event_loop()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._context.set_alpn_protocols(["h2", "http/1.1"])
        self._context.sni_callback = lambda _, name, __: self.sni.append(name)
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="origin", daemon=True)
        self.http = 0
        self.https = 0

    def __enter__(self) -> "Origin":
        self._thread.start()
        assert self._started.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def asked(self, host: str | None = None, path: str | None = None) -> list[Asked]:
        """What arrived for a host and path."""
        return [a for a in self.seen if (host is None or a.host == host) and (path is None or a.path == path)]

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        servers: list[asyncio.Server] = []
        for address in self.addresses:
            for port, context in ((self.http, None), (self.https, self._context)):
                servers.append(
                    self._loop.run_until_complete(asyncio.start_server(self._serve, address, port, ssl=context))
                )
            self.http, self.https = (server.sockets[0].getsockname()[1] for server in servers[-2:])
        self._started.set()
        self._loop.run_forever()
        for server in servers:
            server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        address = writer.get_extra_info("sockname")[0]
        tls = writer.get_extra_info("ssl_object")
        try:
            if tls is not None and tls.selected_alpn_protocol() == "h2":
                await _Http2(self, reader, writer, address).run()
            else:
                while await self._one(reader, writer, address):
                    pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError):
            pass
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: str) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ", 2)
        headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines if line)}
        body = b""
        if "content-length" in headers:
            body = await reader.readexactly(int(headers["content-length"]))
        elif "chunked" in headers.get("transfer-encoding", ""):
            body = await _read_chunks(reader)
        asked = Asked(
            headers.get("host", "").rpartition(":")[0] or headers.get("host", ""), method, path, headers, body, address
        )
        self.seen.append(asked)
        if headers.get("upgrade", "").lower() == "websocket":
            await _websocket(reader, writer, headers)
            return False
        return await self._answer(writer, asked)

    def reply_to(self, asked: Asked) -> Reply:
        """By host and path, by path, else a plain page."""
        bare = asked.path.partition("?")[0]
        for key in (asked.host + asked.path, asked.host + bare, asked.path, bare):
            if key in self.replies:
                return self.replies[key]
        return Reply(page())

    async def _answer(self, writer: asyncio.StreamWriter, asked: Asked) -> bool:
        reply = self.reply_to(asked)
        lines = [f"HTTP/1.1 {reply.status} OK"]
        if reply.type is not None:
            lines.append(f"Content-Type: {reply.type}")
        lines += [f"{name}: {value}" for name, value in reply.headers]
        endless = reply.stream is not None
        if reply.chunked:
            lines.append("Transfer-Encoding: chunked")
        elif endless:
            lines.append("Connection: close")
        else:
            size = len(reply.body) + sum(map(len, reply.chunks or []))
            lines.append(f"Content-Length: {size if reply.length is None else reply.length}")
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        if asked.method == "HEAD":
            await writer.drain()
            return True
        for chunk in ([reply.body] if reply.body else []) + (reply.chunks or []):
            writer.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n" if reply.chunked else chunk)
            await writer.drain()
            if reply.pause:
                await asyncio.sleep(reply.pause)
        if reply.stream is not None:
            await reply.stream(writer)  # type: ignore[misc]
        if reply.die:
            writer.transport.abort()
            return False
        if reply.chunked:
            writer.write(b"0\r\n\r\n")
        await writer.drain()
        return not endless


class _Http2:
    """One HTTP/2 connection with the h2 library; bodies small enough for the first window."""

    def __init__(
        self, origin: Origin, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: str
    ) -> None:
        self.origin, self.reader, self.writer, self.address = origin, reader, writer, address
        self.connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))

    async def run(self) -> None:
        self.connection.initiate_connection()
        self.writer.write(self.connection.data_to_send())
        while data := await self.reader.read(65536):
            for event in self.connection.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    self._answer(event)
            self.writer.write(self.connection.data_to_send())
            await self.writer.drain()

    def _answer(self, event: h2.events.RequestReceived) -> None:
        headers = {
            (k.decode() if isinstance(k, bytes) else k): (v.decode("latin-1") if isinstance(v, bytes) else v)
            for k, v in event.headers or []
        }
        host = headers.get(":authority", "")
        asked = Asked(host.rpartition(":")[0] or host, headers[":method"], headers[":path"], headers, b"", self.address)
        asked.headers["x-protocol"] = "h2"
        self.origin.seen.append(asked)
        reply = self.origin.reply_to(asked)
        body = reply.body + b"".join(reply.chunks or [])
        fields = [(":status", str(reply.status)), ("content-length", str(len(body)))]
        fields += [("content-type", reply.type)] if reply.type else []
        fields += [(name.lower(), value) for name, value in reply.headers]
        self.connection.send_headers(event.stream_id, fields, end_stream=not body)
        while body:
            self.connection.send_data(event.stream_id, body[:16384], end_stream=len(body) <= 16384)
            body = body[16384:]


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int((await reader.readline()).split(b";")[0], 16):
        body += await reader.readexactly(size)
        await reader.readline()
    await reader.readline()
    return body


async def _websocket(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, headers: dict[str, str]) -> None:
    """Accept, then echo every small text frame until the client goes."""
    digest = hashlib.sha1((headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
    )
    while True:
        first, length = await reader.readexactly(2)
        if first & 0x0F == 8:
            return
        mask = await reader.readexactly(4)
        data = await reader.readexactly(length & 0x7F)
        text = bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))
        writer.write(bytes([first, len(text)]) + text)
        await writer.drain()


@dataclass
class Names:
    """The names of the tests, resolved by nss_wrapper to loopback; a test may change them."""

    file: Path
    names: dict[str, list[str]] = field(default_factory=dict)
    _version: int = 0

    def set(self, **names: str | list[str]) -> None:
        """Names (underscores for dots are not taken; pass a dict by **) and their addresses."""
        for name, addresses in names.items():
            self.names[name] = [addresses] if isinstance(addresses, str) else addresses
        self.write()

    def write(self) -> None:
        """Write the file with a new time, so that a running process sees it at its next look-up."""
        import os

        lines = [f"{address} {name}" for name, addresses in self.names.items() for address in addresses]
        self.file.write_text("\n".join(lines) + "\n")
        self._version += 1
        os.utime(self.file, (self._version * 10 + 1_700_000_000,) * 2)
