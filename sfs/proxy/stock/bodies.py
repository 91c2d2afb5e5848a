"""Bodies of HTTP/1 messages, taken from what has come: chunks are bounded, trailers dropped, and a body of known length
is copied once, twice where more is behind it; by stock once more."""

from typing import Any, Final

import h11
from h11._readers import ChunkedReader, ContentLengthReader
from h11._receivebuffer import ReceiveBuffer
from mitmproxy.proxy.layers.http import _http1

MAX_LINE: Final = 64 << 10  # of a chunk's head or a trailer
_END: Final = h11.EndOfMessage()  # is the same for all, and frozen

_stock_reader = _http1.make_body_reader


class BoundedChunks(ChunkedReader):
    """Chunked bodies: trailers are read and dropped (stock raises on them), lines are bounded (stock's are not)."""

    def __call__(self, buf: ReceiveBuffer) -> h11.Data | h11.EndOfMessage | None:
        event = super().__call__(buf)
        if event is None and len(buf) > MAX_LINE:  # data is always taken out: this is a line without end
            raise h11.RemoteProtocolError("chunk head or trailer too long")
        return _END if isinstance(event, h11.EndOfMessage) else event


class FixedBody(ContentLengthReader):
    """A body of known length."""

    def __call__(self, buf: ReceiveBuffer) -> h11.Data | h11.EndOfMessage | None:
        left = self._remaining
        if left == 0:
            return _END
        if not buf._data:
            return None
        taken = take(buf, left)
        self._remaining = left - len(taken)
        return h11.Data(taken)


def take(buf: ReceiveBuffer, most: int) -> bytes:
    """The first bytes of what has come, taken out."""
    if len(buf._data) > most:
        return bytes(buf._extract(most))
    taken = bytes(buf._data)
    buf._data.clear()
    buf._next_line_search = buf._multiple_lines_search = 0
    return taken


def body_reader(expected_size: int | None) -> Any:
    """As stock's make_body_reader, with ours for chunks and for what has a length."""
    if expected_size is None:
        return BoundedChunks()
    return _stock_reader(expected_size) if expected_size < 0 else FixedBody(expected_size)


def install() -> None:
    """Put ours in stock's place."""
    _http1.make_body_reader = body_reader
