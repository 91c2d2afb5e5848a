"""Who tells the figures: GET /metrics on loopback, one small answer a connection. No client of the proxy reaches it."""

import asyncio
import contextlib
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Final

from sfs.proxy.metrics import TYPE
from sfs.sources.values import Listen
from sfs.text.address import parse_address

log = logging.getLogger("sfs.metrics")

MAX_HEAD: Final = 8192  # bytes
MAX_CONNECTIONS: Final = 16
SECONDS: Final = 10.0  # for a request and its answer
AGAIN: Final = 0.5  # seconds between two tries to listen, where another program is about to leave
_GET: Final = re.compile(rb"GET /metrics(?:\?[^ ]*)? HTTP/1\.[01]\r?\n")
_HOST: Final = re.compile(rb"\n[Hh][Oo][Ss][Tt]:[ \t]*(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::\d+)?[ \t]*\r?\n")


class MetricsServer:
    """`told`: the page; what it raises is logged by its type, and answered with 500."""

    def __init__(self, place: Listen, told: Callable[[], Awaitable[bytes]]) -> None:
        self._place, self._told = place, told
        self._server: asyncio.Server | None = None
        self._open = 0

    async def start(self, tries: int = 1) -> None:
        """Listen, on the loop that runs; OSError where that cannot be, after so many tries."""
        for left in reversed(range(tries)):
            try:
                self._server = await asyncio.start_server(
                    self._serve, self._place.host, self._place.port, limit=MAX_HEAD, backlog=MAX_CONNECTIONS
                )
                return
            except OSError:
                if not left:
                    raise
                await asyncio.sleep(AGAIN)

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    def stop(self) -> None:
        """Take no more connections."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            if self._open <= MAX_CONNECTIONS:
                async with asyncio.timeout(SECONDS):
                    writer.write(await self._answer(await reader.readuntil(b"\r\n\r\n")))
                    await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return
        finally:
            self._open -= 1
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _answer(self, head: bytes) -> bytes:
        if not _is_ours(head):  # a page of another site that points its name at this machine (DNS rebinding)
            return _response("421 Misdirected Request", b"")
        if not _GET.match(head):
            return _response("404 Not Found", b"")
        try:
            return _response("200 OK", await self._told())
        except Exception as fault:
            log.error("the figures cannot be told: %s", type(fault).__name__)
            return _response("500 Internal Server Error", b"")


def _is_ours(head: bytes) -> bool:
    host = _HOST.search(head)
    if host is None:
        return False
    name = host[1].decode("ascii").strip("[]").lower()
    return name == "localhost" or parse_address(name) is not None


def _response(status: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {TYPE}\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Cache-Control: no-store\r\nConnection: close\r\n\r\n".encode() + body
