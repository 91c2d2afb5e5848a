"""One connection of a client, with the bounds that uvicorn's httptools has none for: how many, how large, how slow.

No timer stands for each request, which would cost a tenth of its time: `sweep` looks at all connections each second.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakKeyDictionary

from httptools import HttpParserError
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

MAX_FIELDS: Final = 100  # header fields


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client, and all of them, may cost."""

    connections: int = 900  # a process may have 1,024 files open by default
    of_address: int = 600  # a filter of many readers, or a server in front, is one address
    head: int = 98_304  # bytes of request line and header fields: a query may have 64 KiB
    request: int = 2_097_152  # bytes from the first to the last; the longest body that is read has half of it
    request_time: float = 20.0  # seconds from the first byte of a request to the last of its answer
    reading_time: float = 20.0  # seconds that a client may leave an answer unread


DEFAULT: Final = Limits()
_of_address: "WeakKeyDictionary[ServerState, Counter[str]]" = WeakKeyDictionary()


class Connection(HttpToolsProtocol):
    """uvicorn's HTTP/1.1, closed where it is one too many, too large, or too slow."""

    def __init__(self, *args: Any, limits: Limits = DEFAULT, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._limits = limits
        self._seen = 0  # bytes since the last request ended
        self._in_head = True
        self._since = 0.0  # when what is going on now began
        self._idle = False
        self._running: RequestResponseCycle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._since = self.loop.time()
        self._address = self.client[0] if self.client else ""
        counter = _of_address.setdefault(self.server_state, Counter())
        counter[self._address] += 1
        if len(self.connections) > self._limits.connections or counter[self._address] > self._limits.of_address:
            self._abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._tell_gone()
        counter = _of_address[self.server_state]
        counter[self._address] -= 1
        if counter[self._address] <= 0:
            del counter[self._address]
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._seen += len(data)
        if self._idle:
            self._idle, self._since = False, self.loop.time()
        super().data_received(data)
        if self._seen > self._limits.request:
            self._abort()
        elif self._in_head and self._seen > self._limits.head and not self.transport.is_closing():
            self._refuse(b"431 Request Header Fields Too Large", b"the request line and its fields are too long\n")

    def on_headers_complete(self) -> None:
        if len(self.headers) > MAX_FIELDS:
            self._refuse(b"431 Request Header Fields Too Large", b"too many header fields\n")
            raise HttpParserError("too many header fields")  # ends the parser; we have answered
        super().on_headers_complete()
        self._in_head = False

    def send_400_response(self, msg: str) -> None:
        if not self.transport.is_closing():
            super().send_400_response(msg)
            self._tell_gone()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._seen, self._in_head = 0, True

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.pipeline:
            self._idle = self._in_head  # else the rest of a body still comes, on the same clock
            self._since = self.loop.time()

    def sweep(self, now: float) -> None:
        """Close the connection if its request or its reader takes too long. `now`: of the loop's clock."""
        if self._idle:  # uvicorn closes it unless a request comes; what is still unsent is up to us
            late = self.transport.get_write_buffer_size() > 0 and now - self._since > self._limits.reading_time
        else:
            late = now - self._since > self._limits.request_time
        if late:
            self._abort()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _tell_gone(self) -> None:
        """Let whoever is answering know that nobody listens. uvicorn tells the last request that came in, which with
        pipelining is another one, and the transport answers with an error then."""
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()

    def _abort(self) -> None:
        self._tell_gone()
        self.transport.abort()

    def _refuse(self, status: bytes, words: bytes) -> None:
        fields = b"content-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\nconnection: close" % len(words)
        self.transport.write(b"HTTP/1.1 %b\r\n%b\r\n\r\n%b" % (status, fields, words))
        self._tell_gone()
        self.transport.close()
