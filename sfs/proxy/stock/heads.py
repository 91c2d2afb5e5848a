"""Message heads: bounded in size and time, one meaning each. And what stock crashes on: 103, trailers over HTTP/2.

Stock reads a head for ever ("FIXME: protect against header size DoS") and waits for ever for its last byte.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from h11._receivebuffer import ReceiveBuffer
from mitmproxy import http
from mitmproxy.connection import ConnectionState
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers import http as core
from mitmproxy.proxy.layers.http import _http1
from mitmproxy.proxy.layers.http._base import HttpEvent, ReceiveHttp
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestHeaders,
    RequestTrailers,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
)

from sfs.proxy.stock.again import unanswered
from sfs.proxy.stock.bodies import take
from sfs.proxy.stock.framing import check_fields

MAX_LINE: Final = (64 << 10) + 256  # request line: a URL of 64 KiB and what stands around it
MAX_FIELDS: Final = 64 << 10  # all header fields together; HTTP/2 has the same bound in hpack
MAX_AHEAD: Final = 256 << 10  # bytes a client may send before its last request is answered
HEAD_SECONDS: Final = 30.0  # from the first byte of a head to its last

_BLANK_LINE = re.compile(rb"\n\r?\n")
_EMPTY_LINES = re.compile(rb"(?:\r?\n)+")
_INTERIM = re.compile(rb"HTTP/1\.\d 1(?!01)\d\d\b")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")  # a tab may stand in a field value
_FOLD = re.compile(rb"\r\n[ \t]+")

type Gen[T] = layer.CommandGenerator[T]

_closing = False


def head_fault(buf: ReceiveBuffer) -> int | None:
    """Return 414 when the first line is too long, 431 when the fields are, None while all is well."""
    if len(buf) <= MAX_FIELDS:
        return None
    data = bytes(buf)
    blank = _BLANK_LINE.search(data)
    end = blank.start() if blank else len(data)
    line = data.find(b"\n", 0, end)
    if (end if line < 0 else line) > MAX_LINE:
        return 414
    return 431 if line >= 0 and end - line > MAX_FIELDS else None


class HeadBuffer(ReceiveBuffer):
    """What has come on a connection; a head is cut into its lines at once, where h11 shortens each line by itself."""

    def maybe_extract_lines(self) -> list[bytes] | None:  # type: ignore[override]  # bytes serve as well
        data = self._data
        if data.startswith((b"\n", b"\r")):
            return super().maybe_extract_lines()  # type: ignore[return-value]
        blank = _BLANK_LINE.search(data, self._multiple_lines_search)
        if blank is None:
            self._multiple_lines_search = max(0, len(data) - 2)
            return None
        end = blank.end()
        del blank  # it holds the buffer, which could not be cut
        head = take(self, end)
        lines = head.split(b"\r\n")
        if head.count(b"\n") != len(lines) - 1:
            lines = [line.removesuffix(b"\r") for line in head.split(b"\n")]
        del lines[-2:]
        return lines


class BoundedServer(_http1.Http1Server):
    """Our HTTP/1 side towards the client."""

    _timer: commands.RequestWakeup | None = None

    def _handle_event(self, event: events.Event) -> Gen[None]:
        return self._woken(event) if isinstance(event, events.Wakeup) else super()._handle_event(event)

    def _woken(self, event: events.Wakeup) -> Gen[None]:
        if event.command is self._timer:
            yield from self._refuse(408)

    def read_headers(self, event: events.ConnectionEvent) -> Gen[None]:
        if isinstance(event, events.DataReceived):
            if empty := _EMPTY_LINES.match(self.buf._data):  # RFC 9112 2.2: a server ignores those before a request
                self.buf.maybe_extract_at_most(empty.end())
            if status := head_fault(self.buf):
                yield from self._refuse(status)
                return
        for command in super().read_headers(event):
            if isinstance(command, ReceiveHttp):
                self._timer = None  # this head is complete
            yield command
        if self.state == self.read_headers and self.buf and self._timer is None:
            self._timer = commands.RequestWakeup(HEAD_SECONDS)
            yield self._timer

    def send(self, event: HttpEvent) -> Gen[None]:
        if _closing and isinstance(event, ResponseHeaders) and not self._opens(event.response):
            event.response.headers["connection"] = "close"  # stock closes behind such an answer
        return super().send(event)

    def _opens(self, response: http.Response) -> bool:
        """Whether a tunnel or a WebSocket begins behind this answer."""
        connect = self.request is not None and self.request.method.upper() == "CONNECT"
        return response.status_code == 101 or (connect and response.status_code == 200)

    def _refuse(self, status: int) -> Gen[None]:
        self._timer = None
        self.state = self.done
        yield commands.SendData(self.conn, _http1.make_error_response(status))
        yield commands.CloseConnection(self.conn)

    def wait(self, event: events.Event) -> Gen[None]:
        # Stock keeps whatever a client sends before it has its answer.
        if isinstance(event, events.DataReceived) and len(self.buf) > MAX_AHEAD:
            event = events.ConnectionClosed(self.conn)
        yield from super().wait(event)


class BoundedClient(_http1.Http1Client):
    """Our HTTP/1 side towards the server. No limit on when a head begins: some servers answer when they have news."""

    served = 0  # requests that the server has answered here
    _timer: commands.RequestWakeup | None = None

    def _handle_event(self, event: events.Event) -> Gen[None]:
        if isinstance(event, (events.Wakeup, RequestTrailers)):
            return self._woken(event)
        return super()._handle_event(event)

    def _woken(self, event: events.Event) -> Gen[None]:
        # The other event is trailers of an HTTP/2 client: stock raises.
        if isinstance(event, events.Wakeup) and event.command is self._timer:
            yield from self._refuse("The server's answer began and did not go on.")

    def send(self, event: HttpEvent) -> Gen[None]:
        # A body over HTTP/2 needs no length. Stock sends it on without any frame, and the server takes it for the next
        # request: one that nobody judged.
        if isinstance(event, RequestHeaders) and not event.end_stream:
            fields = event.request.headers
            if "content-length" not in fields and "transfer-encoding" not in fields:
                fields["transfer-encoding"] = "chunked"
        return super().send(event)

    def read_headers(self, event: events.ConnectionEvent) -> Gen[None]:
        if isinstance(event, events.DataReceived) and self.request:
            # Stock takes "103 Early Hints" for the answer, and the answer for rubbish.
            while _INTERIM.match(self.buf._data) and self.buf.maybe_extract_lines():
                pass
            if head_fault(self.buf):
                yield from self._refuse("The head of the server's answer is too long.")
                return
        elif (told := unanswered(self)) is not None:
            self.state = self.done
            if self.conn.state & ConnectionState.CAN_WRITE:
                yield commands.CloseConnection(self.conn)
            yield ReceiveHttp(told)
            return
        for command in super().read_headers(event):
            if isinstance(command, ReceiveHttp):
                self._timer = None
                if isinstance(head := command.event, ResponseHeaders):
                    # For stream.py: bytes of the body are told next. Of chunks what is here may be half a line.
                    chunked = "transfer-encoding" in head.response.headers
                    head.goes_on = bool(self.buf) and not chunked  # type: ignore[attr-defined]
            yield command
        if self.state == self.read_headers and self.request and self.buf and self._timer is None:
            self._timer = commands.RequestWakeup(HEAD_SECONDS)
            yield self._timer

    def read_body(self, event: events.Event) -> Gen[None]:
        # Stock tells the end first, and is ready for the next request after that. Where hooks run in place, the next
        # one may be here by then: a client had sent it ahead.
        end: ReceiveHttp | None = None
        for command in super().read_body(event):
            if isinstance(command, ReceiveHttp):
                if end is not None:  # it became a pipe: what comes through is told after the end
                    yield end
                end = command if isinstance(command.event, ResponseEndOfMessage) else None
            if command is not end:
                yield command
        if end is not None:
            self.served += 1
            yield end

    def _refuse(self, message: str) -> Gen[None]:
        self._timer = None
        self.state = self.done
        yield commands.CloseConnection(self.conn)
        if self.stream_id is not None:
            yield ReceiveHttp(ResponseProtocolError(self.stream_id, message, ErrorCode.GENERIC_SERVER_ERROR))


def strict_headers(message: http.Message) -> None:
    """Raise ValueError as stock's validate_headers does, and on what stock lets through: control bytes, two Host
    fields. The client then gets 400 (502 for a response); hooks see requestheaders and error, with flow.error set.
    Folded fields are unfolded (RFC 9112 5.2)."""
    if _CONTROL.search(b"\t".join([value for _, value in message.headers.fields])):  # in nearly none; a fold has two
        fields = tuple((name, _FOLD.sub(b" ", value)) for name, value in message.headers.fields)
        if fields != message.headers.fields:
            message.headers.fields = fields
        check_fields(message)
        if any(_CONTROL.search(value) for _, value in fields):
            raise ValueError("a header field with a control byte")
    else:
        check_fields(message)
    if isinstance(message, http.Request):
        _check_target(message)


def _check_target(request: http.Request) -> None:
    data = request.data
    if _CONTROL.search(data.method + data.authority + data.path):
        raise ValueError("a request target with a control byte")
    if len(request.headers.get_all("host")) > 1:
        raise ValueError("more than one Host field")


@contextmanager
def closing_after_answers() -> Iterator[None]:
    """Have every answer that begins meanwhile say that its connection ends with it, and end it so."""
    global _closing
    _closing = True
    try:
        yield
    finally:
        _closing = False


def install() -> None:
    """Put these where HttpLayer and HttpClient look for them."""
    core.Http1Server = BoundedServer  # type: ignore[attr-defined]
    core.Http1Client = BoundedClient  # type: ignore[attr-defined]
    core.validate_headers = strict_headers  # type: ignore[attr-defined]
    _http1.ReceiveBuffer = HeadBuffer  # type: ignore[attr-defined]
