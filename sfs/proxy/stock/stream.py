"""One request and its response, as mitmproxy's core runs it, with a response that can be held and replaced.

    responseheaders --"sfs.answer"--> our page, upstream cancelled
          |  "sfs.hold"
          v   body chunks are kept and shown to Hold.feed
        held ---- enough | too much | end | 10 s ----> hook html_head(flow)
          ^                                              |  "sfs.answer" set: our page, upstream cancelled
          '---- "sfs.hold" set anew: more is needed -----|
                                                         `- else: what was held is sent, the rest streams

Stock mitmproxy streams (the status is then sent before anybody saw the body) or buffers (a page without end is never
shown). A comment at an override says what stock does.
"""

import logging
import math
import weakref
from collections.abc import Callable
from typing import Any, ClassVar, Final

from mitmproxy import http
from mitmproxy.connection import Connection
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers import http as core
from mitmproxy.proxy.layers import tcp
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestData,
    RequestProtocolError,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
)

from sfs.proxy.stock import ANSWER, ENDED, FORM, HOLD, ORIGIN_FORM, OWN_HOST, FormHeadHook, Hold, HtmlHeadHook, layers
from sfs.proxy.stock.again import go_again, may_go_again

HOLD_SECONDS: Final = 10.0
HOLD_BYTES: Final = 512 << 10  # as sent, so compressed. Twice what is ever decoded: stops endless empty blocks

_log = logging.getLogger(__name__)
_told: set[str] = set()  # what raised is said once, not for every page
type Gen[T] = layer.CommandGenerator[T]


