"""A request that is sent once more. A server may close a connection that was kept at any time, also in the moment when
a request is on its way: nobody has answered it then, and stock says 502. RFC 9110 9.2.2 lets a proxy send it again on a
new connection where that changes nothing at the server: once, and where it has no body."""

from typing import Final

import h2.events
from mitmproxy.proxy import layer
from mitmproxy.proxy.layers import http as core
from mitmproxy.proxy.layers.http import _http1, _http2
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestEndOfMessage,
    RequestHeaders,
    RequestProtocolError,
    ResponseProtocolError,
)

SAFE: Final = frozenset(("GET", "HEAD", "OPTIONS", "TRACE"))  # RFC 9110 9.2.1


class Unanswered(ResponseProtocolError):
    """A server closed a connection that had served before, with nothing said to the last request."""


def unanswered(client: _http1.Http1Client) -> Unanswered | None:
    """What to tell a stream whose server closed now; None where that is no kept connection without an answer."""
    # Of a first request nobody knows that the server takes any: it may close each time, and the reader waits twice.
    if client.stream_id is None or not client.request_done or client.buf or not getattr(client, "served", 0):
        return None
    return Unanswered(client.stream_id, "server closed connection", ErrorCode.GENERIC_SERVER_ERROR)


class AgainHttp2(_http2.Http2Client):
    """A server's HTTP/2 connection. Servers end it after so many requests (nginx: 1,000), whatever is under way."""

    served = False  # whether it has answered anything

    def handle_h2_event(self, event: h2.events.Event) -> layer.CommandGenerator[bool]:
        if isinstance(event, h2.events.ResponseReceived):
            self.served = True
        return super().handle_h2_event(event)

    def close_connection(self, msg: str) -> layer.CommandGenerator[None]:
        for command in super().close_connection(msg):
            if isinstance(command, ReceiveHttp) and self.served:
                command.event = Unanswered(command.event.stream_id, msg, ErrorCode.GENERIC_SERVER_ERROR)
            yield command
        # Those that wait for a free stream were never sent. Stock forgets them: their clients wait for ever.
        queued = list(self.stream_queue)
        self.stream_queue.clear()
        for stream_id in queued:
            self.their_stream_id[-stream_id] = stream_id  # whoever called this translates it back
            yield ReceiveHttp(Unanswered(-stream_id, msg, ErrorCode.GENERIC_SERVER_ERROR))


def may_go_again(stream: core.HttpStream, event: RequestProtocolError | ResponseProtocolError) -> bool:
    """Whether this request may be sent once more, now that `event` came instead of an answer."""
    if not isinstance(event, Unanswered) or stream.flow.error is not None or stream.flow.response is not None:
        return False
    request = stream.flow.request
    waits = stream.client_state == stream.state_done and stream.server_state == stream.state_wait_for_response_headers
    bare = not (request.raw_content or request.stream or request.trailers)
    return waits and bare and request.method in SAFE


def go_again(stream: core.HttpStream) -> layer.CommandGenerator[None]:
    """Send the request on another connection; a failure is told as for any other."""
    if (yield from stream.make_server_connection()):
        yield core.SendHttp(RequestHeaders(stream.stream_id, stream.flow.request, True), stream.context.server)
        yield core.SendHttp(RequestEndOfMessage(stream.stream_id), stream.context.server)


def install() -> None:
    """Put ours where HttpClient and HttpLayer look for it."""
    core.Http2Client = AgainHttp2  # type: ignore[attr-defined]