class HeldStream(core.HttpStream):
    """One request and its response."""

    waiting: ClassVar[weakref.WeakSet["HeldStream"]] = weakref.WeakSet()  # streams with body bytes behind a hook
    hooks: ClassVar[dict[str, Callable[[commands.StartHook], bool]]] = {}  # what runs them, by client (handler.py)
    _from_server = False  # a response came from upstream (not one that the addon made)
    _held: Hold | None = None
    _timer: commands.RequestWakeup | None = None
    _replaced = False
    _went_again = False

    def handle_event(self, event: events.Event) -> Gen[None]:
        if self._paused is not None and isinstance(event, (RequestData, ResponseData)):
            self.waiting.add(self)  # handler.py stops reading when too much queues up
        if self._paused is not None or self.debug is not None or not layers.installed:
            return super().handle_event(event)
        return self._run(self._handle_event(event))

    def _run(self, generator: layer.CommandGenerator[Any], send: Any = None) -> Gen[None]:
        # As Layer.handle_event and Layer.__process. Stock sends each hook up through the layers, and waits for its
        # completion, which comes all the way down. Where lean.py runs hooks, it is called from here, and where one is
        # done by then there is nothing to wait for, nor for the other layers to know.
        try:
            command = generator.send(send)
            while True:
                if command.blocking is not True:
                    yield command
                else:
                    command.blocking = self
                    if not isinstance(command, commands.StartHook) or not self._runs(command):
                        self._paused = layer.Paused(command, generator)
                        yield command
                        return
                command = next(generator)
        except StopIteration:
            return

    def _runs(self, hook: commands.StartHook) -> bool:
        run = self.hooks.get(self.context.client.id)
        if run is None:
            return False
        hook.began = True  # type: ignore[attr-defined]  # ours: it is not run again on its way up
        return run(hook)

    def _Layer__process(self, command_generator: layer.CommandGenerator[Any], send: Any = None) -> Gen[None]:
        if self.debug is not None or not layers.installed:
            return super()._Layer__process(command_generator, send)  # type: ignore[misc,no-any-return]
        return self._run(command_generator, send)

    def backlog(self, connection: Connection) -> int:
        """Return the body bytes from this connection that wait behind a hook."""
        if self._paused is None or connection not in (self.flow.client_conn, self.flow.server_conn):
            return 0
        kind = RequestData if connection is self.flow.client_conn else ResponseData
        return sum(len(event.data) for event in self._paused_event_queue if isinstance(event, kind))

    def _handle_event(self, event: events.Event) -> Gen[None]:
        # Stock knows no Wakeup here. It comes back to us since HttpLayer remembers who asked.
        return self._woken(event) if isinstance(event, events.Wakeup) else super()._handle_event(event)

    def _woken(self, event: events.Wakeup) -> Gen[None]:
        if event.command is not self._timer:
            return
        if self._held is not None:
            yield from self._judge("time")
        elif self.server_state == self.state_consume_response_body:
            yield from self._release()

    # Requests

    def check_invalid(self, request: bool) -> Gen[bool]:
        # Stock calls this before anything else is done with a new request.
        if request and not self.flow.request.is_http2 and self.flow.request.method != "CONNECT":
            self._settle_target(self.flow.request)
        refused = yield from super().check_invalid(request)
        if refused and request:
            # Stock keeps those for as long as the client stays: over HTTP/2 it may send any number.
            yield core.DropStream(self.stream_id)
        return refused

    def _settle_target(self, request: http.Request) -> None:
        if request.authority:
            # A request without a Host field gets the target's. One that differs stays as it is: the addon refuses it.
            if not request.headers.get_all("host"):
                request.headers["Host"] = request.authority
            if self.mode is core.HTTPMode.transparent:
                request.authority = ""
        elif self.mode is core.HTTPMode.regular:
            # "GET /" to the proxy itself. Stock goes where the Host field says: to itself, without end.
            self.flow.metadata[ORIGIN_FORM] = True
            request.data.host, request.data.port, request.data.scheme = OWN_HOST, 80, b"http"

    def state_consume_request_body(self, event: events.Event) -> Gen[None]:
        # Stock keeps the whole body of a request that is answered already: a blocked upload would fill the memory.
        if isinstance(event, RequestData) and self.flow.response is not None:
            return
        yield from super().state_consume_request_body(event)
        if isinstance(event, RequestData) and len(self.request_body_buf) >= self.flow.metadata.get(FORM, math.inf):
            yield from self._judge_form()

    def _judge_form(self) -> Gen[None]:
        """Ask with what is here of a body; if there is no answer, all of it goes on, streamed."""
        request = self.flow.request
        request.data.content = bytes(self.request_body_buf)
        self.request_body_buf.clear()
        del self.flow.metadata[FORM]
        yield FormHeadHook(self.flow)
        held, request.data.content = request.data.content, None
        if (yield from super().check_killed(True)) or self.flow.response is not None:
            return
        request.stream = True
        yield from self.start_request_stream()
        if self.client_state == self.state_stream_request_body:
            yield core.SendHttp(RequestData(self.stream_id, held), self.context.server)

    def make_server_connection(self) -> Gen[bool]:
        if ORIGIN_FORM in self.flow.metadata:
            text = "This proxy has no such page."
            error = ResponseProtocolError(self.stream_id, text, ErrorCode.DESTINATION_UNKNOWN)
            yield from self.handle_protocol_error(error)
            return False
        return (yield from super().make_server_connection())

    # Responses

    def state_wait_for_response_headers(self, event: ResponseHeaders) -> Gen[None]:
        self._from_server = True
        yield from super().state_wait_for_response_headers(event)
        # Body bytes that came with it (heads.py) or meanwhile are judged next, and mostly suffice: no timer is spent.
        comes = self._paused_event_queue or getattr(event, "goes_on", False)
        if self._held is not None and not comes and not event.end_stream:
            yield from self._start_timer()

    def check_killed(self, emit_error_hook: bool) -> Gen[bool]:
        # Stock calls this right after each hook. After responseheaders it is the place to replace the response: one
        # that the hook itself sets would be sent with the server's body.
        if (yield from super().check_killed(emit_error_hook)):
            return True
        if not self._from_server or self.server_state != self.state_wait_for_response_headers:
            return False
        if ANSWER in self.flow.metadata:
            yield from self._replace(cancel=True)
            return True
        if (hold := self.flow.metadata.get(HOLD)) is not None:
            assert self.flow.response
            self._held = hold
            self.flow.response.stream = False
        return False

    def state_consume_response_body(self, event: events.Event) -> Gen[None]:
        if self._held is not None and isinstance(event, ResponseData):
            self.response_body_buf += event.data
            if why := self._enough(self._held, event.data):
                yield from self._judge(why)
            elif self._timer is None:
                yield from self._start_timer()
            return
        if isinstance(event, ResponseEndOfMessage):
            if self._held is not None and (yield from self._ask("end")):
                return
            self._stop_timer()
        # Held to its end and released, a body goes stock's buffered way: `response` sees it.
        yield from super().state_consume_response_body(event)
        if isinstance(event, ResponseData):
            yield from self._expect_end()

    def _expect_end(self) -> Gen[None]:
        """Time for what is kept until its end comes. Stock waits for that as long as the client does."""
        assert self.flow.response
        kept = self._timer is None and self.server_state == self.state_consume_response_body
        # Over HTTP/1 the end of what is whole has come. HTTP/2 says it in another frame, perhaps never.
        if kept and (self.flow.response.is_http2 or not self._is_whole(self.flow.response)):
            yield from self._start_timer()

    def _enough(self, hold: Hold, chunk: bytes) -> str | None:
        try:
            if hold.feed(chunk):
                return "head"
        except Exception as error:
            if (name := type(error).__name__) not in _told:
                _told.add(name)
                _log.error("Hold.feed raised %s", name)  # no values: they may be a page's words
            return "error"
        most: int = getattr(hold, "most", HOLD_BYTES)
        return "cap" if len(self.response_body_buf) >= most else None

    def _start_timer(self) -> Gen[None]:
        self._timer = commands.RequestWakeup(HOLD_SECONDS)
        yield self._timer

    def _stop_timer(self) -> None:
        layers.stop_timer(self, self._timer)
        self._timer = None

    def _judge(self, why: str) -> Gen[None]:
        """Ask, and release if the answer is not ours: the body goes on, streamed."""
        if (yield from self._ask(why)):
            return
        assert self.flow.response
        if why == "head" and not self.flow.response.stream and self._is_whole(self.flow.response):
            yield from self._expect_end()
            return  # its end comes next, and all of it goes out at once
        yield from self._release()

    def _release(self) -> Gen[None]:
        """Send what is here; the rest streams."""
        assert self.flow.response
        self.flow.response.stream = self.flow.response.stream or True
        held = self._take_held()
        yield from self.start_response_stream()
        if held:
            yield from self.server_state(ResponseData(self.stream_id, held))

    def _is_whole(self, response: http.Response) -> bool:
        """Whether the body is here to its last byte."""
        length: str = response.headers.get("content-length", "")
        chunked = "transfer-encoding" in response.headers
        return length.isdigit() and not chunked and len(length) < 9 and int(length) == len(self.response_body_buf)

    def _ask(self, why: str) -> Gen[bool]:
        """Call html_head; True where the response is not to be released: it is answered, or held on."""
        self._stop_timer()
        judged, self._held = self._held, None
        self.flow.metadata[ENDED] = why
        yield HtmlHeadHook(self.flow)
        if (yield from super().check_killed(True)):
            # The client left, or the addon killed the flow. Stock would let an HTTP/2 server send to the end.
            yield self._cancel()
            return True
        if ANSWER in self.flow.metadata:
            yield from self._replace(cancel=why != "end")
            return True
        more = self.flow.metadata.get(HOLD)
        if more is not None and more is not judged:
            return (yield from self._hold_on(more, why))
        return False

    def _hold_on(self, more: Hold, why: str) -> Gen[bool]:
        """Hold the body further. Where it ended, or is too slow, what is here is judged at once."""
        self._held = more
        enough = self._enough(more, bytes(self.response_body_buf))
        if enough != "error" and why in ("end", "time"):
            enough = why
        if enough:
            return (yield from self._ask(enough))
        yield from self._start_timer()
        return True

    def _replace(self, cancel: bool) -> Gen[None]:
        self._replaced = True
        self.flow.response = self.flow.metadata[ANSWER]
        self._take_held()
        if cancel:
            yield self._cancel()
        yield from self.send_response()

    def _take_held(self) -> bytes:
        held = bytes(self.response_body_buf)
        self.response_body_buf.clear()
        return held

    def _cancel(self) -> core.SendHttp:
        """Closes the upstream connection (HTTP/1) or resets the stream (HTTP/2)."""
        error = RequestProtocolError(self.stream_id, "answered by the filter", ErrorCode.CANCEL)
        return core.SendHttp(error, self.flow.server_conn)

    def state_done(self, event: events.Event) -> Gen[None]:
        # Stock expects no event any more; after a replacement the server's last ones still come.
        if not self._replaced:
            yield from super().state_done(event)

    def handle_protocol_error(self, event: RequestProtocolError | ResponseProtocolError) -> Gen[None]:
        if self.client_state is layers.over:
            return  # a reset behind a whole answer
        if not self._went_again and may_go_again(self, event):
            self._went_again = True
            yield from go_again(self)
            return
        if isinstance(event, ResponseProtocolError):
            if not self._replaced and self._held is not None:
                # The server died while its page was held. What is here is judged; shown, the client gets it and a
                # broken end. Stock says 502 and drops it.
                yield from self._judge("end")
            if self._replaced or self.server_state == self.state_errored:
                return
        self._stop_timer()
        self._held = None
        yield from super().handle_protocol_error(event)

    def send_response(self, already_streamed: bool = False) -> Gen[None]:
        # Stock sends the body of an answer to HEAD, and the client takes it for the next response.
        if self.flow.request.method.upper() == "HEAD" and self.flow.response and not already_streamed:
            self.flow.response.data.content = b""
        return super().send_response(already_streamed)  # type: ignore[no-any-return]

    def flow_done(self) -> Gen[None]:
        # Stock parses WebSocket messages and keeps each in flow.websocket.messages for the connection's life. The
        # verdict was given in `request`, so the bytes are passed on as they are; there are no websocket_* hooks.
        if not self.flow.websocket:
            yield from super().flow_done()
            if self.child_layer is None:
                layers.let_go(self)
            return
        self.flow.live = False
        self.child_layer = tcp.TCPLayer(self.context, ignore=True)
        self._handle_event = self.passthrough  # type: ignore[method-assign]  # as stock does
        yield from self.child_layer.handle_event(events.Start())
        yield core.SendHttp(ResponseEndOfMessage(self.stream_id), self.context.client)


def install() -> None:
    """Put HeldStream where HttpLayer looks for its streams."""
    core.HttpStream = HeldStream  # type: ignore[misc]
